"""Giving an ONNX model with an input of tokens to keep one image input with a keep channel."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from suffice.errors import ModelError
from suffice.models.onnx_file import read_onnx, require

_IMAGE, _SPATIAL = 4, 2


def take_keep_channel(
    source: str | PathLike[str] | bytes, name: str, given: Sequence[int] | None
) -> tuple[bytes, str, tuple[int, int, int]]:
    """Put operators in front that split the keep channel off and pool it to tokens.

    Parameters
    ----------
    source : path or bytes
    name : str
        For messages.
    given : (C, H, W) or None
        Completes what the model leaves open.

    Returns
    -------
    model : bytes
    sha256 : str
        Of the file as it came.
    shape : (C, H, W)
        Of the image, without the keep channel.

    Raises
    ------
    ModelError
        If the model doesn't have one float32 image and one input of tokens.
    """
    onnx = require("onnx")
    file = read_onnx(source, name)
    model: Any = onnx.ModelProto()
    model.CopyFrom(file.proto)
    if isinstance(file.source, str):
        raise ModelError(f"{name}: its weights lie in other files; save them in the model itself")
    image, keep = _find_inputs(model.graph, name)
    shape, tokens = _image_shape(image, given, name), _dims(keep)[1]
    patch = _patch(shape, tokens, name)
    helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
    if any(_type(i) != FLOAT for i in (image, keep)):
        raise ModelError(f"{name}: its inputs {image.name} and {keep.name} should be float32")
    channels, prefix = shape[0], "suffice_keep"
    constants = {
        f"{prefix}_sizes": [channels, 1],
        f"{prefix}_flat": [0, tokens],  # 0: the batch as it is
    }
    nodes = [
        helper.make_node(
            "Split",
            [prefix, f"{prefix}_sizes"],
            [image.name, f"{prefix}_plane"],
            axis=1,
        ),
        helper.make_node(
            "MaxPool",
            [f"{prefix}_plane"],
            [f"{prefix}_pooled"],
            kernel_shape=list(patch),
            strides=list(patch),
        ),
        helper.make_node("Reshape", [f"{prefix}_pooled", f"{prefix}_flat"], [keep.name]),
    ]
    batch = image.type.tensor_type.shape.dim[0]
    rows = batch.dim_value or batch.dim_param or "N"
    graph = model.graph
    whole = helper.make_tensor_value_info(prefix, FLOAT, [rows, channels + 1, *shape[1:]])
    others = [*graph.node]
    del graph.input[:], graph.node[:]
    graph.input.append(whole)
    graph.node.extend([*nodes, *others])
    for constant, values in constants.items():
        graph.initializer.append(
            helper.make_tensor(constant, onnx.TensorProto.INT64, [len(values)], values)
        )
    return model.SerializeToString(), file.sha256, shape


def _find_inputs(graph: Any, name: str) -> tuple[Any, Any]:
    """The image and the tokens to keep."""
    constants = {i.name for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    images = [i for i in inputs if len(_dims(i)) == _IMAGE]
    keeps = [i for i in inputs if len(_dims(i)) == _SPATIAL and _dims(i)[1]]
    if len(inputs) != 2 or not images or not keeps:
        shown = ", ".join(f"{i.name} {_dims(i)}" for i in inputs)
        raise ModelError(
            f"{name} has inputs {shown}; expected an image [N, C, H, W] and the tokens to keep "
            "[N, tokens]"
        )
    return images[0], keeps[0]


def _dims(value: Any) -> list[int]:
    """Sizes of an input, 0 where they are left open."""
    return [int(d.dim_value) for d in value.type.tensor_type.shape.dim]


def _type(value: Any) -> int:
    return int(value.type.tensor_type.elem_type)


def _image_shape(image: Any, given: Sequence[int] | None, name: str) -> tuple[int, int, int]:
    dims = _dims(image)[1:]
    full = [d or int(g) for d, g in zip(dims, given or (0, 0, 0), strict=True)]
    if 0 in full:
        raise ModelError(
            f"{name}: its image {image.name} {dims} leaves sizes open; give a preprocess with its "
            "size, or input_shape=(C, H, W)"
        )
    return full[0], full[1], full[2]


def _patch(shape: tuple[int, int, int], tokens: int, name: str) -> tuple[int, int]:
    """Height and width of the square patches that make so many tokens."""
    for side in range(1, min(shape[1:]) + 1):
        whole = shape[1] % side == 0 and shape[2] % side == 0
        if whole and (shape[1] // side) * (shape[2] // side) == tokens:
            return side, side
    raise ModelError(
        f"{name}: {tokens} tokens are no grid of square patches of {shape[1]} x {shape[2]} pixels"
    )
