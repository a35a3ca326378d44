"""Decisions of one row of scores, from the definitions (DESIGN.md 1).

Logarithms of probabilities are taken with 80-digit decimals where float64 would
lose digits, so that the compiled code is compared with true values.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np


class Decision(NamedTuple):
    """One row of `suffice.types.Decisions`."""

    top1: int
    top1_confidence: float
    confidence: float
    lead: float
    log_odds: float
    wins_tie: bool


def decide(z: np.ndarray, target: int, output_kind: str) -> Decision:
    """``z`` float32 [K] -> what it says about ``target``."""
    with localcontext() as context:
        context.prec = 80
        context.Emin, context.Emax = -(10**12), 10**12
        if output_kind == "multilabel":
            return _multilabel(z, target)
        if output_kind == "probabilities":
            p = [_exp(value) for value in z]
            others = 1 - p[target]
        else:
            weights = [_exp(value - z.max()) for value in z.astype(np.float64)]
            p = [weight / sum(weights) for weight in weights]
            others = sum(p[:target] + p[target + 1 :])
        top1 = int(np.argmax(z))
        return Decision(
            top1,
            float(p[top1]),
            float(p[target]),
            _lead(z, target),
            _log_ratio(p[target], others),
            not any(z[k] == z[target] == z.max() for k in range(target)),
        )


def _multilabel(z: np.ndarray, target: int) -> Decision:
    own = float(z[target])
    p = 1 / (1 + _exp(-own))
    here = own >= 0
    return Decision(
        target if here else -1, float(p if here else 1 - p), float(p), own, own, wins_tie=True
    )


def _lead(z: np.ndarray, target: int) -> float:
    best_other = float(np.delete(z, target).max())
    own = float(z[target])
    return 0.0 if own == best_other else own - best_other


def _exp(value: float) -> Decimal:
    return Decimal(0) if value == -math.inf else Decimal(float(value)).exp()


def _log_ratio(a: Decimal, b: Decimal) -> float:
    if a <= 0:
        return -math.inf
    return math.inf if b <= 0 else float((a / b).ln())
