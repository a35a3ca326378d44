"""Curves over a data set: how often the class is right at each share shown or removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.metrics._orders import Kind
from suffice.metrics.curves import MaskingCurve


@dataclass(frozen=True, slots=True, eq=False)
class AccuracyCurve:
    """Accuracy against the share of pixels shown or removed, over the images of a data set.

    Attributes
    ----------
    kind : {"insertion", "deletion"}
    shares : float64 [N]
        Share of the pixels shown, of insertions, or removed, of deletions.
    accuracy : float64 [N]
        Share of the images whose target is the predicted class.
    confidence : float64 [N]
        Mean probability of the targets.
    n : int
        Images.
    """

    kind: Kind
    shares: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    n: int


def accuracy_curve(
    curves: Sequence[MaskingCurve], shares: npt.ArrayLike | None = None
) -> AccuracyCurve:
    """Average curves of many images.

    Whether an image that is classified wrongly as a whole takes part is left to the caller; MoXI
    takes only those that are right.

    Parameters
    ----------
    curves : sequence of MaskingCurve
        All of one kind.
    shares : float [N], rising, from 0 to 1; or None
        Where to look. At a share a curve has what it has at its last step that doesn't exceed it.
        None: the steps of the curves, which must then be the same for all.

    Returns
    -------
    AccuracyCurve

    Raises
    ------
    InputError
        If there is no curve, they are of two kinds, their steps differ while `shares` is None, or
        `shares` is not as said.

    Source
    ------
    Sumiyasu, Kawamoto, Kera: MoXI (2024), its figures of accuracy against the unmasked rate.
    """
    curves = list(curves)
    kinds = sorted({c.kind for c in curves})
    if len(kinds) != 1:
        raise InputError(f"expected curves of one kind, got {' and '.join(kinds) or 'no curve'}")
    at = _shares(curves, shares)
    top1 = np.zeros(len(at))
    confidence = np.zeros(len(at))
    for c in curves:
        # A hair more, so that 0.7 of 10 pixels are 7 in floating point too.
        place = np.searchsorted(c.pixels, at * c.pixels[-1] + 1e-6, side="right") - 1
        top1 += c.top1[place]
        confidence += c.confidence[place]
    return AccuracyCurve(
        curves[0].kind, at, top1 / len(curves), confidence / len(curves), len(curves)
    )


def _shares(curves: list[MaskingCurve], shares: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
    if shares is None:
        first = curves[0].shares
        if not all(np.array_equal(c.shares, first) for c in curves):
            raise InputError("the curves have different steps: say at which shares= to look")
        return first
    at = np.asarray(shares, np.float64)
    rising = at.ndim == 1 and len(at) and (np.diff(at) > 0).all()
    if not rising or not (at[0] >= 0.0 and at[-1] <= 1.0):
        raise InputError(f"expected shares rising from 0 to 1, got {at.tolist()}")
    return at
