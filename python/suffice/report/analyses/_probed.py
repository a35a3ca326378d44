"""What analyses of probes share: probe values beside their rows, shares with intervals."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice.report.analyses._common import N_RESAMPLES, Skip
from suffice.report.document import Column
from suffice.report.reading import Question, Reading
from suffice.statistics import transfer_matrix
from suffice.statistics.results import Floats
from suffice.types import JsonObject

LEVEL = 0.95
INTERVAL = (
    Column("Low", "percent", 1, "95 % interval, photos resampled"),
    Column("High", "percent", 1),
)
WILSON = (Column("Low", "percent", 1, "Wilson's 95 % interval"), Column("High", "percent", 1))


@functools.lru_cache(maxsize=8)
def _values(reading: Reading, name: str) -> list[JsonObject]:
    return reading.result.probes(name)


def probed(question: Question, name: str) -> list[JsonObject]:
    """Values of a probe for a question, first seed, each with its row.

    Each is what `StudyResult.probes` gives, with ``source`` (the model that the set is of),
    ``image``, ``target``, ``label`` (None where not known) and ``area``; in the order of rows.

    Raises
    ------
    Skip
        If there are none.
    """
    values, found = _values(question.reading, name), []
    first, asked = question.first, {value["key"] for value in values}
    some = first[[key in asked for key in first["key"]]]
    rows = {row.key: row for row in some.itertuples()}
    for value in values:
        row = rows.get(value["key"])
        if row is not None:
            label = None if not isinstance(row.label, (int, np.integer)) else int(row.label)
            found.append({
                **value, "source": row.model, "image": row.image_sha256, "label": label,
                "target": int(row.target), "area": float(row.area),
            })  # fmt: skip
    if not found:
        raise Skip(
            f'the store has no values of the probe {name}; analyses = ["{name}"] in the design has '
            "it run after the jobs"
        )
    return found


def truths(values: Sequence[Any]) -> Floats:
    """Truth values as numbers; NaN for None."""
    return np.array([np.nan if v is None else float(v) for v in values])


def right(values: Sequence[JsonObject], top1: Sequence[int]) -> Floats:
    """Whether each class is the photo's label; NaN where there is none."""
    return truths(
        [None if v["label"] is None else v["label"] == t for v, t in zip(values, top1, strict=True)]
    )


def kept(values: Sequence[JsonObject], top1: Sequence[int]) -> Floats:
    """Whether each class is the one that the set is of."""
    return truths([v["target"] == t for v, t in zip(values, top1, strict=True)])


def known_mean(values: Floats) -> float | None:
    """The mean of those that are known; None of none."""
    some = values[~np.isnan(values)]
    return float(some.mean()) if len(some) else None


def wilson(values: Floats) -> tuple[float, float]:
    """Wilson's interval of a share."""
    some = values[~np.isnan(values)]
    if not len(some):
        return float("nan"), float("nan")
    ones = np.full(len(some), "x")
    found = transfer_matrix(ones, ones, some > 0, level=LEVEL)
    return float(found.low[0, 0]), float(found.high[0, 0])


def resampled(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Means of columns with percentile intervals, photos (rows) drawn with replacement.

    Parameters
    ----------
    values : float [n, k]
        None NaN.

    Returns
    -------
    mean, low, high : float [k]
    """
    n = len(values)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=N_RESAMPLES) / n
    draws = weights @ values
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return values.mean(axis=0), low, high


def in_order(names: Sequence[str], found: Sequence[str]) -> list[int]:
    """Places in `found` of those of `names` that are in it, in the order of `names`."""
    return [found.index(name) for name in names if name in found]


def evaluations(values: Sequence[JsonObject]) -> int:
    """What the values cost."""
    return sum(int(v["evaluations"]) for v in values)


def picked(matrix: npt.NDArray[Any], rows: list[int], columns: list[int]) -> Floats:
    """Some rows and columns of a matrix."""
    return cast(Floats, matrix[np.ix_(rows, columns)])
