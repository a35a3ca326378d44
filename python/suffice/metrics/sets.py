"""Measures of one set of pixels, and how far two of them agree."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import InputError
from suffice.explanation import Explanation
from suffice.types import PixelMask

MaskLike = Any
"""A mask ``bool [H, W]``, or an `Explanation`, of which the best set is taken."""

MasksLike = Any
"""Masks ``bool [M, H, W]``, or a sequence of masks and explanations of one size."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The connected components of a mask, in the order of their first pixels, row by row.

    Attributes
    ----------
    labels : int32 [H, W]
        1 to `count`; 0: a pixel that is not kept.
    count : int
    sizes : int64 [count]
        Pixels of each.
    """

    labels: npt.NDArray[np.int32]
    count: int
    sizes: npt.NDArray[np.int64]


def dice(a: MaskLike, b: MaskLike) -> float:
    """Dice coefficient ``2 |A & B| / (|A| + |B|)``: 0 for disjoint sets, 1 for equal ones.

    Parameters
    ----------
    a, b : bool [H, W] or Explanation

    Returns
    -------
    float
        1 where both sets are empty, 0 where one is.

    Raises
    ------
    InputError
        If they are no masks of one size, or an explanation has no set.

    Source
    ------
    Dice: Measures of the amount of ecologic association between species (1945).

    Examples
    --------
    >>> dice(np.array([[True, True, False]]), np.array([[False, True, False]]))
    0.6666666666666666
    """
    return float(dice_matrix([a, b])[0, 1])


def dice_matrix(masks: MasksLike) -> npt.NDArray[np.float64]:
    """Dice coefficient of every pair of masks.

    Parameters
    ----------
    masks : bool [M, H, W], or sequence of masks and explanations

    Returns
    -------
    float64 [M, M]
        Symmetric, with ones on the diagonal.

    Raises
    ------
    InputError
        If they are no masks of one size, or an explanation has no set.
    """
    return _native.dice(_native.pack(_stack(masks)))


def hausdorff(a: MaskLike, b: MaskLike, *, percent: float = 100.0) -> float:
    """Hausdorff distance of two sets of pixels, exact, in pixels.

    The distance of a pixel to a set is that of its centre to the nearest centre of the set. The
    directed distance from ``A`` to ``B`` is the smallest within which at least `percent` per cent
    of the pixels of ``A`` are to ``B``; the result is the larger of both directions. All pixels of
    the sets count, not only those of their outlines.

    Parameters
    ----------
    a, b : bool [H, W] or Explanation
    percent : float
        Above 0, at most 100. 100 is the Hausdorff distance, 95 the usual robust form of it.

    Returns
    -------
    float
        0 where both sets are empty, infinite where one is.

    Raises
    ------
    InputError
        If they are no masks of one size, an explanation has no set, or `percent` is out of range.

    Source
    ------
    Huttenlocher, Klanderman, Rucklidge: Comparing images using the Hausdorff distance (1993); the
    ranked form is its section on partial distances.

    Examples
    --------
    >>> hausdorff(np.array([[True, False, False]]), np.array([[True, False, True]]))
    2.0
    """
    return float(hausdorff_matrix([a, b], percent=percent)[0, 1])


def hausdorff_matrix(
    masks: MasksLike, *, percent: float = 100.0, threads: int | None = None
) -> npt.NDArray[np.float64]:
    """`hausdorff` of every pair of masks, with one distance transform a mask.

    Parameters
    ----------
    masks : bool [M, H, W], or sequence of masks and explanations
    percent : float
        Above 0, at most 100.
    threads : int or None
        None: one for each processor this process may use. Changes no bit of the result.

    Returns
    -------
    float64 [M, M]
        In pixels. Symmetric, with zeros on the diagonal.

    Raises
    ------
    InputError
        If they are no masks of one size, an explanation has no set, or a setting is out of range.
    """
    stack = _stack(masks)
    shape = _shape_of(stack)
    try:
        squares = _native.directed_hausdorff(
            _native.pack(stack), shape, percent, _threads(threads)
        ).astype(np.float64)
    except ValueError as error:
        raise InputError(f"no Hausdorff distances: {error}") from None
    squares[squares < 0] = np.inf
    distances: npt.NDArray[np.float64] = np.sqrt(np.maximum(squares, squares.T))
    return distances


def components(mask: MaskLike, *, neighbours: int = 4) -> Components:
    """Connected components of a mask.

    Parameters
    ----------
    mask : bool [H, W] or Explanation
    neighbours : {4, 8}
        Whether pixels that share a side hang together, or those that share a corner too.

    Returns
    -------
    Components

    Raises
    ------
    InputError
        If it is no mask, or `neighbours` is neither 4 nor 8.

    Examples
    --------
    >>> found = components(np.array([[True, True, False], [False, False, True]]))
    >>> found.count, found.sizes.tolist()
    (2, [2, 1])
    """
    if neighbours not in (4, 8):
        raise InputError(f"expected 4 or 8 neighbours, got {neighbours!r}")
    keep = _mask(mask)
    labels, counts = _native.components(_native.pack(keep), _shape_of(keep), neighbours)
    sizes = np.bincount(labels.reshape(-1), minlength=int(counts[0]) + 1)[1:]
    return Components(labels[0], int(counts[0]), sizes.astype(np.int64))


def perimeter(mask: MaskLike, *, border: bool = True) -> int:
    """Length of the outline of a mask in sides of pixels: holes are outlined too.

    Parameters
    ----------
    mask : bool [H, W] or Explanation
    border : bool
        Whether sides of kept pixels on the border of the image count.

    Returns
    -------
    int
        Sides between a kept pixel and one that is not; 0 for the empty set.

    Raises
    ------
    InputError
        If it is no mask.

    Examples
    --------
    >>> whole = np.ones((2, 3), bool)
    >>> perimeter(whole), perimeter(whole, border=False)
    (10, 0)
    """
    keep = _mask(mask)
    if border:
        keep = np.pad(keep, 1)
    across = np.count_nonzero(keep[:, 1:] != keep[:, :-1])
    return int(across + np.count_nonzero(keep[1:] != keep[:-1]))


def centre_of_mass(mask: MaskLike) -> tuple[float, float]:
    """Mean row and column of the kept pixels.

    Parameters
    ----------
    mask : bool [H, W] or Explanation

    Returns
    -------
    (float, float)
        Row and column in pixels, counted from the centre of the top-left pixel, (0, 0); NaN for
        the empty set.

    Raises
    ------
    InputError
        If it is no mask.

    Examples
    --------
    >>> centre_of_mass(np.array([[True, False], [True, True]]))
    (0.6666666666666666, 0.3333333333333333)
    """
    keep = _mask(mask)
    n = int(keep.sum())
    if not n:
        return float("nan"), float("nan")
    # Whole numbers until the last step: no order of summation can change a digit.
    rows = int(keep.sum(axis=1) @ np.arange(keep.shape[0]))
    columns = int(keep.sum(axis=0) @ np.arange(keep.shape[1]))
    return rows / n, columns / n


def area_ratio(mask: MaskLike) -> float:
    """Share of the pixels that are kept, 0 to 1.

    Parameters
    ----------
    mask : bool [H, W] or Explanation

    Returns
    -------
    float

    Raises
    ------
    InputError
        If it is no mask.
    """
    keep = _mask(mask)
    return int(keep.sum()) / keep.size


def _mask(mask: MaskLike) -> PixelMask:
    """Check one mask; an explanation without a set is no empty set."""
    if isinstance(mask, Explanation):
        if not len(mask.masks):
            raise InputError(f"{mask.name} has no set, status {mask.status}: nothing to measure")
        return mask.mask
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.ndim != 2:
        got = f"{mask.dtype} {list(mask.shape)}" if isinstance(mask, np.ndarray) else type(mask)
        raise InputError(f"expected a mask bool [H, W] or an Explanation, got {got}")
    if not mask.size:
        raise InputError(f"expected a mask of at least one pixel, got {list(mask.shape)}")
    return mask


def _stack(masks: MasksLike) -> npt.NDArray[np.bool_]:
    """Check several masks of one size; ``bool [M, H, W]``."""
    if isinstance(masks, np.ndarray):
        if masks.dtype != np.bool_ or masks.ndim != 3 or not masks.shape[1] * masks.shape[2]:
            raise InputError(
                f"expected masks bool [M, H, W], got {masks.dtype} {list(masks.shape)}"
            )
        return masks
    if not isinstance(masks, Sequence) or not len(masks):
        raise InputError("expected masks bool [M, H, W] or a sequence of at least one mask")
    checked = [_mask(mask) for mask in masks]
    shapes = {mask.shape for mask in checked}
    if len(shapes) != 1:
        raise InputError(
            f"expected masks of one size, got {' and '.join(str(list(s)) for s in sorted(shapes))}"
        )
    return np.stack(checked)


def _shape_of(keep: npt.NDArray[np.bool_]) -> tuple[int, int]:
    return keep.shape[-2], keep.shape[-1]


def _threads(threads: int | None) -> int:
    if threads is not None:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
