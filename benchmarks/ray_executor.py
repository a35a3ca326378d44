"""Ray actors against plain processes on one study: throughput, and an actor killed on the way.

    python benchmarks/ray_executor.py [--photos 100] [--repeats 3]

Two workers on both sides, in turn. Throughput is finished images a second from the first result to
the last, so that starting Ray (which takes seconds, once) and loading models do not count; the whole
wall time stands beside. In the last run one actor is killed with -9 after a quarter of the images.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from common import ZOO, machine, model_file, write
from suffice.study import ModelSpec, Study
from suffice.study.store import Store

MODEL = "mobilenet_v1_0.5_160"
BUDGET, WORKERS = 200, 2


def study(photos: int) -> Study:
    """One fast model, many photos."""
    from suffice.models.preprocess import Preprocess

    preprocess = Preprocess.from_json(ZOO / "models.json", f"{MODEL}.onnx").to_dict()
    spec = ModelSpec(MODEL, str(model_file(MODEL)), MODEL, {"preprocess": preprocess})
    files = sorted((ZOO / "images" / "imagenet").glob("*.JPEG"))[:photos]
    return Study([spec], files, ["minimal"], baselines="grey", budget=BUDGET)


def one_run(photos: int, executor: Any, kill_after: int = 0) -> dict[str, Any]:
    """Run the study in a new store; what it took, and its answers."""
    folder = Path(tempfile.mkdtemp(prefix="suffice-ray-"))
    killed = []

    def progress(store: Store) -> None:
        done = store.query("SELECT count(*) FROM explanations")[0][0]
        if kill_after and not killed and done >= kill_after:
            killed.append(kill_an_actor())

    began = time.perf_counter()
    result = study(photos).run(
        folder / "s.db", workers=WORKERS, executor=executor, on_progress=progress, warn=False
    )
    wall = time.perf_counter() - began
    with Store(result.path, "read") as store:
        times = [t for (t,) in store.query("SELECT finished FROM explanations ORDER BY 1")]
        attempts = store.query("SELECT sum(attempts) FROM jobs")[0][0]
    answers = {r["image"]: (r["status"], r["pixels"], r["target"]) for r in result.rows()}
    failures = result.failures
    shutil.rmtree(folder)
    return {
        "per_second": (len(times) - 1) / (times[-1] - times[0]),
        "wall": wall,
        "images": len(times),
        "failures": failures,
        "attempts": attempts,
        "killed": killed,
        "answers": answers,
    }


def kill_an_actor() -> int:
    """Kill one process that works for an actor."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if command.startswith(b"ray::Answerer"):
                os.kill(int(entry.name), signal.SIGKILL)
                return int(entry.name)
    raise RuntimeError("no actor was found to be killed")


def main() -> None:
    """Run, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {"local": [], "ray": []}
    for _ in range(args.repeats):
        for executor, made in runs.items():
            made.append(one_run(args.photos, executor))
            print(executor, {k: v for k, v in made[-1].items() if k != "answers"}, flush=True)
    hurt = one_run(args.photos, "ray", args.photos // 4)
    expected = runs["local"][0]["answers"]
    assert all(run["answers"] == expected for made in runs.values() for run in made)
    lost = [name for name, answer in expected.items() if hurt["answers"].get(name) != answer]
    rates = {k: statistics.median(r["per_second"] for r in made) for k, made in runs.items()}
    walls = {k: statistics.median(r["wall"] for r in made) for k, made in runs.items()}
    pairs = [
        b["per_second"] / a["per_second"] for a, b in zip(runs["local"], runs["ray"], strict=True)
    ]
    table = "\n".join(
        [
            "# Ray actors against plain processes",
            "",
            (
                f"{MODEL}, {args.photos} photos, minimal at most {BUDGET} evaluations, {WORKERS} workers "
                f"on both sides, {args.repeats} repeats in turn; medians."
            ),
            "",
            "| | images a second | seconds in all |",
            "| --- | --- | --- |",
            *(f"| {k} | {rates[k]:.2f} | {walls[k]:.1f} |" for k in runs),
            "",
            (
                f"Ray over processes, pair by pair: {', '.join(f'{p:.2f}' for p in pairs)}; answers are "
                "equal in all runs."
            ),
            (
                f"One actor killed with -9 after {args.photos // 4} images: {hurt['images']} of "
                f"{args.photos} images finished, {len(lost)} answers other than before, "
                f"{len(hurt['failures'])} failed."
            ),
        ]
    )
    plain = {
        k: [{n: v for n, v in r.items() if n != "answers"} for r in made]
        for k, made in runs.items()
    }
    hurt.pop("answers")
    write(
        "ray_executor", {"machine": machine(), "runs": plain, "killed": hurt, "lost": lost}, table
    )


if __name__ == "__main__":
    main()
