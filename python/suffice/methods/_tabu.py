"""Tabu search: swap tiles at a size just below the best set's, though it be worse for a while.

The set held never passes while it is too small: it is what the best set would be with a tile fewer.
A tile comes, the one that helps most of some, and one goes, the one that is missed least of some,
whether the margin rises by it or not. What went may not come back for a while, nor what came go, so
the search leaves the optimum it is in. Where the best value of a place has not risen for some steps
it goes on elsewhere: at the best small window that is not where it began before.

Source: Glover, Tabu Search I, ORSA Journal on Computing 1 (1989), with strategic oscillation
about the bound (its section 5); the windows to begin with are this project's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from suffice.criterion import MAX_LOG_ODDS
from suffice.methods._blocks import (
    Indices,
    Tiling,
    boxes_to_masks,
    shuffled,
    size_of,
    sizes_of,
)
from suffice.methods._local_search import LocalSearch
from suffice.methods._pruning import prune
from suffice.methods._rounds import Coroutine, smallest_passing
from suffice.types import Outcomes, PackedMasks

COMING = 16  # tiles asked beside the set held
NEIGHBOURS, ANYWHERE = 4, 2  # of them never asked before and near, and drawn from all
GOING = 8  # tiles of the set asked for leaving, those never asked apart
OUT = 25  # steps for which a tile that went stays out
IN = 1 / 3  # of the set's tiles: steps for which a tile that came stays in
PATIENCE = (8, 1)  # steps without a rise before it goes elsewhere, and as many for each tile held
WINDOWS_A_SIDE = 14
MUCH = 1.5  # so many times the bound of today: its windows are too large
APART = 0.3  # of a window may lie where the search began before
STALE = 50  # steps without a mask that was not asked before, after which all is said
_STREAM = int.from_bytes(b"tabu", "big")

_Value = npt.NDArray[np.float64]


class TabuSearch:
    """Ever smaller sets, for as long as there is room.

    Parameters
    ----------
    local : LocalSearch
        Whose tiles it works on and whose gains it goes on with.
    room : callable
        Gives how many masks may still be asked.
    """

    def __init__(self, local: LocalSearch, room: Callable[[], int]) -> None:
        self.local, self.tiling, self.room = local, local.tiling, room
        self._tiles = local.tiling.ids(local.allowed)
        self._gains = dict(local.gains)
        self._losses: dict[int, float] = {}  # of value, when a tile was last asked for leaving
        self._out: dict[int, int] = {}  # the step until which a tile stays out
        self._in: dict[int, int] = {}
        self._step = 0
        self._windows: list[PackedMasks] = []  # to begin with, the worst first
        self._looked_below = 0  # the bound when they were revealed
        self._begun: list[PackedMasks] = []

    def smaller(self, mask: PackedMasks) -> Coroutine[PackedMasks | None]:
        """A smaller irreducible set than another, or None where the room or the masks run out.

        Parameters
        ----------
        mask : uint64 [words]
        """
        bound, held = size_of(mask), mask
        if bound <= sizes_of(self.local.parts(self._tiles)).min():
            return None  # nothing but the empty set is smaller
        best, risen, fresh, room = -math.inf, self._step, self._step, self.room()
        self._begun = [mask]
        while self._goes_on(held, fresh):
            held, value, found = yield from self._go(held, bound)
            if found is None and value > best:
                best, risen = value, self._step
            elif found is None and self._step - risen >= self._patience(held):
                best, risen = -math.inf, self._step
                held, found = yield from self._elsewhere(held, bound)
            if found is None:
                held, found = yield from self._come(held, bound)
            if found is not None:
                return (yield from prune(self.tiling, found, [1], self.local.key))
            if self.room() < room:
                room, fresh = self.room(), self._step
        return None

    def _goes_on(self, held: PackedMasks, fresh: int) -> bool:
        n_tiles = len(self.tiling.ids(held))
        needed = 1 + COMING + GOING + 2 * n_tiles  # a step and the pruning of what it finds
        return self.room() >= needed and self._step - fresh < STALE

    def _patience(self, held: PackedMasks) -> int:
        return PATIENCE[0] + PATIENCE[1] * len(self.tiling.ids(held))

    # -- a tile goes, a tile comes --------------------------------------------------------------

    def _go(
        self, held: PackedMasks, bound: int
    ) -> Coroutine[tuple[PackedMasks, float, PackedMasks | None]]:
        """Take tiles away until fewer pixels than the bound are held.

        Returns
        -------
        (held, value, found)
            ``found``: a set below the bound that passes, or None.
        """
        value = -math.inf
        while size_of(held) >= bound:
            ids = self._leaving(self.tiling.ids(held))
            masks = np.concatenate([held[None], held & ~self.local.parts(ids)])
            outcomes = yield masks
            values = _values(outcomes)
            self._losses.update(zip(ids.tolist(), (values[0] - values[1:]).tolist(), strict=True))
            found = _below(masks, outcomes, bound)
            if found is not None:
                return held, value, found
            k = int(np.argmax(values[1:]))
            held, value = masks[1 + k], float(values[1 + k])
            self._out[int(ids[k])] = self._step + OUT
        return held, value, None

    def _leaving(self, ids: Indices) -> Indices:
        """Tiles of a set to ask for leaving: all never asked, and those missed least."""
        free = [i for i in ids.tolist() if self._in.get(i, -1) < self._step] or ids.tolist()
        unknown = [i for i in free if i not in self._losses]
        known = sorted((self._losses[i], i) for i in free if i in self._losses)
        return np.array(unknown + [i for _, i in known[: max(0, GOING - len(unknown))]], np.intp)

    def _come(
        self, held: PackedMasks, bound: int
    ) -> Coroutine[tuple[PackedMasks, PackedMasks | None]]:
        """Add the tile that helps most of some, until the bound is reached or a set is found."""
        stays = max(1, int(IN * len(self.tiling.ids(held))))
        while size_of(held) < bound:
            ids = self._coming(held)
            if not len(ids):
                self._step += 1
                return held, None
            masks = np.concatenate([held[None], held | self.local.parts(ids)])
            outcomes = yield masks
            values = _values(outcomes)
            self._gains.update(zip(ids.tolist(), (values[1:] - values[0]).tolist(), strict=True))
            found = _below(masks, outcomes, bound)
            k = int(np.argmax(values[1:]))
            self._step += 1
            self._in[int(ids[k])] = self._step + stays
            held = masks[1 + k]
            if found is not None:
                return held, found
        return held, None

    def _coming(self, held: PackedMasks) -> Indices:
        """Tiles to add: neighbours never asked, those of most gain, and some from anywhere."""
        inside = set(self.tiling.ids(held).tolist())
        free = [
            i for i in self._tiles.tolist() if i not in inside and self._out.get(i, -1) < self._step
        ]
        around = set(self.tiling.around(held).tolist())
        near = [i for i in free if i in around and i not in self._gains]
        near = [near[k] for k in self._drawn(len(near), 0)[:NEIGHBOURS]]
        known = sorted((-self._gains[i], i) for i in free if i in self._gains)
        chosen = near + [i for _, i in known[: COMING - ANYWHERE - len(near)]]
        rest = sorted(set(free) - set(chosen))
        rest = [rest[k] for k in self._drawn(len(rest), 1)]
        rest.sort(key=lambda i: i in self._gains)  # those never asked first
        return np.array(chosen + rest[: COMING - len(chosen)], np.intp)

    def _drawn(self, n: int, number: int) -> Indices:
        """A random order, the same whatever the seed: another one need not give another set."""
        return shuffled(n, (0, 0), (self._step, number, _STREAM))

    # -- elsewhere ------------------------------------------------------------------------------

    def _elsewhere(
        self, held: PackedMasks, bound: int
    ) -> Coroutine[tuple[PackedMasks, PackedMasks | None]]:
        """The next window to begin with, or what is held where there is none."""
        if not self._windows or self._looked_below > MUCH * bound:
            found = yield from self._look(bound)
            if found is not None:
                return held, found
        while self._windows:
            window = self._windows.pop()
            shared = [size_of(begun & window) for begun in self._begun]
            if max(shared, default=0) <= APART * size_of(window):
                self._begun.append(window)
                self._losses, self._out, self._in = {}, {}, {}
                return window, None
        self._begun = []
        return held, None

    def _look(self, bound: int) -> Coroutine[PackedMasks | None]:
        """Reveal windows a little larger than the bound and note them by their values."""
        windows = _windows(self.tiling, bound) & self.local.allowed
        windows = windows[sizes_of(windows) > 0]
        if not len(windows) or self.room() < len(windows) + COMING + GOING:
            return None
        outcomes = yield windows
        self._looked_below = bound
        self._windows = list(windows[np.argsort(_values(outcomes), kind="stable")])
        return _below(windows, outcomes, bound)


def _windows(tiling: Tiling, pixels: int) -> PackedMasks:
    """Square windows a little larger than so many pixels, half overlapping or, of many, less."""
    side = 1 + max(2, int(math.sqrt(pixels) / tiling.grain))
    stride = min(side, max(2, side // 2, min(tiling.rows, tiling.cols) // WINDOWS_A_SIDE))
    boxes = tiling.windows(side * tiling.grain, stride * tiling.grain)
    return boxes_to_masks(boxes, tiling.shape)


def _below(masks: PackedMasks, outcomes: Outcomes, bound: int) -> PackedMasks | None:
    """The smallest passing mask of a round, if it has fewer pixels than the bound."""
    found = smallest_passing(masks, outcomes)
    return None if found is None or size_of(found) >= bound else found


def _values(outcomes: Outcomes) -> _Value:
    """What is to rise: the mean of the margin and the log-odds.

    Another class that takes the lead bends the margin; the log-odds against all others together are
    smoother but say less of the last step.
    """
    log_odds = np.clip(outcomes.log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return 0.5 * (outcomes.margin + log_odds)
