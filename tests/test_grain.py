import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.restoring.grain import match_grain
from archive_restore.restoring.grain_strength import CEILING

Floats = NDArray[np.float32]


def ramp(shape: tuple[int, int]) -> Floats:
    """A smooth grey picture."""
    return np.tile(np.linspace(60, 180, shape[1], dtype=np.float32), (shape[0], 1))


def grainy(base: Floats, strength: float, size: float, seed: int = 0) -> NDArray[np.uint8]:
    """`base` with grain of a standard deviation and a blur in px, the same in every channel."""
    noise = np.random.default_rng(seed).normal(0, 1, base.shape[:2]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), size)
    noise *= strength / noise.std()
    values = base + (noise if base.ndim == 2 else noise[..., None])
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def repaired(photograph: NDArray[np.uint8], base: Floats, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The photograph with its hole written without grain."""
    smooth = photograph.copy()
    smooth[mask] = np.rint(base[mask])
    return smooth


@pytest.fixture
def mask() -> NDArray[np.bool_]:
    mask = np.zeros((300, 300), bool)
    mask[100:180, 90:200] = True
    return mask


@pytest.mark.parametrize("strength", [2.5, 6.0])
@pytest.mark.parametrize("size", [0.5, 1.0])
def test_the_grain_is_as_strong_and_as_coarse_as_around_the_hole(
    strength: float, size: float, mask: NDArray[np.bool_]
) -> None:
    base = ramp((300, 300))
    photograph = grainy(base, strength, size)
    drawn = match_grain(photograph, repaired(photograph, base, mask), mask) - base
    there = drawn[100:180, 90:200]
    assert 0.8 * strength < there.std() < 1.2 * strength
    assert abs(there.mean()) < 0.15 * strength
    truth = (photograph - base)[100:180, 90:200]

    def correlation(noise: Floats) -> float:
        return float((noise[:, 1:] * noise[:, :-1]).mean() / np.square(noise).mean())

    assert abs(correlation(there) - correlation(truth)) < 0.15


def test_grain_of_the_lightness_alone_stays_without_colour(mask: NDArray[np.bool_]) -> None:
    base = np.dstack([ramp((300, 300)), ramp((300, 300)) * 0.8, ramp((300, 300)) * 0.6])
    photograph = grainy(base, 5.0, 0.7)
    drawn = (match_grain(photograph, repaired(photograph, base, mask), mask) - base)[mask]
    assert np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1] > 0.9


def test_nothing_outside_the_mask_changes_and_the_grain_is_the_same_every_time(
    mask: NDArray[np.bool_],
) -> None:
    base = ramp((300, 300))
    photograph = grainy(base, 5.0, 0.7)
    smooth = repaired(photograph, base, mask)
    first, again = (match_grain(photograph, smooth, mask) for _ in range(2))
    np.testing.assert_array_equal(first[~mask], photograph[~mask])
    np.testing.assert_array_equal(first, again)
    assert (first != smooth)[mask].mean() > 0.5


def test_a_photograph_without_grain_gets_none(mask: NDArray[np.bool_]) -> None:
    base = ramp((300, 300))
    photograph = grainy(base, 1e-6, 0.7)
    smooth = repaired(photograph, base, mask)
    np.testing.assert_array_equal(match_grain(photograph, smooth, mask), smooth)


def test_what_has_its_grain_already_gets_no_more(mask: NDArray[np.bool_]) -> None:
    base = ramp((300, 300))
    photograph = grainy(base, 5.0, 0.7)
    other = grainy(base, 5.0, 0.7, seed=1)
    kept = np.where(mask, other, photograph)
    drawn = (match_grain(photograph, kept, mask) - base)[mask]
    assert drawn.std() < 1.15 * 5.0


def test_the_damage_itself_is_not_taken_for_grain(mask: NDArray[np.bool_]) -> None:
    base = ramp((300, 300))
    damaged = grainy(base, 2.0, 0.7)
    smooth = repaired(damaged, base, mask)
    damaged[mask] = np.random.default_rng(2).integers(0, 256, int(mask.sum()), np.uint8)
    assert (match_grain(damaged, smooth, mask) - base)[mask].std() < 3.0


@pytest.fixture
def leaves() -> NDArray[np.uint8]:
    """Coloured texture of a deviation of 25 levels all over, as a hedge has."""
    noise = np.random.default_rng(3).normal(0, 25, (300, 300, 3))
    return np.clip(110 + cv2.GaussianBlur(noise, (0, 0), 0.5) * 1.8, 0, 255).astype(np.uint8)


def test_a_smooth_thing_amid_texture_stays_smooth(leaves: NDArray[np.uint8]) -> None:
    horse = np.s_[135:165, 40:260]
    leaves[horse] = (120, 60, 40)
    hole = np.zeros((300, 300), bool)
    hole[145:155, 60:240] = True
    drawn = match_grain(leaves, leaves, hole).astype(float) - leaves
    assert np.sqrt(np.square(drawn[hole]).mean()) < 5.0  # 29 levels by the texture around it


def test_grain_is_never_as_strong_as_texture(leaves: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    smooth = np.where(mask[..., None], np.uint8(110), leaves)
    drawn = match_grain(leaves, smooth, mask).astype(float) - smooth
    assert np.sqrt(np.square(drawn[mask]).mean()) < 1.1 * CEILING


def test_grain_has_less_colour_than_lightness(leaves: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    smooth = np.where(mask[..., None], np.uint8(110), leaves)
    drawn = (match_grain(leaves, smooth, mask).astype(float) - smooth)[mask]
    lightness = drawn.mean(axis=1, keepdims=True)
    assert np.sqrt(np.square(drawn - lightness).mean()) < 0.85 * lightness.std()


@pytest.mark.parametrize("seed", [1, 3, 9, 11])
def test_beside_an_even_lid_grain_is_a_number(seed: int) -> None:
    """Sums that run along it come out a little below 0, and numpy's root warns of that."""
    random = np.random.default_rng(seed)
    print_on_lid = np.zeros((200, 240, 3), np.uint8)
    rough = cv2.GaussianBlur(random.normal(0, 1, (200, 110, 3)), (0, 0), 1.2)
    print_on_lid[:, :110] = np.clip(rough * 90 + 120, 0, 255)
    mask = np.zeros((200, 240), bool)
    for row in random.integers(5, 190, 6):
        mask[row : row + 3, 20:220] = True
    smooth = cv2.inpaint(print_on_lid, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    drawn = match_grain(print_on_lid, smooth, mask).astype(int) - smooth
    assert np.abs(drawn).max() < 5 * CEILING


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (40, 40, 3)])
def test_pictures_that_tell_too_little_stay_as_they_are(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    mask = np.ones(shape[:2], bool)
    mask[-1, -1] = False
    assert match_grain(picture, picture, mask).shape == shape
