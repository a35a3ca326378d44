"""Reading an ONNX file that may be broken or hostile, and what its graph says about itself."""

from __future__ import annotations

import hashlib
import importlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from suffice.errors import MissingDependencyError, ModelError
from suffice.models.scores import Ending

_EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL
# Operators behind a softmax or sigmoid that leave its values as they are.
_PASS_THROUGH = ("Identity", "Cast", "Squeeze", "Unsqueeze", "Flatten", "Reshape", "Dropout")


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFile:
    """A checked model file.

    Attributes
    ----------
    source : bytes or str
        What a session is made from: the bytes that were checked, or the path of a model whose
        weights lie in files beside it.
    name : str
        File name.
    sha256 : str
        Of the file's bytes; where weights lie beside it, of the digests of all of them in order
        of their names, so that other weights are another model.
    proto : ModelProto
        Parsed, without external data.
    """

    source: bytes | str
    name: str
    sha256: str
    proto: Any

    def ending(self, output: str) -> Ending:
        """Name the activation that an output of the graph comes from."""
        producers = {o: node for node in self.proto.graph.node for o in node.output}
        node = producers.get(output)
        while node is not None and node.op_type in _PASS_THROUGH and node.input:
            node = producers.get(node.input[0])
        if node is None:
            return None
        endings: dict[str, Ending] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
        return endings.get(node.op_type)


def require(package: str) -> Any:
    """Import onnx or onnxruntime, or say how to install them.

    Raises
    ------
    MissingDependencyError
        If the package is missing.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(
            f"ONNX models need the package {package} ({error}); run `pip install suffice[cpu]`, "
            "or `pip install suffice[gpu]` for NVIDIA GPUs (not both in one environment)"
        ) from None


def read_onnx(source: str | PathLike[str] | bytes, name: str | None = None) -> OnnxFile:
    """Read and check a model.

    Data kept outside the file must lie in the file's folder, as a regular file with one name: a
    model could otherwise read any file of the machine into its weights.

    Raises
    ------
    ModelError
        If the file is missing, empty, corrupt, no valid ONNX model or reaches outside its folder.
    """
    onnx = require("onnx")
    if isinstance(source, bytes):
        data, path, label = source, None, name or "model.onnx"
    else:
        path = Path(source)
        data, label = _read(path), str(path)
    if not data:
        raise ModelError(f"{label} is empty, expected an ONNX model")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's own error class differs between its versions
        raise ModelError(f"{label} is no ONNX model: {one_line(error)}") from None
    locations = sorted({_location(t) for t in _tensors(proto) if t.data_location == _EXTERNAL})
    if locations and path is None:
        raise ModelError(f"{label} keeps weights in {locations[0]}; give its path, not its bytes")
    files = [_external_file(path, location) for location in locations if path is not None]
    try:
        onnx.checker.check_model(str(path) if files else data)
    except Exception as error:  # the checker raises several unrelated classes
        raise ModelError(f"{label} is no valid ONNX model: {one_line(error)}") from None
    digest = hashlib.sha256(data)
    if files:
        parts = [digest.digest(), *(_sha256(file) for file in files)]
        digest = hashlib.sha256(b"".join(parts))
    short = name or (label if path is None else path.name)
    return OnnxFile(str(path) if files else data, short, digest.hexdigest(), proto)


def one_line(error: BaseException) -> str:
    """Give the first line of an error's message, or its class where there is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise ModelError(f"{path} is {kind}, expected an ONNX file")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist") from None
    except (OSError, MemoryError) as error:
        raise ModelError(f"{path} can't be read: {one_line(error)}") from None


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _location(tensor: Any) -> str:
    return next((str(e.value) for e in tensor.external_data if e.key == "location"), "")


def _external_file(model: Path, location: str) -> Path:
    """Check one external file of a model: inside its folder, regular, one name only."""
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor
    if not location or "\0" in location or absolute or ".." in parts:
        raise ModelError(f"{model} reaches for data outside its folder: {location!r}")
    path = model.parent / location
    try:
        status = path.lstat()
        direct = path.resolve(strict=True) == model.parent.resolve() / location
    except OSError:
        raise ModelError(f"{model} lacks its data file {location}") from None
    if not direct or not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise ModelError(
            f"{model}: its data file {location} is a link, which may reach outside the folder; "
            "put a copy in its place"
        )
    return path


def _tensors(proto: Any) -> Iterator[Any]:
    """Yield every tensor of a model, in sub-graphs and functions too."""
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        yield from _node_tensors(function.node)
    for training in proto.training_info:
        yield from _graph_tensors(training.initialization)
        yield from _graph_tensors(training.algorithm)


def _graph_tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _graph_tensors(graph)
