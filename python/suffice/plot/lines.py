"""Sizes along thresholds, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.plot.frame import axis_of, heading, legend, log_percent, quiet
from suffice.plot.palette import MUTED, colours, markers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Band = tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]


def size_curves(
    x: npt.ArrayLike,
    curves: Mapping[str, Band],
    ax: Axes | None = None,
    *,
    xlabel: str = "threshold",
    ylabel: str = "mean area of the sets",
    title: str = "",
    percent: bool = True,
    log_x: bool = False,
    log_y: bool = False,
    zero: bool = False,
) -> Axes:
    """Draw values along a threshold, a line with its band of intervals for each name.

    Parameters
    ----------
    x : float [n]
    curves : dict of str to (value, low, high), each float [n]
        NaN where there is no value, which leaves a gap, or no interval.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.
    xlabel, ylabel : str
        With units, but for percent, which the ticks carry.
    title : str
    percent : bool
        Whether values are fractions to be drawn as percent.
    log_x, log_y : bool
        Whether the scale is logarithmic.
    zero : bool
        Whether a line marks no difference.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is no curve, or one has other than n values.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    at = np.asarray(x, np.float64)
    if not curves:
        raise InputError("expected at least one curve, got none")
    axis = axis_of(ax, 6.4, 3.9)
    looks = zip(colours(len(curves)), markers(len(curves)), strict=True)
    for (name, band), (colour, marker) in zip(curves.items(), looks, strict=True):
        value, low, high = ((100.0 if percent else 1.0) * np.asarray(v, np.float64) for v in band)
        for part in (value, low, high):
            if part.shape != at.shape:
                raise InputError(f"{name}: expected {at.size} values, got {list(part.shape)}")
        axis.fill_between(at, low, high, color=colour, alpha=0.14, linewidth=0)
        axis.plot(at, value, marker=marker, color=colour, linewidth=1.6, markersize=4, label=name)
    if zero:
        axis.axhline(0.0, color=MUTED, linewidth=0.8)
    quiet(axis, "both", xlabel, ylabel)
    if log_x:
        axis.set_xscale("log")
    if log_y:
        axis.set_yscale("log")
        log_percent(axis.yaxis)
    elif percent:
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    heading(axis, title)
    legend(axis, **({} if len(curves) <= 5 else {"loc": "center left", "bbox_to_anchor": (1, 0.5)}))
    return cast("Axes", axis)
