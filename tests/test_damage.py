import numpy as np
import pytest

from archive_restore.training import ageing, damage


@pytest.mark.parametrize("kind", damage.DRAWERS)
def test_every_kind_can_be_drawn_and_shows_in_most_pictures(kind: str):
    shown = 0
    for seed in range(12):
        drawn = damage.draw(np.random.default_rng(seed), (96, 128), 1.0, kind)
        assert drawn.kind == kind
        assert drawn.opacity.shape == (96, 128)
        assert drawn.opacity.dtype == np.float32
        assert 0 <= drawn.opacity.min() <= drawn.opacity.max() <= 1
        shown += bool((drawn.opacity > 0.3).any())
    assert shown >= 7


def test_a_larger_unit_draws_wider_damage():
    def area(unit: float) -> float:
        return float(
            np.mean(
                [
                    (damage.draw_crease(np.random.default_rng(s), (256, 256), unit) > 0.5).mean()
                    for s in range(8)
                ]
            )
        )

    assert area(4.0) > 2 * area(1.0)


def test_damage_is_laid_over_the_picture_only_where_it_is_opaque():
    picture = np.full((4, 4, 3), 100, np.uint8)
    opacity = np.zeros((4, 4), np.float32)
    opacity[1, 1], opacity[2, 2] = 1.0, 0.5
    white = damage.Damage("dust", opacity, (250.0, 240.0, 230.0), 0.0)

    damaged = damage.apply(picture, white, np.random.default_rng(0))

    assert damaged[1, 1].tolist() == [250, 240, 230]
    assert damaged[2, 2].tolist() == [175, 170, 165]
    assert (damaged[opacity == 0] == 100).all()


def test_a_grey_picture_stays_grey():
    opacity = np.ones((2, 2), np.float32)
    damaged = damage.apply(
        np.zeros((2, 2), np.uint8),
        damage.Damage("dust", opacity, (9.0, 7.0, 5.0), 0.0),
        np.random.default_rng(0),
    )
    assert damaged.tolist() == [[7, 7], [7, 7]]


def test_ageing_keeps_shape_and_is_a_function_of_its_generator():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    first = ageing.grain(ageing.tone(picture, np.random.default_rng(5)), np.random.default_rng(6))
    again = ageing.grain(ageing.tone(picture, np.random.default_rng(5)), np.random.default_rng(6))
    assert first.shape == picture.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


def test_grain_does_not_shift_the_tone():
    picture = np.full((128, 128, 3), 128, np.uint8)
    means = [float(ageing.grain(picture, np.random.default_rng(seed)).mean()) for seed in range(30)]
    assert abs(np.mean(means) - 128) < 0.5
