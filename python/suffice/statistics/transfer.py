"""Whether the sets of one model convince another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.results import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """Share of the sets of a source that suffice a judge.

    Attributes
    ----------
    sources, judges : tuple of str
    rate : float64 [S, J]
        NaN where a pair was never tried.
    low, high : float64 [S, J]
        Wilson's interval.
    n : int64 [S, J]
        Sets tried; those of status failed or unattained give none and take no part.
    level : float
    """

    sources: tuple[str, ...]
    judges: tuple[str, ...]
    rate: Floats
    low: Floats
    high: Floats
    n: npt.NDArray[np.int64]
    level: float


def transfer_matrix(
    source: npt.ArrayLike, judge: npt.ArrayLike, convinced: npt.ArrayLike, *, level: float = 0.95
) -> Transfer:
    """Aggregate trials of the sets of some models on others.

    Running the sets through classifiers is the caller's part: composite each set of the source on
    the judge's baseline and say whether the judge gives it the class that the set stands for.
    Wilson's interval for ``c`` of ``n``: ``(c + z^2 / 2 +- z sqrt(c (n - c) / n + z^2 / 4)) /
    (n + z^2)``.

    Parameters
    ----------
    source, judge : str [T]
        Whose set, and who was shown it.
    convinced : bool [T]
    level : float

    Returns
    -------
    Transfer

    Raises
    ------
    InputError
        If lengths differ or there is no trial.

    Source
    ------
    Carter, Jain, Mueller, Gifford: Overinterpretation (2021), transfer of subsets; Wilson (1927).

    Examples
    --------
    >>> found = transfer_matrix(["a", "a", "b"], ["b", "b", "a"], [True, False, True])
    >>> found.rate.tolist()
    [[nan, 0.5], [1.0, nan]]
    """
    from scipy import special

    a, b = np.asarray(source).astype(str), np.asarray(judge).astype(str)
    yes = np.asarray(convinced, np.bool_)
    if a.ndim != 1 or not a.shape == b.shape == yes.shape or not len(a):
        raise InputError(f"expected trials of one length, got {a.shape}, {b.shape}, {yes.shape}")
    sources, i = np.unique(a, return_inverse=True)
    judges, j = np.unique(b, return_inverse=True)
    n = np.zeros((len(sources), len(judges)), np.int64)
    c = np.zeros(n.shape)
    np.add.at(n, (i, j), 1)
    np.add.at(c, (i, j), yes.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = c / n
        z = float(special.ndtri((1.0 + level) / 2.0))
        centre, half = c + z * z / 2.0, z * np.sqrt(c * (n - c) / n + z * z / 4.0)
        low, high = (centre - half) / (n + z * z), (centre + half) / (n + z * z)
    return Transfer(tuple(sources.tolist()), tuple(judges.tolist()), rate, low, high, n, level)
