"""Parts of pixel sets: blocks, windows, neighbours. All sets are packed masks.

Every part is aligned to tiles of the grain (DESIGN.md 1), so sets made of parts are unions of
whole tiles, and one grid serves every scale: a block of *s* is s by s tiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.types import PackedMasks

Box = tuple[int, int, int, int]
"""Half-open pixel box: top, left, bottom, right."""

Indices = npt.NDArray[np.intp]


def full_mask(shape: tuple[int, int]) -> PackedMasks:
    """The set of all pixels, ``uint64 [words]``."""
    mask: PackedMasks = _native.pack(np.ones((1, *shape), np.bool_))[0]
    return mask


def empty_mask(shape: tuple[int, int]) -> PackedMasks:
    """The set of no pixel, ``uint64 [words]``."""
    return np.zeros(_native.words_for(shape[0] * shape[1]), np.uint64)


def size_of(mask: PackedMasks) -> int:
    """Pixels of one mask ``[words]``."""
    return int(_native.count(mask[None])[0])


def sizes_of(masks: PackedMasks) -> npt.NDArray[np.int64]:
    """Pixels of each mask ``[M, words]``."""
    return _native.count(np.ascontiguousarray(masks))


def is_smaller(mask: PackedMasks, other: PackedMasks) -> bool:
    """Whether a set has fewer pixels than another."""
    return size_of(mask) < size_of(other)


def pixels_to_share(mask: PackedMasks, overlap: float) -> float:
    """How many pixels of a set another may hold too, so that they overlap at most so much.

    If at most a pixels of a set S may be shared, any set T has
    2 |S and T| / (|S| + |T|) <= 2 a / (|S| + a); that is at most D for a = D |S| / (2 - D).
    """
    return overlap * size_of(mask) / (2.0 - overlap)


def shuffled(n: int, key: tuple[int, int], words: tuple[int, int, int]) -> Indices:
    """A random order of n things, by Philox counters (1 + number, *words)."""
    counters = np.empty((n, 4), np.uint64)
    counters[:, 0], counters[:, 1:] = 1 + np.arange(n), words
    return np.argsort(_native.philox(key, counters)[:, 0], kind="stable")


def boxes_to_masks(boxes: Sequence[Box], shape: tuple[int, int]) -> PackedMasks:
    """One mask per box, ``uint64 [M, words]``."""
    corners = np.array(boxes, np.int32).reshape(-1, 4)[:, [0, 2, 1, 3]]  # rows, then columns
    return _native.masks_from_boxes(
        np.ascontiguousarray(corners), np.arange(len(boxes) + 1, dtype=np.int64), shape
    )


class Tiling:
    """The tiles of one grain over an image, and the blocks made of them.

    Parameters
    ----------
    shape : (H, W)
    grain : int
        Side of a tile in pixels.
    """

    def __init__(self, shape: tuple[int, int], grain: int) -> None:
        self.shape, self.grain = shape, grain
        self.rows, self.cols = -(-shape[0] // grain), -(-shape[1] // grain)
        self._labels: dict[int, npt.NDArray[np.int32]] = {}

    def _labels_of(self, size: int) -> npt.NDArray[np.int32]:
        if size not in self._labels:
            side = min(size * self.grain, max(self.shape))
            self._labels[size] = _native.tile_labels(self.shape, side)
        return self._labels[size]

    def ids(self, mask: PackedMasks, size: int = 1) -> Indices:
        """Which blocks of ``size`` tiles a mask meets, ascending, row-major."""
        labels = self._labels_of(size)
        return np.unique(labels[_native.unpack(mask[None], self.shape)[0]]).astype(np.intp)

    def blocks(self, ids: Indices, size: int = 1) -> PackedMasks:
        """Masks ``[len(ids), words]`` of whole blocks."""
        labels = self._labels_of(size)
        n_regions = int(labels[-1, -1]) + 1
        choices = np.zeros((len(ids), _native.words_for(n_regions)), np.uint64)
        bits = np.uint64(1) << (ids % 64).astype(np.uint64)
        choices[np.arange(len(ids)), ids // 64] = bits
        return _native.masks_from_labels(labels, choices, n_regions)

    def parts(self, mask: PackedMasks, size: int = 1) -> PackedMasks:
        """What a mask holds of each block it meets, ``[n, words]``."""
        return self.blocks(self.ids(mask, size), size) & mask

    def around(self, mask: PackedMasks) -> Indices:
        """Ids of the tiles that share a side with a tile the mask meets, without those it meets."""
        inside = np.zeros((self.rows + 2, self.cols + 2), np.bool_)
        ids = self.ids(mask)
        inside[1 + ids // self.cols, 1 + ids % self.cols] = True
        near = inside.copy()
        for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            near |= np.roll(inside, step, axis)
        return np.flatnonzero((near & ~inside)[1:-1, 1:-1])

    def sums(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum of the pixels' values ``[H, W]`` over each tile, ``[rows * cols]``."""
        labels, n = self._labels_of(1).ravel(), self.rows * self.cols
        return np.bincount(labels, values.ravel(), n).astype(np.float64)

    def aligned(self, pixels: float) -> int:
        """The multiple of the grain nearest to a length, at least one tile."""
        return max(1, int(pixels / self.grain + 0.5)) * self.grain

    def windows(self, side: int, stride: int) -> list[Box]:
        """Square windows over the whole image, evenly spread, tile-aligned, none twice."""
        height, width = self.shape
        boxes = [
            (r, c, min(r + side, height), min(c + side, width))
            for r in self._starts(height, side, stride)
            for c in self._starts(width, side, stride)
        ]
        return list(dict.fromkeys(boxes))

    def sub_windows(self, box: Box, share: float) -> list[Box]:
        """Nine windows inside a box with ``share`` of its sides: corners, edges and middle."""
        top, left, bottom, right = box
        h, w = (self.aligned(share * side) for side in (bottom - top, right - left))
        if h >= bottom - top and w >= right - left:
            return []
        boxes = [
            (top + r, left + c, min(top + r + h, bottom), min(left + c + w, right))
            for r in self._thirds(bottom - top - h)
            for c in self._thirds(right - left - w)
        ]
        return list(dict.fromkeys(boxes))

    def _starts(self, length: int, side: int, stride: int) -> list[int]:
        last = max(0, -(-(length - side) // self.grain))  # in tiles
        steps = -(-last * self.grain // stride)
        places = [last * k / max(1, steps) for k in range(steps + 1)]
        return [int(p + 0.5) * self.grain for p in places]

    def _thirds(self, slack: int) -> list[int]:
        last = -(-max(0, slack) // self.grain)
        return sorted({int(last * f + 0.5) * self.grain for f in (0.0, 0.5, 1.0)})


def unions(parts: PackedMasks) -> PackedMasks:
    """Union of the first k parts for every k, ``[n, words]``."""
    return np.bitwise_or.accumulate(parts, axis=0)


def geometric(n: int, steps: int) -> list[int]:
    """About ``steps`` whole numbers from 1 to n with equal ratios, ascending, none twice.

    Examples
    --------
    >>> geometric(100, 5)
    [1, 3, 10, 32, 100]
    """
    if n <= 1 or steps < 2:
        return [n] if n > 0 else []
    return sorted({int(n ** (k / (steps - 1)) + 0.5) for k in range(steps)})


def between(low: int, high: int, steps: int) -> list[int]:
    """At most ``steps`` whole numbers strictly between two, evenly spread.

    Examples
    --------
    >>> between(10, 20, 4)
    [12, 14, 16, 18]
    """
    steps = min(steps, high - low - 1)
    inside = {int(low + (high - low) * k / (steps + 1) + 0.5) for k in range(1, steps + 1)}
    return sorted(inside - {low, high})
