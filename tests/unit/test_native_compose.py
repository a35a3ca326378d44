"""Batches so large that compose writes past the caches, in every alignment."""

from __future__ import annotations

import numpy as np
import pytest

from reference import compose as twin
from reference.strategies import random_image, random_masks
from suffice import _native

# 8 MiB is where streaming begins: batches beyond it and one just below.
CASES = [
    ((128, 128), 60, 0),  # whole words, aligned
    ((115, 116), 60, 0),  # a part of a word at the end of every plane
    ((115, 116), 60, 1),  # memory that is aligned to single floats only
    ((115, 117), 60, 0),  # planes that are aligned to single floats only
    ((128, 128), 42, 0),
]


@pytest.mark.parametrize(("shape", "n", "shift"), CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_large_batches(shape: tuple[int, int], n: int, shift: int, threads: int) -> None:
    rng = np.random.default_rng(0)
    image, baseline = random_image(rng, 3, shape), random_image(rng, 3, shape)
    keep = random_masks(rng, n, shape)
    size = n * image.size
    memory = np.full(size + 8, -7, np.float32)
    begin = -(memory.ctypes.data // 4) % 4 + shift  # 16-byte alignment, then the shift
    out = memory[begin : begin + size].reshape(n, *image.shape)
    _native.compose(image, baseline, _native.pack(keep), out, threads)
    expected = twin.compose(image, baseline, keep)
    assert np.array_equal(out.view(np.uint32), expected.view(np.uint32))
    assert (memory[:begin] == -7).all()
    assert (memory[begin + size :] == -7).all()
