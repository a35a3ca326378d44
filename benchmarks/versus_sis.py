"""`sis` against the authors' sis.py: real CIFAR-10 photos, the zoo's ResNet20, one ONNX Runtime.

Both sides ask the same function in batches of the same size on the same threads, so orders, values
and sets must be equal bit for bit, and what differs in time is the search around the model. A
photo takes 524,801 evaluations, some four minutes of a core, on either side. Finished photos are
kept, the peer's in ``results/peers/sis.jsonl`` and ours in ``cache/versus_sis.jsonl``, so that an
interrupted run goes on where it was; ``--report`` only writes the table from what there is.

    python benchmarks/versus_sis.py --peer-path sis.py --photos 8
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import suffice
from common import RESULTS, ROOT, ZOO, model_file, spread, write
from peers.sis_run import packed, unpacked

MODEL = "cifar_resnet20"
STORE = RESULTS / "peers" / "sis.jsonl"
OURS = ROOT / "benchmarks" / "cache" / "versus_sis.jsonl"
ADAPTER = Path(__file__).resolve().parent / "peers" / "sis_run.py"
SEED = 2026


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-path", help="the authors' sis.py; needed for what is not stored")
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--tau", type=float, default=0.99)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--bulk", type=int, default=8, help="photos that our side runs at once")
    parser.add_argument("--report", action="store_true", help="run nothing")
    args = parser.parse_args()
    names = chosen(args.photos, args.tau)
    if not args.report:
        run_peer(args, names)
        run_ours(args, names)
    theirs, ours = load(STORE, args), load(OURS, args)
    both = [n for n in names if n in theirs and n in ours]
    if not both:
        print("no photo is finished on both sides", file=sys.stderr)
        return 1
    rows = [compare(theirs[n], ours[n]) for n in both]
    result = {
        "model": MODEL,
        "tau": args.tau,
        "threads": args.threads,
        "batch_size": args.batch_size,
        "photos": len(rows),
        "equal": {k: sum(r[f"same_{k}"] for r in rows) for k in ("order", "values", "set")},
        "evaluations": {s: sum(r[s]["evaluations"] for r in rows) for s in ("sis.py", "suffice")},
        "times": {s: times([r[s] for r in rows], args.threads) for s in ("sis.py", "suffice")},
        "sizes": spread([r["pixels"] for r in rows]),
        "rows": rows,
    }
    write("versus_sis", result, table(result))
    return 0


def photos() -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10 test photos of the zoo, uint8 [N, 32, 32, 3], and their inputs [N, 3, 32, 32]."""
    with np.load(ZOO / "images" / "cifar10" / "cifar10_open.npz") as data:
        pictures = data["x_test"]
    preprocess = suffice.Preprocess.from_json(ZOO / "models.json", f"{MODEL}.onnx")
    inputs = np.stack([preprocess.apply(p)[0] for p in map(load_picture, pictures)])
    return pictures, inputs


def load_picture(pixels: np.ndarray) -> Any:
    """A decoded photo as the package takes it."""
    from suffice.models.images import load_image

    return load_image(pixels)


def chosen(count: int, tau: float) -> list[str]:
    """Photos that the model gives some class with at least `tau`, picked by a seed."""
    _, inputs = photos()
    z = suffice.as_classifier(str(model_file(MODEL)))(inputs).astype(float)
    p = 1.0 / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)
    sure = np.flatnonzero(p >= tau)
    return [str(i) for i in np.random.default_rng(SEED).permutation(sure)[:count]]


def key(args: argparse.Namespace) -> list[Any]:
    """What a row depends on besides its photo."""
    return [MODEL, args.tau, args.threads, args.batch_size]


def load(store: Path, args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Rows of a store made under these settings, by photo."""
    if not store.exists():
        return {}
    rows = [json.loads(line) for line in store.read_text().splitlines()]
    return {r["name"]: r for r in rows if r["key"] == key(args)}


def keep(store: Path, args: argparse.Namespace, row: dict[str, Any]) -> None:
    """Append one row."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("a") as file:
        file.write(json.dumps({"key": key(args), **row}) + "\n")


def run_peer(args: argparse.Namespace, names: list[str]) -> None:
    """sis.py on the photos that are not stored."""
    missing = [n for n in names if n not in load(STORE, args)]
    if not missing:
        return
    if not args.peer_path:
        sys.exit(f"{len(missing)} photos are not stored; give --peer-path")
    _, inputs = photos()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inputs.npz"
        np.savez(path, **{n: inputs[int(n)] for n in missing})
        command = [sys.executable, str(ADAPTER), "--peer-path", args.peer_path]
        command += ["--model", str(model_file(MODEL)), "--inputs", str(path)]
        for name in ("tau", "threads", "batch_size"):
            command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                row = json.loads(line)
                keep(STORE, args, row)
                print("sis.py", row["name"], f"{row['seconds']:.0f} s", file=sys.stderr, flush=True)
        if process.returncode:
            sys.exit("sis.py failed")


def run_ours(args: argparse.Namespace, names: list[str]) -> None:
    """Our side, `args.bulk` photos in one run; a photo's seconds are its share of the run."""
    missing = [n for n in names if n not in load(OURS, args)]
    _, inputs = photos()
    for group in chunks(missing, args.bulk):
        clf = suffice.as_classifier(str(model_file(MODEL)), threads=args.threads)
        began = time.perf_counter()
        found = suffice.explain(
            clf,
            [inputs[int(n)] for n in group],
            method=suffice.Sis(),
            criterion=f"confidence:{args.tau!r}",
            batch_size=args.batch_size,
            verify=False,
        )
        seconds = time.perf_counter() - began
        for name, exp in zip(group, found, strict=True):
            arrays = exp.arrays or {}
            row = {
                "name": name,
                "target": exp.target,
                "evaluations": exp.evaluations,
                "seconds": seconds / len(group),
                "model_seconds": exp.seconds["model"],
                "sets": [np.flatnonzero(exp.mask).tolist()],
                "orders": [packed(arrays["order"], "<i4")],
                "values": [packed(arrays["values"], "<f8")],
            }
            keep(OURS, args, row)
        print("suffice", group, f"{seconds:.0f} s", file=sys.stderr, flush=True)


def chunks(items: list[str], size: int) -> Iterator[list[str]]:
    """Pieces of a list."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def compare(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """One photo on both sides."""
    their_values, our_values = (unpacked(r["values"][0], "<f8") for r in (theirs, ours))
    costs = ("evaluations", "seconds", "model_seconds")
    return {
        "photo": ours["name"],
        "target": ours["target"],
        "pixels": len(ours["sets"][0]),
        "same_order": theirs["orders"][0] == ours["orders"][0]
        or np.array_equal(*(unpacked(r["orders"][0], "<i4") for r in (theirs, ours))),
        "same_values": their_values.tobytes() == our_values.tobytes(),
        "same_set": theirs["sets"][0] == ours["sets"][0],
        "largest_difference": float(np.abs(their_values - our_values).max()),
        "ties": int(len(our_values) - len(np.unique(our_values))),
        "sis.py": {name: theirs[name] for name in costs},
        "suffice": {name: ours[name] for name in costs},
    }


def times(rows: list[dict[str, Any]], threads: int) -> dict[str, float]:
    """Seconds of all photos, and the part of the threads' time that is not the model's."""
    seconds = sum(r["seconds"] for r in rows)
    model = sum(r["model_seconds"] for r in rows)
    evaluations = sum(r["evaluations"] for r in rows)
    return {
        "seconds": seconds,
        "model_seconds": model,
        "outside_model": 1.0 - model / (threads * seconds),
        "model_ms_an_evaluation": 1e3 * model / evaluations,
        "ms_an_evaluation": 1e3 * threads * seconds / evaluations,
    }


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    n, equal = result["photos"], result["equal"]
    what = (
        f"{n} CIFAR-10 photos, {result['model']}, tau {result['tau']:g}, "
        f"{result['threads']} thread(s), batches of {result['batch_size']}. Equal bit for bit: "
        f"orders {equal['order']} of {n}, values {equal['values']} of {n}, "
        f"sets {equal['set']} of {n}."
    )
    lines = ["# sis against the authors' sis.py", "", what, ""]
    lines += [
        "| | evaluations | s | s in the model | outside the model | ms an evaluation |",
        "|---|---|---|---|---|---|",
    ]
    for side in ("sis.py", "suffice"):
        t = result["times"][side]
        lines.append(
            f"| {side} | {result['evaluations'][side]:,} | {t['seconds']:.0f} | "
            f"{t['model_seconds']:.0f} | {100 * t['outside_model']:.1f} % | "
            f"{t['ms_an_evaluation']:.3f} |"
        )
    low, middle, high = (result["sizes"][k] for k in ("min", "median", "max"))
    lines += ["", f"Pixels of a set: median {middle:g}, {low:g} to {high:g} of 1,024."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
