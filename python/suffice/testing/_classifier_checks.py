"""Checks of classifiers as functions of a batch."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np

from suffice.evaluation import Evaluator
from suffice.models.base import Classifier, describe
from suffice.models.images import load_image
from suffice.models.scores import OUTPUT_KINDS
from suffice.testing._classifier_suite import ClassifierBench, classifier_checks, random_photo
from suffice.testing.results import Inapplicable, require
from suffice.types import Scores

LAST_BITS = 4 * float(np.finfo(np.float32).eps)  # of the largest score
SLACK = 1e-3  # how far rounding may take the sum of probabilities from 1


@classifier_checks
def attributes(bench: ClassifierBench) -> None:
    """It has every attribute of `Classifier`, of the right type."""
    clf = bench.classifier
    for name in Classifier.__annotations__:
        require(hasattr(clf, name), f"an attribute {name}", "none")
    for name in ("name", "fingerprint", "device", "backend"):
        value = getattr(clf, name)
        require(isinstance(value, str), f"{name} to be text", repr(value))
    shape: Any = clf.input_shape
    right = isinstance(shape, tuple) and len(shape) == 3 and all(_whole(v) for v in shape)
    require(right, "input_shape to be (C, H, W)", repr(shape))
    for name in ("n_classes", "batch_size", "workers"):
        value = getattr(clf, name)
        require(_whole(value), f"{name} to be a whole number above 0", repr(value))
    fixed = clf.fixed_batch
    require(fixed is None or _whole(fixed), "fixed_batch to be a number or None", repr(fixed))
    require(clf.output in OUTPUT_KINDS, f"output to be one of {OUTPUT_KINDS}", repr(clf.output))
    require(callable(clf), "a classifier that can be called", type(clf).__name__)
    try:
        json.dumps(describe(clf), allow_nan=False)
    except (TypeError, ValueError) as error:
        require(False, "attributes that a JSON record can hold", str(error))


@classifier_checks
def scores_have_the_right_form(bench: ClassifierBench) -> None:
    """Scores are float32 [N, n_classes], for any number of rows."""
    sizes = {1, 2, 5, bench.classifier.fixed_batch or bench.classifier.batch_size}
    for n in sorted(sizes):
        bench.scores(bench.composites(n))


@classifier_checks
def scores_are_finite(bench: ClassifierBench) -> None:
    """Images, composites and the zero baseline get finite scores."""
    for batch in (bench.batch, np.zeros_like(bench.batch[:1])):
        z = bench.scores(batch)
        bad = np.isnan(z) | np.isposinf(z)
        require(not bad.any(), "finite scores (probabilities of zero apart)", z[bad][:4])


@classifier_checks
def deterministic(bench: ClassifierBench) -> None:
    """The same batch gets the same bits again."""
    one, other = bench.scores(bench.batch), bench.scores(bench.batch)
    require(_same(one, other), "the same bits twice", f"a difference of {_apart(one, other)}")


@classifier_checks
def batch_invariant_or_honest(bench: ClassifierBench) -> None:
    """A row's scores don't depend on its batch, or no more than the engine's probe measures."""
    clf = bench.classifier
    size = clf.fixed_batch or clf.batch_size
    evaluator = Evaluator(clf, size)
    # Not the remembered answer: the classifier may have been asked before it was changed.
    probe = evaluator._measure(bench.image, np.zeros_like(bench.image))
    batch = bench.composites(max(size, 2), seed=1)
    full = bench.scores(batch)
    single = np.concatenate([bench.scores(batch[i : i + 1]) for i in range(len(batch))])
    backwards = bench.scores(np.ascontiguousarray(batch[::-1]))[::-1]
    scale = float(np.abs(full[np.isfinite(full)]).max(initial=1.0))
    # A last bit that none of the probe's few rows showed is no broken promise of the classifier's.
    allowed = LAST_BITS * scale if probe.invariant else max(probe.eps, LAST_BITS * scale)
    noise = max(_apart(full, single), _apart(full, backwards))
    require(
        noise <= allowed,
        f"scores within {allowed:.3g}, as the engine's probe measures, at batch 1, in a batch of "
        f"{len(batch)} and in another order",
        f"a difference of {noise:.3g}",
    )


@classifier_checks
def output_kind(bench: ClassifierBench) -> None:
    """Scores are what `output` says: log-probabilities sum to one, logits are no probabilities."""
    kind = bench.classifier.output
    z = bench.scores(bench.composites(8, seed=2)).astype(np.float64)
    sums = np.exp(z).sum(axis=1)
    if kind == "probabilities":
        got = f"sums {sums.min():.4g} to {sums.max():.4g}"
        right = np.abs(sums - 1.0).max() <= SLACK
        require(right, "log-probabilities, whose exponentials sum to 1 in every row", got)
    elif z.shape[1] > 1:
        plain = z.min() >= 0.0 and np.abs(z.sum(axis=1) - 1.0).max() < SLACK / 10
        what = f"scores of output {kind!r}"
        require(not plain, what, "rows of probabilities: declare output 'probabilities'")
        close = np.abs(sums - 1.0).max() < SLACK / 100
        require(not (kind == "logits" and close), what, "log-probabilities, in every row")


@classifier_checks
def thread_safe_as_declared(bench: ClassifierBench) -> None:
    """As many calls as `workers` says may run at the same time and give what they give alone."""
    workers = bench.classifier.workers
    if workers == 1:
        raise Inapplicable("it says that calls take turns (workers 1)")
    batches = [bench.composites(ROWS_EACH, seed=10 + i) for i in range(workers)]
    alone = [bench.scores(b) for b in batches]
    start = threading.Barrier(workers)

    def call(number: int) -> list[Scores]:
        start.wait()
        return [bench.scores(batches[number]) for _ in range(CALLS_EACH)]

    with ThreadPoolExecutor(workers) as pool:
        together = list(pool.map(call, range(workers)))
    for number, found in enumerate(together):
        apart = max(_apart(alone[number], z) for z in found)
        require(apart == 0.0, f"the same bits from {workers} threads", f"{apart:.3g} apart")


ROWS_EACH, CALLS_EACH = 2, 4


@classifier_checks
def input_not_modified(bench: ClassifierBench) -> None:
    """A call leaves its batch as it was."""
    batch = bench.composites(3)
    before = batch.copy()
    bench.scores(batch)
    changed = int((batch != before).sum())
    require(not changed, "the batch as it was before the call", f"{changed} values changed")


@classifier_checks
def empty_batch(bench: ClassifierBench) -> None:
    """No rows give no scores."""
    bench.scores(bench.batch[:0])


@classifier_checks
def non_contiguous_input(bench: ClassifierBench) -> None:
    """A batch that lies in memory in another order gets the same scores."""
    usual = bench.scores(bench.batch)
    wide = np.repeat(bench.batch, 2, axis=0)[::2]
    turned = np.asfortranarray(bench.batch)
    for batch, what in ((wide, "every other row"), (turned, "columns first")):
        found = bench.scores(batch)
        # Sums may be taken in another order; a misread layout makes other scores altogether.
        close = np.allclose(usual, found, rtol=1e-4, atol=1e-4)
        require(
            close, f"the same scores from {what}", f"a difference of {_apart(usual, found):.3g}"
        )


@classifier_checks
def fingerprint_is_stable(bench: ClassifierBench) -> None:
    """Fingerprint and shape don't change by calls."""
    names = ("fingerprint", "input_shape", "n_classes", "output", "name")
    before = [getattr(bench.classifier, name) for name in names]
    bench.scores(bench.batch)
    after = [getattr(bench.classifier, name) for name in names]
    require(before == after, f"{before} after a call", after)


@classifier_checks
def preprocess_fits(bench: ClassifierBench) -> None:
    """Photos become inputs of the shape that the model takes."""
    clf = bench.classifier
    if clf.preprocess is None:
        raise Inapplicable("it states no preprocessing")
    shape = tuple(clf.preprocess.shape)
    require(shape == clf.input_shape, f"preprocessing to {clf.input_shape}", shape)
    x, _ = clf.preprocess.apply(load_image(random_photo()))
    got = f"{x.dtype} {list(x.shape)}"
    right = x.dtype == np.float32 and x.shape == clf.input_shape
    require(right, f"a photo to become float32 {list(clf.input_shape)}", got)
    bench.scores(x[None])


def _whole(value: object) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and int(cast(int, value)) >= 1


def _same(one: Scores, other: Scores) -> bool:
    return one.tobytes() == other.tobytes()


def _apart(one: Scores, other: Scores) -> float:
    """Largest difference; infinite where one is finite and the other isn't."""
    if _same(np.ascontiguousarray(one), np.ascontiguousarray(other)):
        return 0.0
    equal = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        apart = np.where(equal, 0.0, np.abs(one.astype(np.float64) - other))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
