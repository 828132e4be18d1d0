import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archive_restore.restoring.windows import Canvas, Window, blend_weights, cover


@st.composite
def holes(draw: st.DrawFn) -> tuple[NDArray[np.bool_], int, int]:
    """A mask of rectangles and specks, a window side that fits into it, and a context."""
    height, width = draw(st.integers(8, 90)), draw(st.integers(8, 90))
    size = draw(st.integers(5, min(height, width)))
    context = draw(st.integers(0, (size - 1) // 2))
    mask = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(0, 4))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[top : top + draw(st.integers(1, height)), left : left + draw(st.integers(1, width))] = True
    seed, share = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 0.002, 0.05]))
    return mask | (np.random.default_rng(seed).random(mask.shape) < share), size, context


@given(holes())
@settings(max_examples=200, deadline=None)
def test_every_hole_pixel_has_its_context_inside_some_window(
    case: tuple[NDArray[np.bool_], int, int],
) -> None:
    mask, size, context = case
    height, width = mask.shape
    served = np.zeros_like(mask)
    for window in cover(mask, size=size, context=context):
        rows, columns = window.slices
        assert {window.height, window.width} <= {size, size // 2}
        assert 0 <= rows.start < rows.stop <= height
        assert 0 <= columns.start < columns.stop <= width
        first_row = 0 if rows.start == 0 else rows.start + context
        last_row = height if rows.stop == height else rows.stop - context
        first_column = 0 if columns.start == 0 else columns.start + context
        last_column = width if columns.stop == width else columns.stop - context
        served[first_row:last_row, first_column:last_column] = True
    assert not (mask & ~served).any()


@given(holes())
@settings(max_examples=100, deadline=None)
def test_no_window_is_idle_and_none_is_used_twice(case: tuple[NDArray[np.bool_], int, int]) -> None:
    mask, size, context = case
    windows = cover(mask, size=size, context=context)
    assert len(set(windows)) == len(windows)
    assert all(mask[window.slices].any() for window in windows)


def test_a_mask_without_holes_needs_no_window() -> None:
    assert cover(np.zeros((300, 200), bool), size=128, context=24) == []


def test_a_small_hole_sits_in_the_middle_of_its_only_window() -> None:
    mask = np.zeros((400, 600), bool)
    mask[200:204, 300:310] = True
    assert cover(mask, size=128, context=16) == [Window(top=172, left=272, height=64, width=64)]


def test_a_hole_at_the_border_takes_the_border_as_its_edge() -> None:
    mask = np.zeros((400, 400), bool)
    mask[:2, :2] = True
    mask[-1, -1] = True
    assert cover(mask, size=128, context=24) == [Window(0, 0, 64, 64), Window(336, 336, 64, 64)]


def test_a_picture_of_one_window_is_covered_by_it_whole() -> None:
    assert cover(np.ones((128, 128), bool), size=128, context=24) == [Window(0, 0, 128, 128)]


def test_a_scratch_across_the_picture_is_not_covered_as_its_bounding_box() -> None:
    windows = cover(np.eye(1280, dtype=bool), size=128, context=16)
    area = sum(window.height * window.width for window in windows)
    assert area == 40 * 64 * 64  # 1280 px in squares of 64 px that serve 32


def test_a_level_scratch_takes_windows_that_are_wide_and_low() -> None:
    mask = np.zeros((400, 1600), bool)
    mask[200:206] = True
    assert {window.shape for window in cover(mask, size=128, context=16)[:-1]} == {(64, 128)}


def test_a_whole_picture_is_tiled_without_waste() -> None:
    mask = np.ones((48 + 4 * 80, 48 + 3 * 80), bool)
    assert [window.shape for window in cover(mask, size=128, context=24)] == [(128, 128)] * 12


def test_specks_that_fit_together_share_a_window() -> None:
    mask = np.zeros((400, 400), bool)
    mask[160, 160] = mask[176, 180] = mask[184, 170] = True
    assert [window.shape for window in cover(mask, size=128, context=16)] == [(64, 64)]


def test_pictures_smaller_than_a_window_and_contexts_that_fill_it_are_refused() -> None:
    with pytest.raises(ValueError, match="pad it first"):
        cover(np.ones((100, 200), bool), size=128, context=24)
    with pytest.raises(ValueError, match="leaves nothing"):
        cover(np.ones((200, 200), bool), size=128, context=64)


def test_the_blend_is_even_positive_and_highest_in_the_middle() -> None:
    weights = blend_weights((128, 128))
    assert weights.dtype == np.float32
    assert weights.min() > 0
    np.testing.assert_allclose(weights, weights[::-1, ::-1])
    np.testing.assert_allclose(
        weights[:64] + weights[64:], np.outer(np.ones(64), weights[63] / weights[63].max()), atol=1e-3
    )


@given(holes(), st.sampled_from([1, 3]))
@settings(max_examples=100, deadline=None)
def test_windows_that_agree_come_together_without_a_seam(
    case: tuple[NDArray[np.bool_], int, int], channels: int
) -> None:
    mask, size, context = case
    shape = mask.shape if channels == 1 else (*mask.shape, 3)
    random = np.random.default_rng(0)
    before, truth = random.integers(0, 256, (2, *shape), np.uint8)
    canvas = Canvas(mask, channels=channels)
    for window in cover(mask, size=size, context=context):
        canvas.add(window, truth[window.slices].reshape(*window.shape, channels).astype(np.float32))
    after = canvas.composite(before)
    np.testing.assert_array_equal(after[mask], truth[mask])
    np.testing.assert_array_equal(after[~mask], before[~mask])


def test_windows_that_disagree_are_crossfaded() -> None:
    mask = np.zeros((128, 208), bool)
    mask[64, :] = True
    canvas = Canvas(mask, channels=1)
    for window, value in ((Window(0, 0, 128, 128), 100.0), (Window(0, 80, 128, 128), 200.0)):
        canvas.add(window, np.full((128, 128, 1), value, np.float32))
    line = canvas.composite(np.zeros((128, 208), np.uint8))[64].astype(int)
    assert line[:80].tolist() == [100] * 80
    assert line[128:].tolist() == [200] * 80
    assert abs(line[103] - 150) <= 2
    assert np.diff(line).min() >= 0
    assert np.diff(line).max() <= 6  # 48 px of overlap take the step of 100


def test_written_samples_are_rounded_and_stay_in_range() -> None:
    mask = np.ones((8, 8), bool)
    canvas = Canvas(mask, channels=1)
    values = np.full((8, 8, 1), 99.6, np.float32)
    values[0, 0], values[0, 1] = 300.0, -20.0
    canvas.add(Window(0, 0, 8, 8), values)
    written = canvas.composite(np.zeros((8, 8), np.uint8))
    assert (written[0, 0], written[0, 1], written[5, 5]) == (255, 0, 100)


def test_a_hole_that_no_window_wrote_is_an_error_and_not_a_black_spot() -> None:
    canvas = Canvas(np.ones((8, 20), bool), channels=1)
    canvas.add(Window(0, 0, 8, 8), np.zeros((8, 8, 1), np.float32))
    with pytest.raises(ValueError, match="never written"):
        canvas.composite(np.zeros((8, 20), np.uint8))
