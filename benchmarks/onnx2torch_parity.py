"""How far onnx2torch's logits are from ONNX Runtime's: ``python benchmarks/onnx2torch_parity.py``.

Every model of the zoo is converted as ``suffice.TorchClassifier.from_onnx`` does it and shown 8
photos; gradient methods need 1e-4 at most. Log-probabilities where a model ends in softmax. Needs
onnx2torch and torchvision; a minute or two.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

import suffice
from common import ZOO, photos, write

PHOTOS = 8
BOUND = 1e-4


def compare(name: str) -> dict[str, Any]:
    """Largest differences of one model over the photos."""
    path = ZOO / "models" / f"{name}.onnx"
    p = suffice.Preprocess.from_json(ZOO / "models.json", path.name)
    x = np.stack([p.apply(suffice.models.images.load_image(f))[0] for f in photos(PHOTOS)])
    began = time.perf_counter()
    try:
        runtime = suffice.as_classifier(str(path), preprocess=p)
        converted = suffice.TorchClassifier.from_onnx(str(path), p)
    except suffice.errors.SufficeError as error:
        return {"model": name, "error": str(error)}
    seconds = time.perf_counter() - began
    ours, theirs = converted(x), runtime(x)
    targets = theirs.argmax(axis=1)
    slopes = np.abs(converted.gradient(x[:1], targets[:1], "logit")[1])
    return {
        "model": name,
        "output": converted.output,
        "difference": float(np.abs(ours - theirs).max()),
        "top_difference": float(np.abs(ours - theirs)[np.arange(len(x)), targets].max()),
        "largest": float(np.abs(theirs).max()),
        "same_top1": int((ours.argmax(axis=1) == targets).sum()),
        "gradient": bool(np.isfinite(slopes).all() and slopes.max() > 0.0),
        "seconds": seconds,
    }


def main() -> None:
    """Compare every model of the zoo."""
    warnings.simplefilter("ignore")  # remarks of the converter about itself
    rows = [compare(path.stem) for path in sorted((ZOO / "models").glob("*.onnx"))]
    lines = [
        (
            "| model | largest difference | of the top class | largest score | same top-1 "
            "| gradients | within 1e-4 |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        if "error" in r:
            lines.append(f"| {r['model']} | {r['error']} | | | | | no |")
            continue
        what = "log p" if r["output"] == "probabilities" else "z"
        lines.append(
            f"| {r['model']} | {r['difference']:.1e} | {r['top_difference']:.1e} "
            f"| {r['largest']:.1f} ({what}) | {r['same_top1']} of {PHOTOS} "
            f"| {'yes' if r['gradient'] else 'no'} | {'yes' if r['difference'] <= BOUND else 'no'} |"
        )
    write("onnx2torch_parity", {"photos": PHOTOS, "bound": BOUND, "rows": rows}, "\n".join(lines))


if __name__ == "__main__":
    main()
