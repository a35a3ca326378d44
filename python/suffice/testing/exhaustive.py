"""All masks of a tiny image, and what holds for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.criterion import Criterion
from suffice.errors import InputError
from suffice.testing.judge import Judge
from suffice.types import PixelMask

MAX_PIXELS = 16


@dataclass(frozen=True, eq=False)
class Exhaustive:
    """What every one of the ``2 ** (H * W)`` masks of an image is.

    Mask number ``n`` keeps pixel ``i``, row-major, where bit ``i`` of ``n`` is set.

    Attributes
    ----------
    shape : (int, int)
    passes : bool [2 ** (H * W)]
        Whether the mask suffices.

    Examples
    --------
    >>> from suffice.testing import toys
    >>> toy = toys.any_of([(0, 0), (2, 1)], shape=(3, 3))
    >>> every = exhaustive_search(Judge(toy.classifier(), toy.image, toy.baseline[None], target=1))
    >>> int(every.passes.sum()), every.minimal_masks().sum(axis=(1, 2)).tolist()
    (384, [1, 1])
    """

    shape: tuple[int, int]
    passes: npt.NDArray[np.bool_]

    def number(self, mask: PixelMask) -> int:
        """Place of a mask in the tables."""
        return int((mask.reshape(-1).astype(np.int64) << np.arange(mask.size)).sum())

    def masks(self, which: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The masks that a table picks, ``bool [n, H, W]``."""
        return _masks(np.flatnonzero(which), self.shape)

    def irreducible(self, grain: int = 1) -> npt.NDArray[np.bool_]:
        """Which masks suffice and fail without any one tile that meets them, by mask number."""
        numbers = np.arange(len(self.passes))
        found = self.passes.copy()
        for tile in _tiles(self.shape, grain):
            found &= (numbers & tile == 0) | ~self.passes[numbers & ~tile]
        return found

    def minimal(self) -> npt.NDArray[np.bool_]:
        """Which masks suffice and hold no smaller sufficient mask, by mask number."""
        numbers = np.arange(len(self.passes))
        n_pixels = self.shape[0] * self.shape[1]
        held = self.passes.copy()  # whether a mask or a part of it suffices
        for i in range(n_pixels):
            held |= held[numbers & ~(1 << i)]
        smaller = np.zeros_like(held)
        for i in range(n_pixels):
            smaller |= (numbers >> i & 1).astype(np.bool_) & held[numbers & ~(1 << i)]
        return self.passes & ~smaller

    def sufficient_masks(self) -> npt.NDArray[np.bool_]:
        """All masks that suffice, ``bool [n, H, W]``."""
        return self.masks(self.passes)

    def irreducible_masks(self, grain: int = 1) -> npt.NDArray[np.bool_]:
        """All masks that suffice and are irreducible at a grain, ``bool [n, H, W]``."""
        return self.masks(self.irreducible(grain))

    def minimal_masks(self) -> npt.NDArray[np.bool_]:
        """All masks that suffice and hold no smaller one, ``bool [n, H, W]``."""
        return self.masks(self.minimal())


def exhaustive_search(judge: Judge, criterion: Criterion | None = None) -> Exhaustive:
    """Judge every mask of an image of at most 16 pixels.

    Parameters
    ----------
    judge : Judge
    criterion : Criterion or None
        None: the judge's own.

    Returns
    -------
    Exhaustive

    Raises
    ------
    InputError
        If the image has more pixels.
    """
    shape = judge.shape
    n_pixels = shape[0] * shape[1]
    if n_pixels > MAX_PIXELS:
        raise InputError(
            f"an exhaustive search takes images of at most {MAX_PIXELS} pixels, got "
            f"{shape[0]} x {shape[1]}"
        )
    masks = _masks(np.arange(2**n_pixels), shape)
    return Exhaustive(shape, judge.outcomes(masks, criterion).passes)


def _masks(numbers: npt.NDArray[np.int64], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    bits = numbers[:, None] >> np.arange(shape[0] * shape[1]) & 1
    return bits.astype(np.bool_).reshape(-1, *shape)


def _tiles(shape: tuple[int, int], grain: int) -> list[int]:
    """Every tile as the number of its mask."""
    bits = 1 << np.arange(shape[0] * shape[1]).reshape(shape)
    return [
        int(bits[r : r + grain, c : c + grain].sum())
        for r in range(0, shape[0], grain)
        for c in range(0, shape[1], grain)
    ]
