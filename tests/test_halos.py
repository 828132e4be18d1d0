"""What damage leaves around itself."""

import numpy as np
import pytest

from archive_restore.detection.halos import RINGS_PX, with_halos

SURE = 220


def scratched(fringe: dict[int, int], tone: int = 90, shape: tuple[int, int] = (48, 64)):
    """A grey photograph (grain of 2 levels) with an upright white scratch of 2 px, columns 30 and 31; `fringe`: by how
    many levels the columns so many px beside it differ. Its scores, its labels, the photograph."""
    picture = np.random.default_rng(3).normal(tone, 2, shape)
    picture[:, 30:32] = 250
    for away, levels in fringe.items():
        picture[:, [30 - away, 31 + away]] += levels
    labels = np.zeros(shape, np.int32)
    labels[:, 30:32] = 1
    scores = np.where(labels > 0, SURE, 0).astype(np.uint8)
    return scores, labels, np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def columns(scores) -> list[int]:
    """Those that are called over their whole height."""
    return np.flatnonzero((scores >= SURE).all(axis=0)).tolist()


def test_what_has_no_halo_stays():
    scores, labels, picture = scratched({})
    assert np.array_equal(with_halos(scores, labels, picture), scores)


@pytest.mark.parametrize("levels", [-20, 15])
def test_a_fringe_of_the_scanner_s_sharpening_is_damage(levels):
    scores, labels, picture = scratched({1: levels, 2: levels})
    # The first pixel beside a region is the mask's own margin: one more is called, so that the margin covers the rest.
    assert columns(with_halos(scores, labels, picture)) == [29, 30, 31, 32]


def test_a_wider_fringe_is_called_as_far_as_the_limit():
    scores, labels, picture = scratched(dict.fromkeys(range(1, 6), -20))
    reach = RINGS_PX[-1] - 1
    assert columns(with_halos(scores, labels, picture)) == list(range(30 - reach, 32 + reach))


def test_a_stain_of_colour_alone_is_a_halo():
    scores, labels, grey = scratched({})
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[:, 27:35, 2] += 25  # blue, as JPEG smears it
    assert columns(with_halos(scores, labels, picture))[0] < 30


def test_an_object_s_edge_further_away_is_no_halo():
    scores, labels, picture = scratched({})
    picture[:, 36:] = 200
    assert np.array_equal(with_halos(scores, labels, picture), scores)


def test_each_region_has_its_own_halo():
    scores, labels, picture = scratched({1: -25, 2: -25}, shape=(48, 64))
    picture[:, 50:52], scores[:, 50:52], labels[:, 50:52] = 250, SURE, 2
    assert columns(with_halos(scores, labels, picture)) == [29, 30, 31, 32, 50, 51]


def test_the_photograph_s_edge_is_no_obstacle():
    scores, labels = np.full((4, 4), SURE, np.uint8), np.ones((4, 4), np.int32)
    assert np.array_equal(with_halos(scores, labels, scores), scores)


def test_a_hair_has_a_halo_on_the_sky_and_none_on_the_roofs():
    scores, labels, picture = scratched({1: -25, 2: -25}, shape=(256, 64))
    picture[96:] = np.random.default_rng(4).normal(90, 30, (160, 64)).clip(0, 255)
    picture[96:, 30:32] = 250
    found = with_halos(scores, labels, picture)
    assert (found[:80, [29, 32]] == SURE).mean() > 0.9
    assert (found[112:, [29, 32]] == SURE).mean() < 0.2
