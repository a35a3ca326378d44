"""Values with intervals: right against wrong answers, and detectors of wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.plot.frame import Interval, axis_of, legend, name_rows, quiet
from suffice.plot.palette import GROUPS, MUTED, REST, RIGHT, WRONG, colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def correctness(
    groups: Mapping[str, tuple[Interval, Interval]],
    ax: Axes | None = None,
    *,
    label: str = "median area (% of the pixels)",
    percent: bool = True,
    names: tuple[str, str] = ("right answers", "wrong answers"),
) -> Axes:
    """Draw a value of right answers against that of wrong ones, with intervals, row by row.

    Parameters
    ----------
    groups : dict of str to two of (value, low, high)
        Of right and wrong answers, such as those of each model. NaN is not drawn.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.
    label : str
        What the value is, with its unit.
    percent : bool
        Whether values are fractions to be drawn as percent.
    names : pair of str
        In the legend.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is no group.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    if not groups:
        raise InputError("expected at least one group, got none")
    axis = axis_of(ax, 6.4, 1.3 + 0.42 * len(groups))
    looks = ((RIGHT, "o", -0.13), (WRONG, "s", 0.13))
    for which, (colour, marker, aside) in enumerate(looks):
        rows = np.array([pair[which] for pair in groups.values()], np.float64)
        places = np.arange(len(groups)) + aside
        rows = rows * (100.0 if percent else 1.0)
        _whiskers(axis, rows, places, colour, marker, names[which])
    quiet(axis, "x", label, "")
    name_rows(axis, list(groups))
    legend(axis, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
    return cast("Axes", axis)


def detectors(
    found: Mapping[str, Interval],
    ax: Axes | None = None,
    *,
    label: str = "AUROC of wrong answers",
    chance: float | None = 0.5,
) -> Axes:
    """Draw how well each score detects what it should, with its interval and the line of chance.

    Parameters
    ----------
    found : dict of str to (value, low, high)
    ax : matplotlib Axes, optional
        If not given, that of a new figure.
    label : str
        What the value is.
    chance : float or None
        What guessing gives; where an interval doesn't hold it, the mark is coloured.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is none.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    if not found:
        raise InputError("expected at least one detector, got none")
    axis = axis_of(ax, 6.4, 1.1 + 0.34 * len(found))
    if chance is not None:
        axis.axvline(chance, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axis.annotate(
            "chance", (chance, 1.0), xycoords=("data", "axes fraction"), fontsize=7.5,
            color=MUTED, ha="center", va="bottom",
        )  # fmt: skip
    rows = np.array(list(found.values()), np.float64)
    open_ = np.isnan(rows).any(axis=1)
    if chance is not None:
        open_ |= (rows[:, 1] <= chance) & (chance <= rows[:, 2])
    for use, colour in ((~open_, GROUPS[0]), (open_, REST)):
        _whiskers(axis, rows[use], np.flatnonzero(use).astype(float), colour, "o", None)
    for row, value in enumerate(rows[:, 0]):
        axis.text(
            1.02, row, f"{value:.3f}" if np.isfinite(value) else "–", fontsize=8, color=MUTED,
            transform=axis.get_yaxis_transform(), va="center",
        )  # fmt: skip
    quiet(axis, "x", label, "")
    name_rows(axis, list(found))
    return cast("Axes", axis)


def roc(
    scores: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    ax: Axes | None = None,
    *,
    what: str = "wrong answers",
) -> Axes:
    """Draw receiver operating characteristics, with the area under each in the legend.

    Parameters
    ----------
    scores : dict of str to (float [n], bool [n])
        The score, larger where it expects what is to be detected, and the truth. NaN is left out.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.
    what : str
        What is detected.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is no score, or one of them has not both kinds of truth.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    if not scores:
        raise InputError("expected at least one score, got none")
    axis = axis_of(ax, 4.6, 4.4)
    axis.plot([0, 100], [0, 100], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    for (name, (score, truth)), colour in zip(scores.items(), colours(len(scores)), strict=True):
        false, true = _rates(name, score, truth)
        area = float(np.sum(np.diff(false) * (true[1:] + true[:-1])) / 2.0)
        axis.plot(100 * false, 100 * true, color=colour, linewidth=1.6, label=f"{name} {area:.3f}")
    quiet(axis, "both", "false alarms (% of the others)", f"{what} found (%)")
    axis.set_xlim(-1, 101)
    axis.set_ylim(-1, 101)
    axis.set_aspect("equal")
    legend(axis, loc="lower right")
    return cast("Axes", axis)


def _rates(name: str, scores: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Any, Any]:
    """False and true positive rates; equal scores are one step."""
    s, y = np.asarray(scores, np.float64), np.asarray(truth, bool)
    if s.shape != y.shape or s.ndim != 1:
        raise InputError(f"{name}: expected as many scores as truths, got {s.shape} and {y.shape}")
    s, y = s[~np.isnan(s)], y[~np.isnan(s)]
    if not y.any() or y.all():
        raise InputError(f"{name}: expected scores of both kinds, got one kind only")
    order = np.argsort(-s, kind="stable")
    s, y = s[order], y[order]
    last = np.append(s[1:] != s[:-1], True)
    true = np.concatenate([[0.0], np.cumsum(y)[last] / y.sum()])
    false = np.concatenate([[0.0], np.cumsum(~y)[last] / (~y).sum()])
    return false, true


def _whiskers(
    axis: Any, rows: npt.NDArray[np.float64], at: Any, colour: Any, marker: str, name: str | None
) -> None:
    """Marks, and lines over their intervals where these are known."""
    if not len(rows):
        return
    axis.plot(rows[:, 1:].T, np.stack([at, at]), color=colour, linewidth=1.8, alpha=0.75)
    axis.plot(rows[:, 0], at, marker, color=colour, markersize=5.5, label=name)
