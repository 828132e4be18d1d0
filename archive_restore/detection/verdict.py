"""Is a candidate damage? Its traits are weighed alone, and again knowing what else is damage."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.candidates import Candidates
from archive_restore.detection.filters import Floats, area_resized
from archive_restore.detection.palette import SIDE, Palette, smoothed
from archive_restore.detection.traits import TRAITS

# Traits that span decades are weighed by their logarithm.
SPANNING = frozenset(
    (
        "area",
        "contrast",
        "clarity",
        "prominence",
        "grain",
        "evenness",
        "tone_spread",
        "ring_spread",
        "steepness",
        "length",
        "width",
        "elongation",
        "bend",
        "reach",
        "chroma",
        "chroma_gap",
        "chroma_spread",
    )
)
LOGARITHM_OFFSET = 0.1
# Inputs further than this from their mean are as odd as it gets, in standard deviations.
ODDEST = 4.0
# No judge is surer than this, so that one alone cannot outvote the others.
MOST_ODDS = 7.0
# From here a candidate is evidence about the others.
EVIDENCE = 0.8
# From here a candidate claims its pixels.
CLAIM = 0.6
# The share of a photograph that light (True) and dark damage covers before it is doubted, edges and corners
# apart. Drawn hairs and dust cover 2 % on average, and dark damage is the rarer one.
MOST_COVER = {True: 0.02, False: 0.01}
# Side of the window that counts as nearby, px of the palette's level.
NEARBY_PX = 65
# Shares of a picture smaller than this are as good as none.
LITTLE = 1e-4


@dataclass(frozen=True)
class Weights:
    """A network of fully connected layers with rectifiers between them, and the scale of its inputs."""

    mean: Floats  # (I,)
    spread: Floats  # (I,)
    layers: tuple[tuple[Floats, Floats], ...]  # each (out, in), (out,)

    def odds(self, inputs: Floats) -> Floats:
        """(N, I) inputs to (N,) logarithms of the odds."""
        x = np.clip((inputs - self.mean) / self.spread, -ODDEST, ODDEST)
        for i, (matrix, bias) in enumerate(self.layers):
            x = x @ matrix.T + bias
            if i < len(self.layers) - 1:
                x = np.maximum(x, 0)
        return np.asarray(np.clip(x[:, 0], -MOST_ODDS, MOST_ODDS), np.float32)

    def probability(self, inputs: Floats) -> Floats:
        """(N, I) inputs to (N,) probabilities."""
        return probability(self.odds(inputs))


def probability(odds: Floats) -> Floats:
    """Logarithms of odds as probabilities 0..1."""
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def stored(name: str, traits: Sequence[str]) -> list[dict[str, Any]]:
    """The judges of NAME.json beside this module, which tests/benchmarks/fit_NAME.py fits to these traits."""
    read = json.loads(resources.files(__package__).joinpath(f"{name}.json").read_text("ascii"))
    if read["traits"] != list(traits):
        raise RuntimeError(
            f"{name}.json was fitted to other traits; run python -m tests.benchmarks.fit_{name}"
        )
    return list(read["panel"])


@cache
def panel() -> tuple[tuple[Weights, Weights], ...]:
    """The judges of candidates: each weighs alone first, then with what that says of others."""
    return tuple((parse(judge["alone"]), parse(judge["together"])) for judge in stored("verdict", TRAITS))


@cache
def panel_of(name: str, traits: tuple[str, ...]) -> tuple[Weights, ...]:
    """The judges of NAME.json; see `stored`."""
    return tuple(parse(judge) for judge in stored(name, traits))


def mean_odds(name: str, traits: tuple[str, ...], weighed: Floats) -> Floats:
    """(N, T) traits to (N,) logarithms of the odds of damage, the mean of NAME.json's judges."""
    odds = [judge.odds(weighed) for judge in panel_of(name, traits)]
    return np.asarray(np.mean(odds, axis=0), np.float32)


def parse(stored: dict[str, list[list[float]]]) -> Weights:
    """One network of verdict.json."""
    arrays = [np.array(values, np.float32) for values in stored["layers"]]
    pairs = tuple(zip(arrays[::2], arrays[1::2], strict=True))
    return Weights(np.array(stored["mean"], np.float32), np.array(stored["spread"], np.float32), pairs)


def inputs(found: Candidates) -> Floats:
    """(N, T + 1): the traits as they are weighed, and the polarity."""
    weighed = np.full((len(found), len(TRAITS) + 1), found.light, np.float32)
    weighed[:, :-1] = found.traits
    spanning = [name in SPANNING for name in (*TRAITS, "light")]
    weighed[:, spanning] = np.log(np.maximum(weighed[:, spanning], 0) + LOGARITHM_OFFSET)
    return weighed


def evidence(every: list[Candidates], probabilities: list[Floats], palette: Palette) -> list[Floats]:
    """What the candidates of a photograph say about each other.

    Damage of one photograph has few colours (all its tears show the same paper, all its dust the same black)
    and comes in swarms. What a candidate covers itself is no evidence about it.

    Returns
    -------
    One (N, 4) array an entry of `every`, logarithms: how far the candidate's colour is that of other damage
    rather than of the photograph; how much other damage of its polarity there is; how much of the other
    polarity; how much there is nearby.
    """
    canvases = {light: _canvas(every, probabilities, palette, light, EVIDENCE) for light in (True, False)}
    coloured = {
        light: smoothed(np.bincount(palette.codes[canvas > 0], minlength=SIDE**3).astype(np.float32))
        for light, canvas in canvases.items()
    }
    nearby = cv2.blur(cv2.max(canvases[True], canvases[False]).astype(np.float32), (NEARBY_PX, NEARBY_PX))
    pixels = palette.codes.size
    result = []
    for found in every:
        height, width = found.plane.shape
        size = pixels / (height * width)  # of a pixel of this level on the canvas
        called = area_resized(255 * canvases[found.light], (height, width))
        own = size * np.bincount(found.owner, called.ravel()[found.position] > 0, len(found))
        other = canvases[not found.light].mean()
        here = cv2.resize(nearby, (width, height), interpolation=cv2.INTER_LINEAR).ravel()[found.position]
        around = np.bincount(found.owner, here, len(found)) / np.maximum(found.trait("area"), 1)
        alike = np.maximum(coloured[found.light][found.colour] - own, 0) / pixels
        columns = (
            np.log((alike + LITTLE) / (palette.shares[found.colour] + LITTLE)),
            np.log(np.maximum(canvases[found.light].mean() - own / pixels, 0) + LITTLE),
            np.full(len(found), np.log(other + LITTLE)),
            np.log(np.maximum(around - own / NEARBY_PX**2, 0) + 0.01),
        )
        result.append(np.stack(columns, axis=1).astype(np.float32))
    return result


def _canvas(
    every: list[Candidates], probabilities: list[Floats], palette: Palette, light: bool, least: float
) -> NDArray[np.uint8]:
    """(h, w) of the palette: 1 where a candidate of this polarity has at least this probability."""
    height, width = palette.codes.shape
    canvas = np.zeros((height, width), np.uint8)
    for found, probability in zip(every, probabilities, strict=True):
        sure = (probability >= least).astype(np.uint8)
        if found.light == light and sure.any():
            painted = area_resized(255 * found.paint(sure), (height, width))
            canvas |= (painted > 127).astype(np.uint8)
    return canvas


def verdicts(every: list[Candidates], palette: Palette) -> list[Floats]:
    """The probability (N,) of damage for each candidate of each entry of `every`.

    The judges' mean, as logarithms of the odds: fitted to different photographs, they err on different ones.
    """
    if not every:
        return []
    weighed = [inputs(found) for found in every]
    sums = [np.zeros(len(found), np.float32) for found in every]
    judges = panel()
    for alone, together in judges:
        heard = evidence(every, [alone.probability(x) for x in weighed], palette)
        for total, *pair in zip(sums, weighed, heard, strict=True):
            total += together.odds(np.hstack(pair)) / len(judges)
    return _plausible(every, [probability(total) for total in sums], palette)


def _plausible(every: list[Candidates], probabilities: list[Floats], palette: Palette) -> list[Floats]:
    """Doubts all candidates of a polarity if together they cover more than damage does.

    A print of hard black and white, or a wood full of highlights, answers everywhere: then nothing can be told
    apart, and it is better to leave scratches than to repaint the scene. What comes in from the edge (tears)
    is large by nature and is neither counted nor doubted.
    """
    inner = [np.where(_from_edge(found), 0, p) for found, p in zip(every, probabilities, strict=True)]
    trust = {}
    for light, most in MOST_COVER.items():
        share = float(_canvas(every, inner, palette, light, CLAIM).mean())
        trust[light] = np.float32(min(1.0, (most / max(share, LITTLE)) ** 0.5))
    return [
        np.where(_from_edge(found), p, p * trust[found.light])
        for found, p in zip(every, probabilities, strict=True)
    ]


def _from_edge(found: Candidates) -> NDArray[np.bool_]:
    return (found.trait("frame") > 0) & found.light
