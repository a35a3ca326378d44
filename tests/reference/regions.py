"""Regions to masks, pixel by pixel."""

from __future__ import annotations

import numpy as np


def masks_from_boxes(boxes: np.ndarray, offsets: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return ``bool [M, H, W]``: mask m is the union of its boxes."""
    masks = np.zeros((len(offsets) - 1, *shape), bool)
    for mask, first, last in zip(masks, offsets[:-1], offsets[1:], strict=True):
        for r0, r1, c0, c1 in boxes[first:last]:
            mask[r0:r1, c0:c1] = True
    return masks


def tile_labels(shape: tuple[int, int], grain: int) -> np.ndarray:
    """Return the number of the tile of each pixel."""
    rows, cols = np.indices(shape)
    tiles_across = -(-shape[1] // grain)
    return rows // grain * tiles_across + cols // grain


def grid_labels(shape: tuple[int, int], rows: int, cols: int) -> np.ndarray:
    """Return the number of the cell of each pixel; boundaries ``floor(i * H / rows)``."""

    def cell_of(size: int, cells: int) -> np.ndarray:
        begins = np.array([i * size // cells for i in range(cells)])
        return np.array([np.flatnonzero(begins <= pixel)[-1] for pixel in range(size)])

    return cell_of(shape[0], rows)[:, None] * cols + cell_of(shape[1], cols)[None, :]


def masks_from_labels(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return ``bool [M, H, W]`` for ``chosen`` bool ``[M, R]``."""
    return chosen[:, labels]
