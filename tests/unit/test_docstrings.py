"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import pytest

import suffice

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(suffice.__path__, "suffice.")
    if not m.name.endswith(("_core", "_cuda", "__main__"))
    and (m.name != "suffice.study.resnet20" or find_spec("torch"))  # a network of torch
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    examples = [
        example
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) >= 8
