"""Checks of the protocol: ask, tell, result, standing (DESIGN.md 2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np

from suffice import _native
from suffice.methods.base import Search
from suffice.subject import Subject
from suffice.testing._cases import Case, drive, padding, read_round
from suffice.testing._method_suite import Bench, method_checks, well_formed
from suffice.testing.judge import Masks
from suffice.testing.results import Inapplicable, require
from suffice.types import Outcomes


def _started(bench: Bench) -> tuple[Case, Subject, Search]:
    """A search that has asked its first round."""
    for case in (bench.majority, *bench.suite):
        subject = case.subject()
        search = bench.method.make_search(subject)
        if search.ask() is not None:
            return case, subject, search
    raise Inapplicable("its searches ask for nothing")


def _raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:
        return True
    return False


@method_checks
def ask_repeats(bench: Bench) -> None:
    """Asked again before it is told, a search gives the same round."""

    def watch(search: Search, _: Masks, __: Outcomes) -> None:
        one, other = search.ask(), search.ask()
        same = (one is None) == (other is None)
        if one is not None and other is not None:
            first, again = (read_round(r, bench.majority.judge.shape, "") for r in (one, other))
            same = np.array_equal(first[0], again[0]) and first[1] == again[1]
        require(same, "the same round when ask() is called twice without tell()", "another one")

    drive(bench.method, bench.majority, watch)
    case, subject, search = _started(bench)
    rounds = [read_round(search.ask(), subject.shape, case)[0].tobytes() for _ in range(2)]
    require(rounds[0] == rounds[1], "the same first round twice", "another one", case)


@method_checks
def tell_takes_the_whole_round(bench: Bench) -> None:
    """Outcomes of too many or too few masks are refused."""
    for change in (-1, 1):
        case, subject, search = _started(bench)
        packed, of = read_round(search.ask(), subject.shape, case)
        masks = _native.unpack(packed, subject.shape)
        masks = masks[:-1] if change < 0 else np.concatenate([masks, masks[:1]])
        if not len(masks):
            continue
        outcomes = case.judge.outcomes(masks, of=of)
        expected = f"an error when a round of {len(packed)} masks is told {len(masks)} outcomes"
        require(_raises(partial(search.tell, outcomes)), expected, "none", case)


@method_checks
def result_waits(bench: Bench) -> None:
    """result() raises while the search is not over."""
    case, _, search = _started(bench)
    early = _raises(search.result)
    require(early, "result() to raise before the search is over", "a result", case)


@method_checks
def stays_over(bench: Bench) -> None:
    """A search that is over stays over, and gives the same result again."""
    case, subject, search = _started(bench)
    while (given := search.ask()) is not None:
        packed, of = read_round(given, subject.shape, case)
        search.tell(case.judge.outcomes(_native.unpack(packed, subject.shape), of=of))
    first = search.result().masks.tobytes()
    require(search.ask() is None, "ask() to give None once it did", "another round", case)
    again = search.result().masks.tobytes()
    require(first == again, "the same result when it is asked for twice", "other sets", case)


@method_checks
def rounds_are_well_formed(bench: Bench) -> None:
    """Rounds are packed masks, none is empty, and bits behind the last pixel are zero."""
    for case in (bench.majority, bench.sums):
        drive(bench.method, case)  # which looks at every round


@method_checks
def result_is_well_formed(bench: Bench) -> None:
    """Sets, responsibility, details and further sets have the types that records need."""
    for case in bench.suite:
        result = bench.driven(case).result
        well_formed(result, case)
        shape = case.judge.shape
        require(not padding(result.masks, shape), "zero bits behind the last pixel", "ones", case)
        require(isinstance(result.reason, str), "a reason that is text", result.reason, case)
        for claim in result.irreducible:
            whole = claim is None or (type(claim) is int and claim >= 1)
            require(whole, "claims that are grains or None", repr(claim), case)
        ranking = result.responsibility
        if ranking is not None:
            form = f"float32 {list(shape)}"
            got = f"{ranking.dtype} {list(ranking.shape)}"
            right = ranking.dtype == np.float32 and ranking.shape == shape
            require(right, f"responsibility {form}", got, case)
            require(not np.isnan(ranking).any(), "responsibility without NaN", "NaN", case)
        try:
            json.dumps(result.details, allow_nan=False)
        except (TypeError, ValueError) as error:
            require(False, "details of JSON types", f"{result.details!r}: {error}", case)
        words = result.masks.shape[1]
        for name, extra in (result.extra_masks or {}).items():
            right = extra.dtype == np.uint64 and extra.shape == (words,)
            got = f"{extra.dtype} {list(extra.shape)}"
            require(right, f"extra mask {name!r} to be uint64 [{words}]", got, case)


@method_checks
def inputs_untouched(bench: Bench) -> None:
    """The image and the baselines stay as they were; writing to them raises."""
    case = bench.sums
    before = [case.image.tobytes(), case.baselines.tobytes()]
    drive(bench.method, case)
    same = [case.image.tobytes(), case.baselines.tobytes()] == before
    require(same, "the same image and baselines after a search", "others", case)
