"""Patterns of 32x32 px for all kinds of damage: found in both polarities, not as an edge, never in a blank."""

import cv2
import numpy as np
import pytest

from archive_restore.detection import KINDS, Kind
from archive_restore.detection.candidates import find
from archive_restore.detection.corners import missing_corners
from archive_restore.detection.detect import kinds_of
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import pyramid
from archive_restore.detection.shapes import form

SIDE, PATTERN = 480, 32
GROUND, CONTRAST = 120, 90


def dust(cell):
    cv2.circle(cell, (15, 15), 2, 1, cv2.FILLED)


def scratch(cell):
    cv2.line(cell, (3, 15), (28, 15), 1, 1)


def hair(cell):
    cv2.ellipse(cell, (15, 15), (11, 9), 0, 0, 260, 1, 1)


def spot(cell):
    cv2.circle(cell, (15, 15), 7, 1, cv2.FILLED)


PATTERNS = {Kind.DUST: dust, Kind.SCRATCH: scratch, Kind.HAIR: hair, Kind.SPOT: spot}


def drawn(pattern, light, at=224):
    """A blank picture with one pattern, `at` px from the left and the top."""
    cell = np.zeros((PATTERN, PATTERN), np.uint8)
    pattern(cell)
    picture = np.full((SIDE, SIDE), GROUND, np.uint8)
    place = picture[at : at + PATTERN, at : at + PATTERN]
    place[cell > 0] = GROUND + CONTRAST if light else GROUND - CONTRAST
    return picture


def kinds_in(picture):
    """The kind and polarity of every candidate that reaches the middle cut, and its area in px."""
    planes = pyramid(picture)
    colours = palette(planes)
    result = []
    for found in (found for plane in planes for found in find(plane, colours) if found.cut == 28):
        kinds, _ = kinds_of(form(found))
        areas = found.trait("area") * found.plane.step**2
        result += [(KINDS[kind], found.light, float(area)) for kind, area in zip(kinds, areas, strict=True)]
    return result


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
@pytest.mark.parametrize("kind", PATTERNS)
def test_a_pattern_is_found_in_its_polarity_and_has_its_kind(kind, light):
    found = kinds_in(drawn(PATTERNS[kind], light))
    own = [one for one in found if one[1] is light]
    assert own
    assert kind in {one[0] for one in own}
    assert len(own) >= len(found) / 2  # rings have an inside of the other polarity


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_a_wound_from_the_edge_is_a_tear_if_it_is_light(light):
    picture = np.full((SIDE, SIDE), GROUND, np.uint8)
    for x in range(PATTERN + 8):
        picture[224 + x % 2 : 224 + 7 - x // 12, x] = GROUND + (CONTRAST if light else -CONTRAST)
    kinds = {kind for kind, polarity, _ in kinds_in(picture) if polarity is light}
    assert (Kind.TEAR in kinds) is light
    assert kinds


@pytest.mark.parametrize(("pattern", "kind"), [("crease", Kind.CREASE), ("crack", Kind.CRACK)])
@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_lines_that_broke_the_emulsion_are_light(pattern, kind, light):
    picture = np.full((SIDE, SIDE), GROUND, np.uint8)
    tone = GROUND + (CONTRAST if light else -CONTRAST)
    if pattern == "crease":
        cv2.line(picture, (0, 200), (SIDE, 215), tone, 3)
    else:
        for start, end in (((60, 60), (140, 120)), ((140, 120), (150, 210)), ((140, 120), (230, 140))):
            cv2.line(picture, start, end, tone, 2)
    assert (kind in {one[0] for one in kinds_in(picture)}) is light


@pytest.mark.parametrize("tone", [244, 20], ids=["light", "dark"])
def test_a_corner_of_32_px_is_found_over_paper_and_over_card(tone):
    rng = np.random.default_rng(0)
    picture = np.clip(rng.normal(GROUND, 4, (SIDE, SIDE)), 0, 255).astype(np.uint8)
    corner = np.array([[0, 0], [PATTERN, 0], [0, PATTERN]], np.int32)
    cv2.fillPoly(picture, [corner], tone)
    found = missing_corners(pyramid(picture)[0])
    assert found[: PATTERN // 2 - 4, : PATTERN // 2 - 4].all()
    assert not found[PATTERN + 4 :].any()


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_the_same_outline_as_an_objects_edge_is_no_candidate(kind, light):
    """The object goes on from the pattern's upper edge to the end of the picture."""
    cell = np.zeros((PATTERN, PATTERN), np.uint8)
    PATTERNS[kind](cell)
    top = int(np.argmax(cell.any(axis=1)))
    picture = np.full((SIDE, SIDE), GROUND, np.uint8)
    picture[224 + top :] = GROUND + (CONTRAST if light else -CONTRAST)
    assert kinds_in(picture) == []


@pytest.mark.parametrize("tone", [0, GROUND, 255])
def test_a_blank_has_nothing(tone):
    blank = np.full((SIDE, SIDE), tone, np.uint8)
    assert kinds_in(blank) == []
    assert not missing_corners(pyramid(blank)[0]).any()
