"""One real browser for all tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, of SUFFICE_CHROMIUM, the system or playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("SUFFICE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with api.sync_playwright() as play:
        path = found or play.chromium.executable_path
        if not Path(path).is_file():
            pytest.skip("no Chromium; set SUFFICE_CHROMIUM, or run playwright install chromium")
        made = play.chromium.launch(executable_path=path, args=list(FLAGS))
        yield made
        made.close()
