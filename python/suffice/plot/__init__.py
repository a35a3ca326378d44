"""Pictures of explanations and of studies.

`graph` writes text. Every other function draws into a Matplotlib axis, its own one if none is
given, and returns it; nothing is ever shown, and no global state of pyplot is touched, so all of it
works without a display and from any thread.

Of studies: `sizes`, `overlap_matrix`, `positions`, `size_curves`, `correctness`, `detectors` and
`roc` take plain numbers, and `suffice.report` draws with them.
"""

from __future__ import annotations

from suffice.plot.curves import curve
from suffice.plot.graph import graph
from suffice.plot.intervals import correctness, detectors, roc
from suffice.plot.lines import size_curves
from suffice.plot.masking import masking
from suffice.plot.matrices import overlap_matrix, positions
from suffice.plot.panels import figure, kept, overlay, require_matplotlib, responsibility
from suffice.plot.sizes import sizes

__all__ = [
    "correctness",
    "curve",
    "detectors",
    "figure",
    "graph",
    "kept",
    "masking",
    "overlap_matrix",
    "overlay",
    "positions",
    "require_matplotlib",
    "responsibility",
    "roc",
    "size_curves",
    "sizes",
]
