"""Drives a search with a fake classifier of masks: what the engine does, in ten lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.criterion import Criterion
from suffice.methods.base import Search, SearchResult
from suffice.subject import Subject
from suffice.types import Outcomes

Masks = npt.NDArray[np.bool_]
MaskClassifier = Callable[[Masks], npt.NDArray[np.float64]]
"""Masks bool [M, H, W] -> class probabilities float64 [M, K]."""


@dataclass
class Driven:
    """A finished search: its result and every round it asked, unpacked."""

    result: SearchResult
    rounds: list[Masks] = field(default_factory=list)

    @property
    def evaluations(self) -> int:
        return sum(len(r) for r in self.rounds)


def outcomes(
    probabilities: npt.NDArray[np.float64], target: int, criterion: Criterion, reference: float
) -> Outcomes:
    """Judge probabilities as the engine would."""
    p = np.asarray(probabilities, np.float64)
    top1 = p.argmax(axis=1).astype(np.int32)
    with np.errstate(divide="ignore"):
        z = np.log(p)
        log_odds = z[:, target] - np.log1p(-p[:, target])
    others = np.delete(z, target, axis=1).max(axis=1)
    lead = z[:, target] - others
    margin, passes = criterion.margins(lead, log_odds, top1 == target, reference)
    return Outcomes(
        top1=top1,
        top1_confidence=p[np.arange(len(p)), top1],
        confidence=p[:, target].copy(),
        lead=lead,
        margin=margin,
        passes=passes,
        log_odds=log_odds,
        rest_lead=np.full(len(p), -np.inf),
        own_margin=margin,
        score=z[:, target],
    )


def make_subject(
    classify: MaskClassifier,
    shape: tuple[int, int],
    *,
    target: int | None = None,
    criterion: str = "top1",
    seed: int = 0,
    key: int = 1,
) -> Subject:
    """A subject whose image is all ones, so that composites are masks."""
    rule = Criterion.parse(criterion)
    whole = classify(np.ones((1, *shape), bool))
    target = int(whole[0].argmax()) if target is None else target
    reference = outcomes(whole, target, rule, float(whole[0, target]))
    empty = outcomes(classify(np.zeros((1, *shape), bool)), target, rule, float(whole[0, target]))
    image = np.ones((1, *shape), np.float32)
    baselines = np.zeros((1, 1, *shape), np.float32)
    return Subject(image, baselines, target, rule, 1, seed, key, reference, empty)


def drive(search: Search, classify: MaskClassifier, subject: Subject) -> Driven:
    """Ask and tell until the search is over."""
    rounds: list[Masks] = []
    while (packed := search.ask()) is not None:
        masks = _native.unpack(packed, subject.shape)
        rounds.append(masks)
        search.tell(
            outcomes(
                classify(masks), subject.target, subject.criterion, subject.reference_confidence
            )
        )
    return Driven(search.result(), rounds)
