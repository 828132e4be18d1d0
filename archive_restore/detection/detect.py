"""All detectors, merged into one score map."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import (
    bays,
    corners,
    creases,
    dust,
    edges,
    judge,
    lattices,
    panes,
    scratches,
    spots,
    swarms,
    tears,
)
from archive_restore.detection.alike import believe_alike
from archive_restore.detection.borders import border_of, without, without_border
from archive_restore.detection.candidates import Candidates, find
from archive_restore.detection.continuing import go_on
from archive_restore.detection.filters import (
    Floats,
    components,
    dilated,
    luminance,
    repeated,
    square,
    stretched,
)
from archive_restore.detection.halos import with_halos
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import finest, halved_to, pyramid, working_picture
from archive_restore.detection.regions import KINDS, Kind
from archive_restore.detection.shapes import OUTER_RING_PX, Form, Regions, form, painted, regions_of
from archive_restore.detection.suspects import SURE, scores_by, suspects
from archive_restore.detection.torn_corners import torn_corners
from archive_restore.detection.tramlines import tramlines
from archive_restore.detection.verdict import verdicts
from archive_restore.detection.views import Seen, Verifier, closely, seen
from archive_restore.detection.wholes import made_whole
from archive_restore.detection.worn import worn_by_pieces, worn_by_share

LIKENESS: dict[Kind, Callable[[Form], Floats]] = {
    Kind.DUST: dust.likeness,
    Kind.HAIR: scratches.hair_likeness,
    Kind.SCRATCH: scratches.scratch_likeness,
    Kind.CREASE: creases.crease_likeness,
    Kind.CRACK: creases.crack_likeness,
    Kind.TEAR: tears.likeness,
    Kind.SPOT: spots.likeness,
}
# How much sooner, or later, what so many views see is believed, and how much sooner in a worn print. What covers this
# share of a picture is never believed sooner.
AGREED, AGREED_IF_WORN, BROAD = {1: -0.7, 3: 0.0, 4: 0.25}, 0.6, 0.01
# Below this probability nothing is stored: no sensitivity reaches so far.
FAINTEST = 0.1
# What resembles no kind of damage by at least this is doubted.
LIKELY = 0.8
# Blots of the size of a window pane or a face are the scene far more often than they are stains.
SPOT_DOUBT = 0.6
# A corner passes its tests or it does not; a low sensitivity does not believe it.
CORNER_SCORE = 200
# Score, in 255ths, that what may as well be snow has at most: a high sensitivity reaches it, no other does.
MAYBE = 140
# Of no polarity's swarm it was decided before whether it is damage.
NOTHING_TOLD: Mapping[bool, bool] = {}
# Pixels of at least this score make the regions that are judged and named, 255ths.
NAMED_FROM = 110
# What is less sure than a tramline ends half of this away from it.
MOAT_PX = 5


def score(
    pixels: NDArray[np.uint8], verifier: Verifier | None = None, *, thorough: bool | None = None
) -> ScoreMap:
    """How sure the detectors are that each pixel is damaged, and of what kind.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, 3) uint8, RGB, from 1x1 upwards.
    verifier
        Decides which pixels are damaged; without one the heuristics do.
    thorough
        Large photographs are shown to the verifier at their own size as well, and not only once and reduced: that
        finds finer damage, errs less, and takes five to ten times as long. None: as `views.closely` has it.

    Returns
    -------
    ScoreMap
        (h, w) probabilities of damage as 0..255, and kinds; h, w are those of the working picture.

    Raises
    ------
    ValueError
        If `pixels` is anything else.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"expected (H, W) or (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    close = verifier is not None and closely(pixels.shape, thorough)
    picture = working_picture(pixels, close=close)
    if verifier is None:
        found = without_border(heuristic(picture), picture)
    else:
        opinion = seen(picture, verifier, original=pixels, close=close)
        found = named(picture, opinion)
        if found.scores.any():
            border = border_of(picture)
            found = without(found, border)
            believe_alike(found, picture)  # what is called of a white border says nothing about white things
            if go_on(found, opinion.odds):  # perhaps along the border
                found = without(found, border)
    coarse = halved_to(picture, corners.LONG_SIDE_PX)
    plane = finest(coarse)
    missing = corners.missing_corners(plane) | torn_corners(coarse)
    _merge_corners(found, missing | bays.missing_pieces(plane, missing))  # they reach into the border
    return found


def heuristic(picture: NDArray[np.uint8]) -> ScoreMap:
    """The score map of a working picture by candidates and their traits alone."""
    planes = pyramid(picture)
    colours = palette(planes)
    every = [found for plane in planes for found in find(plane, colours)]
    levels = {plane.step: empty(plane.shape) for plane in planes}
    for found, probability in zip(every, verdicts(every, colours), strict=True):
        lay(levels[found.plane.step], found, probability)
    merged = empty(picture.shape[:2])
    for level in levels.values():
        _merge(merged, level)
    return merged


def named(picture: NDArray[np.uint8], opinion: Seen) -> ScoreMap:
    """The score map that a verifier's opinion of a picture makes, with what is suspected beside sure damage."""
    found = _with_suspects(picture, opinion)
    if found.unproven:
        supposed = _with_suspects(picture, opinion, dict.fromkeys(found.unproven, True))
        _merge_supposed(found.merged, supposed.merged)
    return found.merged


class Judged(NamedTuple):
    """What the segmenter's regions are thought to be, and the polarities (True = light) of the swarms among them: of
    those that are damage, and of those that may as well be snow."""

    merged: ScoreMap
    polarities: frozenset[bool]
    unproven: frozenset[bool]


def _with_suspects(
    picture: NDArray[np.uint8], opinion: Seen, told: Mapping[bool, bool] = NOTHING_TOLD
) -> Judged:
    heard = opinion
    found = judged(picture, heard, told=told)
    if opinion.generous is not None and (worn := worn_by_share(found.merged.scores)):
        told = {**dict.fromkeys(found.unproven, False), **told}
        worn *= worn_by_pieces(judged(picture, opinion.believing(1), told=told).merged.scores)
        if worn:
            heard = opinion.believing(worn)
            found = judged(picture, heard, AGREED_IF_WORN * worn, told=told)
    _merge_suspects(found, picture, heard)
    return found


def judged(
    picture: NDArray[np.uint8],
    opinion: Seen,
    belief: float = 0.0,
    *,
    told: Mapping[bool, bool] = NOTHING_TOLD,
) -> Judged:
    """What `named` gives without suspects: regions are judged and get kinds by their form.

    `belief` is added to the logarithms of the odds, but only to those of what is not broad where it is positive.
    `told` says of swarms of a polarity (True = light) that they are damage, or are not proven, whatever else there is.
    Tramlines are added: they pass their own tests.
    """
    scores = np.asarray(cv2.threshold(opinion.probability, 255 * FAINTEST, 0, cv2.THRESH_TOZERO)[1], np.uint8)
    merged = ScoreMap(scores, np.zeros(scores.shape, np.uint8))
    polarities: frozenset[bool] = frozenset()
    unproven: frozenset[bool] = frozenset()
    lines = tramlines(luminance(picture), opinion.probability)
    left, top, width, height = cv2.boundingRect((scores >= NAMED_FROM).view(np.uint8))
    if width:
        # What is far from any region needs no name.
        rows = slice(max(top - OUTER_RING_PX, 0), top + height + OUTER_RING_PX)
        columns = slice(max(left - OUTER_RING_PX, 0), left + width + OUTER_RING_PX)
        belief += AGREED[opinion.views]
        part = _judged_and_named(picture, scores, (rows, columns), belief, lines, told)
        merged.scores[rows, columns], merged.kinds[rows, columns] = part.merged.scores, part.merged.kinds
        polarities, unproven = part.polarities, part.unproven
    _merge_tramlines(merged, lines)
    return Judged(merged, polarities, unproven)


def regions_in(
    picture: NDArray[np.uint8], scores: NDArray[np.uint8], part: tuple[slice, slice] = np.s_[:, :]
) -> tuple[Regions, Floats]:
    """The regions that a segmenter's scores (h, w), in 255ths, make in a part that holds all, and their traits."""
    grey = luminance(picture[part])
    called = (scores[part] >= NAMED_FROM).view(np.uint8)
    regions = regions_of(called, grey, scores.shape)
    share = np.count_nonzero(called) / scores.size
    tones = judge.range_of(picture)
    return regions, judge.traits(regions, scores[part], grey, called=share, tones=tones)


def _judged_and_named(
    picture: NDArray[np.uint8],
    scores: NDArray[np.uint8],
    part: tuple[slice, slice],
    belief: float,
    lines: NDArray[np.uint8],
    told: Mapping[bool, bool],
) -> Judged:
    """What is judged of one part of a picture, which holds all regions; `belief` and `told` as in `judged`; `lines`
    (h, w) are the scores of the whole picture's tramlines."""
    regions, weighed = regions_in(picture, scores, part)
    odds = judge.odds(weighed)
    polarities = swarms.swarms(regions, weighed, part, scores.shape)
    unproven: frozenset[bool] = frozenset()
    if polarities:
        pieces = len(components((lines >= SURE).view(np.uint8))[1]) - 1
        others = pieces + swarms.sure_others(weighed, odds)
        proven = swarms.proven(weighed, polarities, others)
        unproven = frozenset(light for light in polarities if not told.get(light, light in proven))
        polarities -= unproven
    kinds, _ = kinds_of(regions.form)
    doubt = spots.doubt(regions.whole.size, scores.size) * (kinds == KINDS.index(Kind.SPOT))
    doubt += panes.doubt(regions.labels, len(doubt))
    doubt += lattices.doubt(regions.labels, regions.boxes, scores.shape)
    doubt += edges.doubt(regions.boxes, part, scores.shape)
    doubt -= np.where(regions.whole.size < BROAD * scores.size, belief, min(belief, 0.0))
    doubt -= swarms.BELIEF * swarms.members(weighed, polarities - told.keys())
    doubt -= swarms.SUPPOSITION * swarms.members(weighed, polarities & told.keys())
    doubt += swarms.DISBELIEF * swarms.lights(weighed, unproven)
    reconsidered = judge.reconsidered(scores[part], regions, odds, doubt)
    whole, labels = made_whole(reconsidered, regions, picture[part])
    merged = ScoreMap(with_halos(whole, labels, picture[part]), painted(kinds, labels))
    return Judged(merged, polarities, unproven)


def empty(shape: tuple[int, ...]) -> ScoreMap:
    """A score map of `shape` (h, w) without any damage."""
    return ScoreMap(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def lay(level: ScoreMap, found: Candidates, probability: Floats) -> None:
    """Lays candidates of probability (N,) into the score map of their level; the surest one shows."""
    kinds, likeness = kinds_of(form(found))
    values = believed(probability, kinds, likeness)
    value = values[found.owner]
    scores, shown = level.scores.ravel(), level.kinds.ravel()
    surer = found.firm & (value > scores[found.position])
    position = found.position[surer]
    scores[position] = value[surer]
    shown[position] = kinds[found.owner[surer]]


def believed(probability: Floats, kinds: NDArray[np.uint8], likeness: Floats) -> NDArray[np.uint8]:
    """(N,) probabilities as 0..255, less for what looks like no kind of damage."""
    doubt = np.minimum(likeness / LIKELY, 1)
    doubt[kinds == KINDS.index(Kind.SPOT)] *= SPOT_DOUBT
    values = 255 * probability * doubt
    return np.where(values >= 255 * FAINTEST, values, 0).astype(np.uint8)


def kinds_of(forms: Form) -> tuple[NDArray[np.uint8], Floats]:
    """(N,) index into KINDS of what each form looks like most, and (N,) how much so."""
    likeness = np.stack([LIKENESS[kind](forms) for kind in KINDS if kind in LIKENESS])
    order = np.array([i for i, kind in enumerate(KINDS) if kind in LIKENESS], np.uint8)
    return order[likeness.argmax(axis=0)], likeness.max(axis=0)


def _merge(merged: ScoreMap, level: ScoreMap) -> None:
    if not level.scores.any():
        return
    scores, kinds = level.scores, level.kinds
    if scores.shape != merged.scores.shape:
        # The kind reaches a pixel further than the score, so that a smoothed rim has the kind of its body.
        kinds = repeated(dilated(kinds, square(3)), merged.scores.shape)
        scores = stretched(scores, merged.scores.shape)
    surer = scores > merged.scores
    merged.scores[surer] = scores[surer]
    merged.kinds[surer] = kinds[surer]


def _merge_tramlines(merged: ScoreMap, lines: NDArray[np.uint8]) -> None:
    surer = lines > np.maximum(merged.scores, round(255 * FAINTEST))
    if not surer.any():
        return
    # What the segmenter doubts and a line crosses, lettering above all, is not to be called for the line's sake.
    beside = dilated(np.where(surer, lines, 0).astype(np.uint8), square(MOAT_PX))
    merged.scores[beside > merged.scores] = 0
    merged.scores[surer] = lines[surer]
    merged.kinds[surer] = KINDS.index(Kind.SCRATCH)


def _merge_corners(merged: ScoreMap, missing: NDArray[np.bool_]) -> None:
    if missing.any():
        whole = stretched(255 * missing.astype(np.uint8), merged.scores.shape) > 127
        merged.scores[whole] = np.maximum(merged.scores[whole], CORNER_SCORE)
        merged.kinds[whole] = KINDS.index(Kind.CORNER)


def _merge_supposed(merged: ScoreMap, supposed: ScoreMap) -> None:
    """Adds what would be damage if swarms were, for a person to decide on."""
    scores = np.minimum(supposed.scores, MAYBE)
    surer = scores > merged.scores
    merged.scores[surer] = scores[surer]
    merged.kinds[surer] = supposed.kinds[surer]


def _merge_suspects(found: Judged, picture: NDArray[np.uint8], opinion: Seen) -> None:
    suspected = suspects(picture, opinion.odds, found.merged.scores, opinion.probability >= NAMED_FROM)
    if suspected is None:
        return
    regions, weighed, pieces = suspected
    position, owner = regions.whole.position, regions.whole.owner
    values = scores_by(weighed, pieces, found.polarities, found.unproven)[owner]
    kinds = kinds_of(regions.form)[0][owner]
    scores, shown = found.merged.scores.ravel(), found.merged.kinds.ravel()
    surer = values > np.maximum(scores[position], round(255 * FAINTEST))
    scores[position[surer]] = values[surer]
    shown[position[surer]] = kinds[surer]
