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


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study ``s.db`` of 44 photos (40 of them classified rightly) and two models."""
    from reference.squares import run_squares

    return run_squares(tmp_path_factory.mktemp("squares"), 11).parent


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study ``s.db`` of 16 tiny photos by sis, which keeps orders of pixels."""
    from reference.squares import run_squares

    return run_squares(tmp_path_factory.mktemp("orders"), 4, method="sis", side=8).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run only when asked for with -m."""
    if config.getoption("-m"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with -m slow"))
