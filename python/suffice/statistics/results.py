"""What the tests give back, and how it becomes JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHARED_PHOTOS = (
    "assumes independent groups, but models share their photos: the p-value is not valid where "
    "the groups are models or architectures; reported for comparison with published numbers"
)


@dataclass(frozen=True, slots=True)
class HypothesisTest:
    """One test of one hypothesis.

    Attributes
    ----------
    name : str
    statistic : float
    df : float or None
        Degrees of freedom of the reference distribution, where it has any.
    p : float
        Two-sided unless the name says otherwise; 0.0 where it underflows, see `log_p`.
    log_p : float
        Natural logarithm of p, from the logarithm of the tail, so it never underflows.
    effect : float
    effect_name : str
        What `effect` is.
    n : int
        Observations, or blocks of a blocked test, that took part.
    n_dropped : int
        Given, but not usable: NaN, incomplete blocks, ties at zero; `notes` say which.
    notes : tuple of str
        What the test assumes and where that fails.
    """

    name: str
    statistic: float
    df: float | None
    p: float
    log_p: float
    effect: float
    effect_name: str
    n: int
    n_dropped: int = 0
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        result: dict[str, Any] = plain(self)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseTests:
    """All pairs of ``k`` groups; arrays are ``float64 [k, k]``.

    Attributes
    ----------
    name : str
    names : tuple of str
        Of the groups.
    statistic : float64 [k, k]
        Antisymmetric where the sign says which of a pair is larger: [i, j] > 0, i is.
    p, log_p : float64 [k, k]
        Of each pair alone; 1 and 0 on the diagonal.
    adjusted_p, adjusted_log_p : float64 [k, k]
        After the correction.
    correction : str
    effect : float64 [k, k]
    effect_name : str
    n : int
    n_dropped : int
    notes : tuple of str
    """

    name: str
    names: tuple[str, ...]
    statistic: Floats
    p: Floats
    log_p: Floats
    adjusted_p: Floats
    adjusted_log_p: Floats
    correction: str
    effect: Floats
    effect_name: str
    n: int
    n_dropped: int = 0
    notes: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """One row for each pair, i < j."""
        i, j = np.triu_indices(len(self.names), 1)
        return [
            {
                "a": self.names[a],
                "b": self.names[b],
                "statistic": float(self.statistic[a, b]),
                "p": float(self.p[a, b]),
                "log_p": float(self.log_p[a, b]),
                "adjusted_p": float(self.adjusted_p[a, b]),
                "adjusted_log_p": float(self.adjusted_log_p[a, b]),
                self.effect_name: float(self.effect[a, b]),
            }
            for a, b in zip(i.tolist(), j.tolist(), strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        whole = {"name": self.name, "names": self.names, "correction": self.correction}
        rest = {"n": self.n, "n_dropped": self.n_dropped, "notes": self.notes}
        result: dict[str, Any] = plain({**whole, "pairs": self.rows(), **rest})
        return result


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with an interval.

    Attributes
    ----------
    value : float
    low, high : float
        Ends of the interval; NaN where there is none.
    level : float
        Of confidence, such as 0.95.
    method : str
        How the interval was made.
    n : int
        Observations, or clusters where clusters were resampled.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        result: dict[str, Any] = plain(self)
        return result


def plain(value: Any) -> Any:
    """Turn results into values that JSON knows; what is not finite becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
