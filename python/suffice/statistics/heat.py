"""Where sets lie on the image: heat maps, and the border against the centre."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.resample import bootstrap
from suffice.statistics.results import Estimate, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Where kept pixels lie.

    Attributes
    ----------
    heat : float64 [H, W]
        Share of the sets that keep each pixel.
    border_share : Estimate
        Mean over sets that are not empty of the share of their pixels within the border.
    border_area : float
        Share of the image the border has: what a set without preference would give.
    border_ratio : float
        The first over the second; above 1, sets prefer the border.
    shares : float64 [n]
        ``border_share`` of each set; NaN where empty.
    n, n_empty : int
        Sets in the heat map, empty ones included, and the empty ones.
    """

    heat: Floats
    border_share: Estimate
    border_area: float
    border_ratio: float
    shares: Floats
    n: int
    n_empty: int


def positions(
    masks: npt.NDArray[np.bool_] | Iterable[npt.NDArray[np.bool_]],
    *,
    border: float = 0.1,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Positions:
    """Heat map of kept pixels and the share that lies in the border.

    The border is every pixel nearer than ``round(border * min(H, W))`` pixels (at least one) to an
    edge; the centre is the rest. The share is averaged over sets, so that large sets count no more
    than small ones; empty sets have none, but are in the heat map.

    Parameters
    ----------
    masks : bool [n, H, W], or iterable of bool [H, W]
        Of one size; an iterable is read one at a time.
    border : float
        Width as a share of the shorter side, above 0 and below one half.
    clusters : array [n] or None
        Photos, where they have several sets: they are resampled together.
    level : float
        Of the bootstrap interval.
    seed : int

    Returns
    -------
    Positions

    Raises
    ------
    InputError
        If there is no mask, sizes differ, or the border covers the image.
    """
    if not 0.0 < border < 0.5:
        raise InputError(f"expected a border above 0 and below 0.5, got {border}")
    total: npt.NDArray[np.int64] | None = None
    ring = np.zeros((0, 0), np.bool_)
    shares = []
    for mask in masks:
        keep = np.asarray(mask)
        if (
            keep.dtype != np.bool_
            or keep.ndim != 2
            or (total is not None and total.shape != keep.shape)
        ):
            raise InputError(f"expected masks bool [H, W] of one size, got {list(keep.shape)}")
        if total is None:
            total = np.zeros(keep.shape, np.int64)
            width = max(1, round(border * min(keep.shape)))
            ring = np.ones(keep.shape, np.bool_)
            ring[width:-width, width:-width] = False
            if ring.all():
                raise InputError(f"a border of {width} pixels covers the image {list(keep.shape)}")
        total += keep
        pixels = int(keep.sum())
        shares.append(int((keep & ring).sum()) / pixels if pixels else np.nan)
    if total is None:
        raise InputError("expected at least one mask")
    each = np.array(shares)
    some = ~np.isnan(each)
    names = np.arange(len(each)) if clusters is None else np.asarray(clusters)
    if len(names) != len(each):
        raise InputError(f"expected {len(each)} clusters, one a mask, got {len(names)}")
    share = Estimate(float("nan"), float("nan"), float("nan"), level, "none: all sets empty", 0)
    if some.any():
        share = bootstrap(
            np.mean, each[some], clusters=names[some] if clusters is not None else None,
            level=level, seed=seed,
        )  # fmt: skip
    area = float(ring.mean())
    return Positions(
        total / len(each), share, area, share.value / area, each, len(each), int((~some).sum())
    )
