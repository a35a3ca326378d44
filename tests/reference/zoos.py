"""A folder like the model zoo, with tiny linear models and photos bright in one quadrant."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from reference.onnx_models import linear_model, quadrant_weights
from reference.photos import SIDE, write_photo

SHAPE = (3, SIDE, SIDE)
IMAGENET = (
    *("mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192", "squeezenet1.1"),
    *("efficientnet_lite0", "vit_tiny", "vit_tiny_keep"),
)
CIFAR = (
    *("convnetjs", "resnet8", "resnet8_large", "resnet20", "resnet32", "resnet56", "vggish"),
    "tiniest",
)


def write_zoo(folder: Path, photos: int = 8) -> Path:
    """Write models under the zoo's names, `photos` labelled photos and as many small images.

    Every fourth label is wrong, and so is what labels.csv says of all models being right about it.
    """
    names = [*IMAGENET, *(f"cifar_{name}" for name in CIFAR)]
    (folder / "models").mkdir(parents=True)
    scale = {"size": SIDE, "mean": [0.0] * 3, "std": [1.0] * 3}
    entries = []
    for k, name in enumerate(names):
        model = linear_model(SHAPE, quadrant_weights(SHAPE) * np.float32(1 + k / 8))
        file = Path("models", f"{name}.onnx")
        (folder / file).write_bytes(model.SerializeToString())
        entries.append({"name": name, "file": file.as_posix(), "input": scale})
    (folder / "models.json").write_text(json.dumps({"models": entries}))
    rows = [_photo(folder, k) for k in range(photos)]
    with (folder / "images" / "imagenet" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "imagenet_index", "models_top1_correct_of_13"))
        writer.writerows(rows)
    _cifar(folder, photos)
    return folder


def _photo(folder: Path, k: int) -> tuple[str, int, int]:
    name = f"n{k:02d}_photo.png"
    path = write_photo(folder / "images" / "imagenet" / name, k % 4)
    path.write_bytes(path.read_bytes() + bytes([k]))  # each another file
    wrong = k % 4 == 3
    return name, (k + wrong) % 4, 12 if wrong else 13


def _cifar(folder: Path, images: int) -> None:
    draw = np.random.default_rng(0)
    (folder / "images" / "cifar10").mkdir()
    np.savez(
        folder / "images" / "cifar10" / "cifar10_open.npz",
        x_test=draw.integers(0, 256, (images, SIDE, SIDE, 3), dtype=np.uint8),
        y_test=(np.arange(images) % 10).astype(np.uint8),
        test_index=np.arange(1, 2 * images, 2, dtype=np.int32),
    )
