import cv2
import numpy as np
import pytest

from archive_restore.errors import InputError
from archive_restore.training import ageing, defects, detection_samples
from archive_restore.training.defects.laying import Defect
from archive_restore.training.defects.real_shapes import read_shapes, stamp, stampable, stamped
from archive_restore.training.detection_samples import sample
from archive_restore.training.scenery import SCENERY
from archive_restore.training.scenery.laying import box_of
from tests.drawn import scene


def photograph():
    return cv2.cvtColor(scene(), cv2.COLOR_GRAY2RGB)


def drawn(count, seed=5, size=96, shapes=None):
    return [sample(photograph(), size, np.random.default_rng([seed, n]), shapes or {}) for n in range(count)]


def test_a_sample_is_a_function_of_its_generator():
    for one, two in zip(drawn(6), drawn(6), strict=True):
        assert (one.picture == two.picture).all()
        assert (one.truth == two.truth).all()
        assert (one.weight == two.weight).all()


def test_about_a_third_of_the_samples_is_undamaged():
    intact = np.mean([not one.truth.any() for one in drawn(150, size=64)])
    assert 0.3 < intact < 0.65


def test_some_are_scanned_in_grey_and_then_damage_has_no_colour(monkeypatch):
    monkeypatch.setattr(detection_samples, "GREY", 1.0)
    for one in drawn(12):
        assert (one.picture == one.picture[..., :1]).all()


def test_what_nobody_could_tell_does_not_count(monkeypatch):
    monkeypatch.setattr(detection_samples, "ENLARGED", 0.0)
    doubtful = [one.weight[~one.truth] for one in drawn(40)]
    assert {float(value) for values in doubtful for value in np.unique(values)} == {0.0, 1.0}
    plain = np.concatenate([one.weight[one.truth] for one in drawn(40)])
    assert 0 < plain.min() < plain.max() == 1


def test_damage_is_often_softened_by_the_scanner_that_saw_it(monkeypatch):
    """A hard white square on a grey picture, seen by the print's scanner: its edge is blurred in many samples."""
    flat = np.full((200, 200, 3), 100, np.uint8)
    opacity = np.zeros((64, 64), np.float32)
    opacity[20:40, 20:40] = 1
    defect = Defect(opacity, (255.0, 255.0, 255.0), 0.0, "spots")
    monkeypatch.setattr(defects, "draw_some", lambda *_: [defect])
    monkeypatch.setattr(detection_samples, "ENLARGED", 0.0)
    monkeypatch.setattr(detection_samples, "DECORATED", 0.0)
    monkeypatch.setattr(detection_samples, "cut", lambda *_: (flat[:64, :64], 1.5))
    monkeypatch.setattr(detection_samples, "grain", lambda _, shape: np.zeros((*shape[:2], 1), np.float32))
    monkeypatch.setattr(detection_samples, "INTACT", 0.0)
    steps = [
        np.abs(np.diff(one.picture[30, :, 1].astype(int))).max() / np.ptp(one.picture[30, :, 1].astype(int))
        for one in drawn(60, size=64)
    ]
    assert np.mean(np.array(steps) < 0.8) > 0.25


def steepest(picture):
    """The largest step along the rows, as a share of all levels in the picture."""
    return np.abs(np.diff(picture[..., 1].astype(float), axis=1)).max() / np.ptp(
        picture[..., 1].astype(float)
    )


def test_a_scene_can_be_out_of_focus_under_damage_that_is_sharp(monkeypatch):
    """A scene of one edge, half black and half white, under a grey line."""
    edge = np.zeros((96, 96, 3), np.uint8)
    edge[:, 48:] = 255
    line = np.zeros((96, 96), np.float32)
    line[:, 20:22] = 1
    monkeypatch.setattr(defects, "draw_some", lambda *_: [Defect(line, (128.0,) * 3, 0.0, "scratches")])
    monkeypatch.setattr(detection_samples, "cut", lambda *_: (edge, 0.0))
    monkeypatch.setattr(detection_samples, "grain", lambda _, shape: np.zeros((*shape[:2], 1), np.float32))
    monkeypatch.setattr(detection_samples, "through_scanner", lambda clean, damaged, *_: (clean, damaged))
    for name in ("ENLARGED", "DECORATED", "INTACT", "GREY", "IN_PART"):
        monkeypatch.setattr(detection_samples, name, 0.0)
    monkeypatch.setattr(ageing, "tone", lambda picture, _: picture)
    monkeypatch.setattr(ageing, "uneven", lambda *_: None)
    monkeypatch.setattr(ageing, "compress", lambda picture, _: picture)
    for share in (0.0, 1.0):
        monkeypatch.setattr(detection_samples, "OUT_OF_FOCUS", share)
        for one in drawn(6):
            assert steepest(one.picture[:, 10:30]) == 1
            assert (steepest(one.picture[:, 30:]) == 1) == (share == 0)
            assert (one.truth == (line > 0)).all()


def test_a_scene_may_be_in_focus_in_part(monkeypatch):
    monkeypatch.setattr(detection_samples, "IN_PART", 1.0)
    checks = 255 * (np.indices((128, 128)).sum(axis=0) // 4 % 2).astype(np.float32)[..., None].repeat(
        3, axis=2
    )
    parts = [detection_samples.through_lens(checks, np.random.default_rng(n)) for n in range(12)]
    contrasts = [[np.std(one[:, x : x + 32]) for x in range(0, 128, 32)] for one in parts]
    assert np.median([max(stripes) / min(stripes) for stripes in contrasts]) > 1.3
    assert all(one.min() >= 0 and one.max() <= 255 for one in parts)


def test_some_prints_have_suffered_in_many_ways():
    kinds = [
        {defect.kind for defect in defects.draw_some(np.random.default_rng(n), (96, 96), {})}
        for n in range(80)
    ]
    assert 0.03 < np.mean([len(some) > 3 for some in kinds]) < 0.3
    assert np.mean([len(some) <= 3 for some in kinds]) > 0.7


@pytest.mark.parametrize(
    ("enlarging", "size", "whole"), [(True, 300, 0), (True, 700, 0), (True, 90, 40), (False, 300, 40)]
)
def test_a_photograph_smaller_than_the_sample_is_shown_enlarged(monkeypatch, enlarging, size, whole):
    flat = np.full((100, 160, 3), 90, np.uint8)
    drawn_at = []

    def scanned(photograph, side, random, shapes, draw):
        drawn_at.append(side)
        return detection_samples.DetectorSample(
            np.zeros((side, side, 3), np.uint8),
            np.zeros((side, side), bool),
            np.ones((side, side), np.float32),
        )

    monkeypatch.setattr(detection_samples, "scanned", scanned)
    for n in range(80):
        one = sample(flat, size, np.random.default_rng(n), {}, enlarging=enlarging)
        assert one.picture.shape == (size, size, 3)
    assert drawn_at.count(size) >= whole
    if not whole:
        assert max(drawn_at) <= 100
        assert min(drawn_at) >= min(size / detection_samples.MOST_TIMES, 100) - 1


@pytest.mark.parametrize("size", [64, 96])
def test_some_are_enlarged_after_the_scan_and_their_truth_with_them(monkeypatch, size):
    """A hard white square on a grey picture, seen by a scanner that blurs nothing."""
    asked = []

    def square(photograph, side, random):
        asked.append(side)
        return np.full((side, side, 3), 100, np.uint8), 0.0

    def white(random, shape, shapes):
        opacity = np.zeros(shape, np.float32)
        opacity[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = 1
        return [Defect(opacity, (255.0, 255.0, 255.0), 0.0, "spots")]

    monkeypatch.setattr(detection_samples, "ENLARGED", 1.0)
    monkeypatch.setattr(detection_samples, "DECORATED", 0.0)
    monkeypatch.setattr(detection_samples, "INTACT", 0.0)
    monkeypatch.setattr(detection_samples, "SHARPENED", 0.0)
    monkeypatch.setattr(detection_samples, "cut", square)
    monkeypatch.setattr(detection_samples, "grain", lambda _, shape: np.zeros((*shape[:2], 1), np.float32))
    monkeypatch.setattr(detection_samples, "through_scanner", lambda clean, damaged, *_: (clean, damaged))
    drawn = [sample(photograph(), size, np.random.default_rng([9, n]), {}, white) for n in range(12)]
    low, high = detection_samples.TIMES
    assert all(size / high - 1 <= side <= size / low + 1 for side in asked)
    for one in drawn:
        assert one.picture.shape == (size, size, 3)
        assert one.truth.shape == one.weight.shape == (size, size)
        row = one.picture[3 * size // 8, :, 1].astype(int)
        assert np.abs(np.diff(row)).max() < 0.95 * np.ptp(row)
        bright = row > (row.max() + row.min()) / 2
        assert np.count_nonzero(bright != one.truth[3 * size // 8]) <= 4


@pytest.mark.parametrize("name", SCENERY)
def test_scenery_is_drawn_within_the_range_and_only_where_it_is(name):
    picture = np.full((120, 160, 3), 120, np.float32)
    SCENERY[name].draw(picture, np.random.default_rng(3))
    assert picture.min() >= -1
    assert picture.max() <= 256
    assert (picture != 120).any()


@pytest.mark.parametrize("kind", defects.WEIGHTS)
def test_each_kind_of_damage_can_be_drawn(kind):
    random = np.random.default_rng(0)
    opacities = [
        defect.opacity for _ in range(6) for defect in defects.draw(random, (96, 128), 1.0, kind, {})
    ]
    assert all(opacity.shape == (96, 128) and opacity.min() >= 0 for opacity in opacities)
    assert max(opacity.max() for opacity in opacities) > 0.2


def test_real_shapes_are_read_every_other_one_and_stamped(tmp_path):
    (tmp_path / "dots").mkdir()
    for name, size in (("a", 5), ("b", 9), ("c", 7)):
        pixels = np.zeros((20, 20, 4), np.uint8)
        pixels[4 : 4 + size, 3 : 3 + size, 3] = 200
        cv2.imwrite(str(tmp_path / "dots" / f"{name}.png"), pixels)
    shapes = read_shapes(tmp_path)
    assert [form.shape for form in shapes["dots"]] == [(5, 5), (7, 7)]
    opacity = stamped(np.random.default_rng(0), (64, 64), 1.0, "dust", shapes)
    assert opacity.max() == pytest.approx(200 / 255, abs=0.02)


def test_a_shape_without_alpha_is_refused_by_name(tmp_path):
    (tmp_path / "dots").mkdir()
    cv2.imwrite(str(tmp_path / "dots" / "flat.png"), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(InputError, match=r"flat\.png"):
        read_shapes(tmp_path)


@pytest.mark.parametrize("named", ["", "leaves"])
def test_a_folder_without_artefacts_is_refused_by_name(tmp_path, named):
    (tmp_path / named).mkdir(exist_ok=True)
    cv2.imwrite(str(tmp_path / named / "one.png"), np.full((5, 5, 4), 200, np.uint8))
    with pytest.raises(InputError, match=f"{tmp_path.name} holds no artefacts"):
        read_shapes(tmp_path)
    with pytest.raises(InputError, match="nowhere holds no artefacts"):
        read_shapes(tmp_path / "nowhere")


def test_kinds_without_real_shapes_are_drawn():
    hairs = {"hair": [np.ones((20, 2), np.float32)]}
    assert stampable("hairs", hairs)
    assert not any(stampable(kind, hairs) for kind in ("dust", "spots", "cracks"))
    for seed in range(30):  # none asks for shapes that there are not
        defects.draw_some(np.random.default_rng(seed), (64, 64), hairs)


@pytest.mark.parametrize(("top", "left"), [(-3, -3), (60, 60), (-50, 10), (10, 200)])
def test_a_shape_over_the_edge_is_cut_off(top, left):
    opacity = np.zeros((64, 64), np.float32)
    stamp(opacity, np.ones((8, 8), np.float32), top, left)
    assert opacity.sum() == max(0, min(top + 8, 64) - max(top, 0)) * max(0, min(left + 8, 64) - max(left, 0))


def test_the_box_of_nothing_is_none():
    assert box_of(np.zeros((5, 5), np.float32)) is None


def test_the_fringe_that_sharpening_leaves_is_damage(monkeypatch):
    opacity = np.zeros((96, 96), np.float32)
    opacity[:, 40:44] = 1
    monkeypatch.setattr(defects, "draw_some", lambda *_: [Defect(opacity, (250.0,) * 3, 0.0, "scratches")])
    monkeypatch.setattr(detection_samples, "ENLARGED", 0.0)
    monkeypatch.setattr(detection_samples, "INTACT", 0.0)
    widths = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(detection_samples, "SHARPENED", share)
        widths[share] = np.mean([one.truth.sum() for one in drawn(30)])
    assert widths[1.0] > 1.15 * widths[0.0]


def test_some_photographs_fade_unevenly_and_none_leaves_the_range():
    spreads = []
    for seed in range(40):
        picture = np.full((96, 128, 3), 120, np.float32)
        ageing.uneven(picture, np.random.default_rng(seed))
        assert picture.min() >= 0
        assert picture.max() <= 255
        spreads.append(np.ptp(picture, axis=(0, 1)).max())
    assert 0.1 < np.mean(np.array(spreads) > 2) < 0.6


def test_bared_paper_is_white_or_aged_and_never_blue():
    tones = [
        defects.tone(np.random.default_rng(seed), kind) for kind in sorted(defects.WORN) for seed in range(40)
    ]
    assert all(red >= 150 and red >= max(green, blue) for red, green, blue in tones)
    assert 0.1 < np.mean([blue < 0.85 * red for red, _, blue in tones]) < 0.5
