"""Photos with a bright square in one quadrant, and studies of them: a set is as large as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reference.onnx_models import linear_model, quadrant_weights
from suffice.study import Study

SIDE = 16
NAMES = ("top left", "top right", "bottom left", "bottom right")
DESIGN = """
[study]
name = "squares"
criteria = ["relative:0.9"]
baselines = ["black"]
seeds = [{seeds}]
grains = [1]
responsibility = "ranks"

[[models]]
source = "soft.onnx"
size = {side}
mean = [0, 0, 0]
std = [1, 1, 1]

[[models]]
source = "hard.onnx"
size = {side}
mean = [0, 0, 0]
std = [1, 1, 1]

[[images]]
imagefolder = "photos"

[[methods]]
name = "{method}"
settings = {settings}
"""


def square(
    path: Path, quadrant: int, side: int, seed: int = 0, bright: int = 210, photo: int = SIDE
) -> Path:
    """A dark photo with a bright square of `side` pixels in a corner of a quadrant."""
    row, column = divmod(quadrant, 2)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 12, (photo, photo, 3), dtype=np.uint8)
    top, left = row * (photo - side), column * (photo - side)
    inside = rng.integers(bright, bright + 30, (side, side, 3))
    pixels[top : top + side, left : left + side] = inside
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_squares(
    folder: Path,
    each: int,
    *,
    method: str = "minimal",
    settings: str = "{}",
    seeds: str = "0",
    side: int = SIDE,
) -> Path:
    """Two models, `each` photos of four classes with squares of several sizes, and the design.

    The first photo of a class is wrong: its square is in another quadrant.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, scale in (("soft", 256), ("hard", 320)):
        shape = (3, side, side)
        weights = quadrant_weights(shape) * np.float32(scale / side**2)
        (folder / f"{name}.onnx").write_bytes(linear_model(shape, weights).SerializeToString())
    for quadrant in range(4):
        for k in range(each):
            where = (quadrant + 1) % 4 if k == 0 else quadrant
            path = folder / "photos" / f"class{quadrant}" / f"{k}.png"
            size = side // 8 + 1 + k % (side // 4)
            square(path, where, size, seed=100 * quadrant + k, photo=side)
    path = folder / "design.toml"
    text = DESIGN.format(method=method, settings=settings, seeds=seeds, side=side)
    path.write_text(text)
    return path


def run_squares(folder: Path, each: int, **options: Any) -> Path:
    """`write_squares`, run; the store."""
    design = write_squares(folder, each, **options)
    Study.from_toml(design).run(folder / "s.db", workers=0)
    return folder / "s.db"
