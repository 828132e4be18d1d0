import numpy as np
import pytest

from archive_restore.detection import score, threshold
from tests.drawn import scene


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 700), (700, 1), (2, 2), (7, 5, 3), (13, 400)])
def test_any_size_has_a_score_map_of_its_own_size(shape):
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    score_map = score(noise)
    assert score_map.scores.shape == score_map.kinds.shape == shape[:2]
    mask, _ = threshold(score_map)
    assert mask.shape == shape[:2]


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_a_blank_picture_has_no_damage(tone):
    assert not score(np.full((200, 300), tone, np.uint8)).scores.any()


@pytest.mark.parametrize("grain", [0.5, 3, 9])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_undamaged_scene_is_left_alone_however_grainy(seed, grain):
    mask, _ = threshold(score(scene(seed=seed, grain=grain)))
    assert mask.mean() < 0.0005


def test_grey_and_grey_stored_as_rgb_are_scored_alike():
    picture = scene()
    for x in range(40, 440, 50):
        picture[100:107, x : x + 7] = 250
    grey, rgb = score(picture), score(np.repeat(picture[..., None], 3, axis=2))
    assert (grey.scores == rgb.scores).all()
    assert grey.scores.any()


def test_the_photograph_is_not_written_to():
    picture = scene()
    before = picture.copy()
    score(picture)
    assert (picture == before).all()


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint16), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)]
)
def test_what_is_no_picture_is_refused(pixels):
    with pytest.raises(ValueError, match="uint8"):
        score(pixels)
