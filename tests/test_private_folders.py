"""Who may read the restored photographs."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_restore.ledger import State
from tests.tried_archive import Tried, prepared

__all__ = ["prepared"]  # a fixture

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_output_of_a_private_archive_is_private(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(2)
    tried.archive.chmod(0o700)
    (tried.archive / "sub").chmod(0o750)
    (tried.archive / "sub" / "001.png").chmod(0o640)
    tried.run()
    assert permissions(tried.output) == 0o700
    assert permissions(tried.output / "sub") == 0o750
    assert permissions(tried.output / "sub" / "001.png") == 0o640
    assert permissions(tried.output / "000.png") == permissions(tried.archive / "000.png")


def test_a_link_in_the_place_of_the_output_leads_to_another_disk(
    prepared: Callable[[int], Tried], tmp_path: Path
) -> None:
    tried = prepared(2)
    (tmp_path / "other disk").mkdir()
    tried.output.symlink_to(tmp_path / "other disk")
    tried.run()
    assert tried.states() == {State.DONE: 2}
    assert (tmp_path / "other disk" / "sub" / "001.png").is_file()
