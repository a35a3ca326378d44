"""Pictures and models of the comparison with MoXI."""

from __future__ import annotations

import csv
import dataclasses
import sys
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import corpus
import suffice
from common import ROOT, ZOO, model_file
from suffice.models.images import load_image

GROUND = (124, 116, 104)
CANVAS, ROOM = 224, 104  # pixels: the canvas, and the square that holds one of its two stamps


@cache
def classifier(model: str) -> Any:
    """A classifier on one thread; ``vit_tiny_tokens`` is ViT-Tiny in torch, its tokens dropped."""
    if model == "vit_tiny_tokens":
        return suffice.drop_tokens(
            torch_vit(), corpus.preprocess("vit_tiny"), threads=1, together=16, name=model
        )
    made = suffice.drop_tokens if model.endswith("_keep") else suffice.as_classifier
    return made(str(model_file(model)), preprocess=corpus.preprocess(model), threads=1)


def torch_vit() -> Any:
    """ViT-Tiny as a plain torch module with the weights of the zoo's ONNX file."""
    import onnx
    import torch
    from onnx import numpy_helper

    sys.path.append(str(ROOT / "tests"))
    from reference.vit import VisionTransformer

    graph = onnx.load(str(model_file("vit_tiny"))).graph
    known = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:  # weights are stored in half precision
        if node.op_type == "Cast" and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]].astype(np.float32)
    vit = VisionTransformer(224, 16, 192, 12, 3, 1000)
    state = {name: known[name] for name in vit.state_dict() if name in known}
    products = [n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in known]
    for number, name in enumerate(products):
        part = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")[number % 4]
        state[f"blocks.{number // 4}.{part}.weight"] = known[name].T
    # The export has added the class token to its position.
    positions = [v for v in known.values() if v.shape == (1, 197, 192)]
    state["pos_embed"], state["cls_token"] = positions[-1], np.zeros((1, 1, 192))
    tensors = {k: torch.from_numpy(np.array(v, np.float32)) for k, v in state.items()}
    vit.load_state_dict(tensors)
    return vit.eval()


def photographs(model: str, count: int, seed: int = 2026) -> list[tuple[str, int]]:
    """Photographs that the model classifies rightly, drawn by a seed: file and label."""
    with (ZOO / "images" / "imagenet" / "labels.csv").open(newline="") as file:
        rows = sorted((r["file"], int(r["imagenet_index"])) for r in csv.DictReader(file))
    clf, found = classifier(model), []
    for i in np.random.default_rng(seed).permutation(len(rows)):
        name, label = f"imagenet/{rows[i][0]}", rows[i][1]
        if int(plain_scores(clf, photo_input(model, name)).argmax()) == label:
            found.append((name, label))
        if len(found) == count:
            break
    return found


def photo_input(model: str, file: str) -> npt.NDArray[np.float32]:
    """A photo of the zoo as the model's input, float32 [C, H, W]."""
    name = "vit_tiny" if model == "vit_tiny_tokens" else model
    return corpus.preprocess(name).apply(load_image(ZOO / "images" / file))[0]


def plain_scores(clf: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores of a whole input."""
    from suffice.models.base import with_keep_channel

    return clf(with_keep_channel(clf, x, kept=True)[None])[0]


def cifar(model: str, count: int) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """First test images that are classified rightly and whose class nothing at all doesn't give."""
    data = np.load(ZOO / "images" / "cifar10" / "cifar10_open.npz")
    clf, found = classifier(model), []
    nothing = int(clf(np.zeros((1, *clf.input_shape), np.float32)).argmax())
    for number, (pixels, label) in enumerate(zip(data["x_test"], data["y_test"], strict=True)):
        x = corpus.preprocess(model).apply(load_image(pixels))[0]
        if int(clf(x[None]).argmax()) == label != nothing:
            found.append((f"cifar10/test-{number}", x))
        if len(found) == count:
            break
    return found


def public_cells(side: int, grid: int = 14) -> npt.NDArray[np.int32] | None:
    """The public code's cells where they are not ours: nearest interpolation rounds up."""
    if side % grid == 0:
        return None
    cell = np.arange(side) * grid // side
    return (cell[:, None] * grid + cell).astype(np.int32)


def two_stamps(model: str, count: int, seed: int = 2026) -> list[dict[str, Any]]:
    """Canvases with two stamps side by side; the model names one of them, the other is wanted."""
    with (ZOO / "images" / "stamps" / "labels.csv").open(newline="") as file:
        rows = sorted((r["file"], int(r["imagenet_index"])) for r in csv.DictReader(file))
    rng, found = np.random.default_rng(seed), []
    for _ in range(400):
        pair = [rows[i] for i in rng.choice(len(rows), 2, replace=False)]
        canvas, masks = _canvas([name for name, _ in pair])
        # The canvas has the model's size: nothing is resized or cropped, so the masks fit.
        exact = dataclasses.replace(corpus.preprocess(model), resize_shorter_side=None)
        x = exact.apply(load_image(canvas))[0]
        best = plain_scores(classifier(model), x).argsort()[::-1][:5].tolist()
        labels = [label for _, label in pair]
        if labels[0] != labels[1] and best[0] in labels and all(v in best for v in labels):
            first = labels.index(best[0])
            found.append(
                {
                    "files": [pair[first][0], pair[1 - first][0]],
                    "labels": [labels[first], labels[1 - first]],
                    "input": x,
                    "masks": [masks[first], masks[1 - first]],
                }
            )
        if len(found) == count:
            break
    return found


def _canvas(files: list[str]) -> tuple[Image.Image, list[npt.NDArray[np.bool_]]]:
    canvas = Image.new("RGBA", (CANVAS, CANVAS), (*GROUND, 255))
    masks = []
    for place, name in enumerate(files):
        with Image.open(ZOO / "images" / "stamps" / name) as file:
            stamp = file.convert("RGBA")
        stamp.thumbnail((ROOM, ROOM))
        left = 4 + place * (CANVAS // 2) + (ROOM - stamp.width) // 2
        layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
        layer.paste(stamp, (left, (CANVAS - stamp.height) // 2))
        canvas.alpha_composite(layer)
        masks.append(np.asarray(layer.getchannel("A")) > 127)
    return canvas.convert("RGB"), masks
