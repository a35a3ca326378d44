"""The only importer of the compiled core: argument checks, then the call (DESIGN.md 7)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from suffice import _core
from suffice.types import PackedMasks

WORD_BITS = 64


def words_for(n_pixels: int) -> int:
    """Number of 64-bit words that hold ``n_pixels`` bits."""
    return (n_pixels + WORD_BITS - 1) // WORD_BITS


def pack(masks: npt.NDArray[np.bool_]) -> PackedMasks:
    """Pack masks ``bool [M, H, W]`` or ``[H, W]`` into ``uint64 [M, words]``."""
    masks = np.asarray(masks)
    if masks.dtype != np.bool_ or masks.ndim not in (2, 3):
        raise TypeError(f"expected bool masks [M, H, W], got {masks.dtype} {list(masks.shape)}")
    n = 1 if masks.ndim == 2 else masks.shape[0]
    return _core.pack_masks(np.ascontiguousarray(masks).reshape(n, -1).view(np.uint8))


def unpack(packed: PackedMasks, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Unpack ``uint64 [M, words]`` into ``bool [M, H, W]``."""
    packed = _packed(packed, shape[0] * shape[1])
    flat = _core.unpack_masks(packed, shape[0] * shape[1])
    return flat.view(np.bool_).reshape(len(packed), *shape)


def count(packed: PackedMasks) -> npt.NDArray[np.int64]:
    """Kept pixels of each mask."""
    return _core.count_masks(_packed(packed))


def digest(packed: PackedMasks) -> npt.NDArray[np.uint64]:
    """128-bit hashes ``uint64 [M, 2]``."""
    return _core.hash_masks(_packed(packed))


def _packed(packed: PackedMasks, n_pixels: int | None = None) -> PackedMasks:
    if not isinstance(packed, np.ndarray) or packed.dtype != np.uint64 or packed.ndim != 2:
        raise TypeError(f"expected packed masks uint64 [M, words], got {_describe(packed)}")
    if n_pixels is not None and packed.shape[1] != words_for(n_pixels):
        raise ValueError(
            f"expected {words_for(n_pixels)} words for {n_pixels} pixels, got {packed.shape[1]}"
        )
    return np.ascontiguousarray(packed)


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    return type(value).__name__
