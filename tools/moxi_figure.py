"""Draw what moxi does with the demo's photo: ``python tools/moxi_figure.py``.

Writes ``docs/images/moxi.png``. Needs the demo extra.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import suffice
from suffice.models.demo import demo_photo

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "moxi.png"
INSERTED, DELETED = "relative:0.9", "confidence:0.05"


def main() -> None:
    """Explain and draw."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    clf = suffice.as_classifier("demo")
    whole = suffice.explain(clf, demo_photo(), method=suffice.Moxi(), criterion=INSERTED)
    without = suffice.explain(
        clf, demo_photo(), method=suffice.Moxi(order="deletion"), criterion=DELETED
    )
    inserted = whole.record["details"]["insertion"]
    removed = without.record["details"]["deletion"]
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.7), layout="constrained")
    kept = ~without.extra_masks["removed"]
    panels = [
        (np.ones_like(whole.mask), f"{whole.target_label}"),
        (whole.mask, f"{len(inserted['order'])} patches inserted: {INSERTED}"),
        (kept, f"{len(removed['order'])} patches deleted: below {DELETED}"),
    ]
    for axis, (mask, title) in zip(axes, panels, strict=False):
        axis.imshow(np.where(mask[..., None], whole.image, 235))
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    draw_rewards(axes[3], inserted, "inserted")
    draw_rewards(axes[3], removed, "deleted")
    axes[3].axhline(0.0, color="0.6", linewidth=0.8)
    axes[3].set_xlabel("patches inserted or deleted")
    axes[3].set_ylabel("log-odds of the class")
    axes[3].legend(fontsize=8)
    figure.savefig(PICTURE, dpi=100)
    for exp, order in ((whole, inserted), (without, removed)):
        print(exp.status, exp.evaluations, "evaluations", order["order"])


def draw_rewards(axis: Any, order: dict[str, Any], label: str) -> None:
    """The reward before the first step and after every one."""
    values = [order["start"], *order["rewards"]]
    axis.plot(range(len(values)), values, marker="o", markersize=3, label=label)


if __name__ == "__main__":
    main()
