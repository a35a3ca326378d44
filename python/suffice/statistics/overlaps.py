"""Overlap of the sets of different models on the same photo: Dice and Hausdorff matrices."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.results import Floats, PairwiseTests, plain

ImageMasks = npt.NDArray[np.bool_] | Sequence[npt.NDArray[np.bool_] | None]


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Overlap between the sets of all pairs of models.

    Attributes
    ----------
    names : tuple of str
    dice : float64 [k, k]
        Mean Dice coefficient over photos for which both have a set; NaN where there is none.
    hausdorff : float64 [k, k]
        Median distance in pixels over the same photos, infinite distances included.
    hausdorff_mean : float64 [k, k]
        Mean over photos with a finite distance.
    n : int64 [k, k]
        Photos for which both have a set, empty ones included.
    n_missing : int64 [k, k]
        Photos for which either has none.
    n_infinite : int64 [k, k]
        Photos on which exactly one set is empty; their Dice coefficient is 0.
    dice_values, hausdorff_values : float32 [n_images, k (k - 1) / 2]
        Of each photo, pairs in the order of ``numpy.triu_indices(k, 1)``; NaN where missing.
    """

    names: tuple[str, ...]
    dice: Floats
    hausdorff: Floats
    hausdorff_mean: Floats
    n: npt.NDArray[np.int64]
    n_missing: npt.NDArray[np.int64]
    n_infinite: npt.NDArray[np.int64]
    dice_values: npt.NDArray[np.float32]
    hausdorff_values: npt.NDArray[np.float32]

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON, without those of each photo."""
        keys = ("names", "dice", "hausdorff", "hausdorff_mean", "n", "n_missing", "n_infinite")
        result: dict[str, Any] = plain({key: getattr(self, key) for key in keys})
        return result


def overlap(
    masks: Iterable[ImageMasks],
    names: Sequence[str],
    *,
    percent: float = 100.0,
    threads: int | None = None,
) -> Overlap:
    """Dice and Hausdorff matrices between models over many photos; exact.

    Definitions are those of `suffice.metrics`: Dice is 1 where both sets are empty and 0 where one
    is; the Hausdorff distance is 0 and infinite. A set that was not found is no empty set: such
    pairs are missing, and counted.

    Parameters
    ----------
    masks : iterable of bool [k, H, W], or of k masks [H, W] or None
        One item a photo, models in the order of `names`; taken one at a time, so a generator
        bounds memory. Photos may differ in size.
    names : sequence of str
        Of the models.
    percent : float
        Of the Hausdorff distance, as of `suffice.metrics.hausdorff`.
    threads : int or None

    Returns
    -------
    Overlap

    Raises
    ------
    InputError
        If an item has not one mask a model, or there is none.
    """
    from suffice.metrics import dice_matrix, hausdorff_matrix

    k = len(names)
    upper = np.triu_indices(k, 1)
    all_dice, all_distances = [], []
    for item in masks:
        if len(item) != k:
            raise InputError(f"expected {k} masks for each photo, one a model, got {len(item)}")
        here = [m for m in range(k) if item[m] is not None]
        dice, distance = np.full((2, k, k), np.nan)
        if len(here) > 1:
            stack = item if isinstance(item, np.ndarray) else np.stack([item[m] for m in here])  # type: ignore[misc]
            cells = np.ix_(here, here)
            dice[cells] = dice_matrix(stack)
            distance[cells] = hausdorff_matrix(stack, percent=percent, threads=threads)
        all_dice.append(dice[upper].astype(np.float32))
        all_distances.append(distance[upper].astype(np.float32))
    if not all_dice or k < 2:
        raise InputError("expected at least two models and one photo")
    d, h = np.stack(all_dice), np.stack(all_distances)
    known = ~np.isnan(d)
    n = known.sum(axis=0)
    finite = np.isfinite(h)

    def square(values: Any, diagonal: float) -> Any:
        whole = np.full((k, k), diagonal, np.asarray(values).dtype)
        whole[upper] = values
        whole.T[upper] = values
        return whole

    medians = np.array([_median(h[known[:, p], p]) for p in range(len(n))])
    return Overlap(
        tuple(str(name) for name in names),
        square(_mean(np.where(known, d, 0.0), n), 1.0),
        square(medians, 0.0),
        square(_mean(np.where(finite, h, 0.0), finite.sum(axis=0)), 0.0),
        square(n.astype(np.int64), len(d)),
        square((~known).sum(axis=0).astype(np.int64), 0),
        square(np.isinf(h).sum(axis=0).astype(np.int64), 0),
        d,
        h,
    )


def overlap_tests(found: Overlap) -> PairwiseTests:
    """Wilcoxon tests that two pairs of models overlap alike (Dice), Bonferroni over all.

    Parameters
    ----------
    found : Overlap
        Of at least three models.

    Returns
    -------
    PairwiseTests
        Its names are pairs of models, ``A & B``.

    Raises
    ------
    InputError
        If there are fewer than two pairs.
    """
    from suffice.statistics.blocks import wilcoxon_pairs

    i, j = np.triu_indices(len(found.names), 1)
    labels = [f"{found.names[a]} & {found.names[b]}" for a, b in zip(i, j, strict=True)]
    tested = wilcoxon_pairs(found.dice_values, labels, correction="bonferroni")
    return dataclasses.replace(tested, name="Wilcoxon of Dice")


def _mean(values: Any, n: Any) -> Floats:
    total = values.sum(axis=0, dtype=np.float64)
    mean: Floats = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    return mean


def _median(values: Any) -> float:
    """The median; of an even number with one middle value infinite, infinite."""
    return float(np.median(values.astype(np.float64))) if len(values) else float("nan")
