"""Shares of yes among answers."""

from __future__ import annotations

import math

from suffice.errors import InputError
from suffice.statistics.results import Estimate


def wilson(yes: int, n: int, *, level: float = 0.95) -> Estimate:
    """A share with Wilson's interval.

    For ``c`` of ``n``: ``(c + z^2 / 2 +- z sqrt(c (n - c) / n + z^2 / 4)) / (n + z^2)``.

    Parameters
    ----------
    yes, n : int
    level : float

    Returns
    -------
    Estimate
        NaN where ``n`` is 0.

    Raises
    ------
    InputError
        Unless ``0 <= yes <= n``.

    Source
    ------
    Wilson: Probable inference, the law of succession, and statistical inference (1927).

    Examples
    --------
    >>> found = wilson(8, 10)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.8, 0.49, 0.943)
    """
    if not 0 <= yes <= n:
        raise InputError(f"expected a count from 0 to {n}, got {yes}")
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, level, "Wilson", 0)
    from scipy import special

    z = float(special.ndtri((1.0 + level) / 2.0))
    centre, half = yes + z * z / 2.0, z * math.sqrt(yes * (n - yes) / n + z * z / 4.0)
    low, high = (centre - half) / (n + z * z), (centre + half) / (n + z * z)
    return Estimate(yes / n, max(0.0, low), min(1.0, high), level, "Wilson", n)
