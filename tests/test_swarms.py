import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.detection import Sensitivity, detect, specks_all_over
from archive_restore.detection.detect import MAYBE, judged, named, regions_in
from archive_restore.detection.masks import HYSTERESIS
from archive_restore.detection.odds import scores_of
from archive_restore.detection.swarms import MANY, members, specks, swarms
from archive_restore.detection.views import Seen

SHAPE = (480, 640)
LIGHT, DARK = frozenset((True,)), frozenset((False,))
OUT_OF_THE_QUESTION = -11.0

Places = list[tuple[int, int]]


def ground(spread: float = 3.0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, spread, SHAPE)
    return np.clip(120 + noise, 0, 255).astype(np.uint8)


def everywhere(count: int) -> Places:
    """So many places all over the picture, none at its edge."""
    random = np.random.default_rng(2)
    cells = [(row, column) for row in range(6) for column in range(8)]
    chosen = random.permutation(len(cells))[:count]
    return [(40 + 70 * cells[n][0], 40 + 75 * cells[n][1]) for n in chosen]


def in_one_corner(count: int) -> Places:
    return [(20 + 14 * (n // 6), 20 + 14 * (n % 6)) for n in range(count)]


def with_specks(
    places: Places, odds: float, *, level: int = 200, spread: float = 3.0, side: int = 2, scratches: int = 3
) -> tuple[NDArray[np.uint8], Seen]:
    """Specks on grey beside sure scratches, and what a segmenter thinks of them."""
    picture, believed = ground(spread), np.full(SHAPE, OUT_OF_THE_QUESTION, np.float32)
    for number in range(scratches):
        scratch = np.s_[22 + 70 * number, 60:580]
        picture[scratch], believed[scratch] = 250, 6.0
    for row, column in places:
        speck = np.s_[row : row + side, column : column + side]
        picture[speck], believed[speck] = level, odds
    return picture, Seen(scores_of(believed), believed)


def polarities(picture: NDArray[np.uint8], seen: Seen) -> frozenset[bool]:
    return judged(picture, seen).polarities


def test_many_specks_all_over_a_picture_are_a_swarm_of_their_polarity():
    assert polarities(*with_specks(everywhere(20), 0.3)) == LIGHT
    assert polarities(*with_specks(everywhere(20), 0.3, level=40)) == DARK


def test_as_many_in_one_corner_are_not_nor_fewer_everywhere():
    assert not polarities(*with_specks(in_one_corner(20), 0.3))
    assert polarities(*with_specks(everywhere(MANY), 0.3))
    assert not polarities(*with_specks(everywhere(MANY - 1), 0.3))


def test_a_picture_that_has_not_suffered_otherwise_has_none():
    """It may be snow, or the night's sky."""
    assert not polarities(*with_specks(everywhere(40), 0.3, scratches=0))
    assert not polarities(*with_specks(everywhere(40), 0.3, scratches=2))


def test_what_is_hardly_lighter_than_a_busy_ground_is_no_swarm():
    assert not polarities(*with_specks(everywhere(20), 0.3, level=170, spread=25))
    assert not polarities(*with_specks(everywhere(20), 0.3, level=170, spread=20))


def test_larger_things_are_no_specks():
    assert not polarities(*with_specks(everywhere(20), 0.3, side=24))


def test_a_swarms_specks_are_believed_more():
    """One more makes the others a swarm."""

    def first(count: int) -> int:
        places = everywhere(count)
        picture, seen = with_specks(places, 0.3)
        return int(judged(picture, seen).merged.scores[places[0]])

    assert first(MANY) > first(MANY - 1) + 20


def test_what_is_only_suspected_is_believed_in_a_swarm_of_its_polarity():
    """A faint speck beside twenty surer ones; dark ones say nothing about a light one."""

    def faint(level: int) -> int:
        picture, seen = with_specks(everywhere(20), 3.0, level=level)
        speck = np.s_[300:304, 335:339]
        picture[speck] = 190
        odds = seen.odds.copy()
        odds[speck] = -2.0
        return int(named(picture, Seen(scores_of(odds), odds)).scores[speck].max())

    assert faint(200) > faint(40) + 20


def test_the_members_are_the_specks_of_that_polarity():
    picture, seen = with_specks(everywhere(20), 0.3, scratches=0)
    picture[10:12, 100:102], picture[200:202, 5:90] = 20, 200
    scores = seen.probability.copy()
    scores[10:12, 100:102] = scores[200:202, 5:90] = 140
    regions, weighed = regions_in(picture, scores)
    assert specks(weighed).sum() == 21
    assert members(weighed, LIGHT).sum() == 20
    assert members(weighed, DARK).sum() == 1
    assert not members(weighed, frozenset()).any()
    assert swarms(regions, weighed, np.s_[:, :], SHAPE) == LIGHT


def test_parts_of_a_picture_are_counted_from_its_corner():
    """Specks in a column between its first and its third quarter; what is cut off beside them counts."""
    picture = ground()
    scores = np.zeros(SHAPE, np.uint8)
    for row in range(20, 470, 45):
        for column in (260, 390):
            picture[row : row + 2, column : column + 2], scores[row : row + 2, column : column + 2] = 200, 140
    part = np.s_[0:480, 250:400]
    regions, weighed = regions_in(picture, scores, part)
    assert swarms(regions, weighed, part, SHAPE) == LIGHT  # eight of sixteen parts
    assert not swarms(regions, weighed, np.s_[0:480, 0:150], SHAPE)  # four


def test_lines_along_a_film_are_other_damage(monkeypatch: pytest.MonkeyPatch):
    picture, seen = with_specks(everywhere(20), 0.3, scratches=0)
    assert not polarities(picture, seen)
    lines = np.zeros(SHAPE, np.uint8)
    lines[:, (50, 61, 72)] = 255
    monkeypatch.setattr(detect, "tramlines", lambda *_: lines)
    assert polarities(picture, seen) == LIGHT


def test_a_swarm_that_nothing_proves_is_asked_about():
    """A high sensitivity takes all of it, and a normal one what it takes anyway."""
    picture, seen = with_specks(everywhere(40), 0.3, scratches=0)
    found = named(picture, seen)
    at_each = np.array(
        [found.scores[row : row + 2, column : column + 2].max() for row, column in everywhere(40)]
    )
    assert (at_each >= HYSTERESIS[Sensitivity.HIGH].seed).all()
    assert (at_each <= MAYBE).all()
    assert specks_all_over(found)
    fewer = named(*with_specks(everywhere(MANY - 1), 0.3, scratches=0))
    assert not specks_all_over(fewer)
    assert fewer.scores[everywhere(1)[0]] < at_each[0]


def test_a_proven_swarm_is_in_the_mask_and_nothing_is_asked():
    assert not specks_all_over(named(*with_specks(everywhere(40), 3.0, scratches=4)))


def test_little_other_damage_proves_no_great_swarm():
    """Among hundreds of stars some patches of snow are taken for damage."""
    assert polarities(*with_specks(everywhere(40), 0.3, scratches=3)) == LIGHT
    assert not polarities(*with_specks(everywhere(46), 0.3, scratches=3))
    assert polarities(*with_specks(everywhere(46), 0.3, scratches=4)) == LIGHT


def test_lights_in_the_dark_are_no_dust_however_sure():
    """On a dark ground, beside a pale one, they are asked about; on a pale ground they are taken as before."""

    def found(pale: slice) -> tuple[int, bool]:
        picture, seen = with_specks(everywhere(40), 5.0, scratches=0, level=235)
        picture[:, pale] = picture[:, pale] // 4 + 180
        score_map = named(picture, seen)
        return int(score_map.scores[everywhere(40)[0]]), specks_all_over(score_map)

    score, asked = found(np.s_[630:])
    assert score <= MAYBE
    assert asked
    score, _ = found(np.s_[:400])
    assert score >= HYSTERESIS[Sensitivity.NORMAL].seed
