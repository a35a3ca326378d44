"""Weighted boxes, one after the other."""

from __future__ import annotations

import numpy as np


def accumulate(boxes: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the ``int64 [H, W]`` sum of the values of the boxes that hold each pixel."""
    out = np.zeros(shape, np.int64)
    for (r0, r1, c0, c1), value in zip(boxes, values, strict=True):
        out[r0:r1, c0:c1] += value
    return out
