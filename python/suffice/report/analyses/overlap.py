"""Whether models need the same pixels: Dice, Hausdorff, and the same between seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.metrics import dice_matrix
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    ROWS,
    attempt,
    canvas,
    count,
    few,
    finding,
    mean_of,
    plots,
    square,
    table_of,
)
from suffice.report.document import Block, Column, Figure
from suffice.report.reading import Question
from suffice.statistics import Overlap, overlap, overlap_tests

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_GRID = (
    "Sets of the first seed, each photo on one grid: it covers what any of the models sees of the "
    "photo and is as fine as the finest of them; distances are in its pixels. Only photos for which "
    "both have a set count, empty ones included."
)
_MOST_TESTED = 6  # models: 15 pairs, 105 tests


def blocks(question: Question) -> list[Block]:
    """Matrices between all models and between the best of each architecture; seeds."""
    names = question.models
    made: list[Block] = []
    if len(names) > 1:
        found = overlap(question.photos(), names)
        made += _between(question, found, names)
    made += _stability(question)
    if not made:
        raise InputError("there is one model and one seed; nothing can overlap")
    return made


def best_models(question: Question) -> list[str]:
    """The most accurate model of each architecture; the first where accuracy is not known."""
    sizes = question.sizes()
    accuracy = dict(zip(sizes.model.tolist(), sizes.accuracy.tolist(), strict=True))
    best: dict[str, str] = {}
    for model in question.models:
        group = question.architectures[model]
        known = best.get(group)
        if known is None or accuracy.get(model, math.nan) > accuracy.get(known, math.nan):
            best[group] = model
    return [model for model in question.models if model in best.values()]


def _between(question: Question, found: Overlap, names: Sequence[str]) -> list[Block]:
    slug = f"{question.slug}-overlap"
    n = found.n[np.triu_indices(len(names), 1)]
    made: list[Block] = [finding(_words(found, names)), *few(int(n.max()), FEW_PHOTOS, "photo")]
    if len(names) > 2:
        made.append(_picture(slug, found, names))
        made.append(square(f"{slug}-dice", "Mean Dice coefficient", names, found.dice, note=_GRID))
        made.append(
            square(
                f"{slug}-hausdorff", "Median Hausdorff distance", names, found.hausdorff, digits=1,
                note=f"{_GRID} Infinite on photos where one of the two is empty.",
            )
        )  # fmt: skip
    made.append(_counts(slug, found, names))
    made += _without(question, found, names)
    best = best_models(question)
    if 2 < len(names) <= _MOST_TESTED:
        made += _tests(slug, "models", found)
    if 2 < len(best) < len(names):
        again = attempt(lambda: overlap(question.photos(best), best), "Best models", made)
        if again is not None:
            title = "Mean Dice coefficient between the best of each architecture"
            made.append(square(f"{slug}-best", title, best, again.dice, note=_GRID))
            made += _tests(f"{slug}-best", "the best of each architecture", again)
    return made


def _counts(slug: str, found: Overlap, names: Sequence[str]) -> Block:
    i, j = np.triu_indices(len(names), 1)
    rows = [
        (
            names[a], names[b], found.n[a, b], found.n_missing[a, b], found.n_infinite[a, b],
            found.dice[a, b], found.hausdorff[a, b], found.hausdorff_mean[a, b],
        )
        for a, b in zip(i.tolist(), j.tolist(), strict=True)
    ]  # fmt: skip
    columns = (
        Column("A"),
        Column("B"),
        Column("n", "count", help="Photos for which both have a set"),
        Column("Missing", "count", help="Photos for which either has none"),
        Column("One empty", "count", help="Dice 0, distance infinite"),
        Column("Dice", "number", 3, "Mean"),
        Column("Hausdorff", "number", 1, "Median"),
        Column("Hausdorff mean", "number", 1, "Over finite distances"),
    )
    return table_of(f"{slug}-pairs", "Pairs of models", columns, rows, _GRID)


def _tests(slug: str, what: str, found: Overlap) -> list[Block]:
    made: list[Block] = []
    tested = attempt(lambda: overlap_tests(found), "Tests of overlap", made)
    if tested is None:
        return made
    rows = [
        (r["a"], r["b"], r["rank_biserial"], r["log_p"], r["adjusted_log_p"]) for r in tested.rows()
    ]
    columns = (
        Column("Pair"),
        Column("Other pair"),
        Column(
            "Rank biserial", "number", 2, "1: the first overlaps more on all photos that differ"
        ),
        Column("p", "log_p"),
        Column("Corrected p", "log_p", help="Bonferroni over all rows"),
    )
    note = "Wilcoxon's signed ranks of Dice on photos that both pairs have."
    title = f"Do pairs of {what} overlap alike?"
    return [*made, table_of(f"{slug}-tests", title, columns, rows, note)]


def _without(question: Question, found: Overlap, names: Sequence[str]) -> list[Block]:
    """Mean Dice over all pairs, and without photos on which a set of the pair is such."""
    i, j = np.triu_indices(len(names), 1)
    kinds = _kinds(question, names)
    never = np.zeros((len(found.dice_values), len(names)), np.bool_)
    rows = []
    for label, out in {"all": never, **kinds}.items():
        keep = ~(out[:, i] | out[:, j]) & ~np.isnan(found.dice_values)
        if label != "all" and (not out.any() or not keep.any()):
            continue
        dice = found.dice_values[keep].astype(np.float64)
        far = found.hausdorff_values[keep].astype(np.float64)
        rows.append((label, int(keep.sum()), mean_of(dice), float(np.median(far))))
    columns = (
        ROWS,
        Column("n", "count", help="Pairs of models x photos"),
        Column("Dice", "number", 3, "Mean"),
        Column("Hausdorff", "number", 1, "Median"),
    )
    note = "A pair is left out on a photo where either of its sets is such."
    title = "Overlap over all pairs, without some sets"
    if len(rows) < 2:
        return []
    return [table_of(f"{question.slug}-overlap-without", title, columns, rows, note)]


def _kinds(question: Question, names: Sequence[str]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which sets are empty, or not certified; photos by models in the order of `photos`."""
    rows = question.first
    order = {sha: k for k, sha in enumerate(rows["image_sha256"].unique())}
    place = {name: k for k, name in enumerate(names)}
    shape = (len(order), len(names))
    kinds = {
        "without empty": np.zeros(shape, np.bool_),
        "without uncertified": np.zeros(shape, np.bool_),
    }
    at = (rows["image_sha256"].map(order).to_numpy(), rows["model"].map(place).to_numpy())
    kinds["without empty"][at] = (rows["status"] == "empty").to_numpy(bool)
    kinds["without uncertified"][at] = ~rows["certified"].to_numpy(bool)
    return kinds


def _stability(question: Question) -> list[Block]:
    if len(question.seeds) < 2:
        return []
    rows = []
    for model in question.models:
        found = np.array([_agreement(masks) for masks in question.copies(model)])
        if len(found):
            rows.append((
                model, len(found), mean_of(found), float(np.median(found)), float(found.min()),
                float((found == 1.0).mean()),
            ))  # fmt: skip
    columns = (
        Column("Model"),
        Column("n", "count", help="Photos with sets of two or more seeds"),
        Column("Dice", "number", 3, "Mean over photos of the mean over pairs of seeds"),
        Column("Median", "number", 3),
        Column("Smallest", "number", 3),
        Column("Same", "percent", 1, "Photos with the same set under all seeds"),
    )
    title = "Overlap of seeds within each model"
    return [table_of(f"{question.slug}-overlap-seeds", title, columns, rows)] if rows else []


def _agreement(masks: list[Any]) -> float:
    """Mean Dice coefficient over the pairs of masks."""
    return float(dice_matrix(masks)[np.triu_indices(len(masks), 1)].mean())


def _picture(slug: str, found: Overlap, names: Sequence[str]) -> Figure:
    def draw() -> Drawing:
        side = 2.0 + 0.6 * len(names)
        drawing, axis = canvas(side + 1.0, side)
        plots().overlap_matrix(found.dice, list(names), ax=axis, title="Mean Dice coefficient")
        return drawing

    alt = (
        f"Matrix of Dice coefficients between {count(len(names), 'model')}. {_words(found, names)}"
    )
    return Figure(slug, "Overlap of models", draw, alt, _GRID)


def _words(found: Overlap, names: Sequence[str]) -> str:
    i, j = np.triu_indices(len(names), 1)
    values = found.dice[i, j]
    if np.isnan(values).all():
        return "No two models have sets of the same photo."
    most, least = int(np.nanargmax(values)), int(np.nanargmin(values))
    pairs = [f"{names[a]} and {names[b]}" for a, b in zip(i.tolist(), j.tolist(), strict=True)]
    if len(values) == 1:
        return f"The sets of {pairs[0]} overlap with a mean Dice coefficient of {values[0]:.2f}."
    return (
        f"The mean Dice coefficient over pairs of models is {np.nanmean(values):.2f}, from "
        f"{values[least]:.2f} "
        f"({pairs[least]}) to {values[most]:.2f} ({pairs[most]})."
    )
