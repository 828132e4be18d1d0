import cv2
import numpy as np
import pytest

from archive_restore.detection import Kind, score, threshold
from archive_restore.detection.corners import missing_corners
from archive_restore.detection.planes import pyramid
from tests.drawn import PAPER, beside, blank, covered, lay, scene


def torn_off(picture, corner, edges=(90, 120)):
    height, width = picture.shape[:2]
    x, y = corner[0] * (width - 1), corner[1] * (height - 1)
    dx, dy = (1 - 2 * corner[0]) * edges[0], (1 - 2 * corner[1]) * edges[1]
    shape = blank(picture)
    outline = [(x, y), (x + dx, y), (x + dx * 0.45, y + dy * 0.6), (x, y + dy)]
    cv2.fillPoly(shape, [np.array(outline, np.int32)], 255, cv2.LINE_AA)
    return shape


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_missing_corner_is_found_wherever_it_is(corner):
    picture = scene()
    shape = torn_off(picture, corner)
    mask, regions = threshold(score(lay(picture, shape, PAPER)))
    assert covered(shape, mask) > 0.95
    assert beside(shape, mask) < 0.001
    assert max(regions, key=lambda region: region.area).kind is Kind.CORNER


def test_a_corner_over_black_card_is_found_too():
    picture = scene()
    shape = torn_off(picture, (1, 0))
    mask, _ = threshold(score(lay(picture, shape, 30)))
    assert covered(shape, mask) > 0.95


def test_four_rounded_corners_are_the_mount():
    picture = scene()
    shape = blank(picture)
    for corner in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        shape |= torn_off(picture, corner)
    assert not missing_corners(pyramid(lay(picture, shape, PAPER))[0]).any()


def test_a_white_margin_is_no_missing_corner():
    picture = scene()
    picture[:, :60] = PAPER
    picture[:30] = PAPER
    assert not missing_corners(pyramid(picture)[0]).any()


def test_a_bright_sky_that_fades_into_the_scene_is_no_missing_corner():
    picture = scene().astype(np.float32)
    ramp = np.clip(260 - np.add.outer(np.arange(360), np.arange(480)) * 0.9, 0, 250)
    assert not missing_corners(pyramid(np.maximum(picture, ramp).astype(np.uint8))[0]).any()


def on_a_lid(picture, tone, breadth=(30, 12), askew=0.0):
    """A print as it lies on the lid of a scanner, all around it or beside its left side and its top."""
    sheet = cv2.copyMakeBorder(
        picture, breadth[0], breadth[1], breadth[0], breadth[1], cv2.BORDER_CONSTANT, value=tone
    )
    height, width = sheet.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), askew, 1)
    sheet = cv2.warpAffine(sheet, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(2).normal(0, 1.5, sheet.shape)
    return np.clip(cv2.GaussianBlur(sheet, (0, 0), 0.7) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("tone", [18, 250])
@pytest.mark.parametrize("margin", [None, 205, 237])
def test_a_missing_corner_of_a_print_on_a_lid_is_found(corner, tone, margin):
    picture = scene()
    if margin:
        picture = cv2.copyMakeBorder(picture, *[20] * 4, cv2.BORDER_CONSTANT, value=margin)
    shape = torn_off(picture, corner)
    sheet = on_a_lid(lay(picture, shape, tone), tone)
    shape = cv2.copyMakeBorder(shape, 30, 12, 30, 12, cv2.BORDER_CONSTANT, value=0)
    mask, _ = threshold(score(sheet))
    assert covered(shape, mask) > 0.95
    # Up to the lid, and a little into it.
    assert beside(shape, mask, reach=8) < 0.001


@pytest.mark.parametrize("askew", [-1.0, 0.5, 1.0])
@pytest.mark.parametrize("tone", [18, 250])
def test_it_is_found_where_the_print_lies_askew(tone, askew):
    picture = scene()
    shape = torn_off(picture, (1, 0))
    sheet = on_a_lid(lay(picture, shape, tone), tone, (24, 24), askew)
    mask, _ = threshold(score(sheet))
    shape = on_a_lid(shape, 0, (24, 24), askew)
    assert covered(shape, mask) > 0.95
    assert beside(shape, mask, reach=14) < 0.001


@pytest.mark.parametrize("tone", [18, 250])
def test_a_whole_print_on_a_lid_lacks_nothing(tone):
    picture = scene()
    picture[-140:, -170:] = 45  # a coat
    for sheet in (on_a_lid(picture, tone), on_a_lid(picture, tone, (25, 0))):
        assert not missing_corners(pyramid(sheet)[0]).any()
    for askew in (-1.0, 0.6):
        assert not missing_corners(pyramid(on_a_lid(picture, tone, (24, 24), askew))[0]).any()


def test_a_corner_over_a_black_lid_is_found_beside_a_dark_coat_where_it_cuts_a_margin():
    picture = scene()
    picture[:150, :150] = 36
    picture = cv2.copyMakeBorder(picture, *[20] * 4, cv2.BORDER_CONSTANT, value=PAPER)
    shape = torn_off(picture, (0, 0))
    found = missing_corners(pyramid(on_a_lid(lay(picture, shape, 18), 18))[0])
    inside = cv2.copyMakeBorder(shape, 30, 12, 30, 12, cv2.BORDER_CONSTANT, value=0)
    assert covered(inside, found) > 0.95


def test_a_dark_corner_of_another_tone_than_the_lid_is_not_missing():
    picture = np.maximum(scene(), 90)
    for tone, missing in ((18, True), (40, False)):
        sheet = on_a_lid(lay(picture, torn_off(picture, (0, 1)), tone), 18)
        assert missing_corners(pyramid(sheet)[0]).any() == missing


@pytest.mark.parametrize("tone", [8, 238])
@pytest.mark.parametrize("axes", [(196, 196), (190, 190), (180, 140), (150, 196)])
def test_a_round_or_oval_mount_lacks_no_corner(tone, axes):
    picture = scene(400, 400, grain=2.0)
    picture = 22 + picture // 8  # so dark that its rim is soft beside a black mount
    picture[:200, 200:] += 90  # but in one corner
    outside = np.full_like(picture, 255)
    cv2.ellipse(outside, (200, 200), axes, 0, 0, 360, 0, cv2.FILLED)
    picture[outside > 0] = tone
    assert not missing_corners(pyramid(cv2.GaussianBlur(picture, (0, 0), 0.7))[0]).any()


@pytest.mark.parametrize("shape", [(32, 1600), (1600, 20), (40, 40), (1, 1)])
def test_any_size_on_a_lid_is_looked_at(shape):
    picture = np.full(shape, 250, np.uint8)
    picture[shape[0] // 8 : -shape[0] // 8 or None, shape[1] // 8 : -shape[1] // 8 or None] = 90
    assert not missing_corners(pyramid(picture)[0]).any()


def cut(picture, edge, tone, *, torn):
    """A triangle of the upper left corner missing, `edge` of the short side long, by a straight cut or torn."""
    height = len(picture)
    along = np.linspace(0, 1, 40)
    deviation = np.random.default_rng(4).normal(0, 5 * torn, along.shape)
    rim = np.stack([along * edge * height + deviation, (1 - along) * edge * height + deviation], axis=1)
    rim[0, 0], rim[-1, 1] = 0, 0
    shape = blank(picture)
    cv2.fillPoly(shape, [np.array([(0, 0), *rim.tolist()]).round().astype(np.int32)], 255, cv2.LINE_AA)
    return lay(picture, shape, tone), shape


@pytest.mark.parametrize(
    ("edge", "tone", "torn", "found"),
    [
        pytest.param(0.58, 20, True, True, id="torn off over black card"),
        pytest.param(0.58, 20, False, False, id="straight: a wall"),
        pytest.param(0.58, PAPER, True, False, id="white: a sky over roofs"),
        pytest.param(0.75, 20, True, False, id="too large"),
        pytest.param(0.4, PAPER, True, True, id="torn off over white paper"),
        pytest.param(0.4, PAPER, False, True, id="cut off"),
    ],
)
def test_a_large_corner_must_be_torn_and_dark(edge, tone, torn, found):
    picture, shape = cut(scene(), edge, tone, torn=torn)
    missing = missing_corners(pyramid(picture)[0])
    assert missing.any() == found
    assert not found or covered(shape, missing) > 0.95


@pytest.mark.parametrize(
    ("tone", "torn", "found"),
    [
        pytest.param(25, False, False, id="a dark roof"),
        pytest.param(25, True, True, id="torn off over black card"),
        pytest.param(255, True, False, id="a clipped sky"),
        pytest.param(246, True, True, id="torn off over white paper"),
        pytest.param(246, False, False, id="a white wall"),
    ],
)
def test_a_tone_that_the_scene_has_elsewhere_is_missing_only_where_it_is_torn(tone, torn, found):
    picture = scene()
    picture[250:300, 300:350] = tone
    picture, _ = cut(picture, 0.3, tone, torn=torn)
    assert missing_corners(pyramid(picture)[0]).any() == found


@pytest.mark.parametrize("torn", [True, False])
def test_the_rim_of_a_torn_corner_may_fade_into_the_scene_for_a_part_of_it(torn):
    picture = scene()
    picture[:, 60:92] = 40  # a post that is nearly as dark as the card
    picture, shape = cut(picture, 0.4, 25, torn=torn)
    missing = missing_corners(pyramid(picture)[0])
    assert missing.any() == torn
    assert not torn or covered(shape, missing) > 0.95


@pytest.mark.parametrize("tone", [25, 240])
def test_a_missing_corner_is_found_in_a_sharpened_scan(tone):
    picture, shape = cut(scene(), 0.3, tone, torn=True)
    picture = cv2.addWeighted(picture, 2.2, cv2.GaussianBlur(picture, (0, 0), 1.2), -1.2, 0)
    assert picture[shape == 255].std() > 3.8
    assert covered(shape, missing_corners(pyramid(picture)[0])) > 0.95


def torn_twice(tone, below, second=None):
    """The upper left corner and the lower right one torn off over one tone, or the second over another; the scene has
    the tone `below` beside the second one."""
    picture = scene()
    picture[200:, 240:] = cv2.GaussianBlur(picture[200:, 240:] // 8, (0, 0), 2) + below
    picture, first = cut(picture, 0.35, tone, torn=True)
    turned, other = cut(np.ascontiguousarray(picture[::-1, ::-1]), 0.4, second or tone, torn=True)
    return np.ascontiguousarray(turned[::-1, ::-1]), first, other[::-1, ::-1]


def test_the_ground_that_shows_through_one_corner_is_known_in_another_though_the_scene_is_nearly_like_it():
    picture, first, second = torn_twice(30, below=32)
    missing = missing_corners(pyramid(picture)[0])
    assert covered(first, missing) > 0.95
    assert covered(second, missing) > 0.9
    assert beside(np.maximum(first, second), missing) < 0.02


def test_another_tone_than_the_ground_of_a_missing_corner_is_the_scene():
    picture, first, second = torn_twice(30, below=52, second=50)
    missing = missing_corners(pyramid(picture)[0])
    assert covered(first, missing) > 0.95
    assert not missing[second == 255].any()


def test_a_bar_of_the_tone_of_the_ground_that_a_corner_runs_into_is_the_scene():
    picture, _, second = torn_twice(30, below=90)
    picture[290:300, 100:420] = 30
    missing = missing_corners(pyramid(picture)[0])
    assert covered(second, missing) > 0.9
    assert not missing[285:305, 100:250].any()


@pytest.mark.parametrize(("second", "found"), [(30, True), (24, False)])
def test_two_corners_over_one_ground_prove_each_other(second, found):
    picture = scene()
    picture[:, 60:-60] = cv2.GaussianBlur(picture[:, 60:-60] // 8, (0, 0), 2) + 36
    picture, first = cut(picture, 0.4, 30, torn=True)
    turned, other = cut(np.ascontiguousarray(picture[::-1, ::-1]), 0.4, second, torn=True)
    missing = missing_corners(pyramid(np.ascontiguousarray(turned[::-1, ::-1]))[0])
    assert missing.any() == found
    assert not found or min(covered(shape, missing) for shape in (first, other[::-1, ::-1])) > 0.9


@pytest.mark.parametrize(("tone", "found"), [(30, True), (50, False)])
def test_a_corner_through_which_the_lid_shows_is_missing_though_the_scene_has_nearly_its_tone(tone, found):
    picture = scene()
    picture[:, 340:390] = 36
    turned, shape = cut(np.ascontiguousarray(picture[::-1, ::-1]), 0.5, tone, torn=True)
    lid = {"borderType": cv2.BORDER_CONSTANT, "value": 30}
    sheet = cv2.copyMakeBorder(np.ascontiguousarray(turned[::-1, ::-1]), 30, 12, 30, 12, **lid)
    shape = cv2.copyMakeBorder(shape[::-1, ::-1], 30, 12, 30, 12, cv2.BORDER_CONSTANT, value=0)
    missing = missing_corners(pyramid(sheet)[0])
    assert missing.any() == found
    assert not found or covered(shape, missing) > 0.9


def test_a_corner_that_is_all_arm_is_the_scene():
    picture = scene()
    picture[:8, :200] = 30
    picture[:200, :8] = 30
    assert not missing_corners(pyramid(picture)[0]).any()
