"""What `_native` refuses, and how it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from suffice import _native
from suffice.errors import ScoresError, SufficeError

SHAPE = (3, 5)
IMAGE = np.zeros((2, *SHAPE), np.float32)
MASKS = np.zeros((4, 1), np.uint64)
BOXES = np.array([[0, 1, 2, 3]], np.int32)
OFFSETS = np.array([0, 1], np.int64)
LABELS = np.zeros(SHAPE, np.int32)
CHOICES = np.zeros((1, 1), np.uint64)
ORDER = np.arange(15, dtype=np.int32)
LENGTHS = np.array([2], np.int64)
SCORES = np.zeros((1, 3), np.float32)
TARGETS = np.zeros(1, np.int32)
VALUES = np.ones(1, np.int64)
WEIGHTS = np.ones(4)


def box(*corners: int) -> np.ndarray:
    return np.array([corners], np.int32)


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


n = _native
WRONG_TYPES: list[tuple[Callable[[], Any], str]] = [
    (lambda: n.pack(np.zeros((1, 3, 5), np.uint8)), "bool masks"),
    (lambda: n.count(MASKS.astype(np.int64)), "packed masks uint64"),
    (lambda: n.dice([[1]]), "packed masks uint64 .*got list"),
    (lambda: n.compose(IMAGE.astype(np.float64), IMAGE, MASKS), "image as float32 array, got"),
    (lambda: n.compose(IMAGE, IMAGE.astype(np.float16), MASKS), "baseline as float32 array"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS.view(np.int64)), "packed masks uint64"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS, np.zeros((4, 2, 3, 5))), "out as float32 array"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS, threads=1.5), "integer"),
    (lambda: n.accumulate(BOXES.astype(np.int64), VALUES, SHAPE), "boxes as int32"),
    (lambda: n.accumulate(BOXES, np.ones(1), SHAPE), "values as int64 array, got float64"),
    (lambda: n.add_masks(np.zeros(SHAPE, "f4"), MASKS, WEIGHTS), "sums as float64 array"),
    (lambda: n.add_masks(np.zeros(SHAPE), MASKS, WEIGHTS.astype("f4")), "weights as float64"),
    (lambda: n.masks_from_boxes(BOXES, OFFSETS.astype(np.int32), SHAPE), "offsets as int64"),
    (lambda: n.masks_from_boxes(BOXES, OFFSETS, (3.0, 5.0)), "integer"),
    (lambda: n.masks_from_labels(LABELS.astype(np.int64), CHOICES, 2), "labels as int32"),
    (lambda: n.masks_from_labels(LABELS, CHOICES.astype(bool), 2), "choices as uint64"),
    (lambda: n.tile_labels(SHAPE, 2.5), "integer"),
    (lambda: n.rank(np.zeros(SHAPE)), "values as float32 array, got float64"),
    (lambda: n.prefix_masks(ORDER.astype(np.int64), LENGTHS, SHAPE), "order as int32"),
    (lambda: n.prefix_masks(ORDER, LENGTHS.astype(np.float64), SHAPE), "lengths as int64"),
    (lambda: n.decide(SCORES.astype(np.float64), TARGETS, "logits"), "scores as float32"),
    (lambda: n.decide(SCORES, [0], "logits"), "targets as int32 array, got list"),
]

WRONG_VALUES: list[tuple[Callable[[], Any], str]] = [
    (lambda: n.unpack(MASKS, (9, 9)), "2 words for 81 pixels, got 1"),
    (lambda: n.unpack(MASKS, (0, 5)), "at least 1 x 1"),
    (lambda: n.digest(np.zeros((2, 0), np.uint64)), "at least one word"),
    (lambda: n.compose(IMAGE[0], IMAGE, MASKS), "image with 3 dimensions"),
    (lambda: n.compose(IMAGE, IMAGE[:1], MASKS), r"baseline of the image's shape \[2, 3, 5\]"),
    (lambda: n.compose(IMAGE[:, ::-1], IMAGE, MASKS), "C-contiguous image"),
    (lambda: n.compose(IMAGE, IMAGE.transpose(0, 2, 1), MASKS), "C-contiguous baseline"),
    (lambda: n.compose(IMAGE[:, :0], IMAGE[:, :0], MASKS), "at least one pixel"),
    (lambda: n.compose(IMAGE, IMAGE, np.zeros((4, 2), np.uint64)), "1 words for 15 pixels"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS, np.zeros((3, 2, 3, 5), "f4")), r"\[4, 2, 3, 5\]"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS, np.zeros((4, 2, 3, 5), "f4", "F")), "C-contiguous out"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS, read_only(np.zeros((4, 2, 3, 5), "f4"))), "read-only"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS[:1], IMAGE[None]), "overlapping"),
    (lambda: n.compose(IMAGE, IMAGE, MASKS, threads=0), "threads of at least 1"),
    (lambda: n.accumulate(box(0, 4, 0, 5), VALUES, SHAPE), r"box 0 is \(0, 4, 0, 5\)"),
    (lambda: n.accumulate(box(0, 3, 0, 6), VALUES, SHAPE), "c1 <= 5"),
    (lambda: n.accumulate(box(-1, 3, 0, 5), VALUES, SHAPE), "box 0"),
    (lambda: n.accumulate(box(2, 1, 0, 5), VALUES, SHAPE), "box 0"),
    (lambda: n.accumulate(BOXES, np.ones(2, np.int64), SHAPE), "one value for each of 1 boxes"),
    (lambda: n.accumulate(BOXES[:, :3], VALUES, SHAPE), r"boxes int32 \[N, 4\]"),
    (lambda: n.add_masks(np.zeros(SHAPE), MASKS, WEIGHTS[:1]), "one weight for each of 4 masks"),
    (lambda: n.add_masks(np.zeros((9, 9)), MASKS, WEIGHTS), "2 words for 81 pixels, got 1"),
    (lambda: n.add_masks(np.zeros((3, 0)), MASKS, WEIGHTS), "at least one"),
    (lambda: n.add_masks(np.zeros((3, 10))[:, ::2], MASKS, WEIGHTS), "C-contiguous sums"),
    (lambda: n.add_masks(read_only(np.zeros(SHAPE)), MASKS, WEIGHTS), "read-only"),
    (lambda: n.masks_from_boxes(box(0, 1, 5, 6), OFFSETS, SHAPE), "box 0"),
    (lambda: n.masks_from_boxes(BOXES, OFFSETS[:0], SHAPE), "offsets"),
    (lambda: n.masks_from_boxes(BOXES, OFFSETS + 1, SHAPE), "begin at 0"),
    (lambda: n.masks_from_boxes(BOXES, np.array([0, 2]), SHAPE), "end at the number of boxes, 1"),
    (lambda: n.masks_from_boxes(BOXES, np.array([0, 1, 0, 1]), SHAPE), "never to fall"),
    (lambda: n.masks_from_labels(LABELS - 1, CHOICES, 2), "pixel 0 has label -1, expected 0..1"),
    (lambda: n.masks_from_labels(LABELS + 2, CHOICES, 2), "pixel 0 has label 2, expected 0..1"),
    (lambda: n.masks_from_labels(LABELS, CHOICES, 65), "choices of 2 words for 65 regions"),
    (lambda: n.masks_from_labels(LABELS, CHOICES, 0), "n_regions of at least 1"),
    (lambda: n.masks_from_labels(LABELS.T, CHOICES, 2), "C-contiguous labels"),
    (lambda: n.masks_from_labels(LABELS[:0], CHOICES, 2), "at least one pixel"),
    (lambda: n.tile_labels(SHAPE, 0), "grain of at least 1"),
    (lambda: n.grid_labels(SHAPE, 4, 1), "1 to 3 rows and 1 to 5 columns"),
    (lambda: n.grid_labels(SHAPE, 1, 0), "1 to 3 rows and 1 to 5 columns"),
    (lambda: n.rank(np.array([[0, np.nan]], np.float32)), "value 1 is NaN"),
    (lambda: n.rank(np.zeros(SHAPE, np.float32), "random"), "'last' or 'first'"),
    (lambda: n.rank(np.zeros((3, 6), np.float32)[:, ::2]), "C-contiguous values"),
    (lambda: n.prefix_masks(ORDER, LENGTHS, (3, 4)), r"order\[12\] is 12"),
    (lambda: n.prefix_masks(ORDER - 1, LENGTHS, SHAPE), r"order\[0\] is -1"),
    (lambda: n.prefix_masks(ORDER, LENGTHS - 3, SHAPE), "length -1"),
    (lambda: n.prefix_masks(ORDER[:1], LENGTHS, SHAPE), r"length 2 is outside 0\.\.1"),
    (lambda: n.decide(SCORES, TARGETS + 3, "logits"), r"target 3 of row 0 is outside 0\.\.2"),
    (lambda: n.decide(SCORES, TARGETS - 1, "multilabel"), "target -1 of row 0"),
    (lambda: n.decide(SCORES, np.zeros(2, np.int32), "logits"), "one target for each of 1 rows"),
    (lambda: n.decide(SCORES[:, :1], TARGETS, "logits"), "at least 2, got 1"),
    (lambda: n.decide(SCORES[:, :1], TARGETS, "probabilities"), "at least 2, got 1"),
    (lambda: n.decide(SCORES, TARGETS, "odds"), "multilabel, got odds"),
    (lambda: n.decide(SCORES[:, ::2], TARGETS, "logits"), "C-contiguous scores"),
    (lambda: n.backward_search(MASKS, SHAPE), "one mask to start from, got 4"),
    (lambda: n.backward_search(MASKS[:1], (9, 9)), "2 words for 81 pixels, got 1"),
    (lambda: n.backward_search(np.zeros((1, 1), np.uint64), SHAPE), "start keeps no pixel"),
    (lambda: n.backward_search(np.full((1, 1), 1 << 15, np.uint64), SHAPE), "keeps no pixel"),
    (lambda: n.backward_search(np.full((1, 1), 3 << 14, np.uint64), SHAPE), "beyond the last"),
    (lambda: n.backward_search(np.ones((1, 1), np.uint64), SHAPE, 0), "width of at least 1"),
]


@pytest.mark.parametrize(("call", "message"), WRONG_TYPES)
def test_wrong_types(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), WRONG_VALUES)
def test_wrong_values(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("kind", ["logits", "probabilities", "multilabel"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_without_a_decision_name_their_row(kind: Any, bad: float) -> None:
    scores = np.full((4, 3), -1.0, np.float32)
    scores[2, 1] = scores[3, 0] = bad
    targets = np.zeros(4, np.int32)
    if kind == "probabilities" and bad == -np.inf:
        assert np.isfinite(_native.decide(scores, targets, kind).confidence).all()
        return
    with pytest.raises(ScoresError, match="in row 2 of 4") as raised:
        _native.decide(scores, targets, kind)
    assert raised.value.row == 2
    assert isinstance(raised.value, SufficeError)


def test_small_index_arrays_may_have_another_layout() -> None:
    boxes = np.asfortranarray(np.array([[0, 1, 0, 5], [1, 3, 2, 4]], np.int32))
    values = np.array([1, 9, 2], np.int64)[::2]
    sums = _native.accumulate(boxes, values, SHAPE)
    np.testing.assert_array_equal(sums, [[1] * 5, [0, 0, 2, 2, 0], [0, 0, 2, 2, 0]])
    lengths = np.array([1, 0, 2], np.int64)[::-2]
    np.testing.assert_array_equal(
        _native.count(_native.prefix_masks(ORDER[::2], lengths, SHAPE)), [2, 1]
    )


def test_build_info_says_what_was_compiled_in() -> None:
    info = _native.build_info()
    assert set(info) >= {"compiler", "standard", "cuda", "sanitize"}
    assert info["standard"] >= "C++17"
    assert isinstance(info["cuda"], bool)
