"""Many images, a large image, a large store: memory and seconds.

::

    python benchmarks/load.py            # all parts that are not measured yet, then the table
    python benchmarks/load.py stream     # one part anew

Each part runs in a process of its own, whose resident memory is sampled.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import suffice
from common import ROOT, write
from suffice.study import Study, StudyResult
from suffice.study.blobs import encode_mask
from suffice.study.keys import Job
from suffice.study.store import Store

CACHE = ROOT / "benchmarks" / "cache" / "load.json"
IMAGES = 10_000
ROWS = 100_000
SIDE = 4096


def resident() -> float:
    """MB of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def quadrants(batch: np.ndarray) -> np.ndarray:
    """Four classes: the brightness of each quadrant."""
    half = batch.shape[2] // 2
    parts = [batch[:, :, i : i + half, j : j + half] for i in (0, half) for j in (0, half)]
    return 8 * np.stack([p.mean((1, 2, 3)) for p in parts], 1)


def stream() -> dict[str, Any]:
    """10,000 images through one run; memory after each thousand."""
    rng = np.random.default_rng(0)

    def images() -> Iterator[np.ndarray]:
        for _ in range(IMAGES):
            yield rng.random((3, 32, 32), np.float32)

    clf = suffice.as_classifier(quadrants, input_shape=(3, 32, 32), fingerprint="quadrants")
    samples: list[float] = []
    began, evaluations, found = (time.perf_counter(), time.process_time()), 0, 0
    for explanation in suffice.explain_stream(
        clf, images(), baseline="constant:0.3", grain=8, budget=60
    ):
        evaluations += explanation.evaluations
        found += 1
        if found % (IMAGES // 10) == 0:
            samples.append(round(resident(), 1))
    return {
        "images": found,
        "evaluations": evaluations,
        "seconds": time.perf_counter() - began[0],
        "cpu_seconds": time.process_time() - began[1],
        "resident_mb": samples,
        "growth_mb": samples[-1] - samples[0],
    }


def large(method: suffice.methods.Method) -> dict[str, Any]:
    """One image of 4096 x 4096."""
    x = np.random.default_rng(0).random((3, SIDE, SIDE), np.float32) / 4
    x[:, 2700:3100, 2900:3500] += 0.7  # class 3: the flat baseline is of class 0
    clf = suffice.as_classifier(
        quadrants, input_shape=(3, SIDE, SIDE), n_classes=4, batch_size=2, fingerprint="quadrants"
    )
    before, began, worked = resident(), time.perf_counter(), time.process_time()
    (found,) = suffice.explain(
        clf, [x], method=method, baseline="constant:0", grain=256, budget=60, criterion="top1"
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    with tempfile.TemporaryDirectory() as folder:
        path = found.save(Path(folder) / "x")
        again = suffice.load(path)
        assert np.array_equal(again.masks, found.masks)
    assert found.certificate is not None
    return {
        "status": found.status,
        "pixels": found.pixels,
        "sufficient": found.certificate.sufficient,
        "evaluations": found.evaluations,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "before_mb": before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def rows_of(count: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Jobs of 10 models with a record each, as a real one is."""
    clf = suffice.as_classifier(quadrants, input_shape=(1, 32, 32), fingerprint="quadrants")
    x = np.random.default_rng(0).random((1, 32, 32), np.float32)
    study = Study({"quadrants": clf}, [x], baselines="constant:0.2", grains=4, budget=80)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        study.run(path)
        with Store(path, "read") as store:
            (row,) = store.query("SELECT * FROM explanations")
    made = {key: row[key] for key in row.keys() if key != "key"}  # noqa: SIM118  # a row of SQLite
    rng = np.random.default_rng(1)
    for k in range(count):
        image, model = f"image-{k // 10}", f"model-{k % 10}"
        job = Job(
            f"{k:064x}", "{}", f"g{k % 10}", model, "a", image, f"{k // 10:064x}", k % 7, "minimal",
            "top1", "constant:0.2", 4, 0, None,
        )  # fmt: skip
        pixels = int(rng.integers(1, 1024))
        yield job, {**made, "pixels": pixels, "area": pixels / 1024}


def store() -> dict[str, Any]:
    """100,000 results: written by `Store.put`, then everything that reads them."""
    seconds: dict[str, list[float]] = {}
    mask = np.random.default_rng(0).random((32, 32)) < 0.2

    def timed(name: str, do: Callable[[], Any]) -> Any:
        began = time.perf_counter(), time.process_time()
        answer = do()
        seconds[name] = [time.perf_counter() - began[0], time.process_time() - began[1]]
        print(f"  {name}: {seconds[name]} s", file=sys.stderr, flush=True)
        return answer

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "s.db"
        both = list(rows_of(ROWS))
        opened = Store(path, "create")
        opened.db.execute("PRAGMA synchronous=OFF")  # the disk is not what is measured
        timed("jobs put in", lambda: opened.set_jobs([job for job, _ in both]))
        blob = encode_mask("set:0", mask)
        timed("results put in", lambda: [opened.put(j.key, r, [blob]) for j, r in both])
        timed("jobs put in again", lambda: opened.set_jobs([job for job, _ in both]))
        opened.close()
        size = path.stat().st_size
        keys = {job.key for job, _ in both}
        result = timed("open", lambda: StudyResult(path, keys))
        timed("status", lambda: (result.counts, result.failures))
        timed("status of a design", result.states)
        table = timed("to_pandas", result.to_pandas)
        assert len(table) == ROWS
        timed("masks of 10,000", lambda: result.masks(table[:10_000]))
        timed("explanations of 10,000", lambda: len(list(result.explanations(table[:10_000]))))
        timed("export csv", lambda: result.export(folder / "t.csv"))
        timed("export parquet", lambda: result.export(folder / "t.parquet"))
        part = StudyResult(path, set(table.key[:10_000]))
        timed("export coco of 10,000", lambda: part.export(folder / "t.json"))
        timed("merge", lambda: suffice.study.merge(folder / "merged.db", [path]))
        if find_spec("suffice.report.html"):
            timed("report", lambda: suffice.report.write(result, folder / "report.html"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": ROWS, "megabytes": size / 1e6, "seconds": seconds, "peak_mb": peak}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "stream": stream,
    "large minimal": lambda: large(suffice.Minimal()),
    "large rex": lambda: large(suffice.Rex(iterations=1)),
    "store": store,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(PARTS[args.parts[0]]()))
        return
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(CACHE.read_text()) if CACHE.exists() else {}
    for part in args.parts or [p for p in PARTS if p not in known]:
        print(part, file=sys.stderr, flush=True)
        words = [sys.executable, __file__, part, "--here"]
        ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        known[part] = json.loads(ended.stdout.splitlines()[-1])
        CACHE.write_text(json.dumps(known))
    if all(part in known for part in PARTS):
        write("load", known, table(known))


def table(found: dict[str, Any]) -> str:
    """The figures in words."""
    s = found["stream"]
    lines = [
        (
            f"{s['images']:,} images of 32 x 32 in one run: {s['seconds']:.0f} s "
            f"({s['cpu_seconds']:.0f} s of the processor), "
            f"{s['evaluations']:,} evaluations; resident after each tenth "
            f"{', '.join(f'{m:.0f}' for m in s['resident_mb'])} MB."
        ),
        "",
        f"| {SIDE} x {SIDE}, 3 channels | evaluations | seconds | of the processor | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name in ("large minimal", "large rex"):
        r = found[name]
        lines.append(
            f"| {name[6:]} ({r['status']}, {r['pixels']:,} pixels) | {r['evaluations']} | "
            f"{r['seconds']:.1f} | {r['cpu_seconds']:.1f} | {r['peak_mb']:,.0f} |"
        )
    r = found["store"]
    lines += [
        "",
        f"| store of {r['rows']:,} results, {r['megabytes']:.0f} MB | seconds | of the processor |",
        "|---|---|---|",
        *(f"| {name} | {wall:.2f} | {cpu:.2f} |" for name, (wall, cpu) in r["seconds"].items()),
    ]
    lines += ["", f"Peak of the process with the store: {r['peak_mb']:,.0f} MB."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
