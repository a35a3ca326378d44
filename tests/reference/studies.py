"""A small study on disk: tiny linear models, photos bright in one quadrant, and its design."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from reference.onnx_models import linear_model, quadrant_weights
from reference.photos import SIDE, write_photo

SHAPE = (3, SIDE, SIDE)
TINY = """
[study]
name = "tiny"
criteria = ["top1", "relative:0.9"]
baselines = ["black"]
seeds = [{seeds}]
grains = [4]
budget = 60

[[models]]
source = "soft.onnx"
architecture = "linear"
size = 32
mean = [0, 0, 0]
std = [1, 1, 1]

[[models]]
name = "hard"
source = "hard.onnx"
preprocess = {{ size = 32, mean = [0, 0, 0], std = [1, 1, 1] }}

[[images]]
imagefolder = "photos"

[[methods]]
name = "short"
method = "rex"
settings = {{ iterations = {iterations} }}
"""


def write_models(folder: Path) -> None:
    """Two models: quadrant brightness as logits, and three times that."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, scale in (("soft", 1), ("hard", 3)):
        model = linear_model(SHAPE, quadrant_weights(SHAPE) * np.float32(scale))
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def write_study(folder: Path, seeds: int = 1, iterations: int = 2) -> Path:
    """Write models, four photos with labels and the design: ``16 * seeds`` jobs."""
    write_models(folder)
    for quadrant in range(4):
        write_photo(folder / "photos" / f"class{quadrant}" / f"{quadrant}.png", quadrant)
    path = folder / "design.toml"
    text = TINY.format(seeds=", ".join(map(str, range(seeds))), iterations=iterations)
    path.write_text(text)
    return path


def start(design: Path, store: Path, *words: str) -> subprocess.Popen[str]:
    """Start ``suffice study run`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "suffice", "study", "run", design, "--store", store, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def query(store: Path, sql: str) -> list[tuple]:
    """Rows of a store that others write; none before it has tables."""
    if not store.exists():
        return []
    db = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=60)
    try:
        return db.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        db.close()


def done(store: Path) -> int:
    """Results in a store."""
    return (query(store, "SELECT count(*) FROM explanations") or [(0,)])[0][0]


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Wait for a condition; false if the process ended before it held."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.002)
    return False


def kill(process: subprocess.Popen[str]) -> None:
    """``kill -9``, and collect."""
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def answers(store: Path) -> list[tuple]:
    """All that a run finds but for times: scalars, arrays."""
    rows = query(
        store,
        "SELECT key, status, certified, target, top1, top5, confidence, entropy, lead, pixels, "
        "area, sets, set_confidence, evaluations FROM explanations ORDER BY key",
    )
    return rows + query(store, "SELECT * FROM blobs ORDER BY key, kind")
