"""Checks of the sets that methods find: what they are claimed to be, on images of every kind."""

from __future__ import annotations

import numpy as np

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import SettingsError
from suffice.methods.base import Search
from suffice.testing import toys
from suffice.testing._cases import Case, drive, of_sums, of_toy
from suffice.testing._method_suite import (
    FIVE,
    SHAPE,
    Bench,
    all_pass,
    claims_true,
    hold,
    method_checks,
    well_formed,
)
from suffice.testing._toy_classifier import Floats, ToyClassifier
from suffice.testing.judge import Masks
from suffice.testing.results import Inapplicable, require
from suffice.types import Batch, Outcomes

LARGE_BUDGET = 400


@method_checks
def sufficient(bench: Bench) -> None:
    """Every set passes its criterion, by an independent forward."""
    for case in bench.suite:
        found = bench.driven(case)
        well_formed(found.result, case)
        all_pass(found.result, case)


@method_checks
def irreducible_where_claimed(bench: Bench) -> None:
    """No tile can be taken from a set that is claimed irreducible; a method that certifies claims.

    A set that fails breaks the claim too, whatever else it is.
    """
    for case in bench.suite:
        result = bench.driven(case).result
        claims_true(result, case)
        if bench.method.certifies and bench.driven(case).asked:
            claims = [result.claim(k) for k in range(len(result.masks))]
            require(None not in claims, "a claim for every set, as it certifies", claims, case)


@method_checks
def standing_is_true(bench: Bench) -> None:
    """What a search holds in between passes, its claims are true, and asking changes nothing."""
    case = bench.majority

    def watch(search: Search, _: Masks, __: Outcomes) -> None:
        held = search.standing()
        if held is not None:
            well_formed(held, case)
            all_pass(held, case)
            claims_true(held, case)

    watched = drive(bench.method, case, watch)
    same = watched.asked == bench.driven(case).asked
    require(same, "the same rounds whether standing() is asked or not", "other rounds", case)


@method_checks
def says_why_there_is_none(bench: Bench) -> None:
    """A search that ends without a set says why."""
    for case in (_unattainable(), *bench.suite):
        result = bench.driven(case).result
        if not len(result.masks):
            require(result.reason, "a reason where no set was found", "an empty one", case)


@method_checks
def every_criterion(bench: Bench) -> None:
    """Sets pass confidence, relative and margin criteria as they pass top-1."""
    for criterion in ("confidence:0.6", "relative:0.5", "margin:0.75"):
        hold(bench, of_toy(toys.at_least(2, FIVE, SHAPE), criterion=criterion))
        hold(bench, of_sums((1, 6, 8), criterion=criterion))


@method_checks
def contrastive(bench: Bench) -> None:
    """The rest of the image doesn't give the class, for every set of a contrastive question."""
    hold(bench, bench.majority.but(contrastive=True))
    hold(bench, of_toy(toys.any_of(FIVE[:3], SHAPE), contrastive=True, seed=1))


@method_checks
def several_baselines(bench: Bench) -> None:
    """Sets pass under each of several baselines."""
    case = bench.sums
    rng = np.random.default_rng(3)
    others = rng.integers(-16, 17, (2, *case.image.shape)).astype(np.float32) / 256
    hold(bench, case.but(baselines=np.concatenate([case.baselines, others])))


@method_checks
def every_output(bench: Bench) -> None:
    """Models that give probabilities, or a sigmoid for each class, are answered as well."""
    hold(bench, of_sums((1, 6, 8), output="probabilities"))
    hold(bench, of_sums((1, 6, 8), output="probabilities", criterion="confidence:0.75"))
    hold(bench, of_sums((1, 6, 8), output="multilabel", criterion="confidence:0.75"))


@method_checks
def other_target(bench: Bench) -> None:
    """Another class than the top-1 is found or not, but nothing false is said of it."""
    case = of_sums((1, 6, 8), seed=5)
    for target in (0, 2, 3):
        hold(bench, case.but(target=target))
    never = hold(bench, _unattainable())
    sets = len(never.result.masks)
    require(not sets, "no set of a class that is never given", f"{sets} sets", _unattainable())


@method_checks
def ties(bench: Bench) -> None:
    """At a tie at the top the lowest class wins, whichever is asked for."""
    for target in (0, 1, 2):
        classifier = ToyClassifier(_Tied(target), (1, 5, 6), 3, name="scores in steps")
        image = np.ones((1, 5, 6), np.float32)
        hold(bench, Case("ties", classifier, image, np.zeros((1, 1, 5, 6), np.float32), target))


@method_checks
def image_shapes(bench: Bench) -> None:
    """Images of one pixel, row or column, of one channel or several, and far from square."""
    for shape in ((1, 1, 1), (1, 1, 2), (3, 1, 13), (1, 17, 1), (2, 3, 30), (4, 5, 5)):
        for grain in (1, 4):
            hold(bench, of_sums(shape, "shapes", grain=grain))


@method_checks
def large_image(bench: Bench) -> None:
    """An image of many pixels, whose sides no usual tile divides, within a budget."""
    case = of_sums((3, 97, 131), "large", grain=16)
    found = case.explain(bench.method, budget=LARGE_BUDGET)
    stated = ("found", "budget", "unattained")
    require(found.status in stated, f"a status of {stated}", found.status, case)
    judge = case.judge
    for k, one in enumerate(found.sets):
        passes = judge.passes(one.mask, Criterion.parse(one.criterion))
        require(passes, f"set {k} to pass {one.criterion}", "it fails", case)


@method_checks
def extreme_values(bench: Bench) -> None:
    """Pixels of 1e30, -1e30 and 1e-30."""
    case = of_sums((1, 6, 8), "extreme values")
    image = case.image.copy()
    image[0, 0, :3] = 1e30, -1e30, 1e-30
    hold(bench, case.but(image=image, baselines=np.full_like(case.baselines, -1e-30)))


@method_checks
def flat_image(bench: Bench) -> None:
    """An image that is its own baseline: all masks look alike, and the empty set suffices."""
    case = of_sums((1, 6, 8), "flat")
    flat = np.zeros_like(case.image)
    found = case.but(image=flat, target=0).explain(bench.method)
    _is_empty(bench, found.status, case, "an image equal to its baseline")
    hold(bench, case.but(image=flat, target=1))


@method_checks
def one_class(bench: Bench) -> None:
    """A classifier that always gives the same class: the empty set suffices."""
    classifier = ToyClassifier(_Constant(), (1, 4, 5), 3, name="always class 2")
    image = np.ones((1, 4, 5), np.float32)
    case = Case("one class", classifier, image, np.zeros((1, 1, 4, 5), np.float32))
    _is_empty(bench, case.explain(bench.method).status, case, "a classifier of one class")
    if bench.method.own_criteria:
        hold(bench, case)
    result = hold(bench, case.but(target=0)).result
    require(not len(result.masks), "no set of a class that is never given", "some", case)


@method_checks
def baseline_of_the_target(bench: Bench) -> None:
    """A baseline of the target's own class: the empty set suffices, and the status says so."""
    case = of_sums((1, 6, 8), "baseline of the target")
    case = case.but(baselines=(case.image[None] / 2).astype(np.float32))
    found = case.explain(bench.method)
    _is_empty(bench, found.status, case, "a baseline that passes alone")
    if bench.method.own_criteria:
        hold(bench, case)


@method_checks
def count_and_overlap(bench: Bench) -> None:
    """Several sets are no more and overlap no more than allowed; a single one is not asked for."""
    if not bench.method.many:
        try:
            bench.majority.but(count=2).explain(bench.method)
        except SettingsError as error:
            raise Inapplicable("it looks for one set, and count is refused") from error
        require(False, "a SettingsError where count is not supported", "none")
    several = of_toy(toys.any_of(FIVE, SHAPE))
    for case in (several, bench.majority, bench.sums.but(grain=2)):
        for overlap in (0.0, 0.5):
            question = case.but(count=3, overlap=overlap)
            result = hold(bench, question).result
            masks = _native.unpack(result.masks, question.judge.shape)
            require(len(masks) <= 3, "3 sets at most", len(masks), question)
            for i in range(len(masks)):
                for j in range(i):
                    shared = _dice(masks[i], masks[j])
                    allowed = f"sets that overlap by {overlap} at most"
                    require(shared <= overlap, allowed, f"{shared:.3g} of {i} and {j}", question)
            if len(masks) < 3:
                require(result.reason, "a reason for fewer sets than asked for", "none", question)


def _dice(one: Masks, other: Masks) -> float:
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def _is_empty(bench: Bench, status: str, case: Case, what: str) -> None:
    if not bench.method.own_criteria:
        require(status == "empty", f"status empty for {what}", status, case)


def _unattainable() -> Case:
    """Class 1 of a classifier that never gives it."""
    classifier = ToyClassifier(_Constant(), (1, 6, 8), 3, name="never class 1")
    image = of_sums((1, 6, 8)).image
    return Case("no such class", classifier, image, np.zeros((1, 1, 6, 8), np.float32), 1)


class _Constant:
    """Class 2 for everything; the others gain a little from bright pixels."""

    def scores(self, batch: Batch) -> Floats:
        z = np.tile(batch.mean(axis=(1, 2, 3), dtype=np.float64)[:, None], 3) / 1e3
        z[:, 2] = 5.0
        return np.clip(z, -5.0, 5.0)

    def pull_back(self, batch: Batch, weights: Floats) -> Floats:
        slope = weights[:, :2].sum(axis=1) / (1e3 * batch[0].size)
        return np.broadcast_to(slope[:, None, None, None], batch.shape)


class _Tied:
    """Three classes in whole steps of the kept pixels, so that many are equal at the top."""

    def __init__(self, target: int) -> None:
        self._rates = [1.0 if k == target else 0.5 for k in range(3)]

    def scores(self, batch: Batch) -> Floats:
        kept = batch.sum(axis=(1, 2, 3), dtype=np.float64)
        start = [0.0 if r == 1.0 else 4.0 for r in self._rates]
        columns = [np.floor(s + r * kept / 2.0) for s, r in zip(start, self._rates, strict=True)]
        return np.stack(columns, axis=1)

    def pull_back(self, batch: Batch, weights: Floats) -> Floats:
        slope = (weights * np.array(self._rates)).sum(axis=1) / 2.0
        return np.broadcast_to(slope[:, None, None, None], batch.shape)
