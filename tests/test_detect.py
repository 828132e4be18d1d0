import cv2
import numpy as np
import pytest

from archive_restore.detection import Kind, score, spots, threshold
from archive_restore.detection.odds import odds_of
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


def scanned(picture):
    """As soft as a scanner makes it."""
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


def verified(calls, picture=None):
    """The score map when a verifier calls these pixels, with the probability of each in 255ths."""
    picture = scene() if picture is None else picture
    probability = np.zeros(picture.shape[:2], np.uint8)
    for place, value in calls:
        probability[place] = value

    def verifier(working):
        seen = cv2.resize(working, picture.shape[1::-1]).astype(int)
        mirrored = abs(seen - picture[:, ::-1]).sum() < abs(seen - picture).sum()
        return odds_of(probability[:, ::-1] if mirrored else probability)

    return score(picture, verifier)


def test_a_verifier_alone_decides_which_pixels_are_damaged():
    picture = scene()
    picture[100:107, 60:67] = 250  # plain to see, and not called
    picture[200:202, 300:360] = 250
    score_map = verified([(np.s_[200:202, 300:360], 255)], scanned(picture))
    mask, [region] = threshold(score_map)
    assert mask[200:202, 300:360].all()
    assert not mask[100:107, 60:67].any()
    assert 0.5 < region.score < 1


def test_what_a_verifier_hardly_believes_is_not_stored():
    score_map = verified([(np.s_[50:60, 50:60], 20), (np.s_[80:90, 80:90], 40)])
    assert not score_map.scores[50:60, 50:60].any()
    assert (score_map.scores[80:90, 80:90] == 40).all()


@pytest.mark.parametrize(
    ("place", "tone", "kind"),
    [
        (np.s_[100:105, 100:105], 250, Kind.DUST),
        (np.s_[100:102, 60:160], 250, Kind.SCRATCH),
        (np.s_[100:102, 60:160], 10, Kind.SCRATCH),
        (np.s_[150:153, 0:480], 250, Kind.CREASE),
        (np.s_[150:162, 0:60], 250, Kind.TEAR),
        (np.s_[100:112, 100:115], 10, Kind.SPOT),
    ],
)
def test_the_form_of_a_called_region_names_its_kind(place, tone, kind):
    picture = scene()
    picture[place] = tone
    _, [region] = threshold(verified([(place, 255)], scanned(picture)))
    assert region.kind is kind


def test_a_verifier_sees_a_large_photograph_reduced_and_the_mask_has_its_size():
    seen = []

    def verifier(working):
        seen.append(working.shape)
        probability = np.zeros(working.shape[:2], np.uint8)
        probability[96:104, 96:104] = 255
        return odds_of(probability)

    large = np.full((1536, 2048, 3), 120, np.uint8)
    mask, [region] = threshold(score(large, verifier, thorough=False), shape=large.shape[:2])
    assert seen == [(768, 1024, 3)]
    assert mask.shape == (1536, 2048)
    assert mask[194:206, 194:206].all()
    assert mask.sum() < 24**2
    assert abs(region.left - 192) <= 4


def test_a_close_look_at_a_large_photograph_is_at_several_sizes():
    seen = []

    def verifier(view):
        seen.append(view.shape)
        scale = view.shape[1] // 512
        probability = np.zeros(view.shape[:2], np.uint8)
        probability[48 * scale : 52 * scale, -52 * scale : -48 * scale] = 255
        return odds_of(probability if scale != 4 else np.ascontiguousarray(probability[:, ::-1]))

    large = np.full((3072, 4096, 3), 120, np.uint8)
    found = score(large, verifier, thorough=True)
    mask, [region] = threshold(found, shape=large.shape[:2])
    assert seen == [(768, 1024, 3), (1536, 2048, 3), (2304, 3072, 3)]
    assert found.scores.shape == (1536, 2048)
    assert mask[388:412, -412:-388].all()
    assert mask.sum() < 48**2
    assert abs(region.top - 384) <= 8
    # Of 12 megapixels, it has to be wished.
    seen.clear()
    score(large, verifier)
    assert seen == [(768, 1024, 3)]
    # The heuristics have one way to look.
    assert score(large, thorough=True).scores.shape == (768, 1024)


def test_a_large_spot_needs_more_proof_and_a_long_scratch_does_not(monkeypatch):
    """What a verifier is equally sure of, as a blot of 2 % of the picture and as a line of nearly as much."""
    picture = cv2.cvtColor(scene(seed=1), cv2.COLOR_GRAY2RGB)
    height, width = picture.shape[:2]
    shapes = {
        "blot": cv2.circle(
            np.zeros((height, width), np.uint8), (width // 2, height // 2), height // 11, 225, -1
        ),
        "line": cv2.line(np.zeros((height, width), np.uint8), (20, 60), (width - 21, 60), 225, 5),
    }

    def most(shape):
        drawn = picture.copy()
        drawn[shape > 0] = 240
        return int(
            score(drawn, lambda shown: odds_of(cv2.resize(shape, shown.shape[1::-1]))).scores[shape > 0].max()
        )

    doubted = {name: most(shape) for name, shape in shapes.items()}
    monkeypatch.setattr(spots, "DOUBT_OF_LARGE", 0.0)
    believed = {name: most(shape) for name, shape in shapes.items()}
    assert doubted["blot"] < believed["blot"]
    assert doubted["line"] == believed["line"] > 100


def test_the_rest_of_a_patch_has_the_patchs_kind():
    picture = np.full((300, 400, 3), 90, np.uint8)
    picture[100:160, 158:242] = 240
    probability = np.zeros(picture.shape[:2], np.uint8)  # the same mirrored, as a verifier is asked
    probability[100:160, 158:242], probability[100:160, 170:230] = 80, 230
    found = score(picture, lambda shown: odds_of(cv2.resize(probability, shown.shape[1::-1])))
    sure, rest = np.s_[110:150, 180:220], np.s_[110:150, 236:240]
    assert (found.scores[rest] > 0).all()
    assert set(found.kinds[rest].ravel()) == set(found.kinds[sure].ravel()) != {0}
