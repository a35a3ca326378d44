"""A set to begin pruning with: the best window of an image, or a union of windows.

Square windows are revealed on the baseline. If one passes, its smaller sub-windows are, for as long
as one passes. If none does, the best is joined with others until the union passes, and a large
union is rebuilt from smaller windows inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from suffice.methods._blocks import (
    Box,
    Indices,
    Tiling,
    boxes_to_masks,
    geometric,
    is_smaller,
    size_of,
    sizes_of,
    unions,
)
from suffice.methods._rounds import Coroutine, best_passing, smallest_passing
from suffice.types import Outcomes, PackedMasks

# Shares of the image's shorter side. A window is half as far from the next as it is wide.
WINDOW = 2 / 7
REBUILD_WINDOW = 3 / 14
LARGE_WINDOWS = (4 / 7, 11 / 14)
SHRINK = (0.75, 0.5)
UNITE_WIDTH, UNITE_STEPS = 24, 8
REBUILD_WIDTH, REBUILD_STEPS = 8, 30
NEW_SHARE = 0.4  # of a window must be new for a union with it to be tried
INSIDE_SHARE = 0.6  # of a window must lie in the set it rebuilds
GALLOP = 12


class WindowStart:
    """Looks for a passing set.

    Parameters
    ----------
    tiling : Tiling
        Whose tiles windows are aligned to.
    allowed : uint64 [words]
        Pixels that the set may be made of.
    """

    def __init__(self, tiling: Tiling, allowed: PackedMasks) -> None:
        self.tiling, self.allowed, self.shape = tiling, allowed, tiling.shape

    def find(self) -> Coroutine[PackedMasks | None]:
        """A passing set to prune, ``uint64 [words]``, or None."""
        side = WINDOW * min(self.shape)
        windows = self._windows(side)
        outcomes = yield windows.masks
        box = windows.best_passing(outcomes)
        if box is not None:
            return (yield from self._shrink(box))
        order = np.argsort(-outcomes.margin, kind="stable")
        union = yield from self._unite(windows, order)
        if union is not None:
            return (yield from self._rebuild(union, size_of(windows.masks[0])))
        return (yield from self._large(windows, order))

    def _windows(self, side: float, inside: PackedMasks | None = None) -> _Windows:
        length = self.tiling.aligned(side)
        boxes = self.tiling.windows(length, self.tiling.aligned(length / 2))
        masks = boxes_to_masks(boxes, self.shape) & self.allowed
        keep = sizes_of(masks) > 0
        if inside is not None:
            whole, within = sizes_of(masks), sizes_of(masks & inside)
            keep &= within >= np.maximum(1, INSIDE_SHARE * whole)
            masks &= inside
        return _Windows([b for b, k in zip(boxes, keep, strict=True) if k], masks[keep])

    def _shrink(self, box: Box) -> Coroutine[PackedMasks]:
        """The smallest passing window that is reached through windows inside windows."""
        while True:
            boxes = [b for share in SHRINK for b in self.tiling.sub_windows(box, share)]
            boxes = [b for b in dict.fromkeys(boxes) if b != box]
            masks = boxes_to_masks(boxes, self.shape) & self.allowed
            smaller = _Windows(boxes, masks)
            outcomes = (yield masks) if boxes else None
            inner = None if outcomes is None else smaller.best_passing(outcomes)
            if inner is None:
                shrunk: PackedMasks = boxes_to_masks([box], self.shape)[0] & self.allowed
                return shrunk
            box = inner

    def _unite(self, windows: _Windows, order: Indices) -> Coroutine[PackedMasks | None]:
        """Join the best window of an order with others, greedily, until the union passes."""
        union, used = windows.masks[order[0]], {int(order[0])}
        for _ in range(UNITE_STEPS):
            parts, numbers = windows.news(union, order, used, UNITE_WIDTH)
            if not len(numbers):
                return None
            outcomes = yield union | parts
            chosen = smallest_passing(union | parts, outcomes)
            if chosen is not None:
                return chosen
            best = int(np.argmax(outcomes.margin))
            union = union | parts[best]
            used.add(numbers[best])
        return None

    def _rebuild(self, union: PackedMasks, window_size: int) -> Coroutine[PackedMasks]:
        """A large union again from smaller windows inside it, greedily; the smaller of the two."""
        if size_of(union) <= window_size:
            return union
        windows = self._windows(REBUILD_WINDOW * min(self.shape), inside=union)
        if not len(windows.boxes):
            return union
        outcomes = yield windows.masks
        chosen = smallest_passing(windows.masks, outcomes)
        order = np.argsort(-outcomes.margin, kind="stable")
        rebuilt, used = windows.masks[order[0]], {int(order[0])}
        for _ in range(REBUILD_STEPS):
            if chosen is not None or size_of(rebuilt) >= size_of(union):
                break
            parts, numbers = windows.news(rebuilt, order, used, REBUILD_WIDTH)
            if not len(numbers):
                break
            outcomes = yield rebuilt | parts
            chosen = smallest_passing(rebuilt | parts, outcomes)
            ranked = np.argsort(-outcomes.margin, kind="stable")
            rebuilt = rebuilt | parts[ranked[0]]
            used.add(numbers[ranked[0]])
            order = _first([numbers[k] for k in ranked[1:]], order)
        return chosen if chosen is not None and is_smaller(chosen, union) else union

    def _large(self, windows: _Windows, order: Indices) -> Coroutine[PackedMasks | None]:
        """Larger windows; else ever more windows of an order; else all."""
        for share in LARGE_WINDOWS:
            large = self._windows(share * min(self.shape))
            outcomes = yield large.masks
            box = large.best_passing(outcomes)
            if box is not None:
                return (yield from self._shrink(box))
        growing = unions(windows.masks[order])
        counts = np.array(geometric(len(order), GALLOP))
        ever_more = np.concatenate([growing[counts - 1], self.allowed[None]])
        outcomes = yield ever_more
        return smallest_passing(ever_more, outcomes)


@dataclass
class _Windows:
    """Windows and their masks."""

    boxes: list[Box]
    masks: PackedMasks

    def best_passing(self, outcomes: Outcomes) -> Box | None:
        """The passing window of the fewest pixels, of those the one with the largest margin."""
        k = best_passing(self.masks, outcomes)
        return None if k is None else self.boxes[k]

    def news(
        self, union: PackedMasks, order: Indices, used: set[int], limit: int
    ) -> tuple[PackedMasks, list[int]]:
        """The first unused windows of an order that add enough to a union, and their numbers."""
        added, whole = sizes_of(self.masks & ~union), sizes_of(self.masks)
        numbers = [int(k) for k in order if k not in used and added[k] >= NEW_SHARE * whole[k]]
        return self.masks[numbers[:limit]], numbers[:limit]


def _first(numbers: list[int], order: Indices) -> Indices:
    """An order with some numbers moved to its front."""
    front = set(numbers)
    return np.array([*numbers, *(k for k in order if int(k) not in front)], np.intp)
