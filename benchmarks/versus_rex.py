"""suffice against rex-xai 0.4.1: the same model file, inputs, settings and cores, in one run.

rex-xai runs (a) as it comes and (b) at the best of several batch and thread settings, found on the
first photos; suffice runs one photo at a time and in bulk. Every set of both sides is checked by an
ONNX Runtime session of its own.

    python benchmarks/versus_rex.py --peer-python .venv-rex/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import suffice
from common import ROOT, model_file, photos, spread, write
from suffice.models.images import load_image

PEERS = Path(__file__).resolve().parent / "peers"
BATCHES = (16, 64)
THREADS = ((1, 2), (2, 2), (1, 1))  # torch threads, runtime threads


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--sweep-photos", type=int, default=1)
    args = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="suffice-bench-"))
    model = str(model_file(args.model))
    inputs = prepare(args.model, photos(args.photos), folder / "inputs.npz")
    best = sweep(args, model, inputs, folder)
    print(f"best setting of rex-xai: {best}", file=sys.stderr)
    variants = {
        "rex-xai as it comes": peer(args, {}),
        "rex-xai best": peer(args, best),
        "suffice compat": ours(args, ["--set", "compat=rex"]),
        "suffice rex": ours(args, []),
        "suffice rex bulk": ours(args, ["--bulk"]),
        "rex-xai 1 thread": peer(args, {"batch-size": 1, "torch-threads": 1, "ort-threads": 1}),
        "suffice rex 1 thread": ours(args, ["--threads", "1"]),
    }
    runs: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in variants}
    for repeat in range(args.repeats):
        for name, command in variants.items():
            if "1 thread" in name and repeat:
                continue
            cores = 1 if "1 thread" in name else args.cores
            masks = folder / f"{name.replace(' ', '-')}-{repeat}.npz"
            rows = run(command, model, inputs, masks, cores)
            sufficient = check(model, inputs, masks, {r["name"]: r["target"] for r in rows})
            for row in rows:
                row["sufficient"] = sufficient[row["name"]]
            runs[name].append(rows)
            print(name, repeat, summary([rows]), file=sys.stderr, flush=True)
    result = {
        "model": args.model,
        "photos": args.photos,
        "repeats": args.repeats,
        "seed": args.seed,
        "best_peer_setting": best,
        "summary": {name: summary(r) for name, r in runs.items()},
        "ratios": ratios(runs),
        "runs": {name: anonymous(r) for name, r in runs.items()},
    }
    write("versus_rex", result, table(result))
    return 0


def prepare(model: str, files: list[Path], path: Path) -> Path:
    """Preprocess the photos once for both sides."""
    preprocess = suffice.Preprocess.from_json(
        model_file(model).parent.parent / "models.json", f"{model}.onnx"
    )
    arrays = {f"photo{i}": preprocess.apply(load_image(f))[0] for i, f in enumerate(files)}
    np.savez(path, **arrays)
    return path


def peer(args: argparse.Namespace, options: dict[str, int]) -> list[str]:
    """Command of the peer's adapter."""
    command = [args.peer_python, str(PEERS / "rex_xai_run.py"), "--seed", str(args.seed)]
    for key, value in options.items():
        command += [f"--{key}", str(value)]
    return command


def ours(args: argparse.Namespace, options: list[str]) -> list[str]:
    """Command of our adapter."""
    threads = [] if "--threads" in options else ["--threads", str(args.cores)]
    script = str(PEERS / "suffice_run.py")
    return [sys.executable, script, "--seed", str(args.seed), *threads, *options]


def run(
    command: list[str], model: str, inputs: Path, masks: Path, cores: int
) -> list[dict[str, Any]]:
    """Run an adapter on the first `cores` cores; one dict per photo."""
    available = sorted(os.sched_getaffinity(0))[:cores]
    done = subprocess.run(
        [*command, "--model", model, "--inputs", str(inputs), "--masks", str(masks)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, available),
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def sweep(args: argparse.Namespace, model: str, inputs: Path, folder: Path) -> dict[str, int]:
    """The peer's fastest batch and thread setting on a few photos."""
    with np.load(inputs) as arrays:
        few = {n: arrays[n] for n in arrays.files[: args.sweep_photos]}
    np.savez(folder / "few.npz", **few)
    timed = []
    for batch in BATCHES:
        for torch_threads, ort_threads in THREADS:
            options = {
                "batch-size": batch,
                "torch-threads": torch_threads,
                "ort-threads": ort_threads,
            }
            rows = run(
                peer(args, options), model, folder / "few.npz", folder / "few-masks.npz", args.cores
            )
            timed.append((sum(r["wall"] for r in rows), options))
            print(f"{timed[-1][0]:7.1f} s  {options}", file=sys.stderr, flush=True)
    return min(timed, key=lambda t: t[0])[1]


def check(model: str, inputs: Path, masks: Path, targets: dict[str, int]) -> dict[str, bool]:
    """Whether each set alone gives the target, by a session nobody else used."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    with np.load(inputs) as xs, np.load(masks) as sets:
        return {
            n: int(
                session.run(None, {name: np.where(sets[n][None], xs[n], 0)[None].astype("f4")})[
                    0
                ].argmax()
            )
            == targets[n]
            for n in targets
        }


def summary(runs: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians over photos and repeats."""
    rows = [r for rows in runs for r in rows]
    return {
        key: spread([r[key] for r in rows]) for key in ("wall", "model", "evaluations", "area")
    } | {
        "sufficient": sum(r["sufficient"] for r in rows),
        "sets": len(rows),
        "peak_mb": max(r["peak_mb"] for r in rows),
    }


def ratios(runs: dict[str, list[list[dict[str, Any]]]]) -> dict[str, Any]:
    """Paired ratios of wall time and evaluations, photo by photo and repeat by repeat."""
    pairs = [
        (mine, theirs)
        for mine in ("suffice compat", "suffice rex", "suffice rex bulk")
        for theirs in ("rex-xai as it comes", "rex-xai best")
    ] + [("suffice rex 1 thread", "rex-xai 1 thread")]
    result = {}
    for mine, theirs in pairs:
        both = [
            (a, b)
            for left, right in zip(runs[mine], runs[theirs], strict=True)
            for a, b in zip(left, right, strict=True)
        ]
        result[f"{mine} / {theirs}"] = {
            key: spread([a[key] / b[key] for a, b in both]) for key in ("wall", "evaluations")
        } | {"total_wall": sum(a["wall"] for a, _ in both) / sum(b["wall"] for _, b in both)}
    return result


def anonymous(runs: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Rounded rows for the results file."""
    return [
        [{k: round(v, 5) if isinstance(v, float) else v for k, v in r.items()} for r in rows]
        for rows in runs
    ]


def table(result: dict[str, Any]) -> str:
    """Markdown for people."""
    lines = [
        (
            f"{result['model']}, {result['photos']} photos, {result['repeats']} repeats, seed "
            f"{result['seed']}; medians. Best setting of rex-xai: {result['best_peer_setting']}"
        ),
        "",
        "| | s / photo (q1-q3) | model s | evaluations | area % | peak MB | sufficient |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, s in result["summary"].items():
        w = s["wall"]
        lines.append(
            f"| {name} | {w['median']:.2f} ({w['q1']:.2f}-{w['q3']:.2f}) "
            f"| {s['model']['median']:.2f} | {s['evaluations']['median']:.0f} "
            f"| {100 * s['area']['median']:.2f} | {s['peak_mb']:.0f} "
            f"| {s['sufficient']}/{s['sets']} |"
        )
    lines += ["", "| paired ratio | wall (median) | wall (sum) | evaluations (median) |"]
    lines += ["|---|---|---|---|"]
    lines += [
        f"| {name} | {r['wall']['median']:.3f} | {r['total_wall']:.3f} "
        f"| {r['evaluations']['median']:.3f} |"
        for name, r in result["ratios"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
