"""Weighted boxes, one after the other."""

from __future__ import annotations

import numpy as np


def accumulate(boxes: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the ``int64 [H, W]`` sum of the values of the boxes that hold each pixel."""
    out = np.zeros(shape, np.int64)
    for (r0, r1, c0, c1), value in zip(boxes, values, strict=True):
        out[r0:r1, c0:c1] += value
    return out


def add_masks(sums: np.ndarray, masks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``float64 [H, W]``: sums and the weight of every ``bool [N, H, W]`` mask, in order."""
    out = sums.copy()
    for mask, weight in zip(masks, weights, strict=True):
        out[mask] += weight
    return out
