"""Pictures of explanations.

`graph` writes text. Every other function draws into a Matplotlib axis, its own one if none is given, and returns it; nothing
is ever shown, and no global state of pyplot is touched, so all of it works without a display and
from any thread.
"""

from __future__ import annotations

from suffice.plot.curves import curve
from suffice.plot.graph import graph
from suffice.plot.masking import masking
from suffice.plot.panels import figure, kept, overlay, require_matplotlib, responsibility

__all__ = [
    "curve",
    "figure",
    "graph",
    "kept",
    "masking",
    "overlay",
    "require_matplotlib",
    "responsibility",
]
