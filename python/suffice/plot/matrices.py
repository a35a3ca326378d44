"""Values of pairs, and of pixels, as colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.plot.frame import axis_of, heading, name_columns, name_rows
from suffice.plot.palette import AMOUNT, FRAME, HEAT, MUTED, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

READABLE = 16  # columns with a number in each cell


def overlap_matrix(
    values: npt.ArrayLike,
    names: Sequence[str],
    ax: Axes | None = None,
    *,
    columns: Sequence[str] | None = None,
    label: str = "Dice",
    limits: tuple[float, float] | None = (0.0, 1.0),
    digits: int = 2,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Axes:
    """Draw a matrix of values of pairs, with the number in each cell.

    Parameters
    ----------
    values : float [k, m]
        NaN where a pair has no value; its cell is a dash.
    names : sequence of k str
        Of the rows.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.
    columns : sequence of m str, optional
        Of the columns; those of the rows by default.
    label : str
        What the values are, with their unit.
    limits : pair of float or None
        Values of the lightest and the darkest colour; None: the smallest and largest.
    digits : int
        After the point.
    xlabel, ylabel : str
        What the columns and rows are.
    title : str

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there are other than k times m values, or none.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    across = list(names if columns is None else columns)
    cells = np.asarray(values, np.float64)
    if cells.shape != (len(names), len(across)) or not cells.size:
        raise InputError(
            f"expected one value for each of {len(names)} x {len(across)} pairs, "
            f"got {list(cells.shape)}"
        )
    side = float(np.clip(0.62 * len(across), 2.2, 8.0))
    axis = axis_of(ax, side + 2.4, float(np.clip(0.5 * len(names), 1.6, 8.0)) + 1.5)
    low, high = limits or _ends(cells)
    shown = axis.imshow(
        np.ma.masked_invalid(cells), cmap=AMOUNT, vmin=low, vmax=high, aspect="auto"
    )
    name_rows(axis, list(names))
    axis.set_ylim(len(names) - 0.5, -0.5)
    name_columns(axis, across)
    axis.set_xlabel(xlabel, fontsize=9, color=MUTED, parse_math=False)
    axis.set_ylabel(ylabel, fontsize=9, color=MUTED, parse_math=False)
    _lattice(axis, cells.shape)
    if len(across) <= READABLE:
        _numbers(axis, cells, shown, digits)
    _scale(axis, shown, label)
    heading(axis, title)
    return cast("Axes", axis)


def positions(
    share: npt.ArrayLike,
    ax: Axes | None = None,
    *,
    label: str = "sets that keep the pixel (%)",
    title: str = "",
) -> Axes:
    """Draw where sets lie: of each pixel the share of the sets that keep it.

    Parameters
    ----------
    share : float [H, W]
        Fractions.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.
    label : str
        Of the scale, with its unit.
    title : str

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If it is no picture.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    percent = 100.0 * np.asarray(share, np.float64)
    if percent.ndim != 2 or not percent.size:
        raise InputError(f"expected shares [H, W], got {list(percent.shape)}")
    rows, columns = percent.shape
    axis = axis_of(ax, 4.0, float(np.clip(3.0 * rows / columns, 1.5, 6.0)) + 0.3)
    most = float(np.nanmax(percent, initial=0.0))
    shown = axis.imshow(
        percent, cmap=HEAT, vmin=0.0, vmax=most if most > 0 else 1.0, interpolation="nearest"
    )
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(FRAME)
    _scale(axis, shown, label)
    heading(axis, title)
    return cast("Axes", axis)


def _ends(cells: npt.NDArray[np.float64]) -> tuple[float, float]:
    known = cells[np.isfinite(cells)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _lattice(axis: Any, shape: tuple[int, ...]) -> None:
    """White lines between cells."""
    axis.set_xticks(np.arange(shape[1] - 1) + 0.5, minor=True)
    axis.set_yticks(np.arange(shape[0] - 1) + 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.2)
    axis.tick_params(which="minor", length=0)
    axis.tick_params(colors=MUTED)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _numbers(axis: Any, cells: npt.NDArray[np.float64], shown: Any, digits: int) -> None:
    size = 8.5 if cells.shape[1] <= 10 else 7
    for (row, column), value in np.ndenumerate(cells):
        known = np.isfinite(value)
        text = f"{value:.{digits}f}" if known else "–"
        colour = ink(shown.cmap(shown.norm(value))) if known else MUTED
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def _scale(axis: Any, shown: Any, label: str) -> None:
    bar = axis.figure.colorbar(shown, ax=axis, fraction=0.045, pad=0.03)
    bar.set_label(label, fontsize=8.5, color=MUTED, parse_math=False)
    bar.ax.tick_params(labelsize=8, colors=MUTED)
    bar.outline.set_visible(False)
