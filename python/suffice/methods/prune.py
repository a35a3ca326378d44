"""Pruning as a method: after another search, or of sets that are given.

The work itself is `suffice.methods._pruning.prune`; here it gets sets, rules and a place in the
record. ``docs/methods/prune.md`` says what it guarantees.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import SettingsError
from suffice.methods._blocks import Tiling, size_of, sizes_of
from suffice.methods._pruning import prune
from suffice.methods._rounds import Coroutine, judged
from suffice.methods.base import Method, Rounds, RoundSearch, Search, SearchResult
from suffice.subject import Subject
from suffice.types import JsonObject, Outcomes, PackedMasks, Responsibility


@dataclass(frozen=True)
class Pruned(Method):
    """Any method, with each of its sets pruned to irreducibility afterwards.

    Pruning is part of the same search: it shares its memory of outcomes and its budget. In the
    record it is the inner method with one more setting, ``prune``.

    Parameters
    ----------
    inner : Method
        What finds the sets.
    grain : int or None
        Side in pixels of the tiles that are removed; None: that of the run.

    Raises
    ------
    SettingsError
        If the grain is no whole number from 1, or the inner method is pruned already.

    Examples
    --------
    >>> from suffice.methods.rex import Rex
    >>> pruned = Pruned(Rex(iterations=5), grain=8)
    >>> pruned.name, pruned.settings()["iterations"], pruned.settings()["prune"]
    ('rex', 5, {'grain': 8})
    """

    name: ClassVar[str] = "pruned"
    version: ClassVar[str] = "1"
    certifies: ClassVar[bool] = True

    inner: Method
    grain: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.inner, (Pruned, Prune)):
            raise SettingsError(f"method {self.inner.name} is pruned already; give it alone")
        _check_grain(self.grain)
        # What the inner method says of itself holds for this object too.
        for name in ("name", "version", "many", "many_hint", "differentiates"):
            object.__setattr__(self, name, getattr(self.inner, name))

    def settings(self) -> JsonObject:
        """Those of the inner method, and ``prune``."""
        return {**self.inner.settings(), "prune": {"grain": self.grain}}

    @property
    def may_grow(self) -> bool:
        """Whether the engine may grow a set that fails its certificate, as the inner method."""
        return self.inner.may_grow

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start the inner search; pruning follows."""
        search = PruneSearch(subject, self.inner.make_search(subject), self.grain)
        return RoundSearch(search.run(), search.standing)


@dataclass(frozen=True, eq=False)
class Prune(Method):
    """Sets that are given, pruned to irreducibility; `suffice.prune` is the way to it.

    Parameters
    ----------
    start : uint64 [K, words]
        Packed masks of the image's size.
    criteria : tuple of Criterion
        Per set; empty: the subject's for all.
    grain : int or None
        Side in pixels of the tiles that are removed; None: that of the run.
    responsibility : float32 [H, W] or None
        The ranking the sets were read from, where there is one.
    """

    name: ClassVar[str] = "prune"
    version: ClassVar[str] = "1"
    many: ClassVar[bool] = True
    certifies: ClassVar[bool] = True

    start: PackedMasks
    criteria: tuple[Criterion, ...] = ()
    grain: int | None = None
    responsibility: Responsibility | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_grain(self.grain)

    def __eq__(self, other: object) -> bool:
        """Whether both prune the same sets by the same rules."""
        return (
            isinstance(other, Prune)
            and self.settings() == other.settings()
            and self.criteria == other.criteria
        )

    def __hash__(self) -> int:
        """Equal for equal methods."""
        return hash((str(self.settings()), self.criteria))

    def settings(self) -> JsonObject:
        """The grain, and what identifies the given sets."""
        digest = hashlib.sha256(np.ascontiguousarray(self.start).tobytes()).hexdigest()
        return {"grain": self.grain, "start": {"sha256": digest, "sets": len(self.start)}}

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search."""
        search = PruneSearch(subject, RoundSearch(self._given(subject)), self.grain)
        return RoundSearch(search.run(), search.standing)

    def _given(self, subject: Subject) -> Rounds:
        """Ask the given sets; what passes is what there is to prune."""
        outcomes = yield self.start
        rules = self.criteria or (subject.criterion,) * len(self.start)
        found = [judged(outcomes, rule, subject) for rule in rules]
        passing = [k for k in range(len(rules)) if found[k].passes[k]]
        return SearchResult(
            self.start[passing],
            responsibility=self.responsibility,
            reason=_why_left_out(rules, found, passing),
            criteria=tuple(self.criteria[k] for k in passing) if self.criteria else (),
        )


class PruneSearch:
    """Runs a search to its end, then prunes its sets one after the other.

    Parameters
    ----------
    subject : Subject
    inner : Search
        At its beginning.
    grain : int or None
        None: the subject's.
    """

    def __init__(self, subject: Subject, inner: Search, grain: int | None) -> None:
        self.subject, self._inner = subject, inner
        self.grain = subject.grain if grain is None else grain
        self._tiling = Tiling(subject.shape, self.grain)
        self._found: SearchResult | None = None  # what the inner search ended with
        self._sets: list[PackedMasks] = []
        self._claims: list[int | None] = []
        self._asked = self._rounds = self._kept_apart = 0

    def run(self) -> Rounds:
        """Search, then prune."""
        while (masks := self._inner.ask()) is not None:
            self._inner.tell((yield masks))
        found = self._found = self._inner.result()
        self._sets = [mask.copy() for mask in found.masks]
        self._claims = [found.claim(k) for k in range(len(found.masks))]
        for k in range(len(self._sets)):
            yield from self._prune_set(found, k)
        return self._result(found)

    def standing(self) -> SearchResult | None:
        """What the inner search holds; once it is over, the smallest seen of each of its sets."""
        return self._inner.standing() if self._found is None else self._result(self._found)

    def _prune_set(self, found: SearchResult, k: int) -> Coroutine[None]:
        start, rule = self._sets[k], found.rule(k, self.subject.criterion)
        outcomes = judged((yield start[None]), rule, self.subject)
        if not outcomes.passes[0]:
            return  # a method may return a set that its own rule lets pass; it stays as it is
        pruning = prune(self._tiling, start, key=(self.subject.seed, self.subject.key))
        try:
            masks = next(pruning)
            while True:
                outcomes = judged((yield masks), rule, self.subject)
                self._note(found, k, masks, outcomes)
                masks = pruning.send(outcomes)
        except StopIteration as stop:
            mask: PackedMasks = stop.value
        if self._fits(found, k, mask):
            # Not always the smallest that was seen, but the one seen to be irreducible.
            self._sets[k], self._claims[k] = mask, self.grain
        else:
            self._kept_apart += 1

    def _note(self, found: SearchResult, k: int, masks: PackedMasks, outcomes: Outcomes) -> None:
        """Keep the smallest passing set, for the case that the budget ends the search."""
        self._asked, self._rounds = self._asked + len(masks), self._rounds + 1
        passing = np.flatnonzero(outcomes.passes)
        if not len(passing):
            return
        mask = masks[passing[np.argmin(sizes_of(masks[passing]))]]
        if size_of(mask) < size_of(self._sets[k]) and self._fits(found, k, mask):
            self._sets[k], self._claims[k] = mask.copy(), None

    def _fits(self, found: SearchResult, k: int, mask: PackedMasks) -> bool:
        """Whether a smaller set in place of set k still overlaps the others as little as allowed.

        Two sets that share pixels overlap the more, in Dice's sense, the less else they hold.
        Methods that have an overlap of their own keep it; sets of several criteria have none.
        """
        return bool(found.criteria) or all(
            dice(mask, other) <= max(self.subject.overlap, dice(found.masks[k], found.masks[i]))
            for i, other in enumerate(self._sets)
            if i != k
        )

    def _result(self, found: SearchResult) -> SearchResult:
        order = list(range(len(self._sets)))
        if not found.criteria:  # sets of different criteria keep the order of their method
            order.sort(key=lambda k: size_of(self._sets[k]))
        numbers = {
            "pixels_before": [int(n) for n in sizes_of(found.masks[order])],
            "asked": self._asked,
            "rounds": self._rounds,
        }
        reason = found.reason
        if self._kept_apart:
            more = f"{self._kept_apart} not pruned to the end, so as not to overlap too much"
            reason = f"{reason}; {more}" if reason else more
        return replace(
            found,
            reason=reason,
            masks=np.array([self._sets[k] for k in order], np.uint64).reshape(found.masks.shape),
            irreducible=tuple(self._claims[k] for k in order),
            details={**(found.details or {}), "prune": numbers},
        )


def dice(mask: PackedMasks, other: PackedMasks) -> float:
    """Dice coefficient of two packed masks; 0 for two empty ones."""
    both = int(_native.count((mask & other)[None])[0])
    return 2.0 * both / max(1, size_of(mask) + size_of(other))


def _why_left_out(rules: tuple[Criterion, ...], found: list[Outcomes], passing: list[int]) -> str:
    """Say which of the given sets can't be pruned because they don't pass."""
    failing = [k for k in range(len(rules)) if k not in passing]
    if not failing:
        return ""
    k = failing[0]
    which = "the given set does" if len(rules) == 1 else f"{len(failing)} of {len(rules)} sets do"
    return (
        f"{which} not pass {rules[k]} (margin {found[k].margin[k]:.3g}), so there is nothing "
        "to prune: it was made under another criterion, model, image or baseline"
    )


def _check_grain(grain: int | None) -> None:
    if grain is not None and (type(grain) is not int or grain < 1):
        raise SettingsError(f"grain must be a whole number from 1, or None, got {grain!r}")
