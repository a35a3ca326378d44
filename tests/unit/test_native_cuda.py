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
