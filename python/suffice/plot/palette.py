"""Colours that people with any colour vision tell apart, also in print."""

from __future__ import annotations

from typing import Any

import numpy as np

GROUPS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f6a00"),
)
"""Of categories: those of Okabe and Ito, without the yellow that white paper swallows.

Source: M. Okabe, K. Ito, "Color Universal Design", 2008.
"""
RIGHT, WRONG = GROUPS[0], GROUPS[1]
AMOUNT = "Blues"
"""Colour map of amounts in cells with a number; light is little, so that text stays readable."""
HEAT = "cividis"
"""Colour map of pictures of positions; it looks the same with and without red-green vision."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
TEXT = "#222222"
MUTED = "#555555"
GRID = "#e4e4e4"
FRAME = "#bbbbbb"
REST = "#9a9a9a"


def colours(n: int) -> list[Any]:
    """Colours of so many groups: always the same first ones, and a scale where they don't reach."""
    if n <= len(GROUPS):
        return list(GROUPS[:n])
    import matplotlib as mpl

    return list(mpl.colormaps["viridis"](np.linspace(0.0, 0.92, n)))


def markers(n: int) -> list[str]:
    """Markers of so many groups, for those who see no colours."""
    return [MARKERS[k % len(MARKERS)] for k in range(n)]


def ink(background: Any) -> str:
    """Black or white, whichever is read better on a colour (RGB in 0..1).

    By relative luminance, as in WCAG 2.
    """
    rgb = np.asarray(background, np.float64)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ np.array([0.2126, 0.7152, 0.0722]))
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else TEXT
