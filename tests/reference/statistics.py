"""Statistics written for reading: double loops and whole matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def auroc(scores: Any, positive: Any) -> tuple[float, float]:
    """Area and DeLong's standard error by comparing every pair."""
    high = [s for s, p in zip(scores, positive, strict=True) if p]
    low = [s for s, p in zip(scores, positive, strict=True) if not p]
    won = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in low] for a in high])
    v, w = won.mean(axis=1), won.mean(axis=0)
    variance = v.var(ddof=1) / len(high) + w.var(ddof=1) / len(low)
    return float(won.mean()), math.sqrt(variance)


def clustered_error(scores: Any, positive: Any, clusters: Any) -> float:
    """Obuchowski's standard error, from sums of structural components by cluster."""
    scores, positive, clusters = map(np.asarray, (scores, positive, clusters))
    high, low = scores[positive], scores[~positive]
    won = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    area = won.mean()
    of_high, of_low = clusters[positive], clusters[~positive]
    names = np.unique(clusters)
    a = [(won.mean(axis=1)[of_high == c] - area).sum() / len(high) for c in names]
    b = [(won.mean(axis=0)[of_low == c] - area).sum() / len(low) for c in names]
    factor = len(names) / (len(names) - 1)
    return math.sqrt(factor * sum((x + y) ** 2 for x, y in zip(a, b, strict=True)))


def reml(y: Any, x: Any, image: Any, model: Any, variances: tuple[float, float, float]) -> float:
    """Restricted log likelihood from the covariance matrix of all rows."""
    y, x, image, model = map(np.asarray, (y, x, image, model))
    of_image, of_model, residual = variances
    v = of_image * (image[:, None] == image) + of_model * (model[:, None] == model)
    v = v + residual * np.eye(len(y))
    inside = x.T @ np.linalg.solve(v, x)
    beta = np.linalg.solve(inside, x.T @ np.linalg.solve(v, y))
    r = y - x @ beta
    dets = np.linalg.slogdet(v)[1] + np.linalg.slogdet(inside)[1]
    free = len(y) - x.shape[1]
    return float(-(dets + r @ np.linalg.solve(v, r) + free * math.log(2 * math.pi)) / 2)
