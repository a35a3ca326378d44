"""The questions that every method is asked, and what the checks of methods share."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from suffice import _native
from suffice.methods.base import Method, SearchResult
from suffice.testing import toys
from suffice.testing._cases import Case, Driven, drive, of_sums, of_toy
from suffice.testing.results import Checks, require

SHAPE = (7, 9)
FIVE = [(0, 0), (6, 8), (4, 5), (2, 8), (6, 1)]


class Bench:
    """One method and what is known of it so far.

    Parameters
    ----------
    method : Method
    """

    def __init__(self, method: Method) -> None:
        self.method = method
        self._driven: dict[str, Driven] = {}

    def driven(self, case: Case) -> Driven:
        """A search driven to its end; the same one for the same question."""
        if case.key not in self._driven:
            self._driven[case.key] = drive(self.method, case)
        return self._driven[case.key]

    @cached_property
    def suite(self) -> list[Case]:
        """Questions of every kind of classifier, seed and grain."""
        three = [(1, 1), (1, 2), (5, 7)]
        return [
            of_toy(toys.all_of(FIVE[:3], SHAPE)),
            of_toy(toys.any_of(FIVE, SHAPE), seed=1),
            of_toy(toys.majority(FIVE, SHAPE), seed=2, grain=2),
            of_toy(toys.weighted(dict(zip(FIVE, (4, 1, 3, 2, 2), strict=True)), 7, SHAPE)),
            of_toy(toys.odd(three, SHAPE), seed=3),
            of_sums((3, 8, 11), grain=3, seed=4),
        ]

    @property
    def majority(self) -> Case:
        """A question with many answers."""
        return of_toy(toys.majority(FIVE, SHAPE))

    @property
    def sums(self) -> Case:
        """A question about a random image."""
        return of_sums((2, 9, 7))


method_checks: Checks[Bench] = Checks()


def hold(bench: Bench, case: Case) -> Driven:
    """Drive a question; every set must pass and every claim be true."""
    found = bench.driven(case)
    well_formed(found.result, case)
    all_pass(found.result, case)
    claims_true(found.result, case)
    return found


def well_formed(result: SearchResult, case: Case) -> None:
    """Require that a result's sets are packed masks of the image."""
    shape = case.judge.shape
    words = _native.words_for(shape[0] * shape[1])
    masks = result.masks
    form = f"packed sets, uint64 [K, {words}]"
    require(isinstance(masks, np.ndarray), form, type(masks).__name__, case)
    got = f"{masks.dtype} {list(masks.shape)}"
    require(masks.dtype == np.uint64 and masks.shape[1:] == (words,), form, got, case)


def all_pass(result: SearchResult, case: Case) -> None:
    """Require that every set passes its criterion by an independent forward."""
    judge = case.judge
    for k, mask in enumerate(_unpacked(result, case)):
        rule = result.rule(k, judge.criterion)
        require(
            judge.passes(mask, rule),
            f"a set that passes {rule} under every baseline, composed with numpy.where",
            f"set {k} of {len(result.masks)}, {int(mask.sum())} pixels, which fails",
            case,
        )


def claims_true(result: SearchResult, case: Case) -> None:
    """Require that no tile can be taken from a set that is claimed to be irreducible."""
    judge = case.judge
    for k, mask in enumerate(_unpacked(result, case)):
        grain = result.claim(k)
        if grain is None:
            continue
        spare = judge.spare(mask, grain, result.rule(k, judge.criterion))
        require(
            spare is None,
            f"set {k} to be irreducible at grain {grain}, as it claims",
            f"the tile at row and column {spare} can be removed",
            case,
        )


def _unpacked(result: SearchResult, case: Case) -> list[np.ndarray]:
    return list(_native.unpack(np.ascontiguousarray(result.masks), case.judge.shape))
