"""Masks and responsibility maps as bytes for the store."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from suffice.explanation import Explanation
from suffice.types import Responsibility

Keep = Literal["none", "ranks", "float32"]
_LEVELS = 2**16


@dataclass(frozen=True, slots=True)
class Blob:
    """One array of an explanation.

    Attributes
    ----------
    kind : str
        ``set:K``, ``extra:NAME``, ``array:NAME`` or ``responsibility``.
    encoding : str
        ``bits``, ``ranks``, ``float32`` or ``npy``.
    height, width : int
        0 for ``npy``, which says its own shape.
    data : bytes
        Deflated (zlib).
    """

    kind: str
    encoding: str
    height: int
    width: int
    data: bytes


def encode_mask(kind: str, mask: npt.NDArray[np.bool_]) -> Blob:
    """``bool [H, W]``, eight pixels to a byte, row-major over the whole image."""
    height, width = mask.shape
    return Blob(kind, "bits", height, width, zlib.compress(np.packbits(mask).tobytes()))


def encode_responsibility(values: Responsibility, keep: Keep) -> Blob:
    """``float32 [H, W]`` as it is, or the rank of each value among the values as uint16.

    Up to 65,536 different values keep their order exactly; of more, neighbours may share a code.
    """
    if keep == "float32":
        data = np.ascontiguousarray(values, "<f4").tobytes()
    else:
        different, ranks = np.unique(values, return_inverse=True)
        if len(different) > _LEVELS:
            ranks = ranks * (_LEVELS - 1) // (len(different) - 1)
        data = ranks.reshape(values.shape).astype("<u2").tobytes()
    height, width = values.shape
    return Blob("responsibility", keep, height, width, zlib.compress(data))


def encode_array(kind: str, array: npt.NDArray[np.generic]) -> Blob:
    """Any array of numbers as it is, in NumPy's own format."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return Blob(kind, "npy", 0, 0, zlib.compress(buffer.getvalue()))


def decode(blob: Blob) -> npt.NDArray[Any]:
    """``bool [H, W]`` of a mask; ``float32 [H, W]`` of a map, ranks as their numbers; any array."""
    data = zlib.decompress(blob.data)
    if blob.encoding == "npy":
        return cast("npt.NDArray[Any]", np.load(io.BytesIO(data), allow_pickle=False))
    shape = (blob.height, blob.width)
    if blob.encoding == "bits":
        bits = np.unpackbits(np.frombuffer(data, np.uint8), count=shape[0] * shape[1])
        return bits.reshape(shape).astype(np.bool_)
    kind = "<f4" if blob.encoding == "float32" else "<u2"
    return np.frombuffer(data, kind).reshape(shape).astype(np.float32)


def blobs_of(explanation: Explanation, keep: Keep) -> list[Blob]:
    """All arrays of an explanation that a store keeps."""
    blobs = [encode_mask(f"set:{k}", mask) for k, mask in enumerate(explanation.masks)]
    for name, mask in (explanation.extra_masks or {}).items():
        blobs.append(encode_mask(f"extra:{name}", mask))
    for name, array in (explanation.arrays or {}).items():
        blobs.append(encode_array(f"array:{name}", array))
    if explanation.responsibility is not None and keep != "none":
        blobs.append(encode_responsibility(explanation.responsibility, keep))
    return blobs


def explanation_from(record: dict[str, object], blobs: list[Blob]) -> Explanation:
    """Put an explanation together again."""
    named = {blob.kind: blob for blob in blobs}
    sets = sorted((k for k in named if k.startswith("set:")), key=lambda k: int(k[4:]))
    shape = record["input_shape"]
    assert isinstance(shape, list)
    masks = np.zeros((len(sets), *shape[1:]), np.bool_)
    for k, kind in enumerate(sets):
        masks[k] = decode(named[kind])
    extra = {
        kind.partition(":")[2]: decode(blob).astype(np.bool_)
        for kind, blob in named.items()
        if kind.startswith("extra:")
    }
    arrays = {
        kind.partition(":")[2]: decode(blob)
        for kind, blob in named.items()
        if kind.startswith("array:")
    }
    ranked = named.get("responsibility")
    return Explanation(
        record,
        masks,
        None if ranked is None else decode(ranked).astype(np.float32),
        extra or None,
        arrays=arrays or None,
    )
