"""Swarms: dust settles on the whole of a print, and emulsion flakes off everywhere; a scene's own specks are those of
some of its things. Where many distinct specks lie on calm ground in most parts of a picture that has surely suffered,
each of them is believed more than it would be alone. Without other damage, or with little of it beside hundreds of
them, they stay, since snow and stars are everywhere too; but they are for a person to decide on (`unsure`).
"""

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats
from archive_restore.detection.judge import DESCRIBED, TRAITS
from archive_restore.detection.shapes import Regions

LONGEST = 20.0
"""Thousandths of the long side that a speck may be long."""

DISTINCT = 3.0
"""Clarity that a speck has at least."""

CALM = 2.7
"""Logarithm of grey levels that the ground around a speck may be spread: leaves and lace are more."""

PARTS = 4
"""A picture has so many parts down, and across."""

MANY, MOST_PARTS = 14, 7
"""Specks of one polarity that are a swarm, if they lie in so many parts. Hardly any undamaged photograph has so many,
except ripples on water; scans of plates, film and prints with dust or flakes do."""

OTHERS, SURE_ODDS = 3, 1.0
"""Other damage that a picture must have: so many lines or regions, with odds that surpass these logarithms."""

OTHERS_A_SPECK = 0.07
"""And so many for each speck of a swarm: among hundreds of stars some patches of snow are taken for damage."""

BELIEF = 1.5
"""What is added to the logarithm of the odds of a swarm's specks."""

NIGHT, DARK_SHARE, LEAST_RANGE = 0.5, 0.9, 1.0
"""Of a picture's range of tones, the part that is dark; the share of the grounds of light specks that lie in it where
they may be stars, lamps, or snow in the light of a flash; and the range, in `judge.TONE`, of a picture that has any."""

DISBELIEF = 4.0
"""What is then taken off the logarithm of their odds."""

SUPPOSITION = 4.0
"""The same where a swarm is only supposed to be damage, to tell what else would be."""

SUSPICION = 3.0
"""The same for specks that are only suspected; taken off where nothing proves their swarm."""


def specks(weighed: Floats) -> NDArray[np.bool_]:
    """Which of N regions are distinct specks on calm ground, (N,); `weighed` (N, T), its first columns as in
    `judge.DESCRIBED`."""
    length, clarity, around, frame = (
        weighed[:, DESCRIBED.index(name)] for name in ("length", "clarity", "around_spread", "frame")
    )
    distinct = (clarity > DISTINCT) & (around < CALM)
    return np.asarray(distinct & (length < np.log(LONGEST)) & (frame == 0))


def sure_others(weighed: Floats, odds: Floats) -> int:
    """How many of N regions are surely damage, by their odds (N,), and no specks; `weighed` as in `specks`."""
    return int(np.count_nonzero(~specks(weighed) & (odds > SURE_ODDS)))


def swarms(
    regions: Regions, weighed: Floats, part: tuple[slice, slice], shape: tuple[int, ...]
) -> frozenset[bool]:
    """The polarities, True = light, of which a picture has swarms.

    Parameters
    ----------
    regions, weighed : N of them, and their traits (N, T), the first as in `judge.DESCRIBED`
    part : the rows and columns of the picture in which the regions lie
    shape : (H, W) of the picture
    """
    rows, columns = np.divmod(regions.whole.position, regions.labels.shape[1])
    down = (regions.whole.mean(rows) + (part[0].start or 0)) * PARTS // shape[0]
    across = (regions.whole.mean(columns) + (part[1].start or 0)) * PARTS // shape[1]
    where = down * PARTS + across
    found = specks(weighed)
    kinds = {light: where[found & (regions.form.light == light)] for light in (True, False)}
    return frozenset(
        light for light, places in kinds.items() if len(places) >= MANY and len(set(places)) >= MOST_PARTS
    )


def proven(weighed: Floats, polarities: frozenset[bool], others: int) -> frozenset[bool]:
    """Those of a picture's swarms that so many `others` prove to be damage; `weighed` as in `specks`."""
    return frozenset(
        light
        for light in polarities
        if others >= max(OTHERS, OTHERS_A_SPECK * members(weighed, frozenset((light,))).sum())
    )


def lights(weighed: Floats, polarities: frozenset[bool]) -> Floats:
    """As `members`, for those of unproven swarms that may be lights in the dark; `weighed` (N, T), columns as in
    `judge.TRAITS`."""
    found = members(weighed, polarities & {True})
    if not found.any():
        return found
    above_black, below_white, gap = (
        weighed[found > 0, TRAITS.index(name)] for name in ("above_black", "below_white", "gap")
    )
    tones = (above_black + below_white)[0]  # the same for all
    dark = np.quantile(above_black - gap, DARK_SHARE) < NIGHT * tones
    return found if dark and tones >= LEAST_RANGE else np.zeros_like(found)


def members(weighed: Floats, polarities: frozenset[bool]) -> Floats:
    """1 for the specks of swarms of these polarities, 0 for other regions, (N,); `weighed` as in `specks`."""
    light = weighed[:, DESCRIBED.index("light")] > 0
    return (specks(weighed) & np.isin(light, list(polarities))).astype(np.float32)
