"""
CUDA versions of the operations. Use it through suffice._native.cuda(). Arrays are device arrays (__dlpack__ or __cuda_array_interface__), C-contiguous and on one device; work is queued on `stream`, a CUDA stream handle (0 = default stream), and not waited for: the caller keeps the arrays alive until the stream has passed.
"""

from __future__ import annotations
import typing

__all__: list[str] = [
    "accumulate",
    "compose",
    "decide",
    "device_count",
    "leave_one_out",
    "masks_from_boxes",
    "masks_from_labels",
    "prefix_masks",
    "why_unavailable",
]

def accumulate(
    boxes: typing.Any,
    values: typing.Any,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    boxes int32 [N, 4], values int64 [N] -> out int64 [H, W]
    """

def compose(
    image: typing.Any,
    baseline: typing.Any,
    masks: typing.Any,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
    *,
    labels: typing.Any | None = None,
    n_regions: typing.SupportsInt | typing.SupportsIndex = 0,
    rows: typing.Any | None = None,
    layout: str = "NCHW",
) -> None:
    """
    image and baseline float32 [C, H, W], masks packed [M, words] -> out [M, C, H, W], or [M, H, W, C] for layout NHWC, of float32, float16 or bfloat16. With labels int32 [H, W], masks are choices of regions [M, ceil(n_regions/64)]. Of several subjects: image and baseline [S, C, H, W], rows int32 [M] the subject of each mask, labels one map or [S, H, W]
    """

def decide(
    scores: typing.Any,
    targets: typing.Any,
    output_kind: str,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    scores [N, K] of float32, float16 or bfloat16, targets int32 [N] -> out float64 [N, 8]; suffice._native.decisions reads its columns
    """

def device_count() -> int:
    """
    Number of devices; 0 where CUDA can't run
    """

def leave_one_out(
    mask: typing.Any,
    pixels: typing.Any,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    mask packed [words], pixels int32 [M] -> out packed [M, words]: the mask without one pixel each
    """

def masks_from_boxes(
    boxes: typing.Any,
    offsets: typing.Any,
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    boxes int32 [N, 4], offsets int64 [M + 1] -> out packed [M, words]
    """

def masks_from_labels(
    labels: typing.Any,
    choices: typing.Any,
    n_regions: typing.SupportsInt | typing.SupportsIndex,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    labels int32 [H, W], choices uint64 [M, ceil(R/64)] -> out packed [M, words]
    """

def prefix_masks(
    order: typing.Any,
    lengths: typing.Any,
    n_pixels: typing.SupportsInt | typing.SupportsIndex,
    out: typing.Any,
    stream: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    order int32 [L], lengths int64 [M] -> out packed [M, words]: the first pixels of the order
    """

def why_unavailable() -> str | None:
    """
    None where CUDA can run, otherwise why it can't
    """
