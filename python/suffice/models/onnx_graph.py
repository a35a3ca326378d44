"""Adding operators to an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suffice.models.onnx_file import require

AXES_AS_INPUT = 18
"""From this opset on ReduceMax and ReduceMin take their axes as an input."""


def opset_of(proto: Any) -> int:
    """Version of the standard operators that a model is written in; 0 if it names none."""
    return max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)


@dataclass(slots=True)
class Builder:
    """Appends operators, constants and inputs to the graph of a model, under names of its own.

    Parameters
    ----------
    proto : ModelProto
        Changed in place.
    prefix : str
        Of all names that are made.
    """

    proto: Any
    prefix: str
    count: int = 0

    @property
    def graph(self) -> Any:
        """The model's graph."""
        return self.proto.graph

    def input(self, name: str, kind: int, shape: list[Any]) -> None:
        """Add an input of the graph."""
        info = require("onnx").helper.make_tensor_value_info(name, kind, shape)
        self.graph.input.append(info)

    def output(self, name: str, kind: int, shape: list[Any]) -> None:
        """Add an output of the graph."""
        info = require("onnx").helper.make_tensor_value_info(name, kind, shape)
        self.graph.output.append(info)

    def constant(
        self, values: list[Any], kind: int | None = None, shape: tuple[int, ...] | None = None
    ) -> str:
        """Add a constant, int64 and one-dimensional unless said otherwise."""
        onnx = require("onnx")
        name = self._name()
        kind = onnx.TensorProto.INT64 if kind is None else kind
        dims = [len(values)] if shape is None else list(shape)
        self.graph.initializer.append(onnx.helper.make_tensor(name, kind, dims, values))
        return name

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add an operator of one output; its name."""
        name = self._name()
        made = require("onnx").helper.make_node(operator, inputs, [name], **attributes)
        self.graph.node.append(made)
        return name

    def reduce(self, operator: str, values: str) -> str:
        """Reduce ``[N, K]`` to ``[N, 1]`` by ReduceMax, ReduceMin or ReduceSum."""
        if operator == "ReduceSum" or opset_of(self.proto) >= AXES_AS_INPUT:
            return self.node(operator, [values, self.constant([1])], keepdims=1)
        return self.node(operator, [values], axes=[1], keepdims=1)

    def _name(self) -> str:
        self.count += 1
        return f"{self.prefix}_{self.count}"
