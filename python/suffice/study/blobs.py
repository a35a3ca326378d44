"""Masks and responsibility maps as bytes for the store."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import StoreError
from suffice.explanation import Explanation, assemble
from suffice.reading import UNPACKED_BYTES, first_line, parse_array
from suffice.types import JsonObject, Responsibility

Keep = Literal["none", "ranks", "float32"]
COMPOSITE = "composite"
"""Kind of the blob of a failed job: what its model was shown when it failed."""
_LEVELS = 2**16


@dataclass(frozen=True, slots=True)
class Blob:
    """One array of an explanation.

    Attributes
    ----------
    kind : str
        ``set:K``, ``extra:NAME``, ``array:NAME`` or ``responsibility``; of a failed job
        ``composite``.
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
    """``bool [H, W]`` of a mask; ``float32 [H, W]`` of a map, ranks as their numbers; any array.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    try:
        return _decoded(blob)
    except (TypeError, ValueError, OverflowError, zlib.error) as error:
        raise StoreError(f"the array {blob.kind} is damaged: {first_line(error)}") from None


def _decoded(blob: Blob) -> npt.NDArray[Any]:
    if blob.encoding == "npy":
        return parse_array(_inflated(blob, UNPACKED_BYTES))
    shape = (blob.height, blob.width)
    kinds = {"bits": "u1", "ranks": "<u2", "float32": "<f4"}
    if blob.encoding not in kinds or min(shape) < 0:
        raise ValueError(f"{blob.encoding} {list(shape)} is no known encoding")
    bits, kind = blob.encoding == "bits", np.dtype(kinds[blob.encoding])
    pixels = shape[0] * shape[1]
    size = -(-pixels // 8) if bits else pixels * kind.itemsize
    flat = np.frombuffer(_inflated(blob, size), kind)
    if flat.nbytes != size:
        raise ValueError(f"{blob.encoding} {list(shape)} needs {size} bytes, got {flat.nbytes}")
    if bits:
        return np.unpackbits(flat, count=pixels).reshape(shape).astype(np.bool_)
    return flat.reshape(shape).astype(np.float32)


def _inflated(blob: Blob, size: int) -> bytes:
    """Inflate to at most `size` bytes: a few zeros may stand for the whole memory."""
    stream = zlib.decompressobj()
    data = stream.decompress(blob.data, min(size + 1, UNPACKED_BYTES))
    if not stream.eof and not stream.unconsumed_tail:
        raise ValueError("it ends too early")
    if len(data) > size or not stream.eof:
        raise ValueError(f"it unpacks to more than {size} bytes")
    return data


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


def explanation_from(record: JsonObject, blobs: list[Blob]) -> Explanation:
    """Put an explanation together again.

    Raises
    ------
    StoreError
        If an array is missing or damaged.
    """
    named = {blob.kind: blob for blob in blobs}
    extra, arrays = (
        {k[len(kind) :]: decode(blob) for k, blob in named.items() if k.startswith(kind)}
        for kind in ("extra:", "array:")
    )
    ranked = named.get("responsibility")
    try:
        found = [decode(named[f"set:{k}"]) for k in range(len(record["sets"]))]
        shape = record["input_shape"][1:]
        masks = np.stack(found) if found else np.zeros((0, *shape), np.bool_)
        return assemble(record, masks, None if ranked is None else decode(ranked), extra, arrays)
    except KeyError as error:
        raise StoreError(f"the array {error.args[0]} is not in the store") from None
    except ValueError as error:
        raise StoreError(f"the arrays of a result are damaged: {error}") from None
