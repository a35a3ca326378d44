"""Local search around an irreducible set: exchange tiles, trade two for one, grow another set.

An irreducible set is no smallest one: no tile can go alone, yet often a few can go if others come.
What to bring is told by a tile's *gain*, the rise of the margin when it was last added to a set, and
what to give by the margin that is left without it. All sets found are pruned again, so they are
irreducible too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import numpy.typing as npt

from suffice.methods._blocks import Indices, Tiling, is_smaller, sizes_of, unions
from suffice.methods._pruning import prune
from suffice.methods._rounds import Coroutine, smallest_passing
from suffice.types import PackedMasks

WIDTH = 24  # tiles asked beside a set in one round
UNKNOWN = WIDTH // 3  # of them never asked before, at least, where there are so many
FEW = 4  # tiles up to which a set has too few of them for exchanges
BROUGHT = (1, 2, 3, 4, 6, 8, 12)  # tiles that one exchange may bring
WEAKEST = 8  # tiles whose pairs are traded
PAIRS = 4  # of which so many are tried with other tiles
BLOCKS_A_SIDE = 14  # that growing looks at first
GROWN_FROM = 96  # tiles that a grown set may begin with
GROW_WIDTH = 32
TREND = 3  # steps over which the margin's rise is looked at
FADED = 0.5  # what a gain is worth after the tile failed beside another set


class LocalSearch:
    """Smaller sets near a set, and from nothing, on the tiles of one grain.

    Parameters
    ----------
    tiling : Tiling
    allowed : uint64 [words]
        Pixels that sets may be made of.
    key : (int, int)
        Seed and image key, for pruning.
    empty_margin : float
        Margin of the empty set.
    credit : callable
        Gives the credit of passing sets ``float64 [H, W]``: of tiles never asked, those of most
        credit go first.
    room : callable
        Gives how many masks may still be asked.
    """

    def __init__(
        self,
        tiling: Tiling,
        allowed: PackedMasks,
        key: tuple[int, int],
        empty_margin: float,
        credit: Callable[[], npt.NDArray[np.float64]],
        room: Callable[[], int],
    ) -> None:
        self.tiling, self.allowed, self.key = tiling, allowed, key
        self.empty_margin, self.credit, self.room = empty_margin, credit, room
        self.gains: dict[int, float] = {}

    def step(self, mask: PackedMasks) -> Coroutine[PackedMasks | None]:
        """A smaller irreducible set beside an irreducible one, or None.

        Parameters
        ----------
        mask : uint64 [words]
        """
        ids = self.tiling.ids(mask)
        better = None
        if len(ids) > FEW:
            better = yield from self._exchange(mask, ids)
        if better is None and len(ids) > 1:
            better = yield from self._trade(mask, ids)
        return better

    # -- exchange: many out, some in ------------------------------------------------------------

    def _exchange(self, mask: PackedMasks, ids: Indices) -> Coroutine[PackedMasks | None]:
        """Take the weakest j tiles away and bring the i < j of most gain, for many i and j at once.

        Each tile is judged alone; that they act together is left to the round that asks.
        """
        near = self._beside(mask, WIDTH)
        swaps = [(i, j) for i in BROUGHT if i <= len(near) for j in _given(i, len(ids))]
        if not swaps or self.room() < len(near) + len(swaps) + 2 * len(ids):
            return None
        parts, others = self.parts(ids), self.parts(near)
        outcomes = yield np.concatenate([mask[None], mask & ~parts, mask | others])
        without, beside = outcomes.margin[1 : 1 + len(ids)], outcomes.margin[1 + len(ids) :]
        self._learn(near, beside - outcomes.margin[0])
        given = unions(parts[np.argsort(-without, kind="stable")])
        brought = unions(others[np.argsort(-beside, kind="stable")[: max(BROUGHT)]])
        masks = np.array([mask & ~given[j - 1] | brought[i - 1] for i, j in swaps])
        outcomes = yield masks
        return (yield from self._pruned(smallest_passing(masks, outcomes), mask))

    # -- trade: two out, one in -----------------------------------------------------------------

    def _trade(self, mask: PackedMasks, ids: Indices) -> Coroutine[PackedMasks | None]:
        """Take two of the weakest tiles away and bring one, for the pairs that cost least."""
        n_pairs = min(len(ids), WEAKEST) * (min(len(ids), WEAKEST) - 1) // 2
        if self.room() < n_pairs + WIDTH + 2 * len(ids):
            return None
        parts = self.parts(ids)
        outcomes = yield mask & ~parts
        weakest = np.argsort(-outcomes.margin, kind="stable")[:WEAKEST]
        pairs = np.array([parts[a] | parts[b] for a, b in combinations(weakest, 2)])
        rests = mask & ~pairs
        outcomes = yield rests
        chosen = smallest_passing(rests, outcomes)
        if chosen is not None:  # two can go together though neither can alone
            return (yield from self._pruned(chosen, mask))
        margins = outcomes.margin
        for k in np.argsort(-margins, kind="stable")[:PAIRS]:
            near = self._beside(mask, WIDTH)
            if not len(near) or self.room() < len(near) + 2 * len(ids):
                return None
            masks = rests[k] | self.parts(near)
            outcomes = yield masks
            self._learn(near, outcomes.margin - margins[k], faded=True)
            chosen = smallest_passing(masks, outcomes)
            if chosen is not None:
                return (yield from self._pruned(chosen, mask))
        return None

    # -- growing: from nothing ------------------------------------------------------------------

    def grow(self, mask: PackedMasks) -> Coroutine[PackedMasks | None]:
        """A smaller set than another from nothing, by the tile that helps most each time, or None.

        It begins with the best single tile of the best blocks and gives up where the margin rises
        too slowly to pass in fewer tiles than the other set has.

        Parameters
        ----------
        mask : uint64 [words]
            The set to be beaten.
        """
        n_tiles = len(self.tiling.ids(mask))
        size = max(2, min(self.tiling.rows, self.tiling.cols) // BLOCKS_A_SIDE)
        blocks = self.tiling.parts(self.allowed, size)
        if n_tiles < 2 or self.room() < len(blocks) + GROWN_FROM + (TREND + 1) * GROW_WIDTH:
            return None
        outcomes = yield blocks
        passing = smallest_passing(blocks, outcomes)
        best = np.argsort(-outcomes.margin, kind="stable")[: max(1, GROWN_FROM // size**2)]
        ids = self.tiling.ids(np.bitwise_or.reduce(blocks[best], axis=0))
        tiles = self.parts(ids)
        outcomes = yield tiles
        self._learn(ids, outcomes.margin - self.empty_margin)
        chosen = smallest_passing(tiles, outcomes)
        if chosen is None:
            chosen = passing
        if chosen is None:
            first = int(np.argmax(outcomes.margin))
            chosen = yield from self._grow_on(
                tiles[first], float(outcomes.margin[first]), n_tiles - 1
            )
        return (yield from self._pruned(chosen, mask))

    def _grow_on(
        self, grown: PackedMasks, margin: float, limit: int
    ) -> Coroutine[PackedMasks | None]:
        """Add tiles until the set passes; None where it would not with so many."""
        margins = [margin]
        for n_tiles in range(2, limit + 1):
            near = self._beside(grown, GROW_WIDTH)
            if not len(near) or self.room() < 2 * GROW_WIDTH:
                return None
            masks = grown | self.parts(near)
            outcomes = yield masks
            self._learn(near, outcomes.margin - margins[-1])
            chosen = smallest_passing(masks, outcomes)
            if chosen is not None:
                return chosen
            best = int(np.argmax(outcomes.margin))
            grown = masks[best]
            margins.append(float(outcomes.margin[best]))
            if not _may_pass(margins, limit - n_tiles):
                return None
        return None

    # -- tiles ----------------------------------------------------------------------------------

    def _pruned(
        self, chosen: PackedMasks | None, mask: PackedMasks
    ) -> Coroutine[PackedMasks | None]:
        """A set found, irreducible, if it is smaller than the one it is to replace."""
        if chosen is None:
            return None
        pruned = yield from prune(self.tiling, chosen, [1], self.key)
        return pruned if is_smaller(pruned, mask) else None

    def parts(self, ids: Indices) -> PackedMasks:
        """What sets may hold of each tile, ``uint64 [len(ids), words]``."""
        return self.tiling.blocks(ids) & self.allowed

    def _learn(self, ids: Indices, gains: npt.NDArray[np.float64], faded: bool = False) -> None:
        """Note what tiles brought; ``faded``: little beside one set says little about others."""
        for i, gain in zip(ids.tolist(), gains.tolist(), strict=True):
            self.gains[i] = max(gain, FADED * self.gains.get(i, 0.0)) if faded else gain

    def _beside(self, mask: PackedMasks, width: int) -> Indices:
        """Tiles to add to a set: those of most gain, and of its neighbours some unknown ones."""
        inside = set(self.tiling.ids(mask).tolist())
        by_gain = sorted(self.gains, key=lambda i: (-self.gains[i], i))
        known = [i for i in by_gain if i not in inside]
        around = self.tiling.around(mask)
        around = around[sizes_of(self.parts(around) & ~mask) > 0]
        unknown = np.array([i for i in around.tolist() if i not in self.gains], np.intp)
        credit = self.tiling.sums(self.credit())[unknown]
        unknown = unknown[np.argsort(-credit, kind="stable")]
        n_unknown = min(len(unknown), max(UNKNOWN * width // WIDTH, width - len(known)))
        return np.array([*known[: width - n_unknown], *unknown[:n_unknown]], np.intp)


def _given(brought: int, n_tiles: int) -> list[int]:
    """How many tiles to give for some that come: a few more, up to three times as many."""
    counts = {brought + 1, brought + 2, brought * 3 // 2 + 1, 2 * brought, 2 * brought + 1}
    return sorted(j for j in counts | {3 * brought} if brought < j < n_tiles)


def _may_pass(margins: list[float], steps: int) -> bool:
    """Whether the margin may reach zero within so many steps, half as fast again as of late.

    Examples
    --------
    >>> _may_pass([-9.0, -7.0, -5.0, -3.0], 1), _may_pass([-9.0, -8.0, -7.0, -6.0], 2)
    (True, False)
    """
    if len(margins) <= TREND:
        return True
    rise = (margins[-1] - margins[-1 - TREND]) / TREND
    return margins[-1] + 1.5 * rise * steps >= 0.0
