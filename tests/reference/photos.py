"""Small photos whose class and cause are known to `onnx_models.quadrant_weights`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 32


def write_photo(path: Path, quadrant: int, mode: str = "RGB") -> Path:
    """Write a textured photo that is bright in one quadrant, in the format of its suffix."""
    row, column = divmod(quadrant, 2)
    pixels = np.random.default_rng(quadrant).integers(0, 30, (SIDE, SIDE, 3), dtype=np.uint8)
    half = SIDE // 2
    pixels[row * half : (row + 1) * half, column * half : (column + 1) * half] += 200
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path
