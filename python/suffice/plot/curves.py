"""Area curves: how large a set must be, against the grain and against the criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.plot.panels import MUTED, TEXT, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from suffice.explanation import Explanation

COLOURS = "inferno"
DARKEST, LIGHTEST = 0.12, 0.78  # of the colour map; its ends are lost on white
Areas = npt.NDArray[np.float64]
"""Percent, ``[explanations, levels, grains]``; NaN where a point is missing."""


def curve(exp: Explanation | Sequence[Explanation], ax: Axes | None = None) -> Axes:
    """Draw the area of the sets against the grain, one line for each criterion.

    Of several explanations the line is the median, and the band spans the middle half of them. The
    scale is logarithmic; an empty set has no place on it and is an open marker at its foot.

    Parameters
    ----------
    exp : Explanation or sequence of Explanation
        Made by the method ``curve``; all with the same levels and grains.
    ax : matplotlib Axes, optional
        Where to draw area against grain. If not given, a new figure (``.figure`` of the axis
        returned) has that and a second panel: area against criterion, at the finest grain.

    Returns
    -------
    matplotlib Axes
        The one with area against grain.

    Raises
    ------
    InputError
        If an explanation has no curve, or they differ in levels or grains.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    require_matplotlib()
    explanations = [exp] if not isinstance(exp, Sequence) else list(exp)
    levels, grains = _settings(explanations)
    areas = _areas(explanations, levels, grains)
    foot = _foot(areas)
    if ax is not None:
        return _against_grain(ax, levels, grains, areas, foot)
    from matplotlib.figure import Figure

    made = Figure(figsize=(8.6, 3.9), layout="constrained")
    left, right = made.subplots(1, 2, sharey=True)
    _against_grain(left, levels, grains, areas, foot)
    _against_level(right, levels, grains, areas, foot)
    made.suptitle(_title(explanations), fontsize=12, color=TEXT, parse_math=False)
    made.supxlabel(_footnote(explanations), fontsize=8, color=MUTED, parse_math=False)
    return cast("Axes", left)


def _settings(explanations: list[Explanation]) -> tuple[list[str], list[int]]:
    """The levels and grains that all explanations have."""
    for exp in explanations:
        if not exp.curve:
            raise InputError(f"{exp.name} has no curve: make it by method='curve'; {exp.reason}")
    settings = {
        (e.method["settings"]["levels"], e.method["settings"]["grains"]) for e in explanations
    }
    if len(settings) != 1:
        raise InputError(
            f"expected curves of the same levels and grains, got {len(settings)} kinds of them"
        )
    levels, grains = settings.pop()
    return levels.split(","), [int(g) for g in grains.split(",")]


def _areas(explanations: list[Explanation], levels: list[str], grains: list[int]) -> Areas:
    areas = np.full((len(explanations), len(levels), len(grains)), np.nan)
    for n, exp in enumerate(explanations):
        for p in exp.curve:
            areas[n, levels.index(p["criterion"]), grains.index(p["grain"])] = 100 * p["area"]
    return areas


def _foot(areas: Areas) -> float:
    """Where empty sets are drawn: below everything else, on a logarithmic scale."""
    positive = areas[areas > 0]
    return 0.5 * float(positive.min()) if len(positive) else 1.0


def _against_grain(
    axis: Any, levels: list[str], grains: list[int], areas: Areas, foot: float
) -> Axes:
    places = np.arange(len(grains))
    for i, (level, colour) in enumerate(zip(levels, line_colours(len(levels)), strict=True)):
        _line(axis, places, areas[:, i], foot, colour, level)
    _ready(axis, places, [str(g) for g in grains], "grain (pixels)")
    axis.set_ylabel("area (% of the pixels)", fontsize=9, color=MUTED)
    axis.legend(fontsize=8, frameon=False, labelcolor=TEXT)
    return cast("Axes", axis)


def _against_level(
    axis: Any, levels: list[str], grains: list[int], areas: Areas, foot: float
) -> None:
    places = np.arange(len(levels))
    _line(axis, places, areas[:, :, -1], foot, TEXT, None)
    _ready(axis, places, levels, f"criterion, at grain {grains[-1]}")


def _line(
    axis: Any, places: Any, areas: Areas, foot: float, colour: Any, label: str | None
) -> None:
    """One line of medians; missing points leave gaps, empty sets are open."""
    known = ~np.isnan(areas).all(axis=0)
    at, seen = places[known], areas[:, known]
    low, middle, high = np.nanpercentile(seen, [25, 50, 75], axis=0) if len(at) else seen[:0]
    shown = np.maximum(middle, foot)
    axis.plot(at, shown, color=colour, linewidth=1.6, label=label)
    for empty in (False, True):
        which = (middle <= 0) == empty
        face = "white" if empty else colour
        axis.plot(at[which], shown[which], "o", markersize=5, color=colour, markerfacecolor=face)
    if len(areas) > 1:
        band = np.maximum(low, foot), np.maximum(high, foot)
        axis.fill_between(at, *band, color=colour, alpha=0.15, linewidth=0)


def _ready(axis: Any, places: Any, names: list[str], what: str) -> None:
    """Scale, ticks and frame, as quiet as those of the other pictures."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xticks(places, names, fontsize=8)
    axis.set_xlim(-0.3, len(places) - 0.7)
    axis.set_xlabel(what, fontsize=9, color=MUTED)
    axis.tick_params(colors=MUTED, labelsize=8)
    axis.grid(axis="y", color="#e4e4e4", linewidth=0.7)
    axis.set_axisbelow(True)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color("#bbbbbb")


def line_colours(n: int) -> list[Any]:
    """Colours of so many lines, dark to light."""
    import matplotlib as mpl

    return list(mpl.colormaps[COLOURS](np.linspace(DARKEST, LIGHTEST, n)))


def _title(explanations: list[Explanation]) -> str:
    if len(explanations) > 1:
        return f"What suffices in {len(explanations)} photos"
    first = explanations[0]
    return f"{first.target_label or f'class {first.target}'}: what suffices"


def _footnote(explanations: list[Explanation]) -> str:
    verdicts = [p["sufficient"] for e in explanations for p in e.curve]
    proved = f"{sum(map(bool, verdicts))} proved sufficient" if any(verdicts) else "none proved"
    evaluations = sum(e.evaluations for e in explanations)
    parts = [f"{len(verdicts)} sets, {proved}", f"{evaluations:,} evaluations"]
    if len(explanations) == 1:
        whole = explanations[0].record["reference"]["confidence"]
        parts.insert(0, f"confidence on the whole photo {whole:.2f}")
    return "  |  ".join(parts)
