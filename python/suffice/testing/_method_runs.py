"""Checks of whole runs: seed, batches, threads, neighbours, budgets, failures, certificates."""

from __future__ import annotations

from typing import get_args

import numpy as np

import suffice
from suffice import _native
from suffice.criterion import Criterion
from suffice.engine import Failure
from suffice.errors import ModelError, ScoresError
from suffice.explanation import Explanation
from suffice.models.callable import CallableClassifier
from suffice.subject import image_key
from suffice.testing._cases import (
    Case,
    Driven,
    comparable,
    drive,
    first_difference,
    recorded,
    run,
)
from suffice.testing._method_suite import Bench, method_checks
from suffice.testing._toy_classifier import Floats, ToyClassifier
from suffice.testing.results import Inapplicable, require
from suffice.testing.toys import Sums
from suffice.types import Batch, FloatImage, Status

MARK = 2.0


@method_checks
def same_seed_same_result(bench: Bench) -> None:
    """Two searches with one seed ask the same and find the same; so do two runs of the engine."""
    for case in (bench.sums, bench.sums.but(seed=2**64 - 1)):
        one, other = (drive(bench.method, case) for _ in range(2))
        require(one.asked == other.asked, "the same rounds again", _where(one, other), case)
        same = one.result.masks.tobytes() == other.result.masks.tobytes()
        require(same, "the same sets again", "others", case)
        runs = [run(bench.method, case) for _ in range(2)]
        _alike(runs[0], runs[1], "again, in the engine", case)


@method_checks
def any_batch_size(bench: Bench) -> None:
    """Batch size changes neither what is asked nor what is found: a search never sees it."""
    case = bench.sums
    usual = run(bench.method, case, batch_size=16)
    for batch_size in (1, 3, 64):
        other = run(bench.method, case, batch_size=batch_size)
        _alike(usual, other, f"at batch size 16 and {batch_size}", case)


@method_checks
def any_number_of_threads(bench: Bench) -> None:
    """Threads change neither what is asked nor what is found."""
    case = bench.sums
    sums = Sums(case.image.shape, seed=1)
    usual = run(bench.method, case, classifier=sums.classifier(workers=1), batch_size=4)
    other = run(bench.method, case, classifier=sums.classifier(workers=4), batch_size=4)
    _alike(usual, other, "with 1 and 4 threads", case)


@method_checks
def any_neighbours(bench: Bench) -> None:
    """An image is answered alike alone and among others."""
    case = bench.sums
    rng = np.random.default_rng(11)
    images = [_random_image(rng, case) for _ in range(4)]
    images[2] = case.image
    alone, asked = run(bench.method, case)
    twin, logs = recorded(bench.method)
    found = list(case.explain(twin, image=images, window=3))  # type: ignore[call-overload]
    _alike((alone, asked), (found[2], asked), "alone and among others", case)
    together = list(logs.values())
    require(asked in together or not asked, "the same rounds among others", "other rounds", case)


@method_checks
def budget(bench: Bench) -> None:
    """A run with a budget is an exact prefix of the unlimited one, and what it holds is true."""
    for case in (bench.majority, bench.sums):
        free, asked = run(bench.method, case)
        spent = free.evaluations
        for limit in sorted({2, 3, 5, spent // 4, spent // 2, spent - 1, spent, spent + 7}):
            if limit >= 2:
                held, rounds = run(bench.method, case, budget=limit)
                label = case.but(name=f"{case.name} with budget {limit}")
                _prefix(label, limit, (free, asked), (held, rounds))


@method_checks
def certificates(bench: Bench) -> None:
    """What an explanation says of its sets is what an independent forward says."""
    for case in (*bench.suite[:3], bench.sums):
        found = case.explain(bench.method)
        known = get_args(Status)
        require(found.status in known, f"a status of {known}", found.status, case)
        judge = case.judge
        for k, one in enumerate(found.sets):
            rule = Criterion.parse(one.criterion)
            assert one.certificate is not None
            passes, stated = judge.passes(one.mask, rule), one.certificate.sufficient
            require(passes == stated, f"set {k} certified sufficient: {passes}", stated, case)
            grain = one.certificate.irreducible_at
            if grain is not None:
                spare = judge.spare(one.mask, grain, rule)
                require(spare is None, f"set {k} irreducible at {grain}", f"spare {spare}", case)
        if found.status in ("found", "empty"):
            require(len(found.sets), f"a set with status {found.status}", "none", case)


@method_checks
def nan_scores(bench: Bench) -> None:
    """Scores that are NaN fail their own image with a ScoresError, and no other."""
    case = bench.sums
    classifier = ToyClassifier(_Poisoned(case), case.image.shape, 4, name="NaN for marked images")
    poisoned = case.image.copy()
    poisoned[0, 0, 0] = poisoned[0, -1, -1] = MARK
    healthy = [case.image, (case.image[:, ::-1] * np.float32(0.5)).copy()]
    alone = [run(bench.method, case.but(image=x), classifier=classifier) for x in healthy]
    twin, logs = recorded(bench.method)
    stream = suffice.explain_stream(
        classifier,
        [healthy[0], poisoned, healthy[1]],
        method=twin,
        target=1,
        baseline=case.baselines[0],
        grain=case.grain,
        on_error="yield",
    )
    first, failed, last = list(stream)
    if isinstance(failed, Failure):
        error = failed.error
        named = isinstance(error, ScoresError)
        require(named, "a ScoresError", f"{type(error).__name__}: {error}", case)
    elif logs:
        asked_both = _keeps_one_mark(logs, poisoned, case)
        require(not asked_both, "a Failure where a score is NaN", "an explanation", case)
    for (usual, asked), found in zip(alone, (first, last), strict=True):
        error_of = found.error if isinstance(found, Failure) else ""
        require(isinstance(found, Explanation), "the other images explained", error_of, case)
        assert isinstance(found, Explanation)
        _alike((usual, asked), (found, asked), "alone and beside an image that gives NaN", case)


@method_checks
def gradients(bench: Bench) -> None:
    """A method that needs gradients says so, and refuses a classifier that gives none."""
    case = bench.majority
    wants = any(of for of, _ in bench.driven(case).asked)
    declared = bool(getattr(bench.method, "differentiates", False))
    if not wants and not declared:
        raise Inapplicable("it needs no gradients")
    require(declared, "differentiates to be true, as it asks for gradients", declared, case)
    without = CallableClassifier(case.classifier.toy.scores, case.image.shape, 2)
    try:
        case.explain(bench.method, classifier=without)
    except ModelError:
        return
    require(False, "a ModelError where the classifier gives no gradients", "none", case)


def _random_image(rng: np.random.Generator, case: Case) -> FloatImage:
    return rng.integers(32, 256, case.image.shape).astype(np.float32) / np.float32(256)


Run = tuple[Explanation, list[tuple[str, bytes]]]


def _alike(one: Run, other: Run, what: str, case: Case) -> None:
    require(one[1] == other[1], f"the same rounds {what}", "other rounds", case)
    differs = first_difference(comparable(one[0]), comparable(other[0]))
    require(not differs, f"the same explanation {what}", differs, case)


def _prefix(case: Case, limit: int, free: Run, held: Run) -> None:
    found, spent = held[0], free[0].evaluations
    require(found.evaluations <= limit, f"{limit} evaluations at most", found.evaluations, case)
    n_rounds = len(held[1])
    require(held[1] == free[1][:n_rounds], "the first rounds of the unlimited run", "others", case)
    if limit >= spent:
        differs = first_difference(comparable(free[0]), comparable(found))
        require(not differs, "the unlimited run itself, as the budget suffices", differs, case)
        return
    require(found.status == "budget", "status budget", found.status, case)
    trace = [t for t in free[0].trace if t[0] <= limit]
    require(found.trace == trace, f"the trace of the unlimited run, {trace}", found.trace, case)
    judge = case.judge
    for k, one in enumerate(found.sets):
        assert one.certificate is not None
        passes = judge.passes(one.mask, Criterion.parse(one.criterion))
        require(passes, f"set {k} of a stopped search to pass {one.criterion}", "it fails", case)


class _Poisoned:
    """`Sums` that give NaN where one marked pixel is kept and another is not."""

    def __init__(self, case: Case) -> None:
        self._sums = Sums(case.image.shape, seed=1)

    def scores(self, batch: Batch) -> Floats:
        z = self._sums.scores(batch)
        marks = (batch == MARK).sum(axis=(1, 2, 3))
        z[marks == 1] = np.nan
        return z

    def pull_back(self, batch: Batch, weights: Floats) -> Floats:
        return self._sums.pull_back(batch, weights)


def _keeps_one_mark(logs: dict[str, list[tuple[str, bytes]]], image: Batch, case: Case) -> bool:
    """Whether a mask was asked that keeps one marked pixel and not the other."""
    shape = case.judge.shape
    words = _native.words_for(shape[0] * shape[1])
    for _, data in logs.get(str(image_key(image)), []):
        masks = _native.unpack(np.frombuffer(data, np.uint64).reshape(-1, words).copy(), shape)
        if np.any(masks[:, 0, 0] != masks[:, -1, -1]):
            return True
    return False


def _where(one: Driven, other: Driven) -> str:
    first, second = one.asked, other.asked
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return f"another round {number}"
    return f"{len(first)} and {len(second)} rounds"
