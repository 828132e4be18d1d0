"""What must not be called damage, drawn over a scene: lettering, frames, wires, bars, stars, eyes, collars, pearls,
whiskers, branches."""

import cv2
import numpy as np
import pytest

from archive_restore.detection import score, threshold
from archive_restore.training.detection_scenery import SCENERY
from tests.drawn import scene


def decorated(name, seed):
    picture = cv2.cvtColor(scene(seed=seed, grain=2.0), cv2.COLOR_GRAY2RGB).astype(np.float32)
    SCENERY[name](picture, np.random.default_rng(seed))
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.6), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["frame", "wires", "eyes", "collars", "branches"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_heuristics_leave_what_only_looks_like_damage_alone(name, seed):
    mask, _ = threshold(score(decorated(name, seed)))
    assert not mask.any()
