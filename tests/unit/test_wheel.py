"""What a wheel may hold and show: the checks themselves, and the module that is installed here."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest

import suffice._core

ROOT = Path(__file__).resolve().parents[2]
MODULE = "suffice/_core.cpython-311-x86_64-linux-gnu.so"
INFO = "suffice-0.1.0.dist-info"
WHEEL = "Root-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("check_wheel", ROOT / "tools" / "check_wheel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build(tmp_path, tool, monkeypatch):
    """Write a wheel that is good but for what a test changes; give its faults."""
    monkeypatch.setattr(tool, "exported", lambda _: ["PyInit__core"])

    def write(add=(), leave_out=(), name="suffice-0.1.0-cp311-cp311-linux_x86_64", info=WHEEL):
        path = tmp_path / f"{name}.whl"
        good = [*tool.NEEDED, MODULE, f"{INFO}/entry_points.txt", f"{INFO}/licenses/LICENSE"]
        with zipfile.ZipFile(path, "w") as archive:
            for entry in [*(one for one in good if one not in leave_out), *add]:
                archive.writestr(entry, b"")
            archive.writestr(f"{INFO}/WHEEL", info)
        return tool.check(path, cpu=True)

    return write


def test_a_good_wheel_has_no_faults(build) -> None:
    assert build() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests/unit/test_wheel.py", "outside the package"),
        ("suffice/tests/test_one.py", "not needed"),
        ("suffice/benchmarks/one.py", "not needed"),
        ("suffice/__pycache__/api.cpython-311.pyc", "not needed"),
        ("suffice/core/shape.h", "kind that is not expected"),
        ("suffice/libsuffice_kernels.a", "kind that is not expected"),
        ("suffice/_core.cpython-312-x86_64-linux-gnu.so", "expected one compiled"),
        ("suffice/_cuda.cpython-311-x86_64-linux-gnu.so", "in a wheel for CPUs"),
        ("suffice/other.so", "kind that is not expected"),
    ],
)
def test_what_has_no_place_in_it(build, name, said) -> None:
    assert said in "\n".join(build(add=[name]))


@pytest.mark.parametrize("name", ["suffice/py.typed", MODULE, f"{INFO}/licenses/LICENSE"])
def test_what_must_be_there(build, name) -> None:
    assert len(build(leave_out=[name])) == 1


def test_a_module_of_another_python(build) -> None:
    other = MODULE.replace("311", "312")
    assert "for another Python" in "\n".join(build(add=[other], leave_out=[MODULE]))


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("suffice-0.1.0-cp312-cp312-linux_x86_64", "cp311-cp311-linux_x86_64"),
        ("suffice-0.1.0-py3-none-any", "py3-none-any"),
        ("suffice-0.1.0-cp311-abi3-linux_x86_64", "cp311-abi3-linux_x86_64"),
    ],
)
def test_tags_that_are_wrong(build, name, tag) -> None:
    assert build(name=name, info=f"Root-Is-Purelib: false\nTag: {tag}\n") != []


def test_exports(tool) -> None:
    assert tool.faults_of_exports("_core", ["PyInit__core"]) == []
    assert tool.faults_of_exports("_core", ["_PyInit__core"]) == []  # as macOS writes it
    found = tool.faults_of_exports("_core", ["PyInit__core", "_ZNSt6vectorIiE"])
    assert "_ZNSt6vectorIiE" in found[0]
    assert tool.faults_of_exports("_core", []) != []


def test_the_installed_module_exports_its_entry_alone(tool) -> None:
    names = tool.exported(Path(suffice._core.__file__))
    if names is None:
        pytest.skip("no nm, or a format that it does not read")
    if suffice._core.build_info()["sanitize"]:
        pytest.skip("sanitizers add symbols of their own")
    assert tool.faults_of_exports("_core", names) == []


def test_the_wheels_command_refuses_faults(tool, tmp_path, monkeypatch, capsys) -> None:
    path = tmp_path / "suffice-0.1.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{INFO}/WHEEL", WHEEL)
    monkeypatch.setattr(sys, "argv", ["check_wheel.py", str(path)])
    assert tool.main() == 1
    assert "suffice/py.typed is missing" in capsys.readouterr().out
