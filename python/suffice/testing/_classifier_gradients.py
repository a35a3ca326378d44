"""The check of gradients, against finite differences of the scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from suffice.models.base import VALUES, Differentiable, Value
from suffice.testing._classifier_suite import ClassifierBench, classifier_checks
from suffice.testing.judge import decisions
from suffice.testing.results import Inapplicable, require
from suffice.types import Batch

STEPS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3)
"""Of a direction of length 1; scores are float32, so small steps lose digits, and large ones leave
the straight part of a network: one of them must fit."""
TOLERANCE, FLOOR = 0.05, 1e-3
DIRECTIONS = 3


@classifier_checks
def gradient(bench: ClassifierBench) -> None:
    """Gradients are those of the scores, in random directions, for everything they are taken of."""
    clf = bench.classifier
    if not isinstance(clf, Differentiable):
        raise Inapplicable("it gives no gradients")
    batch = bench.composites(2, seed=3)
    targets = bench.scores(batch).argmax(axis=1).astype(np.int64)
    for of in VALUES:
        values, slopes = clf.gradient(batch, targets, of)
        form = f"values float64 [2] and gradients float32 {list(batch.shape)}"
        got = f"{values.dtype} {list(values.shape)} and {slopes.dtype} {list(slopes.shape)}"
        right = values.dtype == np.float64 and values.shape == (2,)
        right = right and slopes.dtype == np.float32 and slopes.shape == batch.shape
        require(right, form, got)
        stated = _values(bench, batch, targets, of)
        close = np.allclose(values, stated, rtol=1e-3, atol=1e-3)
        require(close, f"the {of} of the scores, {stated}", values)
        for seed in range(DIRECTIONS):
            _along(bench, batch, targets, of, slopes, seed)


def _along(
    bench: ClassifierBench,
    batch: Batch,
    targets: npt.NDArray[np.int64],
    of: Value,
    slopes: Batch,
    seed: int,
) -> None:
    """Compare slopes along one direction, half of it random and half their own."""
    rng = np.random.default_rng(seed)
    mixed = _unit(rng.standard_normal(batch.shape)) + _unit(slopes.astype(np.float64))
    way: Batch = _unit(mixed).astype(np.float32)
    along = (slopes.astype(np.float64) * way).sum(axis=(1, 2, 3))
    errors, seen = [], []
    for step in STEPS:
        ahead = _values(bench, batch + np.float32(step) * way, targets, of)
        behind = _values(bench, batch - np.float32(step) * way, targets, of)
        seen.append((ahead - behind) / (2 * step))
        errors.append(np.abs(seen[-1] - along) / np.maximum(np.abs(along), FLOOR))
    best = np.min(errors, axis=0)
    closest = np.array(seen)[np.argmin(errors, axis=0), np.arange(len(along))]
    require(
        bool((best <= TOLERANCE).all()),
        f"slopes of {of} that finite differences show, {closest} along direction {seed}",
        along,
    )


def _unit(direction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    length = np.sqrt((direction**2).sum(axis=(1, 2, 3), keepdims=True))
    found: npt.NDArray[np.float64] = direction / np.maximum(length, 1e-30)
    return found


def _values(
    bench: ClassifierBench, batch: Batch, targets: npt.NDArray[np.int64], of: Value
) -> npt.NDArray[np.float64]:
    """The value of each row's class, by its scores."""
    z = bench.scores(batch).astype(np.float64)
    names = {"log_odds": "log_odds", "logit": "score", "probability": "confidence"}
    found = []
    for row, target in zip(z, targets.tolist(), strict=True):
        table = decisions(row[None], target, bench.classifier.output)
        value = float(table[names.get(of, "confidence")][0])
        found.append(np.log(value) if of == "log_probability" else value)
    return np.array(found)
