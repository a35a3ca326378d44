"""From decisions about composites to outcomes of masks; narrow decisions are settled one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import ScoresError
from suffice.models.base import Value
from suffice.models.gradients import MaskGradients
from suffice.types import Decisions, FloatImage, PackedMasks


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Consecutive composites of one subject under one baseline, part of a batch.

    Attributes
    ----------
    image, baseline : float32 [C, H, W]
    masks : uint64 [m, words]
    target : int
    criterion : Criterion
    reference_confidence : float
        Needed for the margins of ``relative``.
    of : str or None
        The value whose gradient is wanted too; None: scores only.
    """

    image: FloatImage
    baseline: FloatImage
    masks: PackedMasks
    target: int
    criterion: Criterion
    reference_confidence: float
    of: Value | None = None

    def __len__(self) -> int:
        return len(self.masks)

    def composite(self, row: int) -> FloatImage:
        """One of the composites, float32 [C, H, W]."""
        out = np.empty((1, *self.image.shape), np.float32)
        _native.compose(self.image, self.baseline, self.masks[row : row + 1], out=out)
        composite: FloatImage = out[0]
        return composite


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What became of one span: the decisions with their criterion applied, or an error."""

    decisions: Decisions | None
    margin: npt.NDArray[np.float64]
    passes: npt.NDArray[np.bool_]
    rechecked: int = 0
    error: Exception | None = None
    model_seconds: float = 0.0
    calls: int = 1
    gradient: MaskGradients | None = None


def settle(
    span: Span,
    decide: Callable[[], Decisions],
    again: Callable[[npt.NDArray[np.intp]], Decisions],
    eps: float,
    calls: int,
    seconds: float,
) -> Judged:
    """Apply a span's criterion to its decisions.

    Parameters
    ----------
    span : Span
    decide : callable
        Gives the decisions; where it raises, the span fails and no other.
    again : callable
        Gives the decisions of some rows from calls of their own.
    eps : float
        Decisions narrower than this are made again (DESIGN.md 9).
    calls : int
        Of the model, so far.
    seconds : float
        In the model.
    """
    try:
        decisions = decide()
        margin, passes = _apply(span, decisions)
        narrow = np.flatnonzero(np.minimum(np.abs(margin), np.abs(decisions.lead)) < eps)
        if len(narrow):
            decisions = _replaced(decisions, narrow, _at(narrow, again))
            margin, passes = _apply(span, decisions)
        return Judged(decisions, margin, passes, len(narrow), None, seconds, calls)
    except ScoresError as error:
        if error.row is not None:
            error.composite = span.composite(error.row)
        return failed(len(span), error)
    except Exception as error:
        return failed(len(span), error)


def failed(rows: int, error: Exception) -> Judged:
    """What became of a span whose composites broke the model."""
    return Judged(None, np.zeros(rows), np.zeros(rows, np.bool_), 0, error)


def joined(parts: Sequence[Decisions]) -> Decisions:
    """Decisions one after the other."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(Decisions)]
    return Decisions(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


def part(decisions: Decisions, where: slice) -> Decisions:
    """Some consecutive decisions."""
    return Decisions(**{f.name: getattr(decisions, f.name)[where] for f in fields(Decisions)})


def _at(
    rows: npt.NDArray[np.intp], again: Callable[[npt.NDArray[np.intp]], Decisions]
) -> Decisions:
    try:
        return again(rows)
    except ScoresError as error:
        if error.row is not None:
            error.row = int(rows[error.row])
        raise


def _replaced(decisions: Decisions, rows: npt.NDArray[np.intp], fresh: Decisions) -> Decisions:
    made = {f.name: getattr(decisions, f.name).copy() for f in fields(Decisions)}
    for name, values in made.items():
        values[rows] = getattr(fresh, name)
    return Decisions(**made)


def _apply(
    span: Span, decisions: Decisions
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    return span.criterion.margins(
        decisions.lead, decisions.log_odds, decisions.wins_tie, span.reference_confidence
    )
