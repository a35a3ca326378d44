"""Time of each native operation at the sizes of an ImageNet classifier.

    python benchmarks/kernels.py [--repeats 30] [--threads 1 2] [--out benchmarks/results]

Every operation is warmed up, then timed ``--repeats`` times with all its memory allocated before.
Median and quartiles are printed and written as JSON with machine and commit. The bandwidth of
``compose`` counts the bytes it has to write once and is set against a copy of the same size by
`numpy.copyto`, measured in turns with it, so that a busy machine slows both. A copy reads as much as it writes
while ``compose`` reads next to nothing, so more than 1.00 of a copy is possible.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from suffice import __version__, _native

HEIGHT = WIDTH = 224
CHANNELS, MASKS, CLASSES = 3, 64, 1000
WARM_UP = 3
HERE = Path(__file__).resolve().parent


def operations(threads: list[int]) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    rng = np.random.default_rng(0)
    shape = (HEIGHT, WIDTH)
    image = rng.normal(size=(CHANNELS, *shape)).astype(np.float32)
    baseline = np.zeros_like(image)
    out = np.zeros((MASKS, CHANNELS, *shape), np.float32)
    source = rng.normal(size=out.shape).astype(np.float32)
    tiles = _native.tile_labels(shape, 8)
    n_tiles = int(tiles.max()) + 1
    choices = _native.pack(rng.random((MASKS, 1, n_tiles)) < 0.5)
    tile_masks = _native.masks_from_labels(tiles, choices, n_tiles)
    pixel_masks = _native.pack(rng.random((MASKS, *shape)) < 0.5)
    keep = _native.unpack(pixel_masks, shape)
    corners = rng.integers(0, HEIGHT + 1, (2000, 2, 2))
    boxes = np.sort(corners, axis=2).reshape(-1, 4).astype(np.int32)
    offsets = np.linspace(0, len(boxes), MASKS + 1).astype(np.int64)
    values = rng.integers(0, 2**40, len(boxes))
    ranking = rng.random(shape, np.float32)
    order = _native.rank(ranking)
    lengths = np.linspace(0, order.size, MASKS).astype(np.int64)
    scores = rng.normal(size=(MASKS, CLASSES)).astype(np.float32)
    targets = np.zeros(MASKS, np.int32)
    found: dict[str, Callable[[], Any]] = {"copy of a batch": lambda: np.copyto(out, source)}
    for n in threads:
        for kind, masks in (("tiles", tile_masks), ("pixels", pixel_masks)):
            found[f"compose, {kind}, {n} threads"] = lambda masks=masks, n=n: _native.compose(
                image, baseline, masks, out, n
            )
    return found | {
        "compose by numpy.where": lambda: np.where(keep[:, None], image, baseline),
        "pack": lambda: _native.pack(keep),
        "unpack": lambda: _native.unpack(pixel_masks, shape),
        "count": lambda: _native.count(pixel_masks),
        "digest": lambda: _native.digest(pixel_masks),
        "dice": lambda: _native.dice(pixel_masks),
        "masks_from_boxes": lambda: _native.masks_from_boxes(boxes, offsets, shape),
        "masks_from_labels": lambda: _native.masks_from_labels(tiles, choices, n_tiles),
        "tile_labels": lambda: _native.tile_labels(shape, 8),
        "accumulate": lambda: _native.accumulate(boxes, values, shape),
        "rank": lambda: _native.rank(ranking),
        "prefix_masks": lambda: _native.prefix_masks(order, lengths, shape),
        "decide": lambda: _native.decide(scores, targets, "logits"),
    }


def measure(found: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Return milliseconds of every repeat; the operations take turns."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for repeat in range(-WARM_UP, repeats):
        for name, call in found.items():
            begin = time.perf_counter_ns()
            call()
            if repeat >= 0:
                times[name].append((time.perf_counter_ns() - begin) / 1e6)
    return times


def summary(times: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return median, quartiles and, for what writes a batch, bandwidth of each operation."""
    gigabytes = MASKS * CHANNELS * HEIGHT * WIDTH * 4 / 1e9
    copy = statistics.median(times["copy of a batch"])
    rows = []
    for name, values in times.items():
        lower, median, upper = statistics.quantiles(values, n=4)
        row: dict[str, Any] = {"operation": name, "median_ms": median}
        row |= {"lower_quartile_ms": lower, "upper_quartile_ms": upper}
        if name.startswith(("compose", "copy")):
            row |= {"written_gb_per_s": gigabytes / median * 1e3, "of_copy": copy / median}
        rows.append(row)
    return rows


def commit() -> str:
    """Return the commit of the checkout, marked when files were changed; empty without git."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    rows = summary(measure(operations(sorted(set(args.threads))), args.repeats))
    result = {
        "benchmark": "kernels",
        "suffice": __version__,
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "platform": platform.platform(),
            "numpy": np.__version__,
            **_native.build_info(),
        },
        "sizes": {"masks": MASKS, "channels": CHANNELS, "height": HEIGHT, "width": WIDTH},
        "repeats": args.repeats,
        "operations": rows,
    }
    print(f"{'operation':<28}{'median ms':>11}{'quartiles':>17}{'GB/s':>8}{'of copy':>9}")
    for row in rows:
        quartiles = f"{row['lower_quartile_ms']:.3f}-{row['upper_quartile_ms']:.3f}"
        line = f"{row['operation']:<28}{row['median_ms']:>11.3f}{quartiles:>17}"
        if "of_copy" in row:
            line += f"{row['written_gb_per_s']:>8.1f}{row['of_copy']:>9.2f}"
        print(line)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "kernels.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
