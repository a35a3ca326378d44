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


def hausdorff(a: np.ndarray, b: np.ndarray, percent: float = 100.0) -> float:
    """Symmetric distance of two ``bool [H, W]`` from all pairs of their pixels."""
    return max(directed_hausdorff(a, b, percent), directed_hausdorff(b, a, percent))


def directed_hausdorff(a: np.ndarray, b: np.ndarray, percent: float = 100.0) -> float:
    """Distance within which ``percent`` per cent of ``a`` is to ``b``."""
    from_a, to_b = np.argwhere(a), np.argwhere(b)
    if not len(from_a):
        return 0.0
    if not len(to_b):
        return float("inf")
    squares = ((from_a[:, None] - to_b[None]) ** 2).sum(axis=2).min(axis=1)
    rank = int(np.ceil(len(from_a) * percent / 100))
    return float(np.sqrt(np.sort(squares)[rank - 1]))


def squared_distances(keep: np.ndarray) -> np.ndarray:
    """Squared distance of every pixel of ``bool [H, W]`` to the nearest kept one; -1: none is."""
    kept = np.argwhere(keep)
    if not len(kept):
        return np.full(keep.shape, -1)
    pixels = np.argwhere(np.ones_like(keep))
    squares = ((pixels[:, None] - kept[None]) ** 2).sum(axis=2).min(axis=1)
    return squares.reshape(keep.shape)


def perimeter(keep: np.ndarray, border: bool = True) -> int:
    """Sides between kept and other pixels, one pixel and one side at a time."""
    height, width = keep.shape
    sides = 0
    for r, c in np.argwhere(keep):
        for i, j in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            inside = 0 <= i < height and 0 <= j < width
            sides += (not keep[i, j]) if inside else border
    return int(sides)
