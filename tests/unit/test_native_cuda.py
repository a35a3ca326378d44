"""The CUDA extension where there is no device, and builds without it."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from suffice import _native
from suffice.errors import ScoresError
from suffice.types import Decisions


@pytest.fixture
def extension() -> ModuleType:
    """The extension itself, which imports with or without a driver."""
    if not _native.build_info()["cuda"]:
        pytest.skip("this build has no CUDA (SUFFICE_CUDA)")
    return importlib.import_module("suffice._cuda")


def test_build_info_tells_whether_the_extension_is_there() -> None:
    found = importlib.util.find_spec("suffice._cuda") is not None
    assert _native.build_info()["cuda"] == found


def test_a_cpu_build_names_the_command_that_builds_it() -> None:
    if _native.build_info()["cuda"]:
        pytest.skip("this build has CUDA")
    with pytest.raises(RuntimeError, match=r"pip install \. -C cmake\.define\.SUFFICE_CUDA=ON"):
        _native.cuda()
    assert "this build has no CUDA" in str(_native.cuda_info())


def test_it_says_why_it_cannot_run(extension: ModuleType) -> None:
    reason = extension.why_unavailable()
    assert _native.cuda_info() == reason
    assert (extension.device_count() == 0) == (reason is not None)
    if reason is None:
        assert _native.cuda() is extension
        return
    assert reason.startswith(("no CUDA driver", "no CUDA device", "the CUDA driver", "CUDA can't"))
    with pytest.raises(RuntimeError, match="CUDA was asked for, but ") as raised:
        _native.cuda()
    assert reason in str(raised.value)


def test_arrays_of_the_host_are_refused(extension: ModuleType) -> None:
    array = np.zeros((1, 1, 1), np.float32)
    with pytest.raises(TypeError, match="image on a CUDA device, got ndarray"):
        extension.compose(array, array, array, array)
    with pytest.raises(TypeError, match=r"image as a CUDA array .* got list"):
        extension.compose([0.0], array, array, array)


@pytest.mark.parametrize(
    ("name", "arguments", "first"),
    [
        ("masks_from_boxes", (8, 8), "boxes"),
        ("masks_from_labels", (3,), "labels"),
        ("prefix_masks", (64,), "order"),
        ("accumulate", (), "boxes"),
        ("leave_one_out", (), "mask"),
    ],
)
def test_every_operation_names_the_array_it_refuses(
    extension: ModuleType, name: str, arguments: tuple[int, ...], first: str
) -> None:
    array = np.zeros((1, 1), np.int32)
    with pytest.raises(TypeError, match=f"expected {first} on a CUDA device, got ndarray"):
        getattr(extension, name)(array, array, *arguments, array)


def test_names_are_checked_before_arrays(extension: ModuleType) -> None:
    array = np.zeros((1, 1), np.float32)
    with pytest.raises(ValueError, match="output kind logits, probabilities or multilabel"):
        extension.decide(array, array, "odds", array)
    with pytest.raises(ValueError, match="layout NCHW or NHWC, got CHWN"):
        extension.compose(array, array, array, array, layout="CHWN")


class Claim:
    """An array of the device as far as its description goes; it has no memory.

    All of them begin at address 0, so a call whose shapes are right ends at the check that `out`
    is apart from the inputs, before anything is asked of a device.
    """

    def __init__(self, typestr: str, *shape: int, **more: object) -> None:
        self.__cuda_array_interface__ = {
            "shape": shape,
            "typestr": typestr,
            "data": (0, False),
            "version": 3,
            **more,
        }


F4, F2, F8, I4, I8, U8 = "<f4", "<f2", "<f8", "<i4", "<i8", "<u8"
IMAGE, PAIR, MASKS = Claim(F4, 3, 8, 10), Claim(F4, 2, 3, 8, 10), Claim(U8, 5, 2)
OUT, ROWS, MAP = Claim(F4, 5, 3, 8, 10), Claim(I4, 5), Claim(I4, 8, 10)
APART = "out overlaps an input"


@pytest.mark.parametrize(
    ("arrays", "more", "message"),
    [
        ((IMAGE, IMAGE, MASKS, OUT), {}, APART),
        ((IMAGE, IMAGE, Claim(I8, 5, 2), Claim(F2, 5, 3, 8, 10)), {}, APART),
        ((IMAGE, IMAGE, MASKS, Claim(F4, 5, 8, 10, 3)), {"layout": "NHWC"}, APART),
        ((PAIR, PAIR, MASKS, OUT), {"rows": ROWS}, APART),
        ((IMAGE, IMAGE, Claim(U8, 5, 1), OUT), {"labels": MAP, "n_regions": 64}, APART),
        (
            (PAIR, PAIR, MASKS, OUT),
            {"rows": ROWS, "labels": Claim(I4, 2, 8, 10), "n_regions": 65},
            APART,
        ),
        ((IMAGE, IMAGE, MASKS, Claim(F4, 5, 8, 10, 3)), {}, r"out is not \[masks, channels,"),
        ((IMAGE, IMAGE, MASKS, OUT), {"layout": "NHWC"}, r"out is not \[masks, height, width,"),
        ((IMAGE, IMAGE, MASKS, Claim(F8, 5, 3, 8, 10)), {}, "out as float32 or float16 or bfl"),
        ((IMAGE, Claim(F4, 3, 10, 8), MASKS, OUT), {}, "image and baseline shapes disagree"),
        ((IMAGE, PAIR, MASKS, OUT), {}, "image and baseline shapes disagree"),
        ((Claim(F4, 8, 10), IMAGE, MASKS, OUT), {}, "image with 3 or 4 dimensions"),
        ((IMAGE, IMAGE, Claim(U8, 5, 1), OUT), {}, "another number of words"),
        ((IMAGE, IMAGE, MASKS, OUT), {"labels": MAP, "n_regions": 64}, "another number of words"),
        ((IMAGE, IMAGE, MASKS, OUT), {"labels": MAP}, "n_regions of at least 1"),
        ((IMAGE, IMAGE, MASKS, OUT), {"labels": ROWS}, "labels with 2 or 3 dimensions"),
        ((IMAGE, IMAGE, MASKS, OUT), {"labels": Claim(I4, 10, 8)}, "labels are not"),
        ((PAIR, PAIR, MASKS, OUT), {}, "need rows"),
        ((PAIR, PAIR, MASKS, OUT), {"rows": Claim(I4, 4)}, "not one for each mask"),
        ((PAIR, PAIR, MASKS, OUT), {"rows": Claim(I8, 5)}, "rows as int32, got int64"),
        ((IMAGE, IMAGE, MASKS, Claim(F4, 5, 3, 8, 10, data=(0, True))), {}, "writeable out"),
        ((IMAGE, IMAGE, MASKS, Claim(F4, 5, 3, 8, 10, strides=(4,) * 4)), {}, "C-contiguous out"),
    ],
)
def test_shapes_of_compose_are_checked(
    extension: ModuleType, arrays: tuple[Claim, ...], more: dict[str, object], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        extension.compose(*arrays, **more)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("masks_from_boxes", (Claim(I4, 9, 4), Claim(I8, 6), 8, 10, MASKS), APART),
        ("masks_from_boxes", (Claim(I4, 9, 3), Claim(I8, 6), 8, 10, MASKS), r"not \[N, 4\]"),
        ("masks_from_boxes", (Claim(I4, 9, 4), Claim(I8, 5), 8, 10, MASKS), "out is not"),
        ("masks_from_boxes", (Claim(I4, 9, 4), Claim(I8, 6), 0, 10, MASKS), "no pixels"),
        ("masks_from_labels", (MAP, Claim(U8, 5, 1), 64, MASKS), APART),
        ("masks_from_labels", (MAP, Claim(U8, 5, 1), 65, MASKS), "another number of words"),
        ("masks_from_labels", (MAP, Claim(U8, 4, 1), 64, MASKS), "out is not"),
        ("prefix_masks", (Claim(I4, 70), Claim(I8, 5), 80, MASKS), APART),
        ("prefix_masks", (Claim(I4, 70), Claim(I4, 5), 80, MASKS), "lengths as int64, got int32"),
        ("prefix_masks", (Claim(I4, 70), Claim(I8, 5), 64, MASKS), "out is not"),
        ("prefix_masks", (Claim(I4, 70), Claim(I8, 4), 80, MASKS), "out is not"),
        ("prefix_masks", (Claim(I4, 70), Claim(I8, 5), 0, MASKS), "no pixels"),
        ("leave_one_out", (Claim(U8, 2), ROWS, MASKS), APART),
        ("leave_one_out", (Claim(U8, 1), ROWS, MASKS), "out is not"),
        ("leave_one_out", (Claim(U8, 2), Claim(I4, 6), MASKS), "out is not"),
        ("accumulate", (Claim(I4, 9, 4), Claim(I8, 9), Claim(I8, 8, 10)), APART),
        ("accumulate", (Claim(I4, 9, 4), Claim(I8, 8), Claim(I8, 8, 10)), "one value each"),
        ("decide", (Claim(F2, 5, 7), ROWS, "logits", Claim(F8, 5, 8)), APART),
        ("decide", (Claim(F4, 5, 7), ROWS, "logits", Claim(F8, 5, 7)), r"not \[rows, 8\]"),
        ("decide", (Claim(F4, 4, 7), ROWS, "logits", Claim(F8, 5, 8)), "sizes disagree"),
        ("decide", (Claim(F8, 5, 7), ROWS, "logits", Claim(F8, 5, 8)), "scores as float32 or fl"),
    ],
)
def test_shapes_are_checked(
    extension: ModuleType, name: str, arguments: tuple[object, ...], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(extension, name)(*arguments)


def columns_of(decisions: Decisions) -> np.ndarray:
    """Lay decisions out as the device does."""
    fields = ("top1", "top1_confidence", "confidence", "lead", "log_odds", "wins_tie", "score")
    columns = [np.asarray(getattr(decisions, field), np.float64) for field in fields]
    return np.stack([*columns, np.ones(len(decisions))], axis=1)


def test_columns_of_the_device_become_decisions() -> None:
    scores = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    scores[3] = 1.0
    expected = _native.decide(scores, np.arange(6, dtype=np.int32) % 5, "logits")
    found = _native.decisions(columns_of(expected))
    for field in dataclasses.fields(Decisions):
        value, other = getattr(found, field.name), getattr(expected, field.name)
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(value, other)
    assert len(_native.decisions(np.empty((0, _native.DECISION_COLUMNS)))) == 0


def test_a_row_without_a_decision_is_an_error() -> None:
    columns = np.zeros((4, _native.DECISION_COLUMNS))
    columns[:, -1] = 1.0
    columns[2] = np.nan
    columns[2, -1] = 0.0
    with pytest.raises(ScoresError, match="row 2 of 4") as raised:
        _native.decisions(columns)
    assert raised.value.row == 2
    with pytest.raises(ValueError, match="8 numbers a row"):
        _native.decisions(np.zeros((4, 7)))
    with pytest.raises(TypeError, match="columns as float64"):
        _native.decisions(columns.astype(np.float32))


def test_the_package_does_not_load_it_unasked(extension: ModuleType) -> None:
    code = "import sys; from suffice import _native; print('suffice._cuda' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "False"
