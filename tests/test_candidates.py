import numpy as np
import pytest

from archive_restore.detection.candidates import CUTS, find
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import pyramid


def found_in(picture):
    levels = pyramid(picture)
    return list(find(levels[0], palette(levels)))


def line(tone, background=100):
    picture = np.full((32, 32), background, np.uint8)
    picture[15:17, 4:28] = tone
    return picture


def test_a_blank_picture_has_no_candidates():
    assert found_in(np.full((32, 32), 128, np.uint8)) == []


@pytest.mark.parametrize(("tone", "light"), [(180, True), (20, False)])
def test_a_line_is_found_in_its_own_polarity_at_every_cut_that_it_reaches(tone, light):
    found = [f for f in found_in(line(tone)) if len(f)]
    assert [f.cut for f in found] == list(CUTS)
    assert all(f.light is light for f in found)
    assert all(len(f) == 1 and len(f.position) == 48 for f in found)


def test_the_same_line_as_the_edge_of_an_object_is_no_candidate():
    picture = np.full((32, 32), 100, np.uint8)
    picture[15:] = 180
    assert found_in(picture) == []


def test_the_negative_has_the_same_traits_in_the_other_polarity():
    picture = line(180)
    [positive] = [f for f in found_in(picture) if f.cut == 28]
    [negative] = [f for f in found_in(255 - picture) if f.cut == 28]
    assert positive.light is not negative.light
    for name in ("area", "contrast", "tone", "length", "width", "beyond_99", "clarity"):
        assert positive.trait(name) == pytest.approx(negative.trait(name)), name


def test_painting_shows_each_candidate_with_its_own_value():
    picture = line(180)
    picture[24:27, 8:11] = 180
    [found] = [f for f in found_in(picture) if f.cut == 56 and f.light]
    assert len(found) == 2
    painted = found.paint(np.array([10, 20], np.uint8))
    assert painted[15:17, 4:28].tolist() == [[10] * 24] * 2
    assert painted[25, 9] == 20
    assert (painted > 0).sum() == 48 + 9
