"""Measures of sets and maps whose values are known, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from suffice import _native, metrics
from suffice.errors import InputError
from suffice.explanation import Explanation


def mask(*pixels: tuple[int, int], shape: tuple[int, int] = (5, 7)) -> np.ndarray:
    keep = np.zeros(shape, bool)
    for pixel in pixels:
        keep[pixel] = True
    return keep


EMPTY, FULL = mask(), ~mask()


def explanation(keep: np.ndarray | None, responsibility: Any = None) -> Explanation:
    masks = np.zeros((0, 5, 7), bool) if keep is None else keep[None]
    record = {"image": {"name": "cat"}, "status": "unattained", "method": {"name": "minimal"}}
    return Explanation(record, masks, responsibility)


def test_dice_of_known_sets() -> None:
    a, b = mask((0, 0), (0, 1)), mask((0, 1))
    assert metrics.dice(a, b) == 2 / 3
    assert metrics.dice(EMPTY, EMPTY) == 1.0
    assert metrics.dice(EMPTY, a) == 0.0
    assert metrics.dice(a, ~a) == 0.0


def test_hausdorff_of_known_sets() -> None:
    corner, far = mask((0, 0)), mask((3, 4))
    assert metrics.hausdorff(corner, far) == 5.0
    assert metrics.hausdorff(corner, FULL) == math.hypot(4, 6)  # the far corner of the image
    assert metrics.hausdorff(EMPTY, EMPTY) == 0.0
    assert metrics.hausdorff(EMPTY, corner) == metrics.hausdorff(corner, EMPTY) == math.inf
    assert metrics.hausdorff(EMPTY, corner, percent=95) == math.inf


def test_95_per_cent_leaves_out_one_pixel_of_twenty_but_not_of_nineteen() -> None:
    shape = (1, 40)
    near = mask(*[(0, i) for i in range(20)], shape=shape)
    stray = mask(*[(0, i) for i in range(19)], (0, 39), shape=shape)
    assert metrics.hausdorff(stray, near) == 20.0
    assert metrics.hausdorff(stray, near, percent=95) == 0.0
    of_19 = mask(*[(0, i) for i in range(18)], (0, 39), shape=shape)
    assert metrics.hausdorff(of_19, near, percent=95) == 20.0


def test_hausdorff_far_beyond_a_word_and_in_a_long_row() -> None:
    shape = (1, 40_000)
    masks = np.stack([mask((0, 0), shape=shape), mask((0, 39_999), shape=shape)])
    np.testing.assert_array_equal(metrics.hausdorff_matrix(masks), [[0, 39_999], [39_999, 0]])


def test_images_whose_squares_exceed_32_bits_are_refused() -> None:
    masks = np.ones((1, 46_341, 1), bool)
    with pytest.raises(InputError, match="exceed 32 bits"):
        metrics.hausdorff_matrix(masks)
    largest = np.zeros((2, 46_340, 1), bool)
    largest[0, 0] = largest[1, -1] = True
    assert metrics.hausdorff_matrix(largest)[0, 1] == 46_339


def test_no_masks_give_an_empty_matrix() -> None:
    assert metrics.hausdorff_matrix(np.zeros((0, 3, 4), bool)).shape == (0, 0)
    assert metrics.dice_matrix(np.zeros((0, 3, 4), bool)).shape == (0, 0)


def test_components_of_a_diagonal() -> None:
    diagonal = mask((0, 0), (1, 1), (2, 2), (4, 0))
    four, eight = metrics.components(diagonal), metrics.components(diagonal, neighbours=8)
    assert (four.count, four.sizes.tolist()) == (4, [1, 1, 1, 1])
    assert (eight.count, eight.sizes.tolist()) == (2, [3, 1])
    assert eight.labels[4, 0] == 2
    assert metrics.components(EMPTY).count == 0
    assert metrics.components(EMPTY).sizes.shape == (0,)
    assert metrics.components(FULL).sizes.tolist() == [35]


def test_a_row_does_not_hang_together_with_the_next() -> None:
    ends = mask((0, 6), (1, 0))
    assert metrics.components(ends, neighbours=8).count == 2


def test_perimeter_counts_holes_and_may_leave_out_the_border() -> None:
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    assert metrics.perimeter(ring) == 16
    assert metrics.perimeter(ring, border=False) == 4
    assert metrics.perimeter(EMPTY) == 0
    assert metrics.perimeter(np.ones((1, 1), bool)) == 4


def test_centre_and_area_of_known_sets() -> None:
    assert metrics.centre_of_mass(mask((2, 4))) == (2.0, 4.0)
    assert metrics.centre_of_mass(FULL) == (2.0, 3.0)
    assert np.isnan(metrics.centre_of_mass(EMPTY)).all()
    assert metrics.area_ratio(mask((0, 0))) == 1 / 35
    assert (metrics.area_ratio(EMPTY), metrics.area_ratio(FULL)) == (0.0, 1.0)


def test_entropy_of_known_maps() -> None:
    flat, single = np.ones((4, 4), np.float32), mask((1, 1)).astype(np.float32)
    assert metrics.entropy(flat) == pytest.approx(math.log(16))
    assert metrics.entropy(single) == 0.0
    assert metrics.kl_to_uniform(flat) == metrics.kl_to_uniform(flat, of="uniform") == 0.0
    assert metrics.kl_to_uniform(single) == pytest.approx(math.log(35))
    assert metrics.kl_to_uniform(single, base=35) == pytest.approx(1.0)
    assert metrics.kl_to_uniform(single, of="uniform") == math.inf


def test_explanations_are_taken_by_their_best_set_and_map() -> None:
    keep = mask((0, 0), (1, 1))
    exp = explanation(keep, keep.astype(np.float32))
    assert metrics.dice(exp, keep) == metrics.dice_matrix([exp, exp])[0, 1] == 1.0
    assert metrics.hausdorff(exp, mask((0, 0))) == math.sqrt(2)
    assert metrics.components(exp).count == 2
    assert metrics.entropy(exp) == pytest.approx(math.log(2))


def test_an_explanation_without_a_set_is_no_empty_set() -> None:
    none = explanation(None)
    for measure in (metrics.components, metrics.perimeter, metrics.centre_of_mass):
        with pytest.raises(InputError, match="cat has no set, status unattained"):
            measure(none)
    with pytest.raises(InputError, match="cat has no set"):
        metrics.dice(none, EMPTY)
    with pytest.raises(InputError, match="minimal gives no responsibility"):
        metrics.entropy(none)


REFUSED = [
    (lambda: metrics.dice(EMPTY, mask(shape=(7, 5))), r"one size, got \[5, 7\] and \[7, 5\]"),
    (lambda: metrics.dice(EMPTY, EMPTY.astype(np.uint8)), "bool"),
    (lambda: metrics.dice("a", EMPTY), "bool"),
    (lambda: metrics.dice_matrix(EMPTY), r"bool \[M, H, W\]"),
    (lambda: metrics.dice_matrix([]), "at least one mask"),
    (lambda: metrics.perimeter(np.zeros((0, 3), bool)), "at least one pixel"),
    (lambda: metrics.hausdorff(EMPTY, EMPTY, percent=0), "percent above 0"),
    (lambda: metrics.hausdorff(EMPTY, EMPTY, percent=100.1), "percent above 0"),
    (lambda: metrics.hausdorff(EMPTY, EMPTY, percent=math.nan), "percent above 0"),
    (lambda: metrics.hausdorff_matrix([EMPTY], threads=0), "threads of at least 1"),
    (lambda: metrics.components(EMPTY, neighbours=6), "4 or 8"),
    (lambda: metrics.entropy(-np.ones((2, 2))), "from 0"),
    (lambda: metrics.entropy(np.full((2, 2), math.nan)), "finite"),
    (lambda: metrics.entropy(np.ones(4)), r"\[H, W\]"),
    (lambda: metrics.entropy(np.ones((0, 4))), "at least one pixel"),
    (lambda: metrics.kl_to_uniform(np.ones((2, 2)), of="it"), "of='map'"),
    (lambda: metrics.kl_to_uniform(np.ones((2, 2)), base=1.0), "base above 1"),
]


@pytest.mark.parametrize(("call", "says"), REFUSED)
def test_what_is_refused(call: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()


def test_native_refuses_words_that_do_not_fit() -> None:
    packed = np.zeros((2, 2), np.uint64)
    for call in (_native.squared_distances, _native.directed_hausdorff, _native.components):
        with pytest.raises(ValueError, match="expected 1 words for 15 pixels"):
            call(packed, (3, 5))
        with pytest.raises(TypeError, match="uint64"):
            call(packed.astype(np.int64), (8, 16))
    with pytest.raises(ValueError, match="4 or 8"):
        _native.components(packed, (8, 16), 5)
