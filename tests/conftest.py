"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of real classifiers and photos; the test skips with a message without it."""
    path = Path(os.environ.get("SUFFICE_ZOO", ROOT.parent / "shared" / "zoo"))
    if not (path / "models.json").is_file():
        pytest.skip(f"no model zoo at {path}; set SUFFICE_ZOO to run this test")
    return path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run only when asked for with -m."""
    if config.getoption("-m"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with -m slow"))
