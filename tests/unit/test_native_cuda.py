"""The CUDA extension where there is no device, and builds without it."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from suffice import _native


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


def test_the_package_does_not_load_it_unasked(extension: ModuleType) -> None:
    code = "import sys; from suffice import _native; print('suffice._cuda' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "False"
