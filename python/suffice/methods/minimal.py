"""The default method: a small set by windows, unions and pruning, certified irreducible.

1. *Reveal* square windows on the baseline, two sevenths of the side each, half overlapping.
   Revealing ranks better than hiding (METHODS.md, 'What the measurements say').
2. If one passes, *shrink*: its smaller sub-windows, for as long as one passes.
   If none does, *unite*: join the best window with others, greedily, until the union passes; a
   large union is *rebuilt* from smaller windows inside it (``_window_start.py``).
3. *Prune* by blocks of tiles, coarse to fine, until no tile can be removed alone
   (``_pruning.py``).
4. *Improve*: exchange tiles, trade two for one, grow another set from nothing
   (``_local_search.py``); until ``effort`` masks are asked or nothing more is won. With an effort
   of 2000 and more, a tabu search has what is left after 1000 masks (``_tabu.py``).
5. A grain finer than a 28th of the side is reached through multiples of it that are not: steps
   1-4 on coarse tiles, then steps 3-4 on those of the grain.

The set held is irreducible at every moment from the end of step 3, so step 4 may end anywhere.
``docs/methods/minimal.md`` has the measurements behind each choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from suffice import _native
from suffice.errors import SettingsError
from suffice.methods._blocks import (
    Tiling,
    empty_mask,
    full_mask,
    pixels_to_share,
    size_of,
    sizes_of,
)
from suffice.methods._local_search import LocalSearch
from suffice.methods._pruning import prune
from suffice.methods._rounds import Coroutine
from suffice.methods._tabu import TabuSearch
from suffice.methods._window_start import WindowStart
from suffice.methods.base import Method, RoundSearch, SearchResult, register
from suffice.subject import Subject
from suffice.types import Outcomes, PackedMasks

COARSE = 28  # tiles along the shorter side that the search begins with at most
COARSE_SHARE = 0.5  # of the effort at most goes to coarser tiles
LONG = 1000  # masks after which a tabu search takes over, if as many may follow

_Found = TypeVar("_Found")
_Find = Callable[[PackedMasks], Coroutine[PackedMasks | None]]


@register
@dataclass(frozen=True)
class Minimal(Method):
    """Small sufficient sets, each irreducible at the grain of the run.

    Parameters
    ----------
    effort : int
        Different masks asked for one set after which no further improvement is tried; a mask is one
        evaluation for every baseline, two where contrastive. The set is finished first, so a hard
        image may take more. Up to 1999 the search ends where nothing near is smaller; from 2000 on
        it goes on elsewhere until the effort is spent.

    Raises
    ------
    SettingsError
        If the effort is no whole number from 1.

    Source
    ------
    This project's own; ``docs/methods/minimal.md``.
    """

    name: ClassVar[str] = "minimal"
    version: ClassVar[str] = "3"
    many: ClassVar[bool] = True
    certifies: ClassVar[bool] = True

    effort: int = 1000

    def __post_init__(self) -> None:
        effort: object = self.effort  # whatever a caller gave
        if not isinstance(effort, int) or isinstance(effort, bool) or effort < 1:
            raise SettingsError(f"minimal: effort must be a whole number from 1, got {effort!r}")

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search."""
        search = MinimalSearch(subject, self.effort)
        return RoundSearch(search.run(), search.standing)


class MinimalSearch:
    """One search for up to ``subject.count`` sets.

    Parameters
    ----------
    subject : Subject
    effort : int
        See `Minimal`.
    """

    starts: ClassVar[type[WindowStart]] = WindowStart

    def __init__(self, subject: Subject, effort: int) -> None:
        self.subject, self.effort = subject, effort
        self.shape = subject.shape
        self.scales = _scales(min(self.shape), subject.grain)  # in tiles of the grain, ending in 1
        self.tiling = Tiling(self.shape, subject.grain * self.scales[0])
        self.key = (subject.seed, subject.key)
        self.everything = full_mask(self.shape)
        self.allowed = self.everything
        self.found: list[PackedMasks] = []
        self._smallest: PackedMasks | None = None  # of the set being looked for
        self._proved: PackedMasks | None = None
        self._asked: set[bytes] = set()  # digests of the masks asked for it
        self._map = np.zeros(self.shape, np.float64)

    # -- what the engine sees -------------------------------------------------------------------

    def run(self) -> Coroutine[SearchResult]:
        """Find one set after the other."""
        reason = ""
        while len(self.found) < self.subject.count:
            self._smallest = self._proved = None
            self._asked = set()
            mask = yield from self._find_set()
            if mask is None:
                reason = self._why_no_more()
                break
            self.found.append(mask)
            self.allowed = self._still_allowed()
        return self._result(self.found, [self.subject.grain] * len(self.found), reason)

    def standing(self) -> SearchResult:
        """The sets found so far and the smallest passing one of the search that goes on."""
        masks = list(self.found)
        claims: list[int | None] = [self.subject.grain] * len(masks)
        if self._smallest is not None and len(masks) < self.subject.count:
            masks.append(self._smallest)
            proved = self._proved is not None and np.array_equal(self._proved, self._smallest)
            claims.append(self.subject.grain if proved else None)
        return self._result(masks, claims, "")

    def _result(
        self, masks: list[PackedMasks], claims: list[int | None], reason: str
    ) -> SearchResult:
        order = sorted(range(len(masks)), key=lambda k: size_of(masks[k]))
        words = len(self.everything)
        top = self._map.max()
        return SearchResult(
            masks=np.array([masks[k] for k in order], np.uint64).reshape(-1, words),
            responsibility=(self._map / top if top > 0 else self._map).astype(np.float32),
            reason=reason,
            irreducible=tuple(claims[k] for k in order),
        )

    def _why_no_more(self) -> str:
        if not self.found:
            return "neither a window, nor a union of windows, nor the whole image passes"
        n = len(self.found)
        return f"no further set was found after {n}: what is left of the image does not pass"

    def _still_allowed(self) -> PackedMasks:
        """What the next set may be made of, so that it overlaps earlier ones at most as allowed."""
        allowed = self.everything.copy()
        for mask in self.found:
            ids = self.tiling.ids(mask)
            parts = self.tiling.blocks(ids) & mask
            room = pixels_to_share(mask, self.subject.overlap)
            values = np.array([self._map[p].mean() for p in _native.unpack(parts, self.shape)])
            kept = empty_mask(self.shape)
            for k in np.argsort(-values, kind="stable"):
                if size_of(kept | parts[k]) > room:
                    break
                kept |= parts[k]
            allowed &= ~mask | kept
        return allowed

    # -- asking ---------------------------------------------------------------------------------

    def _ask(self, masks: PackedMasks) -> Coroutine[Outcomes]:
        """Evaluate a round; note the smallest passing set and where passing sets lie."""
        outcomes = yield masks
        self._note(masks, outcomes)
        return outcomes

    def _noting(self, rounds: Coroutine[_Found]) -> Coroutine[_Found]:
        """Run another coroutine's rounds as this search's own."""
        try:
            masks = next(rounds)
            while True:
                masks = rounds.send((yield from self._ask(masks)))
        except StopIteration as stop:
            result: _Found = stop.value
            return result

    def _note(self, masks: PackedMasks, outcomes: Outcomes) -> None:
        self._asked.update(row.tobytes() for row in _native.digest(np.ascontiguousarray(masks)))
        passing = np.flatnonzero(outcomes.passes)
        if not len(passing):
            return
        sizes = sizes_of(masks[passing])
        smallest = passing[np.argmin(sizes)]
        if self._smallest is None or sizes.min() < size_of(self._smallest):
            self._smallest = masks[smallest].copy()
        # A small passing set says more about its pixels than a large one.
        weights = 1.0 / np.maximum(sizes, 1)
        _native.add_masks(self._map, masks[passing], weights)

    # -- one set --------------------------------------------------------------------------------

    def _find_set(self) -> Coroutine[PackedMasks | None]:
        if not self.allowed.any():  # earlier sets took the whole image
            return None
        self.tiling = Tiling(self.shape, self.subject.grain * self.scales[0])
        start = yield from self._start()
        if start is None:
            return None
        mask = yield from self._settle(start, None)
        if self.scales[0] > 1:
            self.tiling = Tiling(self.shape, self.subject.grain)
            mask = yield from self._settle(mask, self.scales[1:])
        return mask

    def _settle(self, mask: PackedMasks, sizes: list[int] | None) -> Coroutine[PackedMasks]:
        """Prune a passing set to irreducibility on the tiles at hand, then improve it."""
        mask = yield from self._noting(prune(self.tiling, mask, sizes, self.key))
        self._hold(mask)
        return (yield from self._improve(mask))

    def _hold(self, mask: PackedMasks) -> None:
        """Remember a set that was seen irreducible, if its tiles are those of the grain."""
        if self.tiling.grain == self.subject.grain:
            self._proved = mask

    def _start(self) -> Coroutine[PackedMasks | None]:
        """A passing set to prune, or None."""
        return (yield from self._noting(self.starts(self.tiling, self.allowed).find()))

    # -- improving ------------------------------------------------------------------------------

    def _improve(self, mask: PackedMasks) -> Coroutine[PackedMasks]:
        """Replace a set by ever smaller ones beside it, then by ones from elsewhere."""
        if self.tiling.grain == self.subject.grain and len(self.scales) > 1:  # fine tiles are many
            return (yield from self._better(mask, self._local_search(self._limit()).step))
        local = self._local_search(LONG if self._is_long() else self._limit())
        mask = yield from self._better(mask, local.step)
        mask = yield from self._better(mask, local.grow, once=True)
        mask = yield from self._better(mask, local.step)
        if self._is_long():
            tabu = TabuSearch(local, room=lambda: self._limit() - len(self._asked))
            mask = yield from self._better(mask, tabu.smaller)
        return mask

    def _is_long(self) -> bool:
        """Whether a tabu search takes over from local search."""
        return self._limit() >= 2 * LONG

    def _local_search(self, limit: int) -> LocalSearch:
        return LocalSearch(
            *(self.tiling, self.allowed, self.key, float(self.subject.empty.margin[0])),
            credit=lambda: self._map,
            room=lambda: limit - len(self._asked),
        )

    def _better(self, mask: PackedMasks, find: _Find, once: bool = False) -> Coroutine[PackedMasks]:
        """Whatever smaller irreducible sets are found, until none is."""
        while True:
            better = yield from self._noting(find(mask))
            if better is None:
                return mask
            mask = better
            self._hold(mask)
            if once:
                return mask

    def _limit(self) -> int:
        """Masks that may be asked before the tiles at hand are left as they are."""
        if self.tiling.grain > self.subject.grain:
            return int(COARSE_SHARE * self.effort)
        return self.effort


def _scales(side: int, grain: int) -> list[int]:
    """Powers of two that lead from coarse tiles down to the grain.

    Examples
    --------
    >>> _scales(224, 8), _scales(224, 2), _scales(32, 1)
    ([1], [4, 2, 1], [1])
    """
    scales = [1]
    while 2 * scales[-1] * grain * COARSE <= side:
        scales.append(2 * scales[-1])
    return scales[::-1]
