"""Candidates: connected structures that stand out from what surrounds them, in either polarity."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import components, disc, mean_over, steps, top_hats
from archive_restore.detection.palette import Palette
from archive_restore.detection.planes import Plane
from archive_restore.detection.traits import TRAITS, Cut, Responses, measure

# Structures up to this wide are taken out by the opening; the next level finds those up to twice as wide.
OPENING_PX = 9
# Texture is the mean response of the opposite polarity over this window: damage has one polarity, grain,
# foliage and cloth have both.
TEXTURE_WINDOW_PX = 41
# Contrasts at which candidates are cut out, grey levels. Several, since a faint scratch needs a low cut, and
# a strong one beside clutter a high cut.
CUTS = (14, 28, 56)
# A cut is at least this many times the texture.
TEXTURE_FACTOR = 2.5
SMALLEST_AREA_PX = 4
# A pixel belongs firmly to a candidate from this share of its mean response.
FIRM = 0.5


@dataclass(frozen=True)
class Candidates:
    """Connected structures of one polarity, at one cut, of one level."""

    plane: Plane
    light: bool  # lighter than their surroundings; else darker
    cut: int  # grey levels
    position: NDArray[np.int32]  # (P,) flat index into the plane of every pixel of every candidate
    owner: NDArray[np.int32]  # (P,) the candidate it belongs to
    firm: NDArray[np.bool_]  # (P,) False where the response is so low that the pixel may belong to the scene
    traits: NDArray[np.float32]  # (N, T), columns as in TRAITS
    colour: NDArray[np.int32]  # (N,) where the palette keeps the candidate's colour

    def __len__(self) -> int:
        return len(self.traits)

    def trait(self, name: str) -> NDArray[np.float32]:
        """(N,) one column of the traits."""
        return self.traits[:, TRAITS.index(name)]

    def paint(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(h, w) uint8: every firm pixel of a candidate shows the candidate's value (N,), the rest 0."""
        plane = np.zeros(self.plane.luminance.size, np.uint8)
        plane[self.position[self.firm]] = values[self.owner[self.firm]]
        return plane.reshape(self.plane.shape)


def find(plane: Plane, palette: Palette) -> Iterator[Candidates]:
    """All candidates of one level: both polarities, every cut."""
    hats = top_hats(plane.luminance, disc(OPENING_PX))
    texture = {light: mean_over(hat, TEXTURE_WINDOW_PX) for light, hat in hats.items()}
    gradient = steps(plane.luminance)
    for light, hat in hats.items():
        needed = TEXTURE_FACTOR * texture[not light].astype(np.float32)
        responses = Responses(light, hat, texture[light], texture[not light], gradient)
        for cut in CUTS:
            above = ((hat >= cut) & (hat >= needed)).astype(np.uint8)
            found = _cut_out(plane, above, cut, responses, palette)
            if found is not None:
                yield found


def _cut_out(
    plane: Plane, above: NDArray[np.uint8], cut: int, responses: Responses, palette: Palette
) -> Candidates | None:
    labels, boxes = components(above)
    kept = boxes[:, cv2.CC_STAT_AREA] >= SMALLEST_AREA_PX
    kept[0] = False
    if not kept.any():
        return None
    renumbered = np.zeros(len(boxes), np.int32)
    renumbered[kept] = np.arange(1, int(kept.sum()) + 1)
    labels = renumbered[labels]
    position = np.flatnonzero(labels).astype(np.int32)
    owner = labels.ravel()[position] - 1
    cut_out = Cut(above, labels, position, owner, boxes[kept])
    traits, colour = measure(plane, cut_out, responses, palette)
    contrast = traits[:, TRAITS.index("contrast")]
    firm = responses.hat.ravel()[position] >= FIRM * contrast[owner]
    return Candidates(plane, responses.light, cut, position, owner, firm, traits, colour)
