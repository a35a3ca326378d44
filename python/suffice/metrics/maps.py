"""Measures of responsibility maps: how far a map is spread over the image."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.explanation import Explanation

MapLike = Any
"""A map of numbers ``[H, W]``, none negative, or an `Explanation` that has one."""


def entropy(values: MapLike) -> float:
    """Shannon entropy ``- sum p ln p`` of a map divided by its sum, in nats.

    Parameters
    ----------
    values : numbers [H, W], none negative, or Explanation
        ``0 ln 0`` is 0.

    Returns
    -------
    float
        From 0, all in one pixel, to ``ln(H W)``, a flat map; NaN where the map is zero everywhere.

    Raises
    ------
    InputError
        If it is no map of finite numbers from 0.

    Source
    ------
    Shannon: A mathematical theory of communication (1948).

    Examples
    --------
    >>> round(entropy(np.array([[1.0, 1.0], [0.0, 0.0]])), 6)
    0.693147
    """
    p = _distribution(values)
    inside = p[p > 0.0]
    # Adding 0 turns the -0.0 of a single pixel into 0.0.
    return float(-(inside * np.log(inside)).sum()) + 0.0 if len(inside) else float("nan")


def kl_to_uniform(
    values: MapLike, *, of: Literal["map", "uniform"] = "map", base: float | None = None
) -> float:
    """Kullback-Leibler divergence between a map divided by its sum and the flat map.

    Parameters
    ----------
    values : numbers [H, W], none negative, or Explanation
    of : {"map", "uniform"}
        ``map``: ``KL(p || u) = ln(H W) - entropy(p)``, always finite. ``uniform``: ``KL(u || p)``,
        infinite where any pixel is zero.
    base : float or None
        Of the logarithm; None: nats. ``of="uniform", base=2`` is what rex-xai calls the entropy of
        its map.

    Returns
    -------
    float
        0 for a flat map; NaN where the map is zero everywhere.

    Raises
    ------
    InputError
        If it is no map of finite numbers from 0, or a setting is out of range.

    Source
    ------
    Kullback, Leibler: On information and sufficiency (1951); rex-xai 0.4.1 for ``of="uniform"``.
    """
    if of not in ("map", "uniform"):
        raise InputError(f"expected of='map' or of='uniform', got {of!r}")
    if base is not None and not base > 1.0:
        raise InputError(f"expected a base above 1, got {base!r}")
    p = _distribution(values)
    if np.isnan(p).any():
        return float("nan")
    n = p.size
    if of == "map":
        inside = p[p > 0.0]
        nats = float((inside * np.log(inside * n)).sum())
    else:
        nats = float(-np.log(p * n).mean()) if (p > 0.0).all() else float("inf")
    # Rounding may leave a flat map a hair below zero, where no divergence is.
    nats = max(nats, 0.0)
    return nats if base is None else nats / float(np.log(base))


def _distribution(values: MapLike) -> npt.NDArray[np.float64]:
    """The map divided by its sum, flat; NaN where that is zero."""
    if isinstance(values, Explanation):
        if values.responsibility is None:
            raise InputError(
                f"{values.name}: the method {values.method['name']} gives no responsibility"
            )
        values = values.responsibility
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "biuf":
        raise InputError(f"expected a map of numbers [H, W], got {type(values).__name__}")
    flat = array.astype(np.float64).reshape(-1)
    if not len(flat) or not np.isfinite(flat).all() or (flat < 0.0).any():
        raise InputError("expected a map of finite numbers from 0, of at least one pixel")
    largest = flat.max()
    if largest == 0.0:
        return np.full(len(flat), np.nan)
    flat = flat / largest  # first, so that the sum doesn't overflow
    shares: npt.NDArray[np.float64] = flat / flat.sum()
    return shares
