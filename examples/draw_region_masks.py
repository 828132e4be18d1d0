"""Draws examples/region-masks.png: samples of the region masks that the networks are trained with.

Rows from the top: centre with an overlap of 4; random blocks; random regions from noise; regions from damage shapes
(here drawn ones stand in for what a detector found); drawn damage at three sizes. White is to be predicted.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.training import crops, damage, region_masks
from archive_restore.training.tiles import damage_shapes

SIDE = 128
SAMPLES = 8


def rows() -> list[list[np.ndarray]]:
    """Five rows of (128, 128) bool masks."""
    shapes = [
        shape
        for seed in range(6)
        for shape in damage_shapes(damage.draw(np.random.default_rng(seed), (200, 200), 1.5).opacity > 0.3, 8)
    ]
    randoms = [np.random.default_rng([2016, number]) for number in range(SAMPLES)]
    return [
        [region_masks.centre(SIDE)] * SAMPLES,
        [region_masks.random_blocks(random, SIDE) for random in randoms],
        [region_masks.random_region(random, SIDE) for random in randoms],
        [region_masks.region_from_shapes(random, SIDE, shapes) for random in randoms],
        [drawn_damage(random) for random in randoms],
    ]


def drawn_damage(random: np.random.Generator) -> NDArray[np.bool_]:
    """What the default generator trains on, (128, 128) bool."""
    opacity = np.maximum.reduce([drawn.opacity for drawn in crops.draw_damage(random, SIDE)])
    return np.asarray(opacity > crops.VISIBLE, bool)


def main() -> None:
    bordered = [
        np.hstack([np.pad(mask.astype(np.uint8) * 255, 2, constant_values=96) for mask in row])
        for row in rows()
    ]
    path = Path(__file__).parent / "region-masks.png"
    cv2.imwrite(str(path), np.vstack(bordered))
    print(f"Drew {path}")


if __name__ == "__main__":
    main()
