"""How large the sets are: every set a point, by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.plot.frame import axis_of, log_percent, name_rows, quiet
from suffice.plot.palette import MUTED, TEXT, colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
MANY = 300  # points in all from which they are drawn as a picture, also in vector files
GOLDEN = 0.6180339887498949


def sizes(groups: Mapping[str, npt.ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw the areas of sets on a logarithmic scale: points, middle half, median and counts.

    The box spans the middle half and the thin line the middle nine tenths. Empty sets have no place
    on the scale: they are open points at its foot, and count in the median. A NaN (no set found)
    is drawn nowhere, but counted.

    Parameters
    ----------
    groups : dict of str to float [n]
        Areas as fractions of the image, such as those of each model.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is no group, or an area is negative or above 1.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    areas = {name: _checked(name, values) for name, values in groups.items()}
    if not areas:
        raise InputError("expected areas of at least one group, got none")
    axis = axis_of(ax, 7.2, 1.0 + 0.5 * len(areas))
    positive = np.concatenate([a[a > 0] for a in areas.values()])
    foot = 50.0 * float(positive.min()) if len(positive) else 1.0
    many = sum(map(len, areas.values())) > MANY
    for row, (values, colour) in enumerate(zip(areas.values(), colours(len(areas)), strict=True)):
        _group(axis, row, 100.0 * values, foot, colour, many)
    axis.set_xscale("log")
    axis.set_xlim(0.8 * foot, max(1.25 * 100 * positive.max(initial=0.0), 4 * foot))
    quiet(axis, "x", "area of the set (% of the pixels, logarithmic)", "")
    empty = any((a == 0).any() for a in areas.values())
    log_percent(axis.xaxis, above=1.35 * foot if empty else 0.0)
    name_rows(axis, list(areas))
    if empty:
        axis.axvline(1.35 * foot, color=MUTED, linewidth=0.7, linestyle=(0, (2, 3)))
        axis.annotate(
            "empty", (foot, 1.0), xycoords=("data", "axes fraction"), fontsize=7.5,
            color=MUTED, ha="center", va="bottom",
        )  # fmt: skip
    return cast("Axes", axis)


def _checked(name: str, values: npt.ArrayLike) -> Floats:
    areas = np.asarray(values, np.float64).reshape(-1)
    if ((areas < 0) | (areas > 1)).any():
        raise InputError(f"{name}: expected areas as fractions from 0 to 1")
    return areas


def _group(axis: Any, row: int, percent: Floats, foot: float, colour: Any, many: bool) -> None:
    known = percent[~np.isnan(percent)]
    # Spread by the golden ratio: even, and the same every time.
    spread = row + 0.5 * ((np.arange(len(known)) * GOLDEN) % 1.0 - 0.5)
    empty = known == 0
    size = 12 if len(known) < 100 else 6
    shared = {"s": size, "zorder": 2, "rasterized": many}
    axis.scatter(known[~empty], spread[~empty], color=colour, alpha=0.4, linewidths=0, **shared)
    axis.scatter(
        np.full(empty.sum(), foot), spread[empty], facecolors="white", edgecolors=colour,
        linewidths=0.9, **shared,
    )  # fmt: skip
    if len(known):
        ends = np.maximum(np.percentile(known, [5, 25, 50, 75, 95]), foot)
        axis.plot(ends[[0, 4]], [row, row], color=colour, linewidth=1.0, zorder=3)
        axis.plot(
            ends[[1, 1, 3, 3, 1]], row + np.array([-0.3, 0.3, 0.3, -0.3, -0.3]),
            color=colour, linewidth=1.3, zorder=3,
        )  # fmt: skip
        axis.plot(ends[[2, 2]], [row - 0.3, row + 0.3], color=TEXT, linewidth=2.2, zorder=4)
    axis.text(
        1.02, row, _counts(percent, known, empty), transform=axis.get_yaxis_transform(),
        fontsize=8, color=MUTED, va="center", ha="left", parse_math=False,
    )  # fmt: skip


def _counts(percent: Floats, known: Floats, empty: npt.NDArray[np.bool_]) -> str:
    """Median, and what it is the median of."""
    middle = f"median {np.median(known):.3g} %" if len(known) else "no set"
    parts = [f"n = {len(known):,}"]
    if empty.any():
        parts.append(f"{empty.sum():,} empty")
    if len(known) < len(percent):
        parts.append(f"{len(percent) - len(known):,} without a set")
    return f"{middle}\n{', '.join(parts)}"
