"""Laws of compose, accumulate, add_masks, rank and prefix_masks, against the NumPy twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference import compose as twin_compose
from reference import masks as twin_masks
from reference import ranking as twin_ranking
from reference import responsibility as twin_responsibility
from reference.strategies import (
    laws,
    n_masks,
    random_boxes,
    random_image,
    random_masks,
    seeds,
    shapes,
)
from suffice import _native

# A NaN that no computation makes: an element left unwritten keeps these bits.
SENTINEL = np.uint32(0x7FC0BEEF)


def bits(array: np.ndarray) -> np.ndarray:
    """Return float32 values as integers, so that NaN and -0.0 compare bit by bit."""
    return array.view(np.uint32)


@laws
@given(shapes, n_masks, st.integers(1, 4), st.integers(1, 5), seeds)
def test_compose_is_where(
    shape: tuple[int, int], n: int, channels: int, threads: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image, baseline = random_image(rng, channels, shape), random_image(rng, channels, shape)
    keep = random_masks(rng, n, shape)
    out = np.full((n, channels, *shape), SENTINEL).view(np.float32)
    assert _native.compose(image, baseline, _native.pack(keep), out, threads) is out
    np.testing.assert_array_equal(bits(out), bits(twin_compose.compose(image, baseline, keep)))
    np.testing.assert_array_equal(
        bits(_native.compose(image, baseline, _native.pack(keep))), bits(out)
    )


@laws
@given(shapes, seeds)
def test_a_mask_and_its_complement_rebuild_the_image(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(-9, 9, (3, *shape)).astype(np.float32)
    keep = random_masks(rng, 4, shape)
    zero = np.zeros_like(image)
    kept = _native.compose(image, zero, _native.pack(keep))
    removed = _native.compose(image, zero, _native.pack(~keep))
    np.testing.assert_array_equal(kept + removed, np.broadcast_to(image, kept.shape))


@laws
@given(shapes, seeds)
def test_channels_of_a_pixel_go_together(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    keep = random_masks(rng, 3, shape)
    ones = np.ones((5, *shape), np.float32)
    out = _native.compose(ones, ones - 1, _native.pack(keep))
    for channel in range(5):
        np.testing.assert_array_equal(out[:, channel], keep)


@laws
@given(shapes, st.integers(0, 30), seeds)
def test_accumulate_is_a_loop_over_boxes(shape: tuple[int, int], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, n, shape)
    values = rng.integers(-(2**55), 2**55, n)
    sums = _native.accumulate(boxes, values, shape)
    np.testing.assert_array_equal(sums, twin_responsibility.accumulate(boxes, values, shape))
    order = rng.permutation(n)
    np.testing.assert_array_equal(_native.accumulate(boxes[order], values[order], shape), sums)


@laws
@given(shapes, n_masks, seeds)
def test_add_masks_is_a_loop_over_masks(shape: tuple[int, int], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = random_masks(rng, n, shape)
    weights = rng.normal(size=n) / 3
    before = rng.normal(size=shape)
    sums = before.copy()
    _native.add_masks(sums, _native.pack(masks), weights)
    np.testing.assert_array_equal(sums, twin_responsibility.add_masks(before, masks, weights))
    for k in range(n):  # one by one is the same, bit by bit
        _native.add_masks(before, _native.pack(masks[k : k + 1]), weights[k : k + 1])
    np.testing.assert_array_equal(before, sums)


@laws
@given(shapes, st.sampled_from(["last", "first"]), seeds)
def test_rank(shape: tuple[int, int], ties: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    few = np.array([-np.inf, -1.5, -1e-45, -0.0, 0.0, 1e-45, 2.0, np.inf], np.float32)
    values = rng.choice(few, shape)
    order = _native.rank(values, ties)
    np.testing.assert_array_equal(order, twin_ranking.rank(values, ties))
    different = rng.permutation(values.size).reshape(shape).astype(np.float32) - 3
    np.testing.assert_array_equal(_native.rank(different, ties), np.argsort(-different, axis=None))


@laws
@given(shapes, st.lists(st.floats(0, 1), max_size=6), seeds)
def test_prefix_masks(shape: tuple[int, int], fractions: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_pixels = shape[0] * shape[1]
    order = rng.permutation(n_pixels)[: rng.integers(0, n_pixels + 1)].astype(np.int32)
    lengths = np.array([round(f * len(order)) for f in fractions], np.int64)
    packed = _native.prefix_masks(order, lengths, shape)
    np.testing.assert_array_equal(
        packed, twin_masks.pack(twin_ranking.prefix_masks(order, lengths, shape))
    )
    np.testing.assert_array_equal(_native.count(packed), lengths)
