"""Time of each native operation at the sizes of an ImageNet classifier.

    python benchmarks/kernels.py [--group kernels | kernels_masks | kernels_device] [--repeats 30] [--threads 1 2]

Every operation is warmed up, then timed ``--repeats`` times with its inputs allocated before. The
operations take turns, so that a busy machine slows all alike. The bandwidth of
``compose`` counts the bytes it has to write once and is set against a copy of the same size by
`numpy.copyto`. A copy reads as much as it writes
while ``compose`` reads next to nothing, so more than 1.00 of a copy is possible.
The group ``kernels_masks`` is the measures of masks, with a result of its own.
Hausdorff distances are those of the 105 pairs of 15 sets, as of one image explained on 15 models:
unions of three boxes, 3-9 % of the image. SciPy's ``directed_hausdorff`` takes the three pairs of three of them,
both directions each.
The group ``kernels_device`` is the CUDA operations (``device.py``); it needs a device.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy import ndimage
from scipy.spatial.distance import directed_hausdorff

import device
from common import machine, spread, write
from suffice import _native

HEIGHT = WIDTH = 224
CHANNELS, MASKS, CLASSES = 3, 64, 1000
SETS, SCIPY_SETS = 15, 3
WARM_UP = 3
COPY = "copy of a batch"
SCIPY_TRANSFORMS = "hausdorff by scipy distance_transform_edt"
SCIPY_POINTS = "hausdorff by scipy directed_hausdorff"


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
    weights, sums = rng.random(MASKS), np.zeros(shape)
    ranking = rng.random(shape, np.float32)
    order = _native.rank(ranking)
    lengths = np.linspace(0, order.size, MASKS).astype(np.int64)
    scores = rng.normal(size=(MASKS, CLASSES)).astype(np.float32)
    targets = np.zeros(MASKS, np.int32)
    found: dict[str, Callable[[], Any]] = {COPY: lambda: np.copyto(out, source)}
    for n in threads:
        for kind, masks in (("tiles", tile_masks), ("pixels", pixel_masks)):
            found[f"compose, {kind}, {n} threads"] = lambda masks=masks, n=n: _native.compose(
                image, baseline, masks, out, n
            )
    return (
        found
        | {
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
            "add_masks, tiles": lambda: _native.add_masks(sums, tile_masks, weights),
            "add_masks by numpy.tensordot": lambda: np.tensordot(
                weights, _native.unpack(tile_masks, shape), axes=1
            ),
            "rank": lambda: _native.rank(ranking),
            "prefix_masks": lambda: _native.prefix_masks(order, lengths, shape),
            "decide": lambda: _native.decide(scores, targets, "logits"),
        }
        | mask_operations(threads)
    )


def random_sets() -> np.ndarray:
    """Return ``bool [SETS, H, W]``: unions of three boxes with sides from 20 to 60 pixels."""
    rng = np.random.default_rng(1)
    sides = rng.integers(20, 61, (SETS * 3, 2))
    corners = rng.integers(0, [HEIGHT, WIDTH] - sides + 1)
    ends = corners + sides
    boxes = np.stack([corners[:, 0], ends[:, 0], corners[:, 1], ends[:, 1]], axis=1)
    offsets = np.arange(0, SETS * 3 + 1, 3)
    packed = _native.masks_from_boxes(boxes.astype(np.int32), offsets, (HEIGHT, WIDTH))
    return _native.unpack(packed, (HEIGHT, WIDTH))


def hausdorff_by_transforms(keep: np.ndarray) -> np.ndarray:
    """Return the distances of every pair from SciPy's distance transform of each set."""
    to = [ndimage.distance_transform_edt(~mask) for mask in keep]
    directed = np.array([[d[mask].max() for d in to] for mask in keep])
    return np.maximum(directed, directed.T)


def hausdorff_by_points(keep: np.ndarray) -> np.ndarray:
    """Return the distances of every pair from SciPy's search over points."""
    points = [np.argwhere(mask) for mask in keep]
    table = np.zeros((len(keep), len(keep)))
    for a in range(len(keep)):
        for b in range(a):
            there, back = (
                directed_hausdorff(points[a], points[b]),
                directed_hausdorff(points[b], points[a]),
            )
            table[a, b] = table[b, a] = max(there[0], back[0])
    return table


def mask_operations(threads: list[int]) -> dict[str, Callable[[], Any]]:
    """Return what is timed of the measures of masks, by name."""
    keep = random_sets()
    packed, shape = _native.pack(keep), (HEIGHT, WIDTH)
    ours = np.sqrt(_native.directed_hausdorff(packed, shape))
    ours = np.maximum(ours, ours.T)
    np.testing.assert_allclose(hausdorff_by_transforms(keep), ours, rtol=1e-12)
    few = hausdorff_by_points(keep[:SCIPY_SETS])
    np.testing.assert_allclose(few, ours[:SCIPY_SETS, :SCIPY_SETS], rtol=1e-12)
    found: dict[str, Callable[[], Any]] = {}
    for n in threads:
        for percent in (100, 95):
            found[f"hausdorff, {percent} %, {n} threads"] = lambda n=n, percent=percent: (
                _native.directed_hausdorff(packed, shape, percent, n)
            )
        found[f"squared_distances, 15 sets, {n} threads"] = lambda n=n: _native.squared_distances(
            packed, shape, n
        )
        found[f"components, 15 sets, {n} threads"] = lambda n=n: _native.components(
            packed, shape, 4, n
        )
    return found | {
        SCIPY_TRANSFORMS: lambda: hausdorff_by_transforms(keep),
        SCIPY_POINTS: lambda: hausdorff_by_points(keep[:SCIPY_SETS]),
        "scipy distance_transform_edt, 15 sets": lambda: [
            ndimage.distance_transform_edt(~mask) for mask in keep
        ],
        "scipy label, 15 sets": lambda: [ndimage.label(mask) for mask in keep],
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
    """Return the spread and, for what writes a batch, the bandwidth of each operation."""
    gigabytes = MASKS * CHANNELS * HEIGHT * WIDTH * 4 / 1e9
    rows = []
    for name, values in times.items():
        row: dict[str, Any] = {"operation": name, "ms": spread(values)}
        if name == COPY or name.startswith("compose"):
            median = row["ms"]["median"]
            row |= {
                "written_gb_per_s": gigabytes / median * 1e3,
                "of_copy": float(np.median(times[COPY])) / median,
            }
        if name.startswith("hausdorff"):
            n = SCIPY_SETS if name == SCIPY_POINTS else SETS
            row["pairs_per_s"] = n * (n - 1) / 2 / row["ms"]["median"] * 1e3
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]], of_masks: bool) -> str:
    """Return the rows in Markdown."""
    extra = ["pairs/s"] if of_masks else ["GB/s written", "of a copy"]
    lines = [
        f"| operation | median ms | quartiles | {' | '.join(extra)} |",
        "|---" * (3 + len(extra)) + "|",
    ]
    for row in rows:
        ms = row["ms"]
        cells = [""] * len(extra)
        if "of_copy" in row:
            cells = [f"{row['written_gb_per_s']:.1f}", f"{row['of_copy']:.2f}"]
        if "pairs_per_s" in row:
            cells = [f"{row['pairs_per_s']:,.0f}"]
        lines.append(
            f"| {row['operation']} | {ms['median']:.3f} | {ms['q1']:.3f} - {ms['q3']:.3f} | "
            f"{' | '.join(cells)} |"
        )
    return "\n".join(lines)


GROUPS = {"kernels": operations, "kernels_masks": mask_operations}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", choices=[*GROUPS, "kernels_device"], default="kernels")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, machine()["cores"]])
    args = parser.parse_args()
    if args.group == "kernels_device":
        reason = device.why_not()
        if reason is not None:
            parser.error(f"the CUDA operations can't be measured here: {reason}")
        write(args.group, *device.result(args.repeats))
        return
    load = os.getloadavg()[0]
    rows = summary(measure(GROUPS[args.group](sorted(set(args.threads))), args.repeats))
    sizes = {"masks": MASKS, "channels": CHANNELS, "height": HEIGHT, "width": WIDTH}
    if args.group == "kernels_masks":
        sizes = {"sets": SETS, "height": HEIGHT, "width": WIDTH}
    build = {"numpy": np.__version__, "scipy": scipy.__version__, **_native.build_info()}
    result = {
        "sizes": sizes,
        "repeats": args.repeats,
        "load_before": load,
        "build": build,
        "operations": rows,
    }
    text = table(rows, args.group == "kernels_masks")
    write(args.group, result, f"{text}\n\nLoad of the machine when it began: {load:.1f}")


if __name__ == "__main__":
    main()
