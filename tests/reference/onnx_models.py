"""Small synthetic ONNX classifiers with a NumPy twin, one for every shape a real file may have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, int, int]
OPSET, IR_VERSION = 17, 8  # old enough for every ONNX Runtime the package supports


def weights(shape: Shape = (3, 8, 8), classes: int = 5, seed: int = 0) -> npt.NDArray[np.float32]:
    """Seeded random weights ``float32 [C*H*W, classes]``, scaled so that logits are of order 1."""
    size = int(np.prod(shape))
    draw = np.random.default_rng(seed).standard_normal((size, classes)) / np.sqrt(size)
    return draw.astype(np.float32)


def quadrant_weights(shape: Shape) -> npt.NDArray[np.float32]:
    """Weights of four classes; the logit of class q is 8 times the mean of quadrant q.

    Quadrants: 0 top left, 1 top right, 2 bottom left, 3 bottom right. With a zero baseline the
    class of an image that is bright in one quadrant only depends on that quadrant alone.
    """
    channels, height, width = shape
    out = np.zeros((channels, height, width, 4), np.float32)
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    quadrant = rows[:, None] * 2 + columns[None, :]
    for q in range(4):
        out[:, quadrant == q, q] = 8.0 / (channels * int((quadrant == q).sum()))
    return out.reshape(-1, 4)


def logits(batch: npt.NDArray[np.float32], matrix: npt.NDArray[np.float32]) -> npt.NDArray:
    """NumPy twin of `linear_model`: float64 logits ``[N, K]`` of ``float32 [N, C, H, W]``."""
    return batch.reshape(len(batch), -1).astype(np.float64) @ matrix.astype(np.float64)


def linear_model(
    shape: Shape = (3, 8, 8),
    matrix: npt.NDArray[np.float32] | None = None,
    *,
    layout: str = "NCHW",
    dtype: int = TensorProto.FLOAT,
    head: str | None = None,
    batch: str | int = "N",
    trailing: tuple[str, ...] = (),
    spatial: bool = False,
) -> onnx.ModelProto:
    """``head(flatten(x) @ matrix)``, the twin of `logits`.

    Parameters
    ----------
    layout : {"NCHW", "NHWC"}
        Order of the input's dimensions; the values are the same.
    dtype : int
        Element type of the input; weights and output stay float32.
    head : str, optional
        Last operator: Softmax, LogSoftmax, Sigmoid.
    batch : str or int
        Name of the dynamic batch dimension, or its fixed size.
    trailing : tuple of str
        Operators without parameters after the head, such as Identity.
    spatial : bool
        Give ``[N, K, 1, 1]`` instead of ``[N, K]``.
    """
    matrix = weights(shape) if matrix is None else matrix
    nodes, name = [], "input"
    initializers = [numpy_helper.from_array(matrix, "matrix")]

    def add(operator: str, *extra: str, **attributes: object) -> None:
        nonlocal name
        result = f"t{len(nodes)}"
        nodes.append(helper.make_node(operator, [name, *extra], [result], **attributes))
        name = result

    if layout == "NHWC":
        add("Transpose", perm=[0, 3, 1, 2])
    if dtype != TensorProto.FLOAT:
        add("Cast", to=TensorProto.FLOAT)
    add("Flatten", axis=1)
    add("MatMul", "matrix")
    if head:
        attributes = {} if head == "Sigmoid" else {"axis": 1}
        add(head, **attributes)
    for operator in trailing:
        add(operator)
    dims: list[str | int] = [batch, matrix.shape[1]]
    if spatial:
        initializers.append(numpy_helper.from_array(np.array([2, 3], np.int64), "axes"))
        add("Unsqueeze", "axes")
        dims += [1, 1]
    nodes[-1].output[0] = "output"
    channels, height, width = shape
    space = (height, width, channels) if layout == "NHWC" else shape
    return _model(
        nodes,
        [helper.make_tensor_value_info("input", dtype, [batch, *space])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, dims)],
        initializers,
    )


def pooled_model(channels: int = 3, size: tuple[str | int, str | int] = ("H", "W")):
    """Means of each channel as logits: takes any height and width."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["output"], axis=1),
    ]
    return _model(
        nodes,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", channels, *size])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", channels])],
    )


def one_at_a_time_model(shape: Shape = (3, 8, 8), classes: int = 5) -> onnx.ModelProto:
    """Declares a dynamic batch, yet reshapes to one row: works at batch 1 only."""
    initializers = [
        numpy_helper.from_array(weights(shape, classes), "matrix"),
        numpy_helper.from_array(np.array([1, int(np.prod(shape))], np.int64), "row"),
    ]
    nodes = [
        helper.make_node("Reshape", ["input", "row"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["output"]),
    ]
    return _model(
        nodes,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", classes])],
        initializers,
    )


def two_input_model(shape: Shape = (3, 8, 8)) -> onnx.ModelProto:
    """Inputs ``image`` and ``keep``."""
    nodes = [
        helper.make_node("Mul", ["image", "keep"], ["kept"]),
        helper.make_node("Flatten", ["kept"], ["output"], axis=1),
    ]
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
        for name in ("image", "keep")
    ]
    size = int(np.prod(shape))
    out = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", size])
    return _model(nodes, infos, [out])


def two_output_model(shape: Shape = (3, 8, 8), classes: int = 5) -> onnx.ModelProto:
    """Outputs ``output [N, K]`` and ``other [N, K]``."""
    model = linear_model(shape, weights(shape, classes))
    model.graph.node.append(helper.make_node("Relu", ["output"], ["other"]))
    model.graph.output.append(
        helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", classes])
    )
    return model


def label_model(shape: Shape = (3, 8, 8)) -> onnx.ModelProto:
    """Gives the predicted class as int64 ``[N, 1]`` instead of scores."""
    model = linear_model(shape)
    model.graph.node[-1].output[0] = "scores"
    model.graph.node.append(helper.make_node("ArgMax", ["scores"], ["output"], axis=1))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("output", TensorProto.INT64, ["N", 1]))
    return model


def flat_input_model(size: int = 192, classes: int = 5) -> onnx.ModelProto:
    """Input ``[N, size]``: nothing that looks like an image."""
    nodes = [helper.make_node("MatMul", ["input", "matrix"], ["output"])]
    return _model(
        nodes,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", size])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(weights((1, 1, size), classes), "matrix")],
    )


def scores_model(columns: int, dtype: int = TensorProto.FLOAT, opset: int = OPSET):
    """Gives ``[N, columns]`` as it came."""
    node = helper.make_node("Identity", ["input"], ["output"])
    infos = [
        [helper.make_tensor_value_info(name, dtype, ["N", columns])] for name in ("input", "output")
    ]
    graph = helper.make_graph([node], "scores", *infos)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = IR_VERSION
    return model


def save_external(path: Path, location: str, write_to: Path | None = None) -> None:
    """Save `linear_model` with its matrix kept outside the file.

    Parameters
    ----------
    path : Path
        The model file.
    location : str
        What the file says about where the data is, relative to its folder.
    write_to : Path, optional
        Where the data is written; nowhere if None.
    """
    model = linear_model()
    tensor = model.graph.initializer[0]
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(data)))):
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    if write_to is not None:
        write_to.write_bytes(data)


def _model(nodes, inputs, outputs, initializers=()) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "classifier", inputs, outputs, initializer=list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model
