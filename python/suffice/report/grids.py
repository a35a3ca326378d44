"""Masks of models with different inputs on one grid of the photo, so that they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.types import PixelMask

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """Pixels of equal size over a part of a photo.

    Attributes
    ----------
    box : (left, top, right, bottom)
        In pixels of the upright photo.
    shape : (int, int)
        Height and width of the grid.
    """

    box: Box
    shape: tuple[int, int]

    @property
    def spacing(self) -> tuple[float, float]:
        """Height and width of a pixel of the grid, in pixels of the photo."""
        left, top, right, bottom = self.box
        return (bottom - top) / self.shape[0], (right - left) / self.shape[1]


def common_grid(grids: Sequence[Grid]) -> Grid:
    """A grid over all that any of the grids shows, as fine as the finest of them.

    Grids that are equal give themselves, so that nothing is resampled where nothing has to be.

    Examples
    --------
    >>> common_grid([Grid((0, 0, 100, 100), (10, 10)), Grid((25, 25, 75, 75), (10, 10))])
    Grid(box=(0, 0, 100, 100), shape=(20, 20))
    """
    boxes = [grid.box for grid in grids]
    left, top = (min(box[k] for box in boxes) for k in (0, 1))
    right, bottom = (max(box[k] for box in boxes) for k in (2, 3))
    height, width = (min(grid.spacing[k] for grid in grids) for k in (0, 1))
    shape = (max(1, round((bottom - top) / height)), max(1, round((right - left) / width)))
    return Grid((left, top, right, bottom), shape)


def onto(mask: PixelMask, grid: Grid, target: Grid) -> PixelMask:
    """A mask of one grid on another: each pixel takes the value of the one its centre lies in.

    Parameters
    ----------
    mask : bool [H, W]
        On `grid`.
    grid, target : Grid
        Of one photo.

    Returns
    -------
    bool, of the target's shape
        False where the grid shows nothing: a model's set can't lie where it doesn't look.
    """
    if grid == target:
        return mask
    rows = _places(grid.box[1], grid.box[3], mask.shape[0], target.box[1], target.box[3], target, 0)
    columns = _places(
        grid.box[0], grid.box[2], mask.shape[1], target.box[0], target.box[2], target, 1
    )
    found = np.zeros(target.shape, np.bool_)
    inside = np.ix_(rows >= 0, columns >= 0)
    found[inside] = mask[np.ix_(rows[rows >= 0], columns[columns >= 0])]
    return found


def _places(
    low: float, high: float, n: int, start: float, end: float, target: Grid, axis: int
) -> npt.NDArray[np.int64]:
    """The pixel each centre of the target lies in along one axis; -1 outside."""
    count = target.shape[axis]
    centres = start + (np.arange(count) + 0.5) * (end - start) / count
    at = np.floor((centres - low) / (high - low) * n).astype(np.int64)
    return np.where((at >= 0) & (at < n), at, -1)
