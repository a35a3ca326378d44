"""Small tools for searches written as coroutines over rounds."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import fields
from typing import TypeVar

import numpy as np

from suffice.types import Outcomes, PackedMasks

Result = TypeVar("Result")
Coroutine = Generator[PackedMasks, Outcomes, Result]


def part(outcomes: Outcomes, which: slice) -> Outcomes:
    """Outcomes of some of a round's masks."""
    return Outcomes(**{f.name: getattr(outcomes, f.name)[which] for f in fields(Outcomes)})


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
