import cv2
import numpy as np
import pytest

from archive_restore.detection import ScoreMap
from archive_restore.detection.borders import border_of, without_border
from tests.drawn import PAPER, scene

LID = 6
FRAME = 30


def framed(tone=PAPER, frame=FRAME, picture=None):
    """A scene within a frame of one tone on all sides, px."""
    picture = scene(grain=2.0) if picture is None else picture
    rng = np.random.default_rng(3)
    noise = rng.normal(tone, 2, (picture.shape[0] + 2 * frame, picture.shape[1] + 2 * frame))
    sheet = np.clip(noise, 0, 255).astype(np.uint8)
    sheet[frame:-frame, frame:-frame] = picture
    return cv2.GaussianBlur(sheet, (0, 0), 0.7)


def everywhere(picture):
    """What remains of a score map that calls every pixel."""
    scores = np.full(picture.shape[:2], 200, np.uint8)
    return without_border(ScoreMap(scores, np.zeros_like(scores)), picture).scores > 0


def left_of_frame(remains, frame=FRAME):
    """The share of the frame, and of the picture more than 2 % inside it, that remains."""
    inner = np.zeros_like(remains)
    inner[frame + 10 : -frame - 10, frame + 10 : -frame - 10] = True
    outer = np.ones_like(remains)
    outer[frame:-frame, frame:-frame] = False
    return float(remains[outer].mean()), float(remains[inner].mean())


@pytest.mark.parametrize("tone", [PAPER, LID, 174], ids=["paper", "black", "grey lid"])
def test_a_frame_is_no_damage_and_the_picture_in_it_may_be(tone):
    assert left_of_frame(everywhere(framed(tone))) == (0, 1)


def test_a_frame_of_faded_paper_is_known_by_its_colour_too():
    picture = cv2.cvtColor(framed(), cv2.COLOR_GRAY2RGB).astype(np.float32)
    picture = np.clip(picture * (0.98, 0.93, 0.78), 0, 255).astype(np.uint8)
    assert left_of_frame(everywhere(picture)) == (0, 1)


def test_a_picture_without_a_frame_has_no_border():
    assert not np.any(border_of(scene()))


def test_a_frame_that_lies_askew_is_followed():
    picture = framed(frame=40)
    turn = cv2.getRotationMatrix2D((picture.shape[1] / 2, picture.shape[0] / 2), 1.2, 1)
    turned = cv2.warpAffine(picture, turn, picture.shape[1::-1], borderValue=PAPER)
    remains = everywhere(turned)
    assert not remains[:25].any()
    assert not remains[:, :25].any()
    assert remains[60:-60, 60:-60].all()


def test_a_deckled_edge_belongs_to_the_frame():
    picture = framed()
    rng = np.random.default_rng(0)
    for x in range(FRAME, picture.shape[1] - FRAME, 5):
        picture[FRAME : FRAME + rng.integers(0, 5), x : x + 5] = PAPER
        picture[-FRAME - rng.integers(0, 5) : -FRAME, x : x + 5] = PAPER
    assert left_of_frame(everywhere(picture)) == (0, 1)


def test_a_lid_around_paper_around_the_picture_is_two_borders():
    sheet = framed(LID, 18, framed(PAPER, 24))
    assert left_of_frame(everywhere(sheet), 42) == (0, 1)


def test_perforations_lie_on_the_rebate():
    picture = framed(12, 40)
    for x in range(20, picture.shape[1] - 30, 32):
        picture[10:26, x : x + 14] = 240
        picture[-26:-10, x : x + 14] = 240
    assert left_of_frame(everywhere(picture), 40) == (0, 1)


def test_a_missing_corner_stays_damage_where_it_reaches_into_the_picture():
    picture = framed()
    corner = np.array([[0, 0], [FRAME + 90, 0], [0, FRAME + 110]], np.int32)
    cv2.fillPoly(picture, [corner], PAPER, cv2.LINE_AA)
    remains = everywhere(picture)
    assert not remains[:FRAME].any()
    assert remains[FRAME + 8 : FRAME + 35, FRAME + 8 : FRAME + 35].all()


def test_a_torn_edge_stays_damage():
    picture = scene(grain=2.0)
    places = np.arange(picture.shape[1])
    for x, rows in enumerate(40 + 18 * np.sin(places / 37) + 10 * np.sin(places / 11)):
        picture[: int(rows), x] = PAPER
    assert everywhere(picture)[:20].mean() > 0.9


def test_a_scratch_that_runs_into_the_frame_stays_inside_the_picture():
    picture = framed()
    scores = np.zeros(picture.shape, np.uint8)
    picture[:, 200:203] = 255
    scores[:, 200:203] = 220
    left = without_border(ScoreMap(scores, np.zeros_like(scores)), picture).scores
    assert not left[:FRAME].any()
    assert (left[FRAME + 10 : -FRAME - 10, 200:203] == 220).all()


def test_damage_reaches_up_to_the_frame_and_what_lies_along_the_frame_is_none():
    picture = framed()
    scores = np.zeros(picture.shape, np.uint8)
    scores[FRAME : FRAME + 40, 100:130] = 220  # a torn edge
    scores[FRAME : FRAME + 4, 200:400] = 220  # the frame's own edge
    left = without_border(ScoreMap(scores, np.zeros_like(scores)), picture).scores
    assert (left[FRAME + 3 : FRAME + 40, 100:130] == 220).all()
    assert not left[: FRAME - 1].any()
    assert not left[:, 200:400].any()


@pytest.mark.parametrize("tone", [8, 238])
def test_the_corners_of_a_round_mount_are_no_damage(tone):
    picture = scene(400, 400, grain=2.0)
    outside = np.full_like(picture, 255)
    cv2.circle(outside, (200, 200), 196, 0, cv2.FILLED)
    picture[outside > 0] = tone
    remains = everywhere(cv2.GaussianBlur(picture, (0, 0), 0.7))
    assert not remains[:40, :40].any()
    assert not remains[-40:, -40:].any()
    assert remains[100:300, 100:300].all()


def test_two_missing_corners_are_no_mount():
    picture = scene(grain=2.0)
    for corner in ([[0, 0], [80, 0], [0, 70]], [[479, 359], [400, 359], [479, 280]]):
        cv2.fillPoly(picture, [np.array(corner, np.int32)], PAPER, cv2.LINE_AA)
    assert everywhere(picture).all()


def test_an_even_sky_is_no_border():
    picture = scene(grain=2.0)
    horizon = 70 + 14 * np.sin(np.arange(480) / 23) + 9 * np.sin(np.arange(480) / 7)
    for x, row in enumerate(horizon.astype(int)):
        picture[:row, x] = 235
    assert everywhere(picture)[2:50].all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700, 3), (33, 31), (40, 2000)])
def test_any_size_is_looked_at(shape):
    assert everywhere(np.full(shape, 240, np.uint8)).shape == shape[:2]


def test_an_empty_score_map_is_returned_as_it_is():
    empty = ScoreMap(np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8))
    assert without_border(empty, np.zeros((40, 40), np.uint8)) is empty
