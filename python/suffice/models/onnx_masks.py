"""Masking fused into an ONNX graph: image, baseline and mask bits in, scores out (DESIGN.md 8).

So that 6 kB a composite cross to a GPU instead of 600. The composites are the same bits as elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import ModelError
from suffice.models.base import MaskPart
from suffice.models.onnx_file import OnnxFile, require
from suffice.models.onnx_input import ImageInput
from suffice.types import Batch, FloatImage, PackedMasks

IMAGES, BASELINES, WHICH = "suffice_images", "suffice_baselines", "suffice_which"
BITS, LABELS = "suffice_bits", "suffice_labels"
LEAST_OPSET = 13
_BYTE = 8


def can_fuse(file: OnnxFile) -> bool:
    """Whether a head can be put in front of a model: not where its weights lie in other files."""
    return isinstance(file.source, bytes) and _opset(file.proto) >= LEAST_OPSET


def with_head(
    file: OnnxFile, image: ImageInput, choose: Literal["bits", "regions"] = "bits"
) -> bytes:
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
    bytes
        The model.

    Raises
    ------
    ModelError
        If the opset is below 13, or weights lie in other files.
    """
    if not can_fuse(file):
        raise ModelError(
            f"{file.name}: a mask head needs opset {LEAST_OPSET} or later, this is "
            f"{_opset(file.proto)}, and weights in the model itself"
        )
    onnx = require("onnx")
    model: Any = onnx.ModelProto()
    model.CopyFrom(file.proto)
    head = _Head(onnx, model.graph, image)
    head.build(choose)
    return bytes(model.SerializeToString())


@dataclass(slots=True)
class _Head:
    """Adds operators in front of a graph."""

    onnx: Any
    graph: Any
    image: ImageInput
    count: int = 0

    def build(self, choose: str) -> None:
        channels, height, width = self.image.shape
        old = list(self.graph.node)
        del self.graph.node[:], self.graph.input[:]
        types = self.onnx.TensorProto
        self.input(IMAGES, types.FLOAT, ["S", channels, height, width])
        self.input(BASELINES, types.FLOAT, ["S", channels, height, width])
        self.input(WHICH, types.INT64, ["N"])
        self.input(BITS, types.UINT8, ["N", "B"])
        chosen = self.unpacked()
        if choose == "regions":
            self.input(LABELS, types.INT64, [height, width])
            kept = self.node("Gather", [chosen, LABELS], axis=1)
        else:
            start, stop = self.constant([0]), self.constant([height * width])
            kept = self.node("Slice", [chosen, start, stop, self.constant([1])])
        kept = self.node("Reshape", [kept, self.constant([-1, 1, height, width])])
        kept = self.node("Cast", [kept], to=types.BOOL)
        image = self.node("Gather", [IMAGES, WHICH], axis=0)
        baseline = self.node("Gather", [BASELINES, WHICH], axis=0)
        self.convert(self.node("Where", [kept, image, baseline]))
        self.graph.node.extend(old)

    def unpacked(self) -> str:
        """``[N, 8 B]`` of 0 and 1."""
        types = self.onnx.TensorProto
        wide = self.node("Cast", [BITS], to=types.INT32)
        wide = self.node("Reshape", [wide, self.constant([0, -1, 1])])
        powers = self.constant([2**k for k in range(_BYTE)], types.INT32)
        shifted = self.node("Div", [wide, powers])
        bits = self.node("Mod", [shifted, self.constant([2], types.INT32)])
        return self.node("Reshape", [bits, self.constant([0, -1])])

    def convert(self, composite: str) -> None:
        """Make what the model takes, under its input's name."""
        types = self.onnx.TensorProto
        if self.image.layout == "NHWC":
            composite = self.node("Transpose", [composite], perm=[0, 2, 3, 1])
        if self.image.dtype is np.uint8:
            composite = self.node("Round", [composite])
            low, high = (self.constant(v, types.FLOAT, ()) for v in ([0.0], [255.0]))
            composite = self.node("Clip", [composite, low, high])
        kinds = {np.float32: types.FLOAT, np.float16: types.FLOAT16, np.float64: types.DOUBLE}
        kind = kinds.get(self.image.dtype, types.UINT8)
        last = self.onnx.helper.make_node("Cast", [composite], [self.image.name], to=kind)
        self.graph.node.append(last)

    def input(self, name: str, kind: int, shape: list[Any]) -> None:
        self.graph.input.append(self.onnx.helper.make_tensor_value_info(name, kind, shape))

    def constant(
        self, values: list[Any], kind: int | None = None, shape: tuple[int, ...] | None = None
    ) -> str:
        name = self.name()
        kind = self.onnx.TensorProto.INT64 if kind is None else kind
        dims = [len(values)] if shape is None else list(shape)
        self.graph.initializer.append(self.onnx.helper.make_tensor(name, kind, dims, values))
        return name

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = self.name()
        made = self.onnx.helper.make_node(operator, inputs, [name], **attributes)
        self.graph.node.append(made)
        return name

    def name(self) -> str:
        self.count += 1
        return f"suffice_head_{self.count}"


def _opset(proto: Any) -> int:
    return max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """What a fused model is given."""

    images: Batch
    baselines: Batch
    which: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.which)

    def cut(self, step: int | None) -> Iterator[Feed]:
        """The same in pieces of exactly `step` rows, the last one filled up; None: as it is."""
        if step is None:
            yield self
            return
        for start in range(0, len(self), step):
            rows = np.minimum(np.arange(start, start + step), len(self) - 1)
            yield Feed(self.images, self.baselines, self.which[rows], self.bits[rows])

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """By the inputs' names."""
        return {
            IMAGES: self.images,
            BASELINES: self.baselines,
            WHICH: self.which,
            BITS: self.bits,
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
    which = np.empty(rows, np.int64)
    bits = np.empty((rows, bytes_of), np.uint8)
    start = 0
    for part in parts:
        number = pairs.setdefault((id(part.image), id(part.baseline)), len(pairs))
        if number == len(images):
            images.append(part.image)
            baselines.append(part.baseline)
        stop = start + len(part)
        which[start:stop] = number
        bits[start:stop] = as_bytes(part.masks)[:, :bytes_of]
        start = stop
    which[start:], bits[start:] = which[start - 1], bits[start - 1]
    return Feed(np.stack(images), np.stack(baselines), which, bits)


def feed_of_composites(batch: Batch, bytes_of: int) -> Feed:
    """Composites that are made already, as a fused model takes them."""
    bits = np.zeros((len(batch), bytes_of), np.uint8)
    return Feed(batch, batch, np.arange(len(batch), dtype=np.int64), bits)


def as_bytes(masks: PackedMasks) -> npt.NDArray[np.uint8]:
    """Packed masks ``uint64 [M, words]`` as bytes, lowest pixel first on any machine."""
    return np.ascontiguousarray(masks).astype("<u8", copy=False).view(np.uint8)
