"""Criteria: when a composite passes, and how far it is from flipping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import SettingsError

Kind = Literal["top1", "confidence", "relative", "margin"]
MAX_LOG_ODDS = 1e6
"""Margins are kept finite: probabilities of exactly 0 and 1 stand at this distance."""

_HELP = "use top1, confidence:T (0 < T < 1), relative:R (0 < R <= 1) or margin:M (M >= 0 log-odds)"


def logit(p: float) -> float:
    """Log-odds of a probability; infinite at 0 and 1."""
    if p <= 0.0:
        return -math.inf
    return math.inf if p >= 1.0 else math.log(p) - math.log1p(-p)


@dataclass(frozen=True, slots=True)
class Criterion:
    """When a composite passes (DESIGN.md 1).

    Parameters
    ----------
    kind : {"top1", "confidence", "relative", "margin"}
        ``top1``: the target is the predicted class. ``confidence``: its probability reaches
        ``value``. ``relative``: both top-1 and at least ``value`` times its probability on the
        whole image. ``margin``: it leads every other class by ``value`` log-odds.
    value : float
        Threshold of the kind; ignored for ``top1``.

    Examples
    --------
    >>> Criterion.parse("relative:0.9")
    Criterion(kind='relative', value=0.9)
    >>> str(Criterion.parse("top1"))
    'top1'
    """

    kind: Kind = "top1"
    value: float = 0.0

    def __post_init__(self) -> None:
        v = self.value
        ok = {
            "top1": v == 0.0,
            "confidence": 0.0 < v < 1.0,
            "relative": 0.0 < v <= 1.0,
            "margin": 0.0 <= v < math.inf,
        }
        if self.kind not in ok or not ok[self.kind]:
            raise SettingsError(f"criterion {self.kind}:{v:g} is not one; {_HELP}")

    @classmethod
    def parse(cls, text: str | Criterion) -> Criterion:
        """Read ``top1``, ``confidence:T``, ``relative:R`` or ``margin:M``.

        Raises
        ------
        SettingsError
            If the text is none of them or its number is out of range.
        """
        if isinstance(text, Criterion):
            return text
        kind, _, number = text.partition(":")
        try:
            value = float(number) if number else 0.0
        except ValueError:
            raise SettingsError(f"criterion {text!r}: {number!r} is no number; {_HELP}") from None
        if kind not in ("top1", "confidence", "relative", "margin") or (kind == "top1" and number):
            raise SettingsError(f"criterion {text!r} is unknown; {_HELP}")
        if kind != "top1" and not number:
            raise SettingsError(f"criterion {text!r} lacks its number; {_HELP}")
        return cls(kind, value)  # type: ignore[arg-type]  # narrowed above

    def __str__(self) -> str:
        return self.kind if self.kind == "top1" else f"{self.kind}:{self.value:g}"

    def margins(
        self,
        lead: npt.NDArray[np.float64],
        log_odds: npt.NDArray[np.float64],
        wins_tie: npt.NDArray[np.bool_],
        reference_confidence: float,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Judge composites.

        Parameters
        ----------
        lead : float64 [N]
            ``z_c - max of the others``.
        log_odds : float64 [N]
            ``logit(p_c)``.
        wins_tie : bool [N]
            Whether the target is the lowest index among tied leaders (true where nothing ties).
        reference_confidence : float
            ``p_c(x)``, used by ``relative``.

        Returns
        -------
        margin : float64 [N]
            Distance from flipping in log-odds units, positive when passing.
        passes : bool [N]
        """
        lead = np.clip(lead, -MAX_LOG_ODDS, MAX_LOG_ODDS)
        log_odds = np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)
        top1 = (lead > 0.0) | ((lead == 0.0) & wins_tie)
        if self.kind == "top1":
            return lead, top1
        if self.kind == "margin":
            return lead - self.value, (lead >= self.value) & top1
        if self.kind == "confidence":
            margin = log_odds - logit(self.value)
            return margin, margin >= 0.0
        bound = min(max(logit(self.value * reference_confidence), -MAX_LOG_ODDS), MAX_LOG_ODDS)
        threshold = log_odds - bound
        return np.minimum(lead, threshold), top1 & (threshold >= 0.0)
