"""Corrections for many tests."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.results import Floats

Correction = Literal["holm", "bonferroni", "none"]


def bonferroni(p: npt.ArrayLike, *, log: bool = False) -> Floats:
    """Bonferroni's correction: ``min(1, m p)``.

    Parameters
    ----------
    p : float [m]
        Probabilities, or their natural logarithms with `log`.
    log : bool

    Returns
    -------
    float64 [m]
        Adjusted, as given.

    Raises
    ------
    InputError
        If they are no probabilities.

    Source
    ------
    Dunn: Multiple comparisons among means (1961).

    Examples
    --------
    >>> bonferroni([0.01, 0.04]).round(3).tolist()
    [0.02, 0.08]
    """
    logs = _logs(p, log)
    return _back(logs + math.log(max(1, len(logs))), log)


def holm(p: npt.ArrayLike, *, log: bool = False) -> Floats:
    """Holm's step-down correction, never weaker than Bonferroni's.

    With ``p(1) <= ... <= p(m)``: ``adjusted(i) = max over j <= i of min(1, (m - j + 1) p(j))``.

    Parameters
    ----------
    p : float [m]
        Probabilities, or their natural logarithms with `log`.
    log : bool

    Returns
    -------
    float64 [m]
        Adjusted, as given.

    Raises
    ------
    InputError
        If they are no probabilities.

    Source
    ------
    Holm: A simple sequentially rejective multiple test procedure (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    logs = _logs(p, log)
    order = np.argsort(logs, kind="stable")
    factors = np.log(np.arange(len(logs), 0, -1))
    adjusted = np.empty_like(logs)
    adjusted[order] = np.maximum.accumulate(logs[order] + factors)
    return _back(adjusted, log)


def adjust(log_p: Floats, correction: Correction) -> Floats:
    """Correct logarithms by the name of the correction."""
    if correction == "holm":
        return holm(log_p, log=True)
    if correction == "bonferroni":
        return bonferroni(log_p, log=True)
    if correction == "none":
        return log_p
    raise InputError(f"expected correction holm, bonferroni or none, got {correction!r}")


def _logs(p: npt.ArrayLike, log: bool) -> Floats:
    given = np.asarray(p, np.float64)
    low, high = (-np.inf, 0.0) if log else (0.0, 1.0)
    if given.ndim != 1 or not ((given >= low) & (given <= high)).all():
        kind = "logarithms of probabilities" if log else "probabilities from 0 to 1"
        raise InputError(f"expected one row of {kind}, got {given.tolist()}")
    with np.errstate(divide="ignore"):
        return given if log else np.log(given)


def _back(logs: Floats, log: bool) -> Floats:
    capped = np.minimum(logs, 0.0)
    return capped if log else np.exp(capped)
