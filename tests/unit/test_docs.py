"""The code on pages that say so runs, from the first block to the last."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from suffice.methods import base

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[int, str]]:
    """Line and code of every block of Python."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start()) + 1, m[1]) for m in BLOCK.finditer(text)]


@pytest.fixture
def registry(monkeypatch):
    """Methods that a page registers are forgotten again; its classes can be pickled."""
    module = ModuleType("suffice_docs_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(base, "_REGISTRY", dict(base._REGISTRY))
    return module


def test_extending(registry) -> None:
    for line, code in blocks("extending.md"):
        run = compile("\n" * line + code, str(DOCS / "extending.md"), "exec")
        exec(run, registry.__dict__)  # noqa: S102  # our own page
    assert {"Greedy", "Brightness"} <= set(registry.__dict__)


@pytest.mark.parametrize("first", ["class Greedy", "class Brightness"])
def test_thirty_lines_are_enough(first) -> None:
    code = next(code for _, code in blocks("extending.md") if first in code)
    written = [
        line for line in code.splitlines() if line and not line.startswith(("import", "from"))
    ]
    assert len(written) <= 30
