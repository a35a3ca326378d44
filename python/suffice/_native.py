"""The only importer of the compiled core: argument checks, then the call (DESIGN.md 7).

Arrays are checked here once. A wrong dtype is a ``TypeError``, a wrong shape, layout or value a
``ValueError``; nothing large is ever converted or copied silently. Small index arrays (boxes,
offsets, lengths, targets, choices) may be non-contiguous. Packed masks are described in
`suffice.types.PackedMasks`, and ``words`` is ``ceil(H * W / 64)``.
"""

from __future__ import annotations

import importlib
from operator import index
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice import _core
from suffice.errors import ScoresError
from suffice.types import Batch, Decisions, FloatImage, OutputKind, PackedMasks, Scores

WORD_BITS = 64
BACKWARD_WIDTH = 4096
"""Most masks of a round of backward selection: 25 MB at 224 x 224, whole sweeps up to 64 x 64."""
DECISION_COLUMNS = 8
"""Columns of a decision that was made on a CUDA device."""
_CUDA_BUILD = "pip install . -C cmake.define.SUFFICE_CUDA=ON"
LabelMap = npt.NDArray[np.int32]
"""``[H, W]`` int32, the region of every pixel, each in 0..R-1."""


def words_for(n_pixels: int) -> int:
    """Count the 64-bit words that hold ``n_pixels`` bits."""
    return (n_pixels + WORD_BITS - 1) // WORD_BITS


def build_info() -> dict[str, Any]:
    """Say what was compiled in.

    Returns
    -------
    dict
        ``compiler`` and ``standard`` (text), ``cuda`` (bool) and ``sanitize`` (text, empty when
        no sanitizer is on).
    """
    return _core.build_info()


def cuda_info() -> str | None:
    """Say why the CUDA operations can't run here.

    Returns
    -------
    str or None
        None where they can run.
    """
    try:
        extension = importlib.import_module("suffice._cuda")
    except ModuleNotFoundError as error:
        if error.name != "suffice._cuda":
            raise
        return f"this build has no CUDA; rebuild it where nvcc is installed: {_CUDA_BUILD}"
    except ImportError as error:
        return f"the CUDA extension can't be loaded: {error}"
    reason: str | None = extension.why_unavailable()
    return reason


def cuda() -> ModuleType:
    """Return the CUDA operations, for device arrays (``python/suffice/_cuda.pyi``).

    Raises
    ------
    RuntimeError
        If they can't run here; the message says why and what to do.
    """
    reason = cuda_info()
    if reason is not None:
        raise RuntimeError(f"CUDA was asked for, but {reason}")
    return importlib.import_module("suffice._cuda")


def pack(masks: npt.NDArray[np.bool_]) -> PackedMasks:
    """Pack masks ``bool [M, H, W]`` or ``[H, W]`` into ``uint64 [M, words]``."""
    masks = np.asarray(masks)
    if masks.dtype != np.bool_ or masks.ndim not in (2, 3):
        raise TypeError(f"expected bool masks [M, H, W], got {masks.dtype} {list(masks.shape)}")
    n = 1 if masks.ndim == 2 else masks.shape[0]
    n_pixels = masks.shape[-2] * masks.shape[-1]
    return _core.pack_masks(np.ascontiguousarray(masks).reshape(n, n_pixels).view(np.uint8))


def unpack(packed: PackedMasks, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Unpack ``uint64 [M, words]`` into ``bool [M, H, W]``."""
    height, width = _shape(shape)
    packed = _packed(packed, height * width)
    flat = _core.unpack_masks(packed, height * width)
    return flat.view(np.bool_).reshape(len(packed), height, width)


def count(packed: PackedMasks) -> npt.NDArray[np.int64]:
    """Kept pixels of each mask."""
    return _core.count_masks(_packed(packed))


def digest(packed: PackedMasks) -> npt.NDArray[np.uint64]:
    """128-bit hashes ``uint64 [M, 2]``."""
    return _core.hash_masks(_packed(packed))


def dice(packed: PackedMasks) -> npt.NDArray[np.float64]:
    """Dice coefficient of every pair of masks.

    Parameters
    ----------
    packed : uint64 [M, words]

    Returns
    -------
    float64 [M, M]
        ``2 |A & B| / (|A| + |B|)``; 1 where both masks are empty.
    """
    return _core.dice(_packed(packed))


def squared_distances(
    packed: PackedMasks, shape: tuple[int, int], threads: int = 1
) -> npt.NDArray[np.int32]:
    """Exact squared Euclidean distance of every pixel to the nearest kept one.

    Parameters
    ----------
    packed : uint64 [M, words]
    shape : (H, W)
        ``H * H + W * W`` below 2**31.
    threads : int
        Masks are shared among so many threads; changes no bit.

    Returns
    -------
    int32 [M, H, W]
        In pixels squared; -1 everywhere where a mask keeps no pixel.

    Raises
    ------
    ValueError
        If the image is too large for 32-bit squares.

    Source
    ------
    Meijster, Roerdink, Hesselink: A general algorithm for computing distance transforms in linear
    time (2000), in integers.
    """
    height, width = _shape(shape)
    packed = _packed(packed, height * width)
    return _core.squared_distances(packed, height, width, _at_least_one("threads", threads))


def directed_hausdorff(
    packed: PackedMasks, shape: tuple[int, int], percent: float = 100.0, threads: int = 1
) -> npt.NDArray[np.int32]:
    """Squared directed Hausdorff distance from every mask to every other.

    Parameters
    ----------
    packed : uint64 [M, words]
    shape : (H, W)
        ``H * H + W * W`` below 2**31.
    percent : float
        Above 0, at most 100: the share of pixels that must be within the distance.
    threads : int
        Masks are shared among so many threads; changes no bit.

    Returns
    -------
    int32 [M, M]
        Element ``(a, b)``: the value of rank ``ceil(|a| * percent / 100)`` among the squared
        distances of the pixels of ``a`` to ``b``. 0 where ``a`` is empty, -1 where only ``b`` is.

    Raises
    ------
    ValueError
        If `percent` is out of range or the image is too large for 32-bit squares.
    """
    height, width = _shape(shape)
    if not 0.0 < percent <= 100.0:
        raise ValueError(f"expected percent above 0 and at most 100, got {percent}")
    return _core.directed_hausdorff(
        _packed(packed, height * width),
        height,
        width,
        float(percent),
        _at_least_one("threads", threads),
    )


def components(
    packed: PackedMasks, shape: tuple[int, int], neighbours: int = 4, threads: int = 1
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Connected components of masks.

    Parameters
    ----------
    packed : uint64 [M, words]
    shape : (H, W)
    neighbours : {4, 8}
        Whether pixels that share a side hang together, or those that share a corner too.
    threads : int
        Masks are shared among so many threads; changes no bit.

    Returns
    -------
    labels : int32 [M, H, W]
        From 1 in the order of the components' first pixels, row by row; 0: not kept.
    counts : int32 [M]
    """
    height, width = _shape(shape)
    if neighbours not in (4, 8):
        raise ValueError(f"expected 4 or 8 neighbours, got {neighbours!r}")
    packed = _packed(packed, height * width)
    return _core.components(
        packed, height, width, neighbours == 8, _at_least_one("threads", threads)
    )


def masks_from_boxes(
    boxes: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], shape: tuple[int, int]
) -> PackedMasks:
    """Masks that are unions of boxes.

    Parameters
    ----------
    boxes : int32 [N, 4]
        ``(r0, r1, c0, c1)``, half-open, inside the image. A box may be empty.
    offsets : int64 [M + 1]
        From 0 to N, never falling; mask ``m`` keeps boxes ``offsets[m]`` to ``offsets[m + 1] - 1``.
    shape : (H, W)

    Returns
    -------
    uint64 [M, words]

    Raises
    ------
    ValueError
        If a box leaves the image or the offsets are not as said.
    """
    boxes = _boxes(boxes)
    offsets = _index_array("offsets", offsets, np.int64, 1)
    if offsets.size == 0:
        raise ValueError("expected offsets int64 [M + 1], got none; zero masks are offsets [0]")
    return _core.masks_from_boxes(boxes, offsets, *_shape(shape))


def tile_labels(shape: tuple[int, int], grain: int) -> LabelMap:
    """Label map of square tiles, from the top-left corner; the last ones may be smaller.

    Parameters
    ----------
    shape : (H, W)
    grain : int
        Side of a tile in pixels, at least 1.

    Returns
    -------
    int32 [H, W]
        Tiles numbered along their rows; ``ceil(H / grain) * ceil(W / grain)`` of them.
    """
    return _core.tile_labels(*_shape(shape), _at_least_one("grain", grain))


def grid_labels(shape: tuple[int, int], rows: int, cols: int) -> LabelMap:
    """Label map of a grid with a given number of cells.

    Parameters
    ----------
    shape : (H, W)
    rows, cols : int
        Cells down and across: 1 to H and 1 to W, so that no cell is empty. Cell ``i`` begins at
        pixel ``floor(i * H / rows)``.

    Returns
    -------
    int32 [H, W]
        Cells numbered along their rows.
    """
    height, width = _shape(shape)
    if not (1 <= index(rows) <= height and 1 <= index(cols) <= width):
        raise ValueError(
            f"expected a grid of 1 to {height} rows and 1 to {width} columns for an image of "
            f"{height} x {width} pixels, got {rows} x {cols}"
        )
    return _core.grid_labels(height, width, rows, cols)


def masks_from_labels(
    labels: LabelMap, choices: npt.NDArray[np.uint64], n_regions: int
) -> PackedMasks:
    """Masks that keep chosen regions of a label map.

    Parameters
    ----------
    labels : int32 [H, W]
        Region of each pixel, each in 0..R-1. C-contiguous.
    choices : uint64 [M, ceil(R / 64)]
        Bit ``r % 64`` of word ``r // 64`` set = region ``r`` keeps its pixels; ``pack`` of bool
        ``[M, 1, R]`` makes them.
    n_regions : int
        R.

    Returns
    -------
    uint64 [M, words]

    Raises
    ------
    ValueError
        If a label is outside 0..R-1.
    """
    labels = _array("labels", labels, np.int32, 2)
    choices = _index_array("choices", choices, np.uint64, 2)
    n_words = words_for(_at_least_one("n_regions", n_regions))
    if choices.shape[1] != n_words:
        raise ValueError(
            f"expected choices of {n_words} words for {n_regions} regions, got {choices.shape[1]}"
        )
    _not_empty("labels", labels)
    return _core.masks_from_labels(labels, choices, n_regions)


def compose(
    image: FloatImage,
    baseline: FloatImage,
    masks: PackedMasks,
    out: Batch | None = None,
    threads: int = 1,
) -> Batch:
    """Composites ``where(mask, image, baseline)``, bit by bit.

    Parameters
    ----------
    image, baseline : float32 [C, H, W]
        C-contiguous, of one shape.
    masks : uint64 [M, words]
    out : float32 [M, C, H, W], optional
        C-contiguous memory to write to, apart from the inputs; allocated when None.
    threads : int
        How many threads may take part; the result is the same for any number.

    Returns
    -------
    float32 [M, C, H, W]
        ``out``, every element written.
    """
    image = _array("image", image, np.float32, 3)
    baseline = _array("baseline", baseline, np.float32, 3)
    if baseline.shape != image.shape:
        raise ValueError(
            f"expected a baseline of the image's shape {list(image.shape)}, "
            f"got {list(baseline.shape)}"
        )
    _not_empty("image", image)
    masks = _packed(masks, image.shape[1] * image.shape[2])
    shape = (len(masks), *image.shape)
    if out is None:
        out = np.empty(shape, np.float32)
    else:
        out = _array("out", out, np.float32, 4)
        if out.shape != shape or not out.flags.writeable:
            raise ValueError(
                f"expected writeable out of shape {list(shape)}, got {list(out.shape)}"
                f"{'' if out.flags.writeable else ', read-only'}"
            )
        if np.may_share_memory(out, image) or np.may_share_memory(out, baseline):
            raise ValueError("expected out apart from image and baseline, got overlapping memory")
    _core.compose(image, baseline, masks, out, _at_least_one("threads", threads))
    return out


def accumulate(
    boxes: npt.NDArray[np.int32], values: npt.NDArray[np.int64], shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """Sum of weighted boxes, exact in 64-bit integers.

    Parameters
    ----------
    boxes : int32 [N, 4]
        ``(r0, r1, c0, c1)``, half-open, inside the image.
    values : int64 [N]
        What each box adds to every pixel inside it, in fixed point. Sums wrap at 64 bits.
    shape : (H, W)

    Returns
    -------
    int64 [H, W]
    """
    boxes = _boxes(boxes)
    values = _index_array("values", values, np.int64, 1)
    if len(values) != len(boxes):
        raise ValueError(f"expected one value for each of {len(boxes)} boxes, got {len(values)}")
    return _core.accumulate(boxes, values, *_shape(shape))


def add_masks(
    sums: npt.NDArray[np.float64], masks: PackedMasks, weights: npt.NDArray[np.float64]
) -> None:
    """Add a weight to every pixel that a mask keeps, in place.

    Parameters
    ----------
    sums : float64 [H, W]
        C-contiguous and writeable.
    masks : uint64 [N, words]
    weights : float64 [N]
        Added to a pixel in the order of the masks, so the bits are the same on every machine.

    Raises
    ------
    TypeError, ValueError
        If a type, shape or layout is another, or the sums can't be written.
    """
    sums = _array("sums", sums, np.float64, 2)
    if not sums.flags.writeable:
        raise ValueError("expected writeable sums, got a read-only array")
    _not_empty("sums", sums)
    masks = _packed(masks, sums.size)
    weights = _index_array("weights", weights, np.float64, 1)
    if len(weights) != len(masks):
        raise ValueError(f"expected one weight for each of {len(masks)} masks, got {len(weights)}")
    _core.add_masks(masks, weights, sums)


def rank(
    values: npt.NDArray[np.float32], ties: Literal["last", "first"] = "last"
) -> npt.NDArray[np.int32]:
    """Rank pixels by falling value.

    Parameters
    ----------
    values : float32 [H, W]
        C-contiguous. -0.0 equals 0.0; infinities are allowed.
    ties : {"last", "first"}
        Which of equal values comes first: ``last`` the higher flat index (ReX's rule, which is to
        sort by (value, row, column) descending), ``first`` the lower one.

    Returns
    -------
    int32 [H * W]
        Flat pixel indices.

    Raises
    ------
    ValueError
        If a value is NaN.
    """
    values = _array("values", values, np.float32, 2)
    if ties not in ("last", "first"):
        raise ValueError(f"expected ties 'last' or 'first', got {ties!r}")
    return _core.rank(values, ties == "last")


def prefix_masks(
    order: npt.NDArray[np.int32], lengths: npt.NDArray[np.int64], shape: tuple[int, int]
) -> PackedMasks:
    """Masks of the first pixels of an order.

    Parameters
    ----------
    order : int32 [L]
        Flat pixel indices, each in 0..H*W-1; usually what `rank` returns.
    lengths : int64 [M]
        How many pixels of the order each mask keeps, 0 to L, in any order.
    shape : (H, W)

    Returns
    -------
    uint64 [M, words]

    Raises
    ------
    ValueError
        If an index or a length is out of range.
    """
    order = _index_array("order", order, np.int32, 1)
    lengths = _index_array("lengths", lengths, np.int64, 1)
    height, width = _shape(shape)
    return _core.prefix_masks(order, lengths, height * width)


def decide(scores: Scores, targets: npt.NDArray[np.int32], output_kind: OutputKind) -> Decisions:
    """Judge scores by a target class, row by row.

    Parameters
    ----------
    scores : float32 [N, K]
        C-contiguous. Logits, or log-probabilities (-inf where p = 0) for ``probabilities``. K is
        at least 2, or 1 for ``multilabel``.
    targets : int32 [N]
        The class each row is asked about, 0 to K - 1.
    output_kind : {"logits", "probabilities", "multilabel"}

    Returns
    -------
    Decisions
        Computed in float64, each row by itself: N and the neighbours change no bit.

    Raises
    ------
    ScoresError
        If a row holds NaN or an infinity; its attribute ``row`` says which.
    ValueError
        If a target is no class.
    """
    scores = _array("scores", scores, np.float32, 2)
    targets = _index_array("targets", targets, np.int32, 1)
    if len(targets) != len(scores):
        raise ValueError(f"expected one target for each of {len(scores)} rows, got {len(targets)}")
    row, top1, top1_confidence, confidence, lead, log_odds, wins_tie = _core.decide(
        scores, targets, output_kind
    )
    if row >= 0:
        bad = scores[row][~np.isfinite(scores[row])]
        raise ScoresError(
            f"expected finite scores, got {bad[0]} in row {row} of {len(scores)}; "
            "the model can't be explained where it gives no number",
            row=row,
        )
    score = scores[np.arange(len(scores)), targets].astype(np.float64)
    return Decisions(
        top1, top1_confidence, confidence, lead, log_odds, wins_tie.view(np.bool_), score
    )


def decisions(columns: npt.NDArray[np.float64]) -> Decisions:
    """Read what the CUDA ``decide`` wrote, once it is on the host.

    Parameters
    ----------
    columns : float64 [N, 8]
        One row a decision, columns as in ``csrc/ops/scores/scores.h``.

    Returns
    -------
    Decisions
        As of `decide`; confidences and log-odds may differ in their last bits.

    Raises
    ------
    ScoresError
        If no decision can be made from a row: its scores hold NaN or an infinity, or its target is
        no class. The attribute ``row`` says which.
    """
    columns = _array("columns", columns, np.float64, 2)
    if columns.shape[1] != DECISION_COLUMNS:
        raise ValueError(
            f"expected columns of {DECISION_COLUMNS} numbers a row, got {_describe(columns)}"
        )
    top1, top1_confidence, confidence, lead, log_odds, wins_tie, score, usable = columns.T
    unusable = np.flatnonzero(usable != 1)
    if unusable.size:
        row = int(unusable[0])
        raise ScoresError(
            f"expected finite scores and targets that are classes, got something else in row {row} of "
            f"{len(columns)}; the model can't be explained where it gives no number",
            row=row,
        )
    return Decisions(
        top1.astype(np.int32),
        top1_confidence.copy(),
        confidence.copy(),
        lead.copy(),
        log_odds.copy(),
        wins_tie.astype(np.bool_),
        score.copy(),
    )


def philox(key: tuple[int, int], counters: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Random words of Philox 4x64-10, a pure function of key and counter.

    Parameters
    ----------
    key : (int, int)
        Seed and image key, unsigned 64-bit.
    counters : uint64 [N, 4]
        Least significant word first.

    Returns
    -------
    uint64 [N, 4]
        Row ``i`` equals ``numpy.random.Philox(key=key, counter=counters[i] - 1).random_raw(4)``.
    """
    return _core.philox4x64(*key, _index_array("counters", counters, np.uint64, 2))


def rex_search(
    shape: tuple[int, int], target: int, settings: dict[str, Any], key: tuple[int, int]
) -> _core.RexSearch:
    """Start the native ReX search (``csrc/search/rex/rex_search.h``).

    Parameters
    ----------
    shape : (H, W)
    target : int
        The class whose composites pass.
    settings : dict
        Values of ``RexSettings``; enumerations by name, no limit as None.
    key : (int, int)
        Seed and image key, unsigned 64-bit.
    """
    native = _core.RexSettings()
    enums: dict[str, Any] = {
        "distribution": _core.RexDistribution,
        "queue": _core.RexQueue,
        "statics": _core.RexStatics,
        "survivors": _core.RexSurvivors,
        "responsibility": _core.RexResponsibility,
        "merge": _core.RexMerge,
    }
    for name, value in settings.items():
        native_value = enums[name].__members__[value] if name in enums else value
        setattr(native, name, -1 if native_value is None else native_value)
    return _core.RexSearch(*_shape(shape), target, native, *key)


def backward_search(
    start: PackedMasks, shape: tuple[int, int], width: int = BACKWARD_WIDTH
) -> _core.BackwardSearch:
    """Start the native backward selection (``csrc/search/backward/backward_search.h``).

    Parameters
    ----------
    start : uint64 [1, words]
        The pixels to drop, at least one; all others are left out from the beginning.
    shape : (H, W)
    width : int
        Most masks of a round; bounds memory and changes no outcome.

    Raises
    ------
    ValueError
        If the mask keeps no pixel or has bits beyond the last one.
    """
    height, width_of_image = _shape(shape)
    n_pixels = height * width_of_image
    start = _packed(start, n_pixels)
    if len(start) != 1:
        raise ValueError(f"expected one mask to start from, got {len(start)}")
    return _core.BackwardSearch(start.reshape(-1), n_pixels, _at_least_one("width", width))


def _array(name: str, value: Any, dtype: type[np.generic], ndim: int) -> npt.NDArray[Any]:
    """Check type, dtype, dimensions and layout; never copy."""
    if not isinstance(value, np.ndarray) or value.dtype != dtype:
        raise TypeError(f"expected {name} as {np.dtype(dtype)} array, got {_describe(value)}")
    if value.ndim != ndim:
        raise ValueError(f"expected {name} with {ndim} dimensions, got {_describe(value)}")
    if not value.flags.c_contiguous:
        raise ValueError(f"expected C-contiguous {name}; pass np.ascontiguousarray({name})")
    return value


def _index_array(name: str, value: Any, dtype: type[np.generic], ndim: int) -> npt.NDArray[Any]:
    """As `_array`, but small: another layout is copied."""
    if isinstance(value, np.ndarray) and value.dtype == dtype:
        value = np.ascontiguousarray(value) if value.ndim else value
    return _array(name, value, dtype, ndim)


def _boxes(boxes: Any) -> npt.NDArray[np.int32]:
    checked = _index_array("boxes", boxes, np.int32, 2)
    if checked.shape[1] != 4:
        raise ValueError(f"expected boxes int32 [N, 4] (r0, r1, c0, c1), got {_describe(boxes)}")
    return checked


def _not_empty(name: str, value: npt.NDArray[Any]) -> None:
    if value.size == 0:
        raise ValueError(f"expected {name} with at least one pixel, got {_describe(value)}")


def _shape(shape: tuple[int, int]) -> tuple[int, int]:
    height, width = shape
    if index(height) < 1 or index(width) < 1:
        raise ValueError(f"expected a shape of at least 1 x 1 pixels, got {height} x {width}")
    return index(height), index(width)


def _at_least_one(name: str, value: int) -> int:
    if index(value) < 1:
        raise ValueError(f"expected {name} of at least 1, got {value}")
    return index(value)


def _packed(packed: Any, n_pixels: int | None = None) -> PackedMasks:
    if not isinstance(packed, np.ndarray) or packed.dtype != np.uint64 or packed.ndim != 2:
        raise TypeError(f"expected packed masks uint64 [M, words], got {_describe(packed)}")
    if n_pixels is not None and packed.shape[1] != words_for(n_pixels):
        raise ValueError(
            f"expected {words_for(n_pixels)} words for {n_pixels} pixels, got {packed.shape[1]}"
        )
    if packed.shape[1] == 0:
        raise ValueError(f"expected packed masks of at least one word, got {_describe(packed)}")
    return np.ascontiguousarray(packed)


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    return type(value).__name__
