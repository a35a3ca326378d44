"""Comparisons of masks."""

from __future__ import annotations

import numpy as np


def dice(keep: np.ndarray) -> np.ndarray:
    """Dice coefficient of every pair of ``bool [M, H, W]``; 1 where both are empty."""
    out = np.ones((len(keep), len(keep)))
    for i, a in enumerate(keep):
        for j, b in enumerate(keep):
            if a.any() or b.any():
                out[i, j] = 2 * (a & b).sum() / (a.sum() + b.sum())
    return out
