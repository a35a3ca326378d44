"""The budgets of instructions: what is compared, and that every operation has one."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("instructions", ROOT / "tools/instructions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({"rank": 1049}, None),
        ({"rank": 951}, None),
        ({"rank": 1051}, "slower"),
        ({"rank": 940}, "faster"),
        ({"rank": 1000, "dice": 5}, "no budget"),
        ({}, "not an operation"),
    ],
)
def test_budgets(tool, counted, said) -> None:
    _, faults = tool.compare(counted, {"rank": 1000}, 0.05)
    assert (said is None) == (faults == [])
    assert all(said in fault for fault in faults)


def test_every_operation_has_a_budget(tool) -> None:
    source = (ROOT / "benchmarks/native/instructions.cpp").read_text(encoding="utf-8")
    table = source.partition("kOperations = {")[2].partition("};")[0]
    stored = json.loads(tool.BUDGETS.read_text(encoding="utf-8"))
    assert sorted(re.findall(r'\{"(\w+)"', table)) == sorted(stored["instructions"])
    assert stored["tolerance"] == tool.TOLERANCE


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", "GCC 12"),
        ("GCC: (GNU) 9.4.0\nclang version 17.0.6", "clang 17"),
        ("", "unknown"),
    ],
)
def test_the_compiler(tool, monkeypatch, comment, said) -> None:
    class Done:
        stdout = comment

    monkeypatch.setattr(tool.subprocess, "run", lambda *_, **__: Done)
    assert tool.compiler(Path("program")) == said
