"""Small tools for searches written as coroutines over rounds."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from suffice.criterion import MAX_LOG_ODDS, Criterion
from suffice.methods._blocks import sizes_of
from suffice.subject import Subject
from suffice.types import Outcomes, PackedMasks

Result = TypeVar("Result")
Coroutine = Generator[PackedMasks, Outcomes, Result]


def part(outcomes: Outcomes, which: slice) -> Outcomes:
    """Outcomes of some of a round's masks."""
    given: dict[str, Any] = {f.name: getattr(outcomes, f.name) for f in fields(Outcomes)}
    taken: dict[str, Any] = {k: None if v is None else v[which] for k, v in given.items()}
    return Outcomes(**taken)


def best_passing(masks: PackedMasks, outcomes: Outcomes) -> int | None:
    """Which mask passes with the fewest pixels, of those the one with the largest margin."""
    passing = np.flatnonzero(outcomes.passes)
    if not len(passing):
        return None
    order = np.lexsort((-outcomes.margin[passing], sizes_of(masks[passing])))
    return int(passing[order[0]])


def smallest_passing(masks: PackedMasks, outcomes: Outcomes) -> PackedMasks | None:
    """The mask that `best_passing` names, ``uint64 [words]``, or None."""
    k = best_passing(masks, outcomes)
    return None if k is None else masks[k]


def judged(outcomes: Outcomes, criterion: Criterion, subject: Subject) -> Outcomes:
    """Outcomes as another criterion than the subject's judges them.

    Exact with several baselines too: every criterion is a bound on ``lead``, on ``log_odds`` or on
    both, so the lowest of each decide. ``confidence`` stays that of the baseline which is worst
    under the subject's criterion. Whether the rest of a contrastive subject loses a tie is known
    only where the mask itself passes the subject's criterion; elsewhere the tie counts as lost.

    Parameters
    ----------
    outcomes : Outcomes
        As the engine told them, under ``subject.criterion``.
    criterion : Criterion
        The one to judge by.
    subject : Subject
    """
    wins_tie = outcomes.top1 == subject.target
    margin, passes = criterion.margins(
        outcomes.lead, outcomes.log_odds, wins_tie, subject.reference_confidence
    )
    own_margin = margin
    if subject.contrastive:
        passes = passes & ((outcomes.rest_lead < 0.0) | outcomes.passes)
        margin = np.minimum(margin, np.clip(-outcomes.rest_lead, -MAX_LOG_ODDS, MAX_LOG_ODDS))
    return replace(outcomes, margin=margin, passes=passes, own_margin=own_margin)


def judged_by(
    rounds: Coroutine[Result], criterion: Criterion, subject: Subject
) -> Coroutine[Result]:
    """Run a coroutine under another criterion than the subject's."""
    try:
        masks = next(rounds)
        while True:
            masks = rounds.send(judged((yield masks), criterion, subject))
    except StopIteration as stop:
        result: Result = stop.value
        return result


def counted(rounds: Coroutine[Result]) -> Coroutine[tuple[Result, int]]:
    """Run a coroutine; return its result and how many rounds it asked."""
    n = 0
    try:
        masks = next(rounds)
        while True:
            n += 1
            masks = rounds.send((yield masks))
    except StopIteration as stop:
        return stop.value, n


def together(coroutines: list[Coroutine[Result]]) -> Coroutine[list[Result]]:
    """Run coroutines side by side, their rounds joined into one; return what each returned."""
    results: dict[int, Result] = {}
    pending: dict[int, PackedMasks] = {}

    def advance(number: int, outcomes: Outcomes | None) -> None:
        pending.pop(number, None)
        try:
            coroutine = coroutines[number]
            pending[number] = next(coroutine) if outcomes is None else coroutine.send(outcomes)
        except StopIteration as stop:
            results[number] = stop.value

    for number in range(len(coroutines)):
        advance(number, None)
    while pending:
        asked = sorted(pending.items())
        outcomes = yield np.concatenate([masks for _, masks in asked])
        start = 0
        for number, masks in asked:
            advance(number, part(outcomes, slice(start, start + len(masks))))
            start += len(masks)
    return [results[number] for number in range(len(coroutines))]
