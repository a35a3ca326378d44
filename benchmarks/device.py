"""Time of the CUDA operations: what ``kernels.py --group kernels_device`` measures.

It needs a CUDA device, a build with ``SUFFICE_CUDA=ON`` and a torch with CUDA, whose memory,
streams and events are used. The batches are larger than any cache of the device, so the times are
those of its memory. The reference is a copy of the same batch from device to device: it reads and
writes each byte once, whereas ``compose`` writes each byte once and reads next to nothing. So the
bandwidth is counted in bytes moved (twice the batch for the copy), and a fill, which only writes
like ``compose``, stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from common import spread
from suffice import _native

MASKS, CHANNELS, CLASSES = 512, 3, 1000
SIDES = (224, 227)
"""The second is odd: rows of its batch begin between two chunks of 16 bytes."""
WARM_UP = 5
TYPES = ("float32", "float16", "bfloat16")
Operation = tuple[Callable[[], Any], float]
"""What is timed, and the bytes it moves (NaN where memory is not the limit)."""


def why_not() -> str | None:
    """Say why nothing can be measured here, None where it can."""
    reason = _native.cuda_info()
    if reason is not None:
        return reason
    try:
        import torch
    except ModuleNotFoundError:
        return "torch is not installed; its device memory and events are used"
    return None if torch.cuda.is_available() else "this torch has no CUDA"


def to_device(array: np.ndarray) -> Any:
    """Copy to the device; uint64 as int64 of the same bits, which every torch knows."""
    import torch

    return torch.from_numpy(array.view(np.int64) if array.dtype == np.uint64 else array).cuda()


def compositions(ops: Any, side: int) -> dict[str, Operation]:
    """Return every variant of ``compose`` on one size of image, with a copy and a fill."""
    import torch

    rng = np.random.default_rng(0)
    shape = (side, side)
    image = to_device(rng.normal(size=(CHANNELS, *shape)).astype(np.float32))
    baseline = torch.zeros_like(image)
    labels = _native.tile_labels(shape, 8)
    n_tiles = int(labels.max()) + 1
    choices = to_device(_native.pack(rng.random((MASKS, 1, n_tiles)) < 0.5))
    masks = to_device(_native.pack(rng.random((MASKS, *shape)) < 0.5))
    tiles = to_device(labels)
    stream = torch.cuda.current_stream().cuda_stream
    found: dict[str, Operation] = {}
    for dtype in TYPES:
        out = torch.empty((MASKS, CHANNELS, *shape), dtype=getattr(torch, dtype), device="cuda")
        source = torch.ones_like(out)
        size = out.numel() * out.element_size()
        name = f"{side} x {side}, {dtype}"
        found[f"copy, {name}"] = (lambda out=out, source=source: out.copy_(source), 2 * size)
        found[f"fill, {name}"] = (lambda out=out: out.fill_(1), size)
        for layout in ("NCHW", "NHWC"):
            to = out if layout == "NCHW" else out.view(MASKS, *shape, CHANNELS)
            found[f"compose masks, {layout}, {name}"] = (
                lambda to=to, layout=layout: ops.compose(
                    image, baseline, masks, to, stream, layout=layout
                ),
                size,
            )
            found[f"compose choices, {layout}, {name}"] = (
                lambda to=to, layout=layout: ops.compose(
                    image,
                    baseline,
                    choices,
                    to,
                    stream,
                    labels=tiles,
                    n_regions=n_tiles,
                    layout=layout,
                ),
                size,
            )
    return found


def others(ops: Any) -> dict[str, Operation]:
    """Return the operations that make masks and decisions."""
    import torch

    rng = np.random.default_rng(1)
    shape = (SIDES[0], SIDES[0])
    n_pixels = shape[0] * shape[1]
    stream = torch.cuda.current_stream().cuda_stream
    order = to_device(rng.permutation(n_pixels).astype(np.int32))
    lengths = to_device(np.linspace(0, n_pixels, MASKS).astype(np.int64))
    mask = to_device(_native.pack(rng.random(shape) < 0.5)[0])
    labels = _native.tile_labels(shape, 8)
    n_tiles = int(labels.max()) + 1
    choices = to_device(_native.pack(rng.random((MASKS, 1, n_tiles)) < 0.5))
    tiles = to_device(labels)
    masks = torch.empty((MASKS, mask.numel()), dtype=torch.int64, device="cuda")
    scores = to_device(rng.normal(size=(MASKS, CLASSES)).astype(np.float32))
    targets = torch.zeros(MASKS, dtype=torch.int32, device="cuda")
    columns = torch.empty((MASKS, _native.DECISION_COLUMNS), dtype=torch.float64, device="cuda")
    no_limit = float("nan")
    return {
        "prefix_masks": (
            lambda: ops.prefix_masks(order, lengths, n_pixels, masks, stream),
            no_limit,
        ),
        "leave_one_out": (
            lambda: ops.leave_one_out(mask, order[:MASKS], masks, stream),
            no_limit,
        ),
        "masks_from_labels": (
            lambda: ops.masks_from_labels(tiles, choices, n_tiles, masks, stream),
            no_limit,
        ),
        "decide": (lambda: ops.decide(scores, targets, "logits", columns, stream), no_limit),
    }


def measure(found: dict[str, Operation], repeats: int) -> dict[str, list[float]]:
    """Return milliseconds between two events around every repeat; the operations take turns."""
    import torch

    times: dict[str, list[float]] = {name: [] for name in found}
    for repeat in range(-WARM_UP, repeats):
        for name, (call, _) in found.items():
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            end.record()
            end.synchronize()
            if repeat >= 0:
                times[name].append(begin.elapsed_time(end))
    return times


def rows(repeats: int) -> list[dict[str, Any]]:
    """Return milliseconds and bandwidth of each operation, in the order of measuring."""
    ops = _native.cuda()
    result: list[dict[str, Any]] = []
    # One size after the other: all batches at once would need 13 GB.
    groups = [lambda side=side: compositions(ops, side) for side in SIDES]
    for group in (*groups, lambda: others(ops)):
        found = group()
        copies: dict[str, float] = {}
        for name, times in measure(found, repeats).items():
            ms = spread(times)
            rate = found[name][1] / ms["median"] / 1e6
            if name.startswith("copy, "):
                copies[name.removeprefix("copy, ")] = rate
            # Of the copy of this size and type, whose name ends like this one's.
            of_copy = [rate / other for end, other in copies.items() if name.endswith(end)]
            result.append(
                {
                    "operation": name,
                    "ms": ms,
                    "gb_per_s": float(rate) if np.isfinite(rate) else None,
                    "of_copy": float(of_copy[0]) if of_copy else None,
                }
            )
    return result


def table(measured: list[dict[str, Any]]) -> str:
    """Return the rows in Markdown."""
    lines = [
        "| operation | median ms | quartiles | GB/s moved | of a copy |",
        "|---|---|---|---|---|",
    ]
    for row in measured:
        ms = row["ms"]
        cells = [
            "" if row["gb_per_s"] is None else f"{row['gb_per_s']:.0f}",
            "" if row["of_copy"] is None else f"{row['of_copy']:.2f}",
        ]
        lines.append(
            f"| {row['operation']} | {ms['median']:.4f} | {ms['q1']:.4f} - {ms['q3']:.4f} | "
            f"{' | '.join(cells)} |"
        )
    return "\n".join(lines)


def result(repeats: int) -> tuple[dict[str, Any], str]:
    """Measure; return what is written and its table."""
    import torch

    measured = rows(repeats)
    found = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "sizes": {"masks": MASKS, "channels": CHANNELS, "sides": SIDES, "classes": CLASSES},
        "repeats": repeats,
        "build": _native.build_info(),
        "operations": measured,
    }
    return found, f"{table(measured)}\n\nDevice: {found['device']}"
