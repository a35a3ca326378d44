"""Sufficient input subsets: exact backward selection, pixel by pixel.

The method of Carter, Mueller, Jain and Gifford. The selection itself runs in C++
(``csrc/search/backward``). ``docs/methods/sis.md`` says how it works, what it costs and what
differs from the authors' code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import SettingsError
from suffice.methods._rounds import Coroutine
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult, register
from suffice.subject import Subject
from suffice.types import Outcomes, PackedMasks, Responsibility

Values = npt.NDArray[np.float64]


@register
@dataclass(frozen=True)
class Sis(Method):
    """Sufficient input subsets (METHODS.md "sis").

    The pixel without which the target keeps the highest probability goes, one after the other,
    until none is left; a set is the shortest end of that order which passes the criterion. With a
    count above 1 the next set comes from what is left without those before, so sets are disjoint.

    An image of p pixels costs ``1 + p * (p + 1) / 2`` evaluations, 524,801 at 32 x 32.

    Attributes
    ----------
    keep : float or None
        Instead of a sufficient set, give the last ``ceil(keep * p)`` pixels of the order, whatever
        they pass: 0.05 is the pixel subset of "Overinterpretation". Above 0, at most 1.

    Raises
    ------
    SettingsError
        If `keep` is out of range.

    Source
    ------
    Carter, Mueller, Jain, Gifford: What made you do this? Understanding black-box decisions with
    sufficient input subsets (AISTATS 2019). Carter, Jain, Mueller, Gifford: Overinterpretation
    reveals image classification model pathologies (NeurIPS 2021).
    """

    name: ClassVar[str] = "sis"
    version: ClassVar[str] = "1"
    many: ClassVar[bool] = True
    repeats: ClassVar[bool] = False

    keep: float | None = None

    def __post_init__(self) -> None:
        if self.keep is None:
            return
        _check_part(self.keep)
        # A pixel subset is wanted whatever the baselines pass, and nothing else stands in for it.
        object.__setattr__(self, "own_criteria", True)

    @property
    def may_grow(self) -> bool:
        """Whether the engine may grow a set that fails its certificate; the order says it all."""
        return False

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search for one subject.

        Raises
        ------
        SettingsError
            If several sets are asked for with `keep`.
        """
        if self.keep is not None and subject.count > 1:
            raise SettingsError(
                f"method sis: keep gives one set, count is {subject.count}; leave one of them out"
            )
        search = _Selection(self, subject)
        return RoundSearch(search.run(), search.standing)


@dataclass(slots=True, eq=False)
class _Order:
    """One finished backward selection: pixels as they went, and what was left after each."""

    order: npt.NDArray[np.int32]
    values: Values
    passing: npt.NDArray[np.bool_]
    size: int = 0  # pixels of the set that was read from it
    value: float = math.nan  # of the set, as the search saw it

    def read(self, whole: float) -> npt.NDArray[np.int32]:
        """FindSIS: the shortest end that passes; all pixels where no shorter one does."""
        last = np.flatnonzero(self.passing)
        start = int(last[-1]) + 1 if len(last) else 0
        return self._end(start, whole)

    def last(self, part: float, whole: float) -> npt.NDArray[np.int32]:
        """The last `part` of the pixels."""
        n = math.ceil(round(part * len(self.order), 9))  # 0.07 * 100 is 7.000000000000001
        return self._end(len(self.order) - n, whole)

    def _end(self, start: int, whole: float) -> npt.NDArray[np.int32]:
        self.size = len(self.order) - start
        self.value = float(self.values[start - 1]) if start else whole
        return self.order[start:]


@dataclass(slots=True, eq=False)
class _Selection:
    """One search: the orders and sets so far."""

    settings: Sis
    subject: Subject
    orders: list[_Order] = field(default_factory=list)
    sets: list[PackedMasks] = field(default_factory=list)
    running: Any = None  # the native search at work
    end: str = ""  # why there are fewer sets than were asked for

    def run(self) -> Rounds:
        """SIScollection: take sets out of the image until the rest no longer passes."""
        subject, keep = self.subject, self.settings.keep
        whole = float(self._values(subject.reference)[0])
        rest = _native.pack(np.ones((1, *subject.shape), np.bool_))
        if keep is not None:
            selected = yield from self._backselect(rest)
            self.sets.append(self._mask(selected.last(keep, whole)))
            return self._result()
        if not subject.reference.passes[0]:
            self.end = "the whole image doesn't pass the criterion"
            return self._result()
        while True:
            selected = yield from self._backselect(rest)
            found = self._mask(selected.read(whole))
            self.sets.append(found)
            if len(self.sets) == subject.count:
                return self._result()
            rest = rest & ~found
            if not rest.any():
                self.end = "the sets cover the image"
                return self._result()
            outcomes = yield rest
            if not outcomes.passes[0]:
                self.end = "what is left without the sets doesn't pass"
                return self._result()
            whole = float(self._values(outcomes)[0])

    def standing(self) -> SearchResult | None:
        """What there is if the search is stopped: sets found, and the order as far as it goes."""
        return self._result()

    def _backselect(self, rest: PackedMasks) -> Coroutine[_Order]:
        """Drop all pixels of `rest`, one by one, that which is missed least first."""
        search = self.running = _native.backward_search(rest, self.subject.shape)
        while search.remaining > 1:
            outcomes = yield search.ask()
            search.tell(self._values(outcomes), outcomes.passes.view(np.uint8))
        nothing = self.subject.empty  # the last sweep is the empty mask, known from the start
        search.tell(self._values(nothing), nothing.passes.view(np.uint8))
        selected = _Order(search.order(), search.values(), search.passing().view(np.bool_))
        self.orders.append(selected)
        self.running = None
        return selected

    def _values(self, outcomes: Outcomes) -> Values:
        """f: the target's probability, under several baselines the lowest.

        The engine's ``confidence`` then is that of the baseline which is worst under the
        criterion, but the order must not depend on the criterion.
        """
        if len(self.subject.baselines) == 1:
            return outcomes.confidence
        with np.errstate(over="ignore"):
            lowest: Values = 1.0 / (1.0 + np.exp(-outcomes.log_odds))
        return lowest

    def _mask(self, pixels: npt.NDArray[np.int32]) -> PackedMasks:
        keep = np.zeros(int(np.prod(self.subject.shape)), np.bool_)
        keep[pixels] = True
        return _native.pack(keep.reshape(1, *self.subject.shape))

    def _result(self) -> SearchResult:
        height, width = self.subject.shape
        nothing = np.zeros((0, _native.words_for(height * width)), np.uint64)
        found = self.orders[: len(self.sets)]
        return SearchResult(
            np.concatenate([nothing, *self.sets]),
            responsibility=self._ranks(),
            reason=self.end,
            details={
                "set_confidences": [o.value for o in found],
                "sizes": [o.size for o in found],
                "sweeps": sum(len(o.order) for o in self.orders) + self._sweeps(),
            },
            arrays=self._arrays() or None,
        )

    def _sweeps(self) -> int:
        return 0 if self.running is None else len(self.running.order())

    def _ranks(self) -> Responsibility | None:
        """Place in the first order, from 1/p of the first pixel that went to 1 of the last."""
        if not self.orders:
            return None
        order = self.orders[0].order
        ranks = np.empty(len(order), np.float32)
        ranks[order] = np.arange(1, len(order) + 1) / len(order)
        return ranks.reshape(self.subject.shape)

    def _arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Orders and values: ``order``, ``values``; of the second set ``order_2``, ``values_2``."""
        pairs = [(o.order, o.values) for o in self.orders]
        if self.running is not None and len(self.running.order()):
            pairs.append((self.running.order(), self.running.values()))
        named: dict[str, npt.NDArray[np.generic]] = {}
        for number, (order, values) in enumerate(pairs, start=1):
            suffix = "" if number == 1 else f"_{number}"
            named[f"order{suffix}"], named[f"values{suffix}"] = order, values
        return named


def _check_part(keep: Any) -> None:
    number = isinstance(keep, int | float) and not isinstance(keep, bool)
    if not number or not 0.0 < keep <= 1.0:
        raise SettingsError(
            "method sis: setting keep should be a part of the pixels, above 0 and at most 1, "
            f"or none; got {keep!r}"
        )
