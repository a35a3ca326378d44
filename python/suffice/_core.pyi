"""
Compiled core of suffice. Use it through suffice._native, which checks arguments.
"""

from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "BackwardSearch",
    "RexDistribution",
    "RexMerge",
    "RexQueue",
    "RexResponsibility",
    "RexSearch",
    "RexSettings",
    "RexStatics",
    "RexSurvivors",
    "accumulate",
    "add_masks",
    "build_info",
    "components",
    "compose",
    "count_masks",
    "decide",
    "dice",
    "directed_hausdorff",
    "grid_labels",
    "hash_masks",
    "masks_from_boxes",
    "masks_from_labels",
    "pack_masks",
    "philox4x64",
    "prefix_masks",
    "rank",
    "squared_distances",
    "tile_labels",
    "unpack_masks",
]

class RexDistribution:
    """
    Members:

      uniform

      binom

      betabinom

      adaptive
    """

    __members__: typing.ClassVar[dict[str, RexDistribution]]
    adaptive: typing.ClassVar[RexDistribution]
    betabinom: typing.ClassVar[RexDistribution]
    binom: typing.ClassVar[RexDistribution]
    uniform: typing.ClassVar[RexDistribution]
    @typing.overload
    def __eq__(self, other: RexDistribution) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: RexDistribution) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RexQueue:
    """
    Members:

      area

      intersection

      all

      dc
    """

    __members__: typing.ClassVar[dict[str, RexQueue]]
    all: typing.ClassVar[RexQueue]
    area: typing.ClassVar[RexQueue]
    dc: typing.ClassVar[RexQueue]
    intersection: typing.ClassVar[RexQueue]
    @typing.overload
    def __eq__(self, other: RexQueue) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: RexQueue) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RexStatics:
    """
    Members:

      carry

      drop
    """

    __members__: typing.ClassVar[dict[str, RexStatics]]
    carry: typing.ClassVar[RexStatics]
    drop: typing.ClassVar[RexStatics]
    @typing.overload
    def __eq__(self, other: RexStatics) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: RexStatics) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RexSurvivors:
    """
    Members:

      merge

      last
    """

    __members__: typing.ClassVar[dict[str, RexSurvivors]]
    last: typing.ClassVar[RexSurvivors]
    merge: typing.ClassVar[RexSurvivors]
    @typing.overload
    def __eq__(self, other: RexSurvivors) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: RexSurvivors) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RexResponsibility:
    """
    Members:

      rex

      contingency

      deepcover
    """

    __members__: typing.ClassVar[dict[str, RexResponsibility]]
    contingency: typing.ClassVar[RexResponsibility]
    deepcover: typing.ClassVar[RexResponsibility]
    rex: typing.ClassVar[RexResponsibility]
    @typing.overload
    def __eq__(self, other: RexResponsibility) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: RexResponsibility) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RexMerge:
    """
    Members:

      multiplicative

      additive
    """

    __members__: typing.ClassVar[dict[str, RexMerge]]
    additive: typing.ClassVar[RexMerge]
    multiplicative: typing.ClassVar[RexMerge]
    @typing.overload
    def __eq__(self, other: RexMerge) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: RexMerge) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RexSettings:
    compat: bool
    concentrate: bool
    distribution: RexDistribution
    merge: RexMerge
    negative: bool
    queue: RexQueue
    responsibility: RexResponsibility
    statics: RexStatics
    survivors: RexSurvivors
    weighted: bool
    def __init__(self) -> None: ...
    @property
    def adaptive_block(self) -> int: ...
    @adaptive_block.setter
    def adaptive_block(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def alpha(self) -> float: ...
    @alpha.setter
    def alpha(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def beta(self) -> float: ...
    @beta.setter
    def beta(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def iterations(self) -> int: ...
    @iterations.setter
    def iterations(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def min_box_size(self) -> int: ...
    @min_box_size.setter
    def min_box_size(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def queue_len(self) -> int: ...
    @queue_len.setter
    def queue_len(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def search_limit(self) -> int: ...
    @search_limit.setter
    def search_limit(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def tree_depth(self) -> int: ...
    @tree_depth.setter
    def tree_depth(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...

class RexSearch:
    def __init__(
        self,
        height: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
        target: typing.SupportsInt | typing.SupportsIndex,
        settings: RexSettings,
        seed: typing.SupportsInt | typing.SupportsIndex,
        image_key: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def ask(self) -> numpy.typing.NDArray[numpy.uint64]:
        """
        the round's masks, packed uint64 [M, words]; M = 0 when it is over
        """
    def has_credit(self, target: typing.SupportsInt | typing.SupportsIndex) -> bool: ...
    def inject_splits(
        self,
        iteration: typing.SupportsInt | typing.SupportsIndex,
        paths: numpy.typing.NDArray[numpy.uint64],
        positions: numpy.typing.NDArray[numpy.int64],
    ) -> None: ...
    def queue_names(self, iteration: typing.SupportsInt | typing.SupportsIndex) -> list[str]: ...
    def responsibility(
        self,
        target: typing.SupportsInt | typing.SupportsIndex,
        height: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[numpy.float32]:
        """
        float32 [height, width]
        """
    def set_queue_order(
        self,
        iteration: typing.SupportsInt | typing.SupportsIndex,
        names: collections.abc.Sequence[str],
    ) -> None: ...
    def statistics(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        int64 [iterations, 5]: depth, evaluations, passing, splits, levels
        """
    def tell(
        self,
        top1: numpy.typing.NDArray[numpy.int32],
        top1_confidence: numpy.typing.NDArray[numpy.float64],
        passing: numpy.typing.NDArray[numpy.uint8],
    ) -> None:
        """
        outcomes of the whole round, in ask order
        """

class BackwardSearch:
    def __init__(
        self,
        start: numpy.typing.NDArray[numpy.uint64],
        n_pixels: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def ask(self) -> numpy.typing.NDArray[numpy.uint64]:
        """
        the round's masks, packed uint64 [M, words]; M = 0 when it is over
        """
    def order(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        int32 [n], pixels in the order they were dropped
        """
    def passing(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        uint8 [n], whether what was left after each passed
        """
    def tell(
        self,
        values: numpy.typing.NDArray[numpy.float64],
        passing: numpy.typing.NDArray[numpy.uint8],
    ) -> None:
        """
        float64 and uint8 [M], outcomes of the whole round, in ask order
        """
    def values(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64 [n], value of what was left after each
        """
    @property
    def remaining(self) -> int:
        """
        pixels still kept
        """

def accumulate(
    boxes: numpy.typing.NDArray[numpy.int32],
    values: numpy.typing.NDArray[numpy.int64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]:
    """
    boxes int32 [N, 4], values int64 [N] -> sums int64 [H, W]
    """

def add_masks(
    masks: numpy.typing.NDArray[numpy.uint64],
    weights: numpy.typing.NDArray[numpy.float64],
    sums: numpy.typing.NDArray[numpy.float64],
) -> None:
    """
    masks packed [N, words], weights float64 [N], added to sums float64 [H, W]
    """

def build_info() -> dict[str, typing.Any]:
    """
    What was compiled in: compiler, standard, cuda (bool), sanitize (text, may be empty)
    """

def components(
    packed: numpy.typing.NDArray[numpy.uint64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    corners: bool,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32]]:
    """
    (labels int32 [M, H, W], counts int32 [M])
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

def directed_hausdorff(
    packed: numpy.typing.NDArray[numpy.uint64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    percent: typing.SupportsFloat | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int32]:
    """
    squared directed Hausdorff distances, int32 [M, M]; -1: to an empty mask
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

def philox4x64(
    seed: typing.SupportsInt | typing.SupportsIndex,
    image_key: typing.SupportsInt | typing.SupportsIndex,
    counters: numpy.typing.NDArray[numpy.uint64],
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    counters uint64 [N, 4] -> words uint64 [N, 4]
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

def squared_distances(
    packed: numpy.typing.NDArray[numpy.uint64],
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int32]:
    """
    squared distance of each pixel to the nearest kept one, int32 [M, H, W]; -1: none is
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
