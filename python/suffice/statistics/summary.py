"""Sizes by model, architecture and correctness, in plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.statistics.frame import Sizes
from suffice.statistics.results import Floats
from suffice.statistics.thresholds import correctness_curve, size_curve

Row = dict[str, Any]


def by_group(
    sizes: Sizes,
    groups: npt.ArrayLike,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Row]:
    """Sizes in each group, as ``Overall / correct / incorrect`` of the published tables.

    Parameters
    ----------
    sizes : Sizes
    groups : str [n]
        Such as ``sizes.model``, or ``sizes.architecture``.
    n_resamples, level, seed
        Of the bootstrap intervals of means, in which photos are resampled.

    Returns
    -------
    list of dict
        ``group``, ``n``, ``mean`` with ``mean_low`` and ``mean_high``, ``median``,
        ``geometric_mean``, ``mean_correct`` and ``n_correct``, ``mean_incorrect`` and
        ``n_incorrect``, ``difference`` (correct minus incorrect) with its interval, ``accuracy``.
    """
    names = np.asarray(groups).astype(str)
    rows = []
    for name in np.unique(names).tolist():
        here = names == name
        area, right, photo = sizes.area[here], sizes.correct[here], sizes.image[here]
        settings: Any = {"n_resamples": n_resamples, "level": level, "seed": seed}
        mean = size_curve([0.0], area[:, None], clusters=photo, **settings)
        gap = correctness_curve([0.0], area[:, None], right, clusters=photo, **settings)
        rows.append(
            {
                "group": name,
                "n": int(here.sum()),
                "mean": float(mean.value[0]),
                "mean_low": float(mean.low[0]),
                "mean_high": float(mean.high[0]),
                "median": float(np.median(area)),
                "geometric_mean": float(np.exp(sizes.log_area[here].mean())),
                "mean_correct": _mean(area[right == 1.0]),
                "n_correct": int((right == 1.0).sum()),
                "mean_incorrect": _mean(area[right == 0.0]),
                "n_incorrect": int((right == 0.0).sum()),
                "difference": float(gap.value[0]),
                "difference_low": float(gap.low[0]),
                "difference_high": float(gap.high[0]),
                "accuracy": _mean(right[~np.isnan(right)]),
            }
        )
    return rows


def seed_spread(sizes: Sizes) -> list[Row]:
    """How much sizes differ between seeds, by model; empty for one seed.

    Parameters
    ----------
    sizes : Sizes
        Of `sizes_of`.

    Returns
    -------
    list of dict
        ``model``; ``n``, cells of several seeds; ``median_range``, the median over photos of the
        largest less the smallest area; ``relative_range``, the median of that divided by the
        median area of the cell, over cells whose median is not empty; ``unchanged``, the share of
        cells with a range of zero.
    """
    rows = []
    for name in sizes.models:
        here = (sizes.model == name) & ~np.isnan(sizes.seed_range)
        if not here.any():
            continue
        spread, area = sizes.seed_range[here], sizes.area[here]
        some = area > 0.0
        rows.append(
            {
                "model": name,
                "n": int(here.sum()),
                "median_range": float(np.median(spread)),
                "relative_range": float(np.median(spread[some] / area[some]))
                if some.any()
                else float("nan"),
                "unchanged": float((spread == 0.0).mean()),
            }
        )
    return rows


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
