"""What is damage, as several commands let the user choose it, and in words."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from archive_restore.detection import Kind, Level, Policy

EVERYTHING = "all"
"""For --only: no kind is left out any more."""


def chosen_level(sensitivity: str | None, threshold: float | None) -> "Level | None":
    """What --sensitivity and --threshold ask for; None if neither was given."""
    from archive_restore.detection import Sensitivity

    if sensitivity is not None and threshold is not None:
        raise typer.BadParameter("give --sensitivity or --threshold, not both")
    return threshold if sensitivity is None else Sensitivity(sensitivity)


def chosen_kinds(only: str | None, skip: str | None) -> "frozenset[Kind] | None":
    """What --only and --skip leave to be damage; None if neither was given."""
    from archive_restore.detection import KINDS

    if only is not None and skip is not None:
        raise typer.BadParameter("give --only or --skip, not both")
    if skip is not None:
        left = frozenset(KINDS) - _named(skip)
        if not left:
            raise typer.BadParameter("--skip leaves no kind of damage")
        return left
    if only is None or only.strip().lower() == EVERYTHING:
        return None if only is None else frozenset(KINDS)
    return _named(only)


def _named(words: str) -> "frozenset[Kind]":
    from archive_restore.detection import kind_called

    given = [word for word in words.split(",") if word.strip()]
    if not given:
        raise typer.BadParameter("name kinds of damage, e.g. scratches,dust")
    try:
        return frozenset(kind_called(word) for word in given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def in_words(policy: "Policy") -> str:
    """A policy as a person says it: "sensitivity high (0.43), without spots"."""
    from archive_restore.detection import KINDS, Sensitivity, seed_of

    if isinstance(policy.level, Sensitivity):
        level = f"sensitivity {policy.level} ({seed_of(policy.level):.2f})"
    else:
        level = f"threshold {policy.level:g}"
    left_out = [kind for kind in KINDS if kind not in policy.kinds]
    if not left_out:
        return level
    if len(left_out) < len(policy.kinds):
        return f"{level}, without {_joined(left_out)}"
    return f"{level}, only {_joined([kind for kind in KINDS if kind in policy.kinds])}"


def _joined(words: "list[Kind]") -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))
