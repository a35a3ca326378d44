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
# Batch size, torch threads, runtime threads of rex-xai to choose the best from.
PEER_SETTINGS = ((8, 1, 2), (16, 1, 2), (32, 1, 2), (64, 1, 2), (16, 2, 2))
ONE_THREAD_PHOTOS = 3


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
    one = {"batch-size": 1, "torch-threads": 1, "ort-threads": 1}
    few = keep_some(inputs, folder / "few.npz", ONE_THREAD_PHOTOS)
    runs: dict[str, list[list[dict[str, Any]]]] = {}
    for repeat in range(args.repeats):
        # Another seed each time: both sides draw their own random numbers, and one seed's luck
        # moves the evaluations of a photo by a quarter.
        seed = args.seed + repeat
        variants = {
            "rex-xai as it comes": peer(args, {}, seed),
            "rex-xai best": peer(args, best, seed),
            "suffice compat": ours(args, ["--set", "compat=rex"], seed),
            "suffice compat bulk": ours(args, ["--set", "compat=rex", "--bulk"], seed),
            "suffice rex bulk": ours(args, ["--bulk"], seed),
        }
        if repeat == 0:
            variants["rex-xai 1 thread"] = peer(args, one, seed)
            variants["suffice compat 1 thread"] = ours(
                args, ["--set", "compat=rex", "--threads", "1"], seed
            )
        for name, command in variants.items():
            single = name.endswith("1 thread")
            masks = folder / f"{name.replace(' ', '-')}-{repeat}.npz"
            chosen = few if single else inputs
            rows = run(command, model, chosen, masks, 1 if single else args.cores)
            sufficient = check(model, chosen, masks, {r["name"]: r["target"] for r in rows})
            for row in rows:
                row["sufficient"] = sufficient[row["name"]]
            runs.setdefault(name, []).append(rows)
            print(name, repeat, brief(rows), file=sys.stderr, flush=True)
    result = {
        "model": args.model,
        "photos": args.photos,
        "repeats": args.repeats,
        "seed": args.seed,
        "best_peer_setting": best,
        "summary": {name: summary(r) for name, r in runs.items()},
        "ratios": ratios(runs),
        "overhead_in_bulk": {
            name: overhead(r, args.cores) for name, r in runs.items() if name.endswith("bulk")
        },
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


def keep_some(inputs: Path, path: Path, count: int) -> Path:
    """The first photos only."""
    with np.load(inputs) as arrays:
        np.savez(path, **{n: arrays[n] for n in arrays.files[:count]})
    return path


def peer(args: argparse.Namespace, options: dict[str, int], seed: int) -> list[str]:
    """Command of the peer's adapter."""
    command = [args.peer_python, str(PEERS / "rex_xai_run.py"), "--seed", str(seed)]
    for key, value in options.items():
        command += [f"--{key}", str(value)]
    return command


def ours(args: argparse.Namespace, options: list[str], seed: int) -> list[str]:
    """Command of our adapter."""
    threads = [] if "--threads" in options else ["--threads", str(args.cores)]
    script = str(PEERS / "suffice_run.py")
    return [sys.executable, script, "--seed", str(seed), *threads, *options]


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
    few = keep_some(inputs, folder / "few.npz", args.sweep_photos)
    timed = []
    for batch, torch_threads, ort_threads in PEER_SETTINGS:
        options = {
            "batch-size": batch,
            "torch-threads": torch_threads,
            "ort-threads": ort_threads,
        }
        rows = run(
            peer(args, options, args.seed),
            model,
            few,
            folder / "few-masks.npz",
            args.cores,
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
        for mine in ("suffice compat", "suffice compat bulk", "suffice rex bulk")
        for theirs in ("rex-xai as it comes", "rex-xai best")
    ] + [("suffice compat 1 thread", "rex-xai 1 thread")]
    result = {}
    for mine, theirs in pairs:
        both = [
            (a, b)
            for left, right in zip(runs[mine], runs[theirs], strict=True)
            for a, b in zip(left, right, strict=True)
        ]
        result[f"{mine} / {theirs}"] = {
            key: spread([a[key] / b[key] for a, b in both]) for key in ("wall", "evaluations")
        } | {
            f"total_{key}": sum(a[key] for a, _ in both) / sum(b[key] for _, b in both)
            for key in ("wall", "evaluations")
        }
    return result


def brief(rows: list[dict[str, Any]]) -> str:
    """One line of progress."""
    wall, evaluations = (np.array([r[k] for r in rows]) for k in ("wall", "evaluations"))
    good = sum(r["sufficient"] for r in rows)
    return (
        f"{wall.mean():.2f} s a photo, {evaluations.mean():.0f} evaluations, "
        f"{1e3 * wall.sum() / evaluations.sum():.2f} ms an evaluation, {good} sufficient"
    )


def overhead(runs: list[list[dict[str, Any]]], sessions: int) -> float:
    """1 - time inside the model / (sessions x wall), DESIGN.md 9."""
    rows = [r for rows in runs for r in rows]
    return 1.0 - sum(r["model"] for r in rows) / (sessions * sum(r["wall"] for r in rows))


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
            f"{result['model']}, {result['photos']} photos, {result['repeats']} repeats, seeds from "
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
    lines += ["", "| paired ratio | wall (median) | wall (sum) | evaluations (median) | (sum) |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {name} | {r['wall']['median']:.3f} | {r['total_wall']:.3f} "
        f"| {r['evaluations']['median']:.3f} | {r['total_evaluations']:.3f} |"
        for name, r in result["ratios"].items()
    ]
    lines += [""]
    lines += [
        f"Overhead of the engine, {name}: {100 * value:.1f} % of two sessions' time."
        for name, value in result["overhead_in_bulk"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
