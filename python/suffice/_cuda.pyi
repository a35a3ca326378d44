"""
CUDA versions of the operations. Use it through suffice._native.cuda(). Arrays are device arrays (__dlpack__ or __cuda_array_interface__), C-contiguous and on one device; work is queued on `stream`, a CUDA stream handle (0 = default stream), and not waited for: the caller keeps the arrays alive until the stream has passed.
"""

from __future__ import annotations
import typing

__all__: list[str] = [
    "accumulate",
    "compose",
    "device_count",
    "masks_from_boxes",
    "masks_from_labels",
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
) -> None:
    """
    image and baseline float32 [C, H, W], masks packed [M, words] -> out float32 [M, C, H, W]
    """

def device_count() -> int:
    """
    Number of devices; 0 where CUDA can't run
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

def why_unavailable() -> str | None:
    """
    None where CUDA can run, otherwise why it can't
    """
