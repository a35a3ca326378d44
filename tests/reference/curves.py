"""Insertion and deletion curves, one mask at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import simpson

Classify = Callable[[np.ndarray], np.ndarray]
"""Batch [N, C, H, W] -> scores [N, K]."""


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax in float64."""
    z = np.exp(scores.astype(float) - scores.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def ranked(values: np.ndarray) -> list[tuple[int, int]]:
    """Pixels as rex-xai ranks them: by (value, row, column), falling."""
    rows, columns = np.indices(values.shape)
    places = zip(values.ravel(), rows.ravel(), columns.ravel(), strict=True)
    return [(int(r), int(c)) for _, r, c in sorted(places, reverse=True)]


def follow(
    classify: Classify,
    image: np.ndarray,
    baseline: np.ndarray,
    values: np.ndarray,
    lengths: list[int],
    target: int,
    insertion: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and top-1 after so many pixels were inserted or deleted."""
    confidence, top1 = [], []
    for length in lengths:
        keep = np.full(values.shape, not insertion)
        for pixel in ranked(values)[:length]:
            keep[pixel] = insertion
        p = probabilities(classify(np.where(keep, image, baseline)[None]))[0]
        confidence.append(p[target])
        top1.append(p.argmax() == target)
    return np.array(confidence), np.array(top1)


def area_of_rex(
    classify: Classify,
    image: np.ndarray,
    values: np.ndarray,
    step: int,
    target: int,
    insertion: bool,
) -> float:
    """The normalised area of rex-xai 0.4.1, its evaluation module retold for batch size 1."""
    n = values.size // step
    curve = np.zeros(n)
    lengths = [min(i + step, values.size) for i in range(0, values.size, step)]
    seen, _ = follow(classify, image, np.zeros_like(image), values, lengths, target, insertion)
    curve[:] = seen[:n]
    whole = probabilities(classify(image[None]))[0, target]
    return float(simpson(curve, dx=step) / (whole * values.size))
