"""Rankings by `numpy.lexsort` and the masks of their prefixes."""

from __future__ import annotations

import numpy as np


def rank(values: np.ndarray, ties: str) -> np.ndarray:
    """Flat indices by falling value; equal values by rising or falling index."""
    flat = values.ravel()
    index = np.arange(flat.size)
    return np.lexsort((-index if ties == "last" else index, -flat))


def prefix_masks(order: np.ndarray, lengths: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return ``bool [M, H, W]``: mask m keeps the first ``lengths[m]`` pixels of the order."""
    masks = np.zeros((len(lengths), shape[0] * shape[1]), bool)
    for mask, length in zip(masks, lengths, strict=True):
        mask[order[:length]] = True
    return masks.reshape(len(lengths), *shape)
