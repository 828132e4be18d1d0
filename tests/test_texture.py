import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archive_restore.restoring import texture
from archive_restore.restoring.fine_detail import SMOOTH, fine
from archive_restore.restoring.texture import match_texture
from archive_restore.restoring.texture_patches import SIDE, patches_around, tones_of

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

HOLE = np.s_[100:170, 110:190]
INSIDE = np.s_[110:160, 120:180]


def pebbles(shape: tuple[int, int], size: float = 1.5, strength: float = 20, seed: int = 1) -> Picture:
    """A texture without direction, coarser than grain: blobs of so many px on grey."""
    noise = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), size)
    return np.clip(np.rint(128 + noise * (strength / noise.std())), 0, 255).astype(np.uint8)


def stripes(shape: tuple[int, int]) -> Picture:
    """Something built: bars in one direction."""
    return np.tile(np.where(np.arange(shape[1]) % 9 < 4, 60, 190).astype(np.uint8), (shape[0], 1))


def smooth(picture: Picture, mask: Mask) -> Picture:
    """What a generator makes of a wide hole: its surroundings' mean."""
    result = picture.copy()
    result[mask] = np.rint(picture[~mask].mean(axis=0))
    return result


def liveliness(picture: NDArray[np.generic], place: tuple[slice, slice]) -> float:
    return float(fine(np.asarray(picture, np.uint8))[place].std())


@pytest.fixture
def mask() -> Mask:
    mask = np.zeros((280, 300), bool)
    mask[HOLE] = True
    return mask


@pytest.mark.parametrize("size", [1.0, 1.5])
def test_a_wide_hole_gets_the_texture_around_it(size: float, mask: Mask) -> None:
    truth = pebbles(mask.shape, size)
    drawn = match_texture(smooth(truth, mask), mask)
    assert liveliness(smooth(truth, mask), INSIDE) < 0.05 * liveliness(truth, HOLE)
    assert 0.75 * liveliness(truth, INSIDE) < liveliness(drawn, INSIDE) < 1.15 * liveliness(truth, INSIDE)


def test_the_texture_is_as_coarse_as_around_the_hole(mask: Mask) -> None:
    truth = pebbles(mask.shape, 1.5)

    def correlation(picture: Picture) -> float:
        there = fine(picture)[HOLE][..., 0]
        return float((there[:, 2:] * there[:, :-2]).mean() / np.square(there).mean())

    assert abs(correlation(match_texture(smooth(truth, mask), mask)) - correlation(truth)) < 0.1


def test_colour_comes_with_it(mask: Mask) -> None:
    red = np.dstack(
        [pebbles(mask.shape), np.full(mask.shape, 90, np.uint8), np.full(mask.shape, 90, np.uint8)]
    )
    drawn = match_texture(smooth(red, mask), mask)[HOLE]
    assert drawn[..., 0].std() > 10
    assert (drawn[..., 1:] == 90).all()


def test_nothing_outside_the_holes_changes_and_the_same_comes_out_again(mask: Mask) -> None:
    restored = smooth(pebbles(mask.shape), mask)
    before = restored.copy()
    drawn = match_texture(restored, mask)
    assert (drawn[~mask] == restored[~mask]).all()
    assert (restored == before).all()
    assert (match_texture(restored, mask) == drawn).all()


def test_a_scratch_gets_nothing() -> None:
    mask = np.zeros((200, 200), bool)
    mask[:, 90:102] = True
    restored = smooth(pebbles(mask.shape), mask)
    assert (match_texture(restored, mask) == restored).all()


def test_smooth_surroundings_have_no_texture(mask: Mask) -> None:
    sky = np.tile(np.linspace(90, 200, mask.shape[1]), (mask.shape[0], 1)).round().astype(np.uint8)
    assert (np.abs(match_texture(sky, mask).astype(int) - sky) <= 1).all()


def test_what_is_built_is_not_copied(mask: Mask) -> None:
    """Of bars only the edges would be, beside each other."""
    restored = smooth(stripes(mask.shape), mask)
    drawn = match_texture(restored, mask)
    assert liveliness(drawn, INSIDE) < 0.05 * liveliness(stripes(mask.shape), HOLE)


def test_one_thing_among_nothing_is_not_copied(mask: Mask) -> None:
    plain = np.full(mask.shape, 128, np.uint8)
    cv2.putText(plain, "&", (60, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
    drawn = match_texture(smooth(plain, mask), mask)
    assert np.abs(drawn[HOLE].astype(int) - 128).max() <= 2


def test_texture_goes_where_its_tone_goes() -> None:
    """A hole over the border of dark pebbles and a plain light wall."""
    mask = np.zeros((280, 300), bool)
    mask[100:170, 100:200] = True
    truth = pebbles(mask.shape) - np.uint8(40)
    truth[:, 150:] = 220
    restored = truth.copy()
    restored[mask] = np.where(np.arange(300) < 150, 88, 220)[None].repeat(280, 0)[mask]
    drawn = match_texture(restored, mask)
    dark, light = drawn[105:165, 105:138], drawn[105:165, 162:195]
    assert dark.std() > 0.6 * truth[105:165, 105:138].std()
    assert light.std() < 2


def test_what_the_generator_drew_itself_is_not_drawn_again(mask: Mask) -> None:
    truth = pebbles(mask.shape)
    written = np.where(mask, pebbles(mask.shape, seed=7), truth)
    drawn = match_texture(written, mask)
    assert liveliness(drawn, HOLE) < 1.1 * liveliness(written, HOLE)


def test_fractions_stay(mask: Mask) -> None:
    restored = smooth(pebbles(mask.shape), mask).astype(np.float32) + np.float32(0.25)
    drawn = match_texture(restored, mask)
    assert drawn.dtype == np.float32
    assert (drawn[~mask] == restored[~mask]).all()
    assert len(np.unique(drawn[mask] % 1)) > 100


def test_a_large_picture_gets_coarse_texture_and_fine(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs much coarser than what is fine in it at its own size."""
    coarse = cv2.resize(pebbles((280, 300), 2.0), (1201, 1119), interpolation=cv2.INTER_CUBIC)
    truth = np.clip(coarse + pebbles((1119, 1201), 1.0, 6).astype(int) - 128, 0, 255).astype(np.uint8)
    wide = np.zeros(truth.shape, bool)
    wide[400:680, 440:760] = True
    monkeypatch.setattr(texture, "LARGEST", 400)
    drawn = match_texture(smooth(truth, wide), wide)
    there = np.s_[420:660, 460:740]
    for side in (SMOOTH, 4 * SMOOTH):
        bands = [cv2.GaussianBlur(p.astype(np.float32), (0, 0), side) for p in (drawn, truth)]
        detail = [(p - b)[there].std() for p, b in zip((drawn, truth), bands, strict=True)]
        assert 0.6 * detail[1] < detail[0] < 1.2 * detail[1]
    assert (drawn[~wide] == truth[~wide]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.booleans())
def test_any_picture_of_any_size(height: int, width: int, seed: int, colours: bool) -> None:
    random = np.random.default_rng(seed)
    shape = (height, width, 3) if colours else (height, width)
    picture = random.integers(0, 256, shape, np.uint8)
    mask = np.zeros((height, width), bool)
    mask[: random.integers(1, height + 1), : random.integers(1, width + 1)] = True
    drawn = match_texture(picture, mask)
    assert (drawn.shape, drawn.dtype) == (picture.shape, np.uint8)
    assert (drawn[~mask] == picture[~mask]).all()


def test_the_patch_that_continues_is_found() -> None:
    """A place that shows what is elsewhere: the best patch is that one, and hardly unlike."""
    picture = pebbles((280, 300))
    picture[120 : 120 + SIDE, 150 : 150 + SIDE] = picture[42 : 42 + SIDE, 60 : 60 + SIDE]
    place = np.s_[120 : 120 + SIDE, 150 : 150 + SIDE]
    mask = np.zeros(picture.shape, bool)
    mask[place] = True
    patches = patches_around(picture, mask, place)
    assert patches is not None
    left = np.zeros((SIDE, SIDE), bool)
    left[:, : SIDE // 2] = True
    number, unlike = patches.best(fine(picture)[place][..., 0], left, tones_of(picture[place]))
    first = max(0, place[0].start - 96), max(0, place[1].start - 96)
    assert (patches.rows[number] + first[0], patches.columns[number] + first[1]) == (42, 60)
    assert unlike < 0.3
    patches.copied(number)
    assert patches.best(fine(picture)[place][..., 0], left, tones_of(picture[place]))[1] > unlike


def test_patches_are_wholly_known_and_have_the_tones_of_where_they_lie() -> None:
    picture = np.dstack([pebbles((280, 300), seed=seed) for seed in (1, 2, 3)])
    mask = np.random.default_rng(4).random((280, 300)) < 0.002
    patches = patches_around(picture, mask, np.s_[120:160, 130:180])
    assert patches is not None
    rows, columns = (slice(side.start, side.stop) for side in patches.around)
    known, shown = ~mask[rows, columns], picture[rows, columns]
    assert len(patches.rows) >= 16
    for number, (row, column) in enumerate(zip(patches.rows, patches.columns, strict=True)):
        place = np.s_[row : row + SIDE, column : column + SIDE]
        assert known[place].all()
        assert patches.tones[number] == pytest.approx(tones_of(shown[place]), abs=0.01)


def test_tones_are_those_of_the_quarters() -> None:
    place = np.zeros((SIDE, SIDE), np.uint8)
    place[: SIDE // 2, SIDE // 2 :] = 200
    place[SIDE // 2 :, : SIDE // 2] = 40
    assert tones_of(place).tolist() == [0, 200, 40, 0]


def test_no_patches_where_nothing_is_known() -> None:
    mask = np.ones((200, 200), bool)
    mask[:20] = False
    assert patches_around(pebbles(mask.shape), mask, np.s_[100:140, 100:140]) is None
