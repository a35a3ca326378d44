"""Insertion and deletion curves, of one image, of several, and over a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.errors import InputError
from suffice.metrics import AccuracyCurve, MaskingCurve, accuracy_curve
from suffice.plot.curves import line_colours
from suffice.plot.panels import MUTED, TEXT, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Group = MaskingCurve | AccuracyCurve | Sequence[MaskingCurve]
SHARES = np.linspace(0.0, 1.0, 101)
"""Where curves of different steps are looked at, to be drawn as one."""


def masking(curves: Group | Mapping[str, Group], ax: Axes | None = None) -> Axes:
    """Draw insertion or deletion curves: confidence, or accuracy, against the share of pixels.

    A curve of one image is a line of its confidence, its steps marked where the target is the
    predicted class. Of several images the line is their mean and the band spans the middle half of
    them. An `AccuracyCurve` is a line of its accuracy.

    Parameters
    ----------
    curves : MaskingCurve, sequence of them, AccuracyCurve, or dict of str to any of these
        All of one kind; the keys of a dict are the names in the legend, such as of methods.
    ax : matplotlib Axes, optional
        If not given, that of a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is no curve, or insertions and deletions or confidences and accuracies are mixed.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    require_matplotlib()
    groups = {"": curves} if not isinstance(curves, Mapping) else dict(curves)
    kind, what = _of_one_kind(groups)
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(5.2, 3.9), layout="constrained").subplots()
    for (name, group), colour in zip(groups.items(), line_colours(len(groups)), strict=True):
        _draw(ax, group, colour, name)
    _ready(ax, kind, what)
    if any(groups):
        ax.legend(fontsize=8, frameon=False, labelcolor=TEXT)
    return ax


def _of_one_kind(groups: Mapping[str, Group]) -> tuple[str, str]:
    """Kind and what is drawn upwards, the same for all."""
    kinds: set[str] = set()
    values: set[str] = set()
    for group in groups.values():
        over_images = isinstance(group, AccuracyCurve)
        if isinstance(group, (MaskingCurve, AccuracyCurve)):
            kinds.add(group.kind)
        else:
            kinds |= {c.kind for c in group}
        values.add("accuracy" if over_images else "confidence")
    if len(kinds) != 1:
        got = " and ".join(sorted(kinds)) or "no curve"
        raise InputError(f"expected curves of one kind in a picture, got {got}")
    if len(values) != 1:
        raise InputError("expected confidences or accuracies in a picture, got both")
    return kinds.pop(), values.pop()


def _draw(axis: Any, group: Group, colour: Any, name: str) -> None:
    if isinstance(group, AccuracyCurve):
        axis.plot(group.shares, group.accuracy, color=colour, linewidth=1.6, label=name)
    elif isinstance(group, MaskingCurve):
        axis.plot(group.shares, group.confidence, color=colour, linewidth=1.6, label=name)
        at = group.top1
        axis.plot(group.shares[at], group.confidence[at], "o", markersize=3, color=colour)
    else:
        _draw_several(axis, list(group), colour, name)


def _draw_several(axis: Any, curves: list[MaskingCurve], colour: Any, name: str) -> None:
    same = all(np.array_equal(c.shares, curves[0].shares) for c in curves)
    shares = curves[0].shares if same else SHARES
    each = np.stack([accuracy_curve([c], shares).confidence for c in curves])
    axis.plot(shares, each.mean(axis=0), color=colour, linewidth=1.6, label=name)
    if len(curves) > 1:
        low, high = np.percentile(each, [25, 75], axis=0)
        axis.fill_between(shares, low, high, color=colour, alpha=0.15, linewidth=0)


def _ready(axis: Any, kind: str, what: str) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_xlim(0.0, 1.0)
    axis.set_ylim(0.0, 1.02)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0))
    done = "shown" if kind == "insertion" else "removed"
    axis.set_xlabel(f"pixels {done}", fontsize=9, color=MUTED)
    axis.set_ylabel(what, fontsize=9, color=MUTED)
    axis.tick_params(colors=MUTED, labelsize=8)
    axis.grid(axis="y", color="#e4e4e4", linewidth=0.7)
    axis.set_axisbelow(True)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color("#bbbbbb")
