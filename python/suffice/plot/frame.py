"""The quiet frame that charts share, and names that stay readable."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

from suffice.plot.palette import FRAME, GRID, MUTED
from suffice.plot.panels import require_matplotlib

LONGEST = 22  # characters in one line of a name
LINES = 2
Interval = tuple[float, float, float]
"""A value and the ends of its interval, which may be NaN."""
_STYLE = {"fontsize": 8, "frameon": False, "labelcolor": MUTED}


def axis_of(ax: Any, width: float, height: float) -> Any:
    """The axis given, or that of a new figure of so many inches."""
    require_matplotlib()
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()


def quiet(axis: Any, grid: Literal["x", "y", "both"], xlabel: str, ylabel: str) -> None:
    """Labels, a light grid, and only the two sides that carry scales."""
    axis.set_xlabel(xlabel, fontsize=9, color=MUTED, parse_math=False)
    axis.set_ylabel(ylabel, fontsize=9, color=MUTED, parse_math=False)
    axis.tick_params(colors=MUTED, labelsize=8)
    axis.grid(axis=grid, color=GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FRAME)


def wrapped(name: str) -> str:
    """A name in at most two lines, broken where its parts meet rather than inside them."""
    lines = [""]
    for part in re.findall(r"[^\s_./:-]*[\s_./:-]*", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > LONGEST:
            lines.append("")
        lines[-1] += part
    lines = [part for line in lines for part in textwrap.wrap(line, LONGEST)]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], lines[LINES - 1][: LONGEST - 1] + "…"]
    return "\n".join(lines)


def name_rows(axis: Any, names: Sequence[str]) -> None:
    """Names down the left, the first at the top."""
    axis.set_yticks(range(len(names)), [wrapped(n) for n in names], fontsize=8.5, parse_math=False)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)


def name_columns(axis: Any, names: Sequence[str]) -> None:
    """Names along the bottom, slanted where they would touch."""
    slanted = len(names) > 3 or any(len(name) > 10 for name in names)
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axis.set_xticks(
        range(len(names)), [wrapped(n) for n in names], fontsize=8.5, parse_math=False, **turned
    )
    axis.tick_params(axis="x", length=0)


def log_percent(scale: Any, above: float = 0.0) -> None:
    """Ticks of a logarithmic axis of percent: 0.1, 0.2, 0.5, 1, ... without exponents."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = sorted(scale.get_view_interval())
    steps = (1.0, 2.0, 5.0) if high / max(low, 1e-12) < 2e3 else (1.0,)
    scale.set_major_locator(LogLocator(subs=steps))
    scale.set_minor_locator(NullLocator())
    scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value > above else ""))


def legend(axis: Any, **where: Any) -> None:
    """A legend without a box, where anything has a name."""
    handles, labels = axis.get_legend_handles_labels()
    if labels:
        made = axis.legend(handles, [wrapped(n) for n in labels], **(_STYLE | where))
        for text in made.get_texts():
            text.set_parse_math(False)


def heading(axis: Any, title: str) -> None:
    """A small title, if there is one."""
    if title:
        axis.set_title(wrapped(title), fontsize=9.5, color=MUTED, pad=8, parse_math=False)
