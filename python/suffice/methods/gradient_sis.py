"""Batched Gradient SIS: pixels left out by the gradient with respect to the mask.

The method of Carter, Jain, Mueller and Gifford (Overinterpretation, section S5).
``docs/methods/gradient-sis.md`` says how it works and what was chosen here.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import SettingsError
from suffice.methods.base import (
    Asked,
    Gradients,
    Method,
    Rounds,
    RoundSearch,
    SearchResult,
    register,
)
from suffice.models.base import VALUES, Value
from suffice.subject import Subject
from suffice.types import Outcomes, PackedMasks, PixelMask, Responsibility


@register
@dataclass(frozen=True)
class GradientSis(Method):
    """Batched Gradient SIS (METHODS.md "gradient-sis").

    Finds up to ``count`` disjoint sets, in the order of the SIS collection. The classifier must
    give gradients.

    Attributes
    ----------
    k : int
        Pixels left out after each gradient.
    of : {"probability", "log_odds", "logit", "log_probability"}
        What of the target is differentiated. The gradient of the probability vanishes where it is
        near 0 or 1; that of the log-odds doesn't.

    Raises
    ------
    SettingsError
        If a setting is out of range.

    Source
    ------
    Carter, Jain, Mueller, Gifford: Overinterpretation reveals image classification model
    pathologies (NeurIPS 2021), section S5.
    """

    name: ClassVar[str] = "gradient-sis"
    version: ClassVar[str] = "1"
    many: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True

    k: int = 100
    of: Value = "probability"

    def __post_init__(self) -> None:
        if type(self.k) is not int or self.k < 1:
            raise SettingsError(
                "method gradient-sis: setting k should be a whole number of at least 1; "
                f"got {self.k!r}"
            )
        if self.of not in VALUES:
            raise SettingsError(
                f"method gradient-sis: setting of should be one of {', '.join(VALUES)}; "
                f"got {self.of!r}"
            )

    @property
    def may_grow(self) -> bool:
        """Whether the engine may grow a set that fails its certificate; sets stay disjoint."""
        return False

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search for one subject."""
        search = _Collection(self, subject)
        return RoundSearch(search.run(), search.standing)


class _Collection:
    """One search: the sets found so far, and the order in which the first left out its pixels.

    Parameters
    ----------
    settings : GradientSis
    subject : Subject
    """

    def __init__(self, settings: GradientSis, subject: Subject) -> None:
        self.settings, self.subject = settings, subject
        self.found: list[PixelMask] = []
        self.order: Responsibility | None = None
        self.path: list[float] = []
        self.end = "the search was stopped"

    def run(self) -> Rounds:
        """Take sets out of the image until enough are found or the rest no longer passes."""
        if not self.subject.reference.passes[0]:
            self.end = "the whole image doesn't pass the criterion"
            return self._result()
        rest = np.ones(self.subject.shape, bool)
        while True:
            found = yield from self._find(rest)
            self.found.append(found)
            rest = rest & ~found
            if len(self.found) == self.subject.count:
                self.end = "as many sets as were asked for"
                break
            outcomes = yield _native.pack(rest)
            if not outcomes.passes[0]:
                self.end = "the rest doesn't pass"
                break
        return self._result()

    def standing(self) -> SearchResult | None:
        """The sets found so far; None before the first."""
        return self._result() if self.found else None

    def _find(self, rest: PixelMask) -> Generator[Asked, Outcomes, PixelMask]:
        """Leave out k pixels at a time until none is left; the last state that passed.

        That is FindSIS: the shortest suffix of the order that passes. `rest` does.
        """
        kept, best = rest.copy(), rest
        step = np.full(rest.shape, -1, np.int64)
        path: list[float] = []
        while kept.any():
            outcomes = yield Gradients(_native.pack(kept), self.settings.of)
            if outcomes.passes[0]:
                best = kept.copy()
            path.append(float(outcomes.confidence[0]))
            out = lowest(_gradient(outcomes)[kept], self.settings.k)
            pixels = np.flatnonzero(kept)[out]
            kept.flat[pixels] = False
            step.flat[pixels] = len(path)
        if self.order is None:
            self.order, self.path = (step / len(path)).astype(np.float32), path
        return best

    def _result(self) -> SearchResult:
        """The sets, smallest first; `details` has the order in which they were found."""
        masks = self._packed()
        sizes = _native.count(masks)
        order = np.argsort(sizes, kind="stable")
        details: dict[str, Any] = {
            "found_as": order.tolist(),
            "sizes_as_found": sizes.tolist(),
            "confidences": self.path,
            "end": self.end,
        }
        reason = self.end if len(masks) < self.subject.count else ""
        return SearchResult(masks[order], self.order, reason, details=details)

    def _packed(self) -> PackedMasks:
        if self.found:
            return _native.pack(np.stack(self.found))
        height, width = self.subject.shape
        return np.zeros((0, _native.words_for(height * width)), np.uint64)


def lowest(values: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.intp]:
    """Where the k smallest of some values are; of equals at the limit those of lowest index.

    Parameters
    ----------
    values : float32 [N]
    k : int
        All where there are fewer.

    Returns
    -------
    int [min(k, N)]
        Ascending.
    """
    if k >= len(values):
        return np.arange(len(values))
    limit = np.partition(values, k - 1)[k - 1]
    below, ties = np.flatnonzero(values < limit), np.flatnonzero(values == limit)
    return np.sort(np.concatenate([below, ties[: k - len(below)]]))


def _gradient(outcomes: Outcomes) -> npt.NDArray[np.float32]:
    if outcomes.gradient is None:
        raise RuntimeError("a round of gradients was answered without gradients")
    gradient: npt.NDArray[np.float32] = outcomes.gradient[0]
    return gradient
