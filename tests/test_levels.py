import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archive_restore.restoring.levels import Level, Painting, at_least, coarse_to_fine, halved
from archive_restore.restoring.prefill import depth, halve

SIZE, CONTEXT = 64, 12


def first_guesses(painting: Painting) -> tuple[list[Level], NDArray[np.uint8]]:
    """Restores by pasting back what was cut, as an untrained generator would."""
    levels: list[Level] = []
    while True:
        try:
            level = next(painting)
        except StopIteration as end:
            return levels, end.value
        levels.append(level)
        for window in level.windows:
            guess, hole, _ = level.cut(window)
            assert guess.shape == (*window.shape, 3)
            assert guess.dtype == np.uint8
            assert hole.shape == window.shape
            level.paste(window, guess.astype(np.float32))


def ramp(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth colour picture, (H, W, 3)."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = (rows * 200 / height, columns * 200 / width, 200 - rows * 100 / height)
    return np.stack(planes, axis=2).astype(np.uint8)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    height, width = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pixels = random.integers(0, 256, (height, width, 3) if draw(st.booleans()) else (height, width), np.uint8)
    mask = random.random((height, width)) < draw(st.sampled_from([0.0, 0.01, 0.3]))
    if draw(st.booleans()):
        mask[: draw(st.integers(0, height)), : draw(st.integers(0, width))] = True
    mask[-1, -1] = False  # something must be known
    return pixels, mask


@given(damaged())
@settings(max_examples=60, deadline=None)
def test_nothing_outside_the_mask_changes_whatever_the_picture(
    case: tuple[NDArray[np.uint8], NDArray[np.bool_]],
) -> None:
    pixels, mask = case
    _, restored = first_guesses(coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT))
    assert restored.shape == pixels.shape
    assert restored.dtype == pixels.dtype
    np.testing.assert_array_equal(restored[~mask], pixels[~mask])


def test_thin_damage_is_restored_at_native_resolution_only() -> None:
    pixels, mask = ramp(200, 300), np.zeros((200, 300), bool)
    mask[:, 150:154] = True
    levels, _ = first_guesses(coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT))
    assert len(levels) == 1


def test_a_deep_hole_is_solved_at_coarser_levels_first() -> None:
    pixels, mask = ramp(400, 400), np.zeros((400, 400), bool)
    mask[100:260, 100:260] = True  # 80 px deep at 400 px; at 25 px the first guess is the end
    truth = pixels.copy()
    pixels[mask] = 255
    levels, restored = first_guesses(coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT))
    assert len(levels) == 4
    assert [len(level.windows) for level in levels] == sorted(len(level.windows) for level in levels)
    assert np.abs(restored.astype(int) - truth)[mask].mean() < 6  # flat, it would be 20


def test_a_coarse_level_restores_the_deep_holes_and_leaves_the_dust_to_the_fine_one() -> None:
    pixels, mask = ramp(600, 600), np.zeros((600, 600), bool)
    mask[20:60, 20:60] = True  # 20 px deep
    mask[300:304, ::30] = True  # specks that survive halving
    levels, _ = first_guesses(coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT))
    assert [len(level.windows) for level in levels[:-1]] == [1] * (len(levels) - 1)
    assert len(levels[-1].windows) > 8


def test_a_torn_corner_is_filled_from_the_picture_and_not_with_its_damage() -> None:
    pixels, mask = ramp(300, 300), np.zeros((300, 300), bool)
    mask[:90, :90] = True
    pixels[mask] = 255
    _, restored = first_guesses(coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT))
    assert restored[mask].max() < 240


def test_a_window_shows_the_damage_at_every_level_unless_it_is_to_be_hidden() -> None:
    pixels, mask = ramp(300, 300), np.zeros((300, 300), bool)
    mask[:90, :90] = True
    pixels[mask] = 255
    for scan in (pixels, None):
        painting, cuts = coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT, scan=scan), []
        try:
            while True:
                level = next(painting)
                for window in level.windows:
                    cuts.append(level.cut(window))
                    level.paste(window, cuts[-1].guess.astype(np.float32))
        except StopIteration:
            pass
        assert all(cut.scan.shape == cut.guess.shape for cut in cuts)
        shown = [(cut.scan[cut.hole] == 255).all() for cut in cuts if cut.hole.any()]
        assert all(shown) == (scan is not None)
        if scan is None:
            assert all(cut.scan is cut.guess for cut in cuts)


def test_grey_comes_back_grey_as_the_mean_of_three_channels() -> None:
    pixels, mask = ramp(100, 100)[..., 0].copy(), np.zeros((100, 100), bool)
    mask[50, 50] = True
    painting = coarse_to_fine(pixels, mask, size=SIZE, context=CONTEXT)
    level = next(painting)
    guess = level.cut(level.windows[0]).guess
    assert (guess[..., 0] == guess[..., 1]).all()
    assert (guess[..., 0] == guess[..., 2]).all()
    level.paste(level.windows[0], np.broadcast_to(np.array([30, 60, 93], np.float32), (SIZE, SIZE, 3)))
    with pytest.raises(StopIteration) as end:
        next(painting)
    assert end.value.value[50, 50] == 61
    assert end.value.value.shape == (100, 100)


def test_an_empty_mask_needs_no_window_and_gives_a_copy() -> None:
    pixels = ramp(40, 30)
    levels, restored = first_guesses(
        coarse_to_fine(pixels, np.zeros((40, 30), bool), size=SIZE, context=CONTEXT)
    )
    assert [level.windows for level in levels] == [[]]
    np.testing.assert_array_equal(restored, pixels)
    assert not np.shares_memory(restored, pixels)


def test_a_window_knows_how_deep_its_holes_are_in_the_whole_picture() -> None:
    pixels, mask = ramp(300, 300), np.zeros((300, 300), bool)
    mask[90:210, 90:210] = True
    coarse = np.full((150, 150, *pixels.shape[2:]), 7, np.uint8)
    level = Level(pixels, mask, mask, coarse, size=SIZE, context=CONTEXT)
    truth = depth(mask)
    for window in level.windows:
        guess, hole, _ = level.cut(window)
        far = truth[window.slices] >= 12
        assert (guess[far] == 7).all()
        np.testing.assert_array_equal(hole, mask[window.slices])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_halving_in_strips_is_halving(height: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    mask = random.random((height, width)) < 0.5
    for whole, strips in zip(halve(pixels, mask), halved(pixels, mask, strip=8), strict=True):
        np.testing.assert_array_equal(whole, strips)


def test_small_pictures_are_mirrored_to_the_size_of_a_window() -> None:
    assert at_least(np.arange(3)[None], 6).tolist() == [[0, 1, 2, 1, 0, 1]] * 6
    assert at_least(np.ones((1, 1), np.uint8), 3).tolist() == [[1, 1, 1]] * 3
    assert at_least(np.ones((2, 1), bool), 3, mirrored=False).sum() == 2
    plane = np.zeros((6, 7), np.uint8)
    assert at_least(plane, 6) is plane
