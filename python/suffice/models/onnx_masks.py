"""Masking fused into an ONNX graph: image, baseline and mask bits in, scores out (DESIGN.md 8).

So that 6 kB a composite cross to a GPU instead of 600. The composites are the same bits as elsewhere.
What leaves the device is decided by operators behind the graph (`suffice.models.onnx_decisions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import ModelError
from suffice.models.base import MaskPart
from suffice.models.onnx_decisions import TARGETS
from suffice.models.onnx_file import OnnxFile, require
from suffice.models.onnx_graph import Builder, opset_of
from suffice.models.onnx_input import ImageInput
from suffice.types import Batch, FloatImage, PackedMasks

IMAGES, BASELINES, WHICH = "suffice_images", "suffice_baselines", "suffice_which"
BITS, LABELS = "suffice_bits", "suffice_labels"
LEAST_OPSET = 13
_BYTE = 8


def can_fuse(file: OnnxFile) -> bool:
    """Whether a head can be put in front of a model: not where its weights lie in other files."""
    return isinstance(file.source, bytes) and opset_of(file.proto) >= LEAST_OPSET


def with_head(
    file: OnnxFile, image: ImageInput, choose: Literal["bits", "regions"] = "bits"
) -> Any:
    """Put a head in front of a model that makes its composites.

    Its inputs are ``suffice_images`` and ``suffice_baselines`` float32 ``[S, C, H, W]``,
    ``suffice_which`` int64 ``[N]`` (which of the S each composite is of) and ``suffice_bits`` uint8
    ``[N, B]``, lowest bit first: of pixels, row by row; or for ``regions`` of the regions of
    ``suffice_labels`` int64 ``[H, W]``.

    Parameters
    ----------
    file : OnnxFile
    image : ImageInput
        The model's own input: layout and element type are converted to it.
    choose : {"bits", "regions"}

    Returns
    -------
    ModelProto
        A copy of the model, with the head.

    Raises
    ------
    ModelError
        If the opset is below 13, or weights lie in other files.
    """
    if not can_fuse(file):
        raise ModelError(
            f"{file.name}: a mask head needs opset {LEAST_OPSET} or later, this is "
            f"{opset_of(file.proto)}, and weights in the model itself"
        )
    model = require("onnx").ModelProto()
    model.CopyFrom(file.proto)
    _Head(Builder(model, "suffice_head"), image).build(choose)
    return model


@dataclass(slots=True)
class _Head:
    """Adds operators in front of a graph."""

    add: Builder
    image: ImageInput

    def build(self, choose: str) -> None:
        add, graph = self.add, self.add.graph
        channels, height, width = self.image.shape
        old = list(graph.node)
        del graph.node[:], graph.input[:]
        types = require("onnx").TensorProto
        add.input(IMAGES, types.FLOAT, ["S", channels, height, width])
        add.input(BASELINES, types.FLOAT, ["S", channels, height, width])
        add.input(WHICH, types.INT64, ["N"])
        add.input(BITS, types.UINT8, ["N", "B"])
        chosen = self.unpacked()
        if choose == "regions":
            add.input(LABELS, types.INT64, [height, width])
            kept = add.node("Gather", [chosen, LABELS], axis=1)
        else:
            start, stop = add.constant([0]), add.constant([height * width])
            kept = add.node("Slice", [chosen, start, stop, add.constant([1])])
        kept = add.node("Reshape", [kept, add.constant([-1, 1, height, width])])
        kept = add.node("Cast", [kept], to=types.BOOL)
        image = add.node("Gather", [IMAGES, WHICH], axis=0)
        baseline = add.node("Gather", [BASELINES, WHICH], axis=0)
        self.convert(add.node("Where", [kept, image, baseline]))
        graph.node.extend(old)

    def unpacked(self) -> str:
        """``[N, 8 B]`` of 0 and 1."""
        add, types = self.add, require("onnx").TensorProto
        wide = add.node("Cast", [BITS], to=types.INT32)
        wide = add.node("Reshape", [wide, add.constant([0, -1, 1])])
        powers = add.constant([2**k for k in range(_BYTE)], types.INT32)
        shifted = add.node("Div", [wide, powers])
        bits = add.node("Mod", [shifted, add.constant([2], types.INT32)])
        return add.node("Reshape", [bits, add.constant([0, -1])])

    def convert(self, composite: str) -> None:
        """Make what the model takes, under its input's name."""
        add, onnx = self.add, require("onnx")
        types = onnx.TensorProto
        if self.image.layout == "NHWC":
            composite = add.node("Transpose", [composite], perm=[0, 2, 3, 1])
        if self.image.dtype is np.uint8:
            composite = add.node("Round", [composite])
            low, high = (add.constant(v, types.FLOAT, ()) for v in ([0.0], [255.0]))
            composite = add.node("Clip", [composite, low, high])
        kinds = {np.float32: types.FLOAT, np.float16: types.FLOAT16, np.float64: types.DOUBLE}
        kind = kinds.get(self.image.dtype, types.UINT8)
        last = onnx.helper.make_node("Cast", [composite], [self.image.name], to=kind)
        add.graph.node.append(last)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """What a fused model is given."""

    images: Batch
    baselines: Batch
    which: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.which)

    def cut(self, step: int | None) -> Iterator[Feed]:
        """The same in pieces of exactly `step` rows, the last one filled up; None: as it is."""
        if step is None:
            yield self
            return
        for start in range(0, len(self), step):
            rows = np.minimum(np.arange(start, start + step), len(self) - 1)
            which, bits, targets = self.which[rows], self.bits[rows], self.targets[rows]
            yield Feed(self.images, self.baselines, which, bits, targets)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """By the inputs' names."""
        return {
            IMAGES: self.images,
            BASELINES: self.baselines,
            WHICH: self.which,
            BITS: self.bits,
            TARGETS: self.targets,
        }


def feed_of_parts(parts: Sequence[MaskPart], rows: int, bytes_of: int) -> Feed:
    """Masks as a fused model takes them; the last one is repeated up to `rows`.

    Parameters
    ----------
    parts : sequence of MaskPart
    rows : int
    bytes_of : int
        ``ceil(H * W / 8)``.
    """
    pairs: dict[tuple[int, int], int] = {}
    images: list[FloatImage] = []
    baselines: list[FloatImage] = []
    which, targets = np.empty((2, rows), np.int64)
    bits = np.empty((rows, bytes_of), np.uint8)
    start = 0
    for part in parts:
        number = pairs.setdefault((id(part.image), id(part.baseline)), len(pairs))
        if number == len(images):
            images.append(part.image)
            baselines.append(part.baseline)
        stop = start + len(part)
        which[start:stop], targets[start:stop] = number, part.target
        bits[start:stop] = as_bytes(part.masks)[:, :bytes_of]
        start = stop
    for array in (which, bits, targets):
        array[start:] = array[start - 1]
    return Feed(np.stack(images), np.stack(baselines), which, bits, targets)


def feed_of_composites(batch: Batch, bytes_of: int) -> Feed:
    """Composites that are made already, as a fused model takes them."""
    bits = np.zeros((len(batch), bytes_of), np.uint8)
    which = np.arange(len(batch), dtype=np.int64)
    return Feed(batch, batch, which, bits, np.zeros_like(which))


def as_bytes(masks: PackedMasks) -> npt.NDArray[np.uint8]:
    """Packed masks ``uint64 [M, words]`` as bytes, lowest pixel first on any machine."""
    return np.ascontiguousarray(masks).astype("<u8", copy=False).view(np.uint8)
