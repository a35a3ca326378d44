"""From a ranking of any kind to an order of pixels and the lengths at which it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import InputError
from suffice.explanation import Explanation
from suffice.types import PackedMasks, Responsibility

Kind = Literal["insertion", "deletion"]
Ties = Literal["last", "first"]
Lengths = npt.NDArray[np.int64]

DEFAULT_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The masks of one curve, as prefixes of an order of pixels.

    Attributes
    ----------
    kind : {"insertion", "deletion"}
        Whether the prefix is what is shown or what is removed.
    shape : (H, W)
    pixels : int32 [H * W]
        Every flat index once, the most important first.
    lengths : int64 [N]
        Rising, from 0 to ``H * W``.
    """

    kind: Kind
    shape: tuple[int, int]
    pixels: npt.NDArray[np.int32]
    lengths: Lengths

    def masks(self, start: int, stop: int) -> PackedMasks:
        """The masks of some of the lengths, ``uint64 [M, words]``."""
        shown = _native.prefix_masks(self.pixels, self.lengths[start:stop], self.shape)
        if self.kind == "insertion":
            return shown
        return ~shown & _native.pack(np.ones(self.shape, np.bool_))  # bits behind the last stay 0


def make_order(
    ranking: Any,
    shape: tuple[int, int],
    kind: Kind,
    *,
    feature_mask: Any | None,
    steps: int | None,
    step: int | None,
    ties: Ties,
) -> Order:
    """Order the pixels of one image; the settings are those of `insertion_curve`.

    Raises
    ------
    InputError
        If the ranking or label map doesn't fit the image.
    """
    if feature_mask is None:
        order = _order_of(ranking, shape, ties)
        ends = np.arange(len(order) + 1, dtype=np.int64)
        default = DEFAULT_STEPS
    else:
        labels = _checked_labels(feature_mask, shape)
        places = np.argsort(_region_order(ranking, labels, ties))  # of each region in the order
        order = np.argsort(places[labels.reshape(-1)], kind="stable").astype(np.int32)
        sizes = np.bincount(places[labels.reshape(-1)])
        ends = np.concatenate([[0], np.cumsum(sizes)])
        default = len(sizes)
    return Order(kind, shape, order, ends[_stops(len(ends) - 1, default, steps, step)])


def _stops(n: int, default: int, steps: int | None, step: int | None) -> Lengths:
    """How many of `n` units each point of the curve has taken."""
    if step is not None:
        stops = np.append(np.arange(0, n, step, dtype=np.int64), n)
    else:
        parts = default if steps is None else steps
        stops = np.arange(parts + 1, dtype=np.int64) * n // parts
    return np.unique(stops)


def _order_of(ranking: Any, shape: tuple[int, int], ties: Ties) -> npt.NDArray[np.int32]:
    given = _array_of(ranking)
    if given.ndim == 1:
        return _permutation(given, shape[0] * shape[1], "pixels of the image")
    return _native.rank(_checked_map(given, shape), ties)


def _region_order(ranking: Any, labels: npt.NDArray[np.int32], ties: Ties) -> npt.NDArray[np.int32]:
    """Regions in order; those of a map by the mean of their pixels."""
    n = int(labels.max()) + 1
    given = _array_of(ranking)
    if given.ndim == 1:
        return _permutation(given, n, "regions of the feature_mask")
    values = _checked_map(given, (labels.shape[0], labels.shape[1]))
    flat = labels.reshape(-1)
    means = np.bincount(flat, values.reshape(-1).astype(np.float64)) / np.bincount(flat)
    # lexsort's last key leads: falling value, then the index, by the rule of ties.
    indices = np.arange(n)
    return np.lexsort((-indices if ties == "last" else indices, -means)).astype(np.int32)


def _array_of(ranking: Any) -> npt.NDArray[Any]:
    if isinstance(ranking, Explanation):
        if ranking.responsibility is None:
            raise InputError(
                f"{ranking.name}: the method {ranking.method['name']} gives no responsibility, so "
                "there is no ranking; give a map [H, W] or an order"
            )
        return ranking.responsibility
    array = ranking.detach().cpu().numpy() if hasattr(ranking, "detach") else np.asarray(ranking)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise InputError(
            "expected a ranking as map [H, W], order of indices or Explanation, got "
            f"{array.dtype} {list(array.shape)}"
        )
    return array


def _checked_map(array: npt.NDArray[Any], shape: tuple[int, int]) -> Responsibility:
    if array.shape != shape:
        raise InputError(
            f"expected a map on the model's grid, {list(shape)}, got {list(array.shape)}"
        )
    with np.errstate(over="ignore"):  # what doesn't fit becomes infinite and is refused
        values = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(values).all():
        raise InputError("expected a map of finite numbers; NaN and infinities rank nothing")
    return values


def _permutation(order: npt.NDArray[Any], n: int, what: str) -> npt.NDArray[np.int32]:
    whole = order.dtype.kind in "iu"
    if not whole or len(order) != n or not np.array_equal(np.sort(order), np.arange(n)):
        raise InputError(
            f"expected an order that names each of the {n} {what} once, 0 to {n - 1}; got "
            f"{len(order)} entries of {order.dtype}"
        )
    return order.astype(np.int32)


def _checked_labels(feature_mask: Any, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    labels = np.asarray(feature_mask)
    if labels.dtype.kind not in "iu" or labels.shape != shape:
        raise InputError(
            f"expected a feature_mask of whole numbers {list(shape)}, got {labels.dtype} "
            f"{list(labels.shape)}"
        )
    used = np.unique(labels)
    if not np.array_equal(used, np.arange(len(used))):
        raise InputError(
            f"expected a feature_mask with labels 0 to {len(used) - 1}, each used; got "
            f"{int(used[0])} to {int(used[-1])}"
        )
    return labels.astype(np.int32)
