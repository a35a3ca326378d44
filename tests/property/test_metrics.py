"""Laws of the measures of sets and maps, against SciPy and the twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats
from scipy.spatial.distance import directed_hausdorff

from reference import metrics as twin
from reference.strategies import laws, n_masks, random_masks, seeds, shapes
from suffice import _native, metrics

percents = st.sampled_from([0.5, 50.0, 90.0, 95.0, 99.9, 100.0])
threads = st.integers(1, 5)


@laws
@given(shapes, n_masks, seeds, threads)
def test_squared_distances_are_scipys(
    shape: tuple[int, int], n: int, seed: int, workers: int
) -> None:
    keep = random_masks(np.random.default_rng(seed), n, shape)
    squares = _native.squared_distances(_native.pack(keep), shape, workers)
    assert squares.shape == keep.shape
    for mask, found in zip(keep, squares, strict=True):
        if mask.any():
            nearest = ndimage.distance_transform_edt(
                ~mask, return_distances=False, return_indices=True
            )
            offsets = nearest - np.indices(shape)
            np.testing.assert_array_equal(found, (offsets.astype(np.int64) ** 2).sum(axis=0))
        else:
            assert (found == -1).all()


@laws
@given(st.tuples(st.integers(1, 12), st.integers(1, 12)), seeds)
def test_squared_distances_are_the_twins(shape: tuple[int, int], seed: int) -> None:
    keep = random_masks(np.random.default_rng(seed), 3, shape)
    squares = _native.squared_distances(_native.pack(keep), shape)
    for mask, found in zip(keep, squares, strict=True):
        np.testing.assert_array_equal(found, twin.squared_distances(mask))


@laws
@given(shapes, seeds)
def test_hausdorff_is_scipys(shape: tuple[int, int], seed: int) -> None:
    a, b = random_masks(np.random.default_rng(seed), 2, shape)
    found = metrics.hausdorff(a, b)
    if a.any() and b.any():
        u, v = np.argwhere(a), np.argwhere(b)
        assert found == max(directed_hausdorff(u, v)[0], directed_hausdorff(v, u)[0])
    else:
        assert found == (0.0 if a.any() == b.any() else np.inf)


@laws
@given(st.tuples(st.integers(1, 14), st.integers(1, 14)), st.integers(1, 5), seeds, percents)
def test_hausdorff_of_every_pair_is_the_twins(
    shape: tuple[int, int], n: int, seed: int, percent: float
) -> None:
    keep = random_masks(np.random.default_rng(seed), n, shape)
    table = metrics.hausdorff_matrix(keep, percent=percent)
    expected = [[twin.hausdorff(a, b, percent) for b in keep] for a in keep]
    np.testing.assert_array_equal(table, expected)


@laws
@given(shapes, n_masks, seeds, percents, threads)
def test_hausdorff_holds_its_laws(
    shape: tuple[int, int], n: int, seed: int, percent: float, workers: int
) -> None:
    keep = random_masks(np.random.default_rng(seed), n, shape)
    table = metrics.hausdorff_matrix(keep, percent=percent, threads=workers)
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), np.zeros(n))
    np.testing.assert_array_equal(table, metrics.hausdorff_matrix(keep, percent=percent, threads=1))
    flipped = metrics.hausdorff_matrix(np.ascontiguousarray(keep[:, ::-1]), percent=percent)
    np.testing.assert_array_equal(table, flipped)
    whole = metrics.hausdorff_matrix(keep)
    assert (table <= whole).all()
    for i in range(n):  # the triangle inequality holds for the whole distance only
        assert (whole <= whole[:, i : i + 1] + whole[i : i + 1] + 1e-9).all()


@laws
@given(shapes, n_masks, seeds, st.sampled_from([4, 8]), threads)
def test_components_are_scipys(
    shape: tuple[int, int], n: int, seed: int, neighbours: int, workers: int
) -> None:
    keep = random_masks(np.random.default_rng(seed), n, shape)
    labels, counts = _native.components(_native.pack(keep), shape, neighbours, workers)
    structure = ndimage.generate_binary_structure(2, 1 if neighbours == 4 else 2)
    for mask, found, count in zip(keep, labels, counts, strict=True):
        expected, n_expected = ndimage.label(mask, structure)
        assert count == n_expected
        np.testing.assert_array_equal(found > 0, mask)
        # The same partition: each label of one meets just one of the other ...
        pairs = np.unique(np.stack([found[mask], expected[mask]]), axis=1)
        assert pairs.shape[1] == count
        # ... and ours count up in the order of first pixels.
        firsts = [int(np.flatnonzero(found == k)[0]) for k in range(1, count + 1)]
        assert firsts == sorted(firsts)
        made = metrics.components(mask, neighbours=neighbours)
        assert made.count == count
        np.testing.assert_array_equal(made.labels, found)
        np.testing.assert_array_equal(made.sizes, np.bincount(expected[mask])[1:][pairs[1] - 1])


@laws
@given(shapes, seeds, st.booleans())
def test_perimeter_is_the_twins(shape: tuple[int, int], seed: int, border: bool) -> None:
    for mask in random_masks(np.random.default_rng(seed), 2, shape):
        assert metrics.perimeter(mask, border=border) == twin.perimeter(mask, border)


@laws
@given(shapes, seeds)
def test_perimeter_of_a_set_and_of_the_rest(shape: tuple[int, int], seed: int) -> None:
    mask = random_masks(np.random.default_rng(seed), 1, shape)[0]
    assert metrics.perimeter(mask, border=False) == metrics.perimeter(~mask, border=False)
    whole = metrics.perimeter(mask) + metrics.perimeter(~mask)
    assert whole - 2 * metrics.perimeter(mask, border=False) == 2 * sum(shape)


@laws
@given(shapes, seeds)
def test_centre_of_mass_is_scipys(shape: tuple[int, int], seed: int) -> None:
    mask = random_masks(np.random.default_rng(seed), 1, shape)[0]
    found = metrics.centre_of_mass(mask)
    if mask.any():
        np.testing.assert_allclose(found, ndimage.center_of_mass(mask), rtol=1e-12, atol=1e-12)
    else:
        assert np.isnan(found).all()


@laws
@given(shapes, seeds)
def test_entropy_is_scipys(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random(shape) * random_masks(rng, 1, shape)[0]
    found, divergence = metrics.entropy(values), metrics.kl_to_uniform(values)
    if not values.any():
        assert np.isnan([found, divergence]).all()
        assert np.isnan(metrics.kl_to_uniform(values, of="uniform"))
        return
    flat = values.reshape(-1)
    uniform = np.ones_like(flat)
    close = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(found, stats.entropy(flat), **close)
    np.testing.assert_allclose(divergence, stats.entropy(flat, uniform), **close)
    np.testing.assert_allclose(found + divergence, np.log(flat.size), **close)
    of_rex = metrics.kl_to_uniform(values, of="uniform", base=2)
    np.testing.assert_allclose(of_rex, stats.entropy(uniform, flat, base=2), **close)
    np.testing.assert_allclose(metrics.entropy(values * 1e300), found, **close)
