"""Packed masks, bit by bit."""

from __future__ import annotations

import numpy as np


def pack(keep: np.ndarray) -> np.ndarray:
    """``bool [M, H, W]`` -> ``uint64 [M, words]``: pixel i is bit i % 64 of word i // 64."""
    flat = keep.reshape(len(keep), keep.shape[1] * keep.shape[2])
    n_words = -(-flat.shape[1] // 64)
    padded = np.zeros((len(flat), n_words * 64), np.uint64)
    padded[:, : flat.shape[1]] = flat
    bits = padded.reshape(len(flat), n_words, 64)
    return (bits << np.arange(64, dtype=np.uint64)).sum(axis=2, dtype=np.uint64)


def unpack(packed: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """``uint64 [M, words]`` -> ``bool [M, H, W]``."""
    bits = packed[:, :, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    flat = bits.reshape(len(packed), 64 * packed.shape[1])[:, : shape[0] * shape[1]]
    return flat.reshape(len(packed), *shape).astype(bool)


def count(keep: np.ndarray) -> np.ndarray:
    """Kept pixels of each mask."""
    return keep.sum(axis=(1, 2))
