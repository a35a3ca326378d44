"""Hypothesis strategies that the property tests share."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

# Examples are small, and machines that run the tests may be slow: no deadline.
laws = settings(deadline=None, max_examples=80)

# Single pixels, single rows and columns, and sizes around multiples of the 64-bit word.
shapes = st.one_of(
    st.sampled_from([(1, 1), (1, 64), (1, 65), (64, 1), (8, 8), (9, 7), (65, 67)]),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
)
seeds = st.integers(0, 2**32 - 1)
n_masks = st.integers(0, 6)


def random_masks(rng: np.random.Generator, n: int, shape: tuple[int, int]) -> np.ndarray:
    """``bool [n, H, W]``: random ones of every density, among them empty and full masks."""
    density = rng.choice([0.0, 0.05, 0.5, 0.95, 1.0], size=(n, 1, 1))
    return rng.random((n, *shape)) < density


def random_boxes(rng: np.random.Generator, n: int, shape: tuple[int, int]) -> np.ndarray:
    """``int32 [n, 4]``: random boxes (r0, r1, c0, c1) in the image, some of them empty."""
    rows = np.sort(rng.integers(0, shape[0] + 1, (n, 2)), axis=1)
    cols = np.sort(rng.integers(0, shape[1] + 1, (n, 2)), axis=1)
    return np.concatenate([rows, cols], axis=1).astype(np.int32)


def random_image(rng: np.random.Generator, channels: int, shape: tuple[int, int]) -> np.ndarray:
    """``float32 [C, H, W]`` with NaN, infinities and both zeros among the values."""
    image = rng.normal(size=(channels, *shape)).astype(np.float32)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    where = rng.random(image.shape) < 0.1
    image[where] = rng.choice(special, where.sum())
    return image
