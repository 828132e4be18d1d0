import numpy as np
import pytest

from archive_restore.detection.candidates import find
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import pyramid
from archive_restore.detection.traits import TRAITS


def traits_of(picture, cut=28):
    levels = pyramid(picture)
    [found] = [f for f in find(levels[0], palette(levels)) if f.cut == cut and f.light]
    assert len(found) == 1
    return {name: float(found.trait(name)[0]) for name in TRAITS}


def drawn(rows, columns, tone=200, background=100, size=48):
    picture = np.full((size, size), background, np.uint8)
    picture[rows, columns] = tone
    return picture


def test_a_bar_has_its_length_its_width_and_no_bend():
    traits = traits_of(drawn(slice(20, 22), slice(8, 38)))
    assert traits["area"] == 60
    assert traits["length"] == pytest.approx(30)
    assert traits["width"] == pytest.approx(2, abs=0.15)
    assert traits["elongation"] == pytest.approx(15)
    assert traits["bend"] == pytest.approx(1)
    assert traits["fill"] == 1


def test_an_angle_is_bent():
    picture = drawn(slice(10, 12), slice(8, 38))
    picture[10:40, 8:10] = 200
    traits = traits_of(picture)
    assert traits["bend"] > 5
    assert traits["fill"] < 0.2
    assert traits["width"] == pytest.approx(2, abs=0.2)


def test_tone_and_contrast_are_those_of_the_drawing():
    traits = traits_of(drawn(slice(20, 24), slice(20, 24)))
    assert traits["tone"] == 200
    assert traits["contrast"] == 100
    assert traits["evenness"] == 0
    assert traits["ring_spread"] == 0
    assert traits["ring_gap"] == pytest.approx(1)


def test_what_crosses_an_edge_disregards_it():
    picture = drawn(slice(20, 22), slice(8, 40), tone=250)
    plain = traits_of(picture)
    picture[:, 24:][picture[:, 24:] == 100] = 30
    assert traits_of(picture)["disregard"] > plain["disregard"] + 2


def test_touching_the_frame_is_seen_on_every_side():
    assert traits_of(drawn(slice(20, 22), slice(8, 30)))["frame"] == 0
    bar, ends = slice(20, 22), (slice(0, 20), slice(28, 48))
    for end in ends:
        assert traits_of(drawn(bar, end))["frame"] == 1
        assert traits_of(drawn(end, bar))["frame"] == 1


def test_neutral_paper_on_a_toned_photograph_has_a_gap_in_chroma():
    picture = np.full((48, 48, 3), (150, 120, 80), np.uint8)
    picture[20:22, 8:40] = 240
    traits = traits_of(picture)
    assert traits["chroma"] < 2
    assert traits["chroma_gap"] > 15
    grey = np.full((48, 48), 120, np.uint8)
    grey[20:22, 8:40] = 240
    assert traits_of(grey)["chroma"] == -1
