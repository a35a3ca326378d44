"""Draw gradient-sis on the demo photo: ``python tools/gradient_sis_figure.py``.

Needs the demo extra and torch; 502 gradients, a minute or two. The demo model is only 0.38 sure of
the cat, so the criterion is top1 here.
"""

from __future__ import annotations

from pathlib import Path

import suffice
from suffice import plot
from suffice.models import demo

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "gradient-sis.png"


def main() -> None:
    """Explain the cat and save its figure."""
    clf = suffice.TorchClassifier(
        demo._torch_model(), demo.demo_preprocess(), labels=demo.demo_labels(), name="demo"
    )
    exp = suffice.explain(clf, demo.demo_photo(), method="gradient-sis", criterion="top1")
    plot.figure(exp).savefig(PICTURE, dpi=110)
    print(exp.pixels, exp.record["gradients"], exp.status)


if __name__ == "__main__":
    main()
