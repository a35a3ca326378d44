"""How published tables write what has no column kind of its own."""

from __future__ import annotations

import math

LEAST = 1e-4


def p_text(log_p: float) -> str:
    """A p-value from its natural logarithm, as papers write it.

    Examples
    --------
    >>> p_text(math.log(0.0312)), p_text(-1000.0)
    ('0.031', '< 0.0001')
    """
    if math.isnan(log_p):
        return ""
    p = math.exp(log_p)
    return f"< {LEAST:.4f}" if p < LEAST else f"{p:.2g}"
