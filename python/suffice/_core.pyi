"""
Compiled core of suffice. Use it through suffice._native, which checks arguments.
"""

from __future__ import annotations
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "accumulate",
    "build_info",
    "compose",
    "count_masks",
    "decide",
    "dice",
    "grid_labels",
    "hash_masks",
    "masks_from_boxes",
    "masks_from_labels",
    "pack_masks",
    "prefix_masks",
    "rank",
    "tile_labels",
    "unpack_masks",
]

def accumulate(
    boxes: numpy.typing.NDArray[numpy.int32],
    values: numpy.typing.NDArray[numpy.int64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]:
    """
    boxes int32 [N, 4], values int64 [N] -> sums int64 [H, W]
    """

def build_info() -> dict[str, typing.Any]:
    """
    What was compiled in: compiler, standard, cuda (bool), sanitize (text, may be empty)
    """

def compose(
    image: numpy.typing.NDArray[numpy.float32],
    baseline: numpy.typing.NDArray[numpy.float32],
    masks: numpy.typing.NDArray[numpy.uint64],
    out: numpy.typing.NDArray[numpy.float32],
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    image and baseline float32 [C, H, W], masks packed [M, words] -> out float32 [M, C, H, W]
    """

def count_masks(packed: numpy.typing.NDArray[numpy.uint64]) -> numpy.typing.NDArray[numpy.int64]:
    """
    kept pixels of each mask, int64 [M]
    """

def decide(
    scores: numpy.typing.NDArray[numpy.float32],
    targets: numpy.typing.NDArray[numpy.int32],
    output_kind: str,
) -> tuple[
    int,
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.uint8],
]:
    """
    scores float32 [N, K], targets int32 [N] -> (first unusable row or -1, top1, top1_confidence, confidence, lead, log_odds, wins_tie)
    """

def dice(packed: numpy.typing.NDArray[numpy.uint64]) -> numpy.typing.NDArray[numpy.float64]:
    """
    Dice coefficient of every pair, float64 [M, M]
    """

def grid_labels(
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    rows: typing.SupportsInt | typing.SupportsIndex,
    cols: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int32]:
    """
    labels int32 [H, W] of a rows x cols grid
    """

def hash_masks(packed: numpy.typing.NDArray[numpy.uint64]) -> numpy.typing.NDArray[numpy.uint64]:
    """
    128-bit hashes, uint64 [M, 2]
    """

def masks_from_boxes(
    boxes: numpy.typing.NDArray[numpy.int32],
    offsets: numpy.typing.NDArray[numpy.int64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    boxes int32 [N, 4], offsets int64 [M + 1] -> packed uint64 [M, words]
    """

def masks_from_labels(
    labels: numpy.typing.NDArray[numpy.int32],
    choices: numpy.typing.NDArray[numpy.uint64],
    n_regions: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    labels int32 [H, W], choices uint64 [M, ceil(R/64)] -> packed uint64 [M, words]
    """

def pack_masks(keep: numpy.typing.NDArray[numpy.uint8]) -> numpy.typing.NDArray[numpy.uint64]:
    """
    keep uint8 [M, P] -> packed uint64 [M, ceil(P/64)]
    """

def prefix_masks(
    order: numpy.typing.NDArray[numpy.int32],
    lengths: numpy.typing.NDArray[numpy.int64],
    n_pixels: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    order int32 [L], lengths int64 [M] -> packed uint64 [M, words]
    """

def rank(
    values: numpy.typing.NDArray[numpy.float32], ties_last: bool
) -> numpy.typing.NDArray[numpy.int32]:
    """
    values float32 -> pixel indices int32 [P] by falling value
    """

def tile_labels(
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    grain: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int32]:
    """
    labels int32 [H, W] of grain x grain tiles
    """

def unpack_masks(
    packed: numpy.typing.NDArray[numpy.uint64], n_pixels: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    packed uint64 [M, ceil(P/64)] -> uint8 [M, P]
    """
