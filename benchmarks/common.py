"""What every benchmark shares: the zoo, the machine, writing results."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
ZOO = Path(os.environ.get("SUFFICE_ZOO", ROOT.parent / "shared" / "zoo"))


def machine() -> dict[str, Any]:
    """The machine and commit a result belongs to."""
    cpu = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        cpu = lines[0].partition(":")[2].strip() if lines else ""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "cpu": cpu or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def spread(values: Any) -> dict[str, float]:
    """Median, quartiles and range."""
    v = np.asarray(values, dtype=float)
    q1, median, q3 = np.percentile(v, [25, 50, 75])
    return {
        "n": len(v),
        "median": float(median),
        "q1": float(q1),
        "q3": float(q3),
        "min": float(v.min()),
        "max": float(v.max()),
    }


def model_file(name: str) -> Path:
    """A model of the zoo."""
    return ZOO / "models" / f"{name}.onnx"


def photos(count: int, seed: int = 0, minimum_correct: int = 8) -> list[Path]:
    """Photographs that most zoo models classify rightly, picked by a seed, never by hand."""
    import csv

    with (ZOO / "images" / "imagenet" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted(
        r["file"] for r in rows if int(r["models_top1_correct_of_13"] or 0) >= minimum_correct
    )
    picked = np.random.default_rng(seed).choice(len(names), count, replace=False)
    return [ZOO / "images" / "imagenet" / names[i] for i in sorted(picked)]


def write(name: str, result: dict[str, Any], table: str, folder: Path = RESULTS) -> None:
    """Write ``results/NAME.json`` and ``.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(), **result}
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    m = result["machine"]
    where = f"{m['cpu']}, {m['cores']} cores, commit {m['commit']}, {m['date']}"
    (folder / f"{name}.md").write_text(f"{table}\n\n{where}\n")
    print(table)
