from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def zoo() -> Path:
    """Folder of the model zoo; the test is skipped where there is none."""
    folder = Path(os.environ.get("SUFFICE_ZOO", REPOSITORY.parent / "shared" / "zoo"))
    if not (folder / "models.json").is_file():
        pytest.skip(f"no model zoo at {folder}; set SUFFICE_ZOO")
    return folder
