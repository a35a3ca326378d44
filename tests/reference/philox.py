"""Philox 4x64-10 by NumPy, which advances its counter once before the first block."""

from __future__ import annotations

import numpy as np


def block(key: tuple[int, int], counter: tuple[int, int, int, int]) -> list[int]:
    """Four 64-bit words of one key and counter, both least significant word first."""
    number = sum(word << (64 * i) for i, word in enumerate(counter))
    before = (number - 1) % (1 << 256)
    generator = np.random.Philox(key=key[0] + (key[1] << 64), counter=before)
    return [int(word) for word in generator.random_raw(4)]
