"""Draw one order of `sis` and the sets it holds: ``python tools/sis_figure.py``.

The photo is the demo's cat (CC0) at 32 x 32, the classifier the small ResNet of MLPerf Tiny for
CIFAR-10 from the model zoo (``SUFFICE_ZOO``). The run takes a minute or two; the picture is
``docs/images/sis.png``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import suffice
from suffice.models.demo import demo_photo

ROOT = Path(__file__).resolve().parent.parent
ZOO = Path(os.environ.get("SUFFICE_ZOO", ROOT.parent / "shared" / "zoo"))
PICTURE = ROOT / "docs" / "images" / "sis.png"
MODEL = "cifar_resnet8"
SIDE = 32
CAT = 3  # of CIFAR-10
PART = 0.05


def small_photo() -> Any:
    """The middle square of the demo's photo, scaled down."""
    photo = Image.open(demo_photo()).convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.crop((left, top, left + side, top + side)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )


def main() -> None:
    """Run the search, draw the photo, the order, the values and three sets."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    preprocess = suffice.Preprocess.from_json(ZOO / "models.json", f"{MODEL}.onnx")
    clf = suffice.as_classifier(ZOO / "models" / f"{MODEL}.onnx", preprocess=preprocess)
    photo = small_photo()
    exp = suffice.explain(
        clf, np.asarray(photo), method="sis", criterion="confidence:0.9", target=CAT, batch_size=8
    )
    assert exp.arrays is not None
    print(exp.status, exp.pixels, exp.evaluations, exp.record["reference"]["confidence"])
    values = exp.arrays["values"]
    picture = np.asarray(photo)
    last = exp.responsibility > 1.0 - PART
    figure, panels = plt.subplots(1, 6, figsize=(13, 2.6), layout="constrained")
    panels[0].imshow(picture)
    panels[0].set_title(f"cat, {exp.record['reference']['confidence']:.2f}", fontsize=9)
    panels[1].imshow(exp.responsibility, cmap="inferno")
    panels[1].set_title("order: bright went last", fontsize=9)
    panels[2].plot(np.arange(1, len(values) + 1), values, linewidth=1.2)
    panels[2].set_title("what was left", fontsize=9)
    panels[2].set_xlabel("pixels masked", fontsize=8)
    panels[2].tick_params(labelsize=7)
    panels[2].grid(alpha=0.3, linewidth=0.5)
    sets = [(f"at(0.5), {exp.at(0.5).sum()} px", exp.at(0.5))]
    sets += [(f"at(0.9), {exp.pixels} px", exp.mask), (f"last 5 %, {last.sum()} px", last)]
    for axes, (title, mask) in zip(panels[3:], sets, strict=True):
        axes.imshow(np.where(mask[..., None], picture, np.uint8(214)))
        axes.set_title(title, fontsize=9)
    for axes in np.delete(panels, 2):
        axes.set_xticks([])
        axes.set_yticks([])
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=100)


if __name__ == "__main__":
    main()
