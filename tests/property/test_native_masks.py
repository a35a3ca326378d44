"""Laws of packed masks, regions and metrics, against the NumPy twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference import masks as twin_masks
from reference import metrics as twin_metrics
from reference import regions as twin
from reference.strategies import laws, n_masks, random_boxes, random_masks, seeds, shapes
from suffice import _native


@laws
@given(shapes, n_masks, seeds)
def test_packing_is_the_twins_and_comes_back(shape: tuple[int, int], n: int, seed: int) -> None:
    keep = random_masks(np.random.default_rng(seed), n, shape)
    packed = _native.pack(keep)
    np.testing.assert_array_equal(packed, twin_masks.pack(keep))
    np.testing.assert_array_equal(_native.unpack(packed, shape), keep)
    np.testing.assert_array_equal(_native.count(packed), twin_masks.count(keep))


@laws
@given(shapes, seeds)
def test_equal_masks_and_only_they_have_equal_digests(shape: tuple[int, int], seed: int) -> None:
    keep = random_masks(np.random.default_rng(seed), 6, shape)
    packed = np.concatenate([_native.pack(keep), _native.pack(keep[::-1])])
    digests = _native.digest(packed)
    same_mask = (packed[:, None] == packed[None]).all(axis=2)
    same_digest = (digests[:, None] == digests[None]).all(axis=2)
    np.testing.assert_array_equal(same_digest, same_mask)


@laws
@given(shapes, n_masks, st.integers(0, 12), seeds)
def test_masks_from_boxes(shape: tuple[int, int], n: int, n_boxes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_boxes = n_boxes if n else 0
    boxes = random_boxes(rng, n_boxes, shape)
    inner = np.sort(rng.integers(0, n_boxes + 1, max(n - 1, 0)))
    offsets = np.array([0, *inner, n_boxes] if n else [0], np.int64)
    packed = _native.masks_from_boxes(boxes, offsets, shape)
    np.testing.assert_array_equal(
        packed, twin_masks.pack(twin.masks_from_boxes(boxes, offsets, shape))
    )


@laws
@given(shapes, st.integers(1, 70))
def test_tile_labels(shape: tuple[int, int], grain: int) -> None:
    labels = _native.tile_labels(shape, grain)
    np.testing.assert_array_equal(labels, twin.tile_labels(shape, grain))
    n_tiles = -(-shape[0] // grain) * -(-shape[1] // grain)
    np.testing.assert_array_equal(np.unique(labels), np.arange(n_tiles))
    assert np.bincount(labels.ravel()).max() <= grain**2


@laws
@given(shapes, st.data())
def test_grid_labels(shape: tuple[int, int], data: st.DataObject) -> None:
    rows, cols = (data.draw(st.integers(1, side)) for side in shape)
    labels = _native.grid_labels(shape, rows, cols)
    np.testing.assert_array_equal(labels, twin.grid_labels(shape, rows, cols))
    np.testing.assert_array_equal(np.unique(labels), np.arange(rows * cols))


@laws
@given(shapes, n_masks, st.integers(1, 130), seeds)
def test_masks_from_labels(shape: tuple[int, int], n: int, n_regions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_regions, shape).astype(np.int32)
    chosen = random_masks(rng, n, (1, n_regions))
    packed = _native.masks_from_labels(labels, _native.pack(chosen), n_regions)
    expected = twin.masks_from_labels(labels, chosen[:, 0])
    np.testing.assert_array_equal(packed, twin_masks.pack(expected))


@laws
@given(shapes, st.integers(1, 130), seeds)
def test_renaming_regions_changes_no_pixel(
    shape: tuple[int, int], n_regions: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_regions, shape).astype(np.int32)
    chosen = random_masks(rng, 4, (1, n_regions))
    new_name = rng.permutation(n_regions).astype(np.int32)
    renamed = np.empty_like(chosen)
    renamed[:, :, new_name] = chosen
    np.testing.assert_array_equal(
        _native.masks_from_labels(labels, _native.pack(chosen), n_regions),
        _native.masks_from_labels(new_name[labels], _native.pack(renamed), n_regions),
    )


@laws
@given(shapes, st.integers(1, 20))
def test_all_regions_together_are_the_image(shape: tuple[int, int], grain: int) -> None:
    labels = _native.tile_labels(shape, grain)
    n_regions = int(labels.max()) + 1
    each = _native.pack(np.eye(n_regions, dtype=bool)[:, None])
    packed = _native.masks_from_labels(labels, each, n_regions)
    assert _native.count(packed).sum() == labels.size
    np.testing.assert_array_equal(
        np.bitwise_or.reduce(packed), _native.pack(np.ones(shape, bool))[0]
    )


@laws
@given(shapes, n_masks, seeds)
def test_dice(shape: tuple[int, int], n: int, seed: int) -> None:
    keep = random_masks(np.random.default_rng(seed), n, shape)
    table = _native.dice(_native.pack(keep))
    np.testing.assert_array_equal(table, twin_metrics.dice(keep))
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), np.ones(n))
