"""Pictures as they are restored: of 8-bit samples, or of 0 to 255 with the fractions that deeper samples have."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8 | np.float32]
"""(H, W) or (H, W, 3); what is made from one is of its type."""

Sample = TypeVar("Sample", bound=np.uint8 | np.float32)


def fitted(values: NDArray[np.floating], dtype: np.dtype[Sample]) -> NDArray[Sample]:
    """Computed values as samples of a picture, 0 to 255; rounded if those have no fractions."""
    exact = np.rint(values) if np.issubdtype(dtype, np.integer) else values
    return np.asarray(np.clip(exact, 0, 255), dtype)
