"""Sizes of sets by model, architecture and correctness."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.report.analyses._common import (
    FEW_PHOTOS,
    N_RESAMPLES,
    canvas,
    count,
    few,
    finding,
    left_out,
    mean_of,
    percent,
    plots,
    span,
    table_of,
    variants,
    without_sets,
)
from suffice.report.document import Block, Column, Figure, Table
from suffice.report.reading import Question
from suffice.statistics import Sizes, by_group, seed_spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_SIZES = (
    Column("n", "count", help="Photos of the model with a size; seeds joined by their median"),
    Column("Mean", "percent", 1, "Share of the image"),
    Column("Low", "percent", 1, "95 % interval of the mean, photos resampled"),
    Column("High", "percent", 1),
    Column("Geometric mean", "percent", 1),
    Column("Quartile 1", "percent", 1),
    Column("Median", "percent", 1),
    Column("Quartile 3", "percent", 1),
)
_ANSWERS = (
    Column("Accuracy", "percent", 1, "Right answers among photos with a label and a size"),
    Column("Right", "percent", 1, "Mean size of right answers"),
    Column("n right", "count"),
    Column("Wrong", "percent", 1, "Mean size of wrong answers"),
    Column("n wrong", "count"),
    Column("Difference", "percent", 1, "Right less wrong"),
    Column("Difference low", "percent", 1),
    Column("Difference high", "percent", 1),
)


def blocks(question: Question) -> list[Block]:
    """Counts of outcomes, sizes by model and architecture, right and wrong, spread over seeds."""
    sizes = question.sizes()
    models = _rows(sizes, sizes.model, question.models)
    made: list[Block] = [finding(_words(sizes, models))]
    made += without_sets(question)
    made += few(len(np.unique(sizes.image)), FEW_PHOTOS, "photo")
    made += [_figure(question, sizes), _outcomes(question), _table(question, "model", models)]
    groups = tuple(dict.fromkeys(question.architectures.values()))
    if 1 < len(groups) < len(question.models):
        made.append(_table(question, "architecture", _rows(sizes, sizes.architecture, groups)))
    made += [_answers(question, sizes, groups), *_without(question), *_seeds(question, sizes)]
    return made


def _rows(sizes: Sizes, groups: Any, order: tuple[str, ...]) -> list[dict[str, Any]]:
    """`by_group` in the order of the design, then all, with quartiles."""
    every = np.full(len(sizes.area), "all")
    found = {row["group"]: row for row in by_group(sizes, groups, n_resamples=N_RESAMPLES)}
    rows = [found[name] for name in order if name in found]
    rows += by_group(sizes, every, n_resamples=N_RESAMPLES)
    for row, at in zip(
        rows, [*(groups == r["group"] for r in rows[:-1]), every == "all"], strict=True
    ):
        row["quartiles"] = np.quantile(sizes.area[at], [0.25, 0.75]).tolist()
    return rows


def _table(question: Question, what: str, rows: list[dict[str, Any]]) -> Table:
    cells = []
    for row in rows:
        first, third = row["quartiles"]
        cells.append((
            row["group"], row["n"], row["mean"], row["mean_low"], row["mean_high"],
            row["geometric_mean"], first, row["median"], third,
        ))  # fmt: skip
    return table_of(
        f"{question.slug}-sizes-{what}s",
        f"Sizes by {what}",
        (Column(what.capitalize()), *_SIZES),
        cells,
        "Shares of the model's input. Every finished row counts: an empty set as 0, one that was "
        "not found as the whole image. Failed rows are left out.",
    )


def _answers(question: Question, sizes: Sizes, groups: tuple[str, ...]) -> Table:
    cells = []
    for rule, correct in (("top-1", sizes.correct), ("top-5", sizes.correct_top5)):
        for what, order in ((sizes.model, question.models), (sizes.architecture, groups)):
            if what is sizes.architecture and not 1 < len(groups) < len(question.models):
                continue
            for row in _rows(_with(sizes, correct), what, order):
                if row["group"] == "all" and what is sizes.architecture:
                    continue
                cells.append((
                    rule, row["group"], row["accuracy"], row["mean_correct"], row["n_correct"],
                    row["mean_incorrect"], row["n_incorrect"], row["difference"],
                    row["difference_low"], row["difference_high"],
                ))  # fmt: skip
    return table_of(
        f"{question.slug}-sizes-answers",
        "Sizes of right and wrong answers",
        (Column("Right by"), Column("Group"), *_ANSWERS),
        cells,
        "Mean shares of the image over photos with a label. Right and wrong answers are about "
        "different photos here; the mixed model and the permutation compare within photos. "
        "Intervals of 95 %, photos resampled.",
    )


def _with(sizes: Sizes, correct: Any) -> Sizes:
    return dataclasses.replace(sizes, correct=correct)


def _outcomes(question: Question) -> Table:
    cells = []
    for model in question.models:
        rows = question.rows[question.rows["model"] == model]
        status = rows["status"]
        some = rows["area"].notna()
        cells.append((
            model, question.architectures[model], len(rows), rows["image_sha256"].nunique(),
            *(int((status == s).sum()) for s in ("found", "empty", "unattained")),
            int(((status == "budget") & some).sum()), int(((status == "budget") & ~some).sum()),
            int((status == "failed").sum()), int((some & ~rows["certified"]).sum()),
        ))  # fmt: skip
    titles = (
        *("Rows", "Photos", "Found", "Empty", "Unattained", "Stopped with a set"),
        *("Stopped without", "Failed", "Sets not certified"),
    )
    return table_of(
        f"{question.slug}-sizes-outcomes",
        "What came out",
        (Column("Model"), Column("Architecture"), *(Column(t, "count") for t in titles)),
        cells,
        f"One row for each photo and seed; {count(len(question.seeds), 'seed')}. Stopped: by the "
        "budget, so that nothing is proved irreducible.",
    )


def _without(question: Question) -> list[Block]:
    cases = variants(question)
    if len(cases) == 1:
        return []
    rows = []
    for label, sizes in cases:
        for model in question.models:
            area = sizes.area[sizes.model == model]
            right = sizes.correct[sizes.model == model]
            rows.append((
                label, model, len(area), mean_of(area),
                float(np.median(area)) if len(area) else math.nan,
                mean_of(area[right == 1.0]), mean_of(area[right == 0.0]),
            ))  # fmt: skip
    columns = (
        Column("Rows"),
        Column("Model"),
        Column("n", "count"),
        *(Column(t, "percent", 1) for t in ("Mean", "Median", "Mean right", "Mean wrong")),
    )
    note = "Left out before seeds are joined. " + left_out(question)
    title = "Sizes without some rows"
    return [table_of(f"{question.slug}-sizes-without", title, columns, rows, note)]


def _seeds(question: Question, sizes: Sizes) -> list[Block]:
    found = {row["model"]: row for row in seed_spread(sizes)}
    if not found:
        return []
    rows = [tuple(found[m].values()) for m in question.models if m in found]
    columns = (
        Column("Model"),
        Column("n", "count", help="Photos with several seeds"),
        Column("Median range", "percent", 1, "Largest less smallest size over the seeds"),
        Column("Relative range", "percent", 1, "Of the photo's median size, where that is not 0"),
        Column("Unchanged", "percent", 1, "Photos with the same size under every seed"),
    )
    return [table_of(f"{question.slug}-sizes-seeds", "Spread over seeds", columns, rows)]


def _figure(question: Question, sizes: Sizes) -> Figure:
    groups = {m: sizes.area[sizes.model == m] for m in question.models if (sizes.model == m).any()}

    def draw() -> Drawing:
        drawing, axis = canvas(7.0, 1.4 + 0.4 * len(groups))
        plots().sizes(groups, ax=axis)
        return drawing

    alt = "; ".join(f"{m}: median {percent(float(np.median(a)))}" for m, a in groups.items())
    return Figure(
        f"{question.slug}-sizes", "Sizes by model", draw, f"Sizes of sets by model. {alt}",
        "Share of the image, one value for each photo.",
    )  # fmt: skip


def _words(sizes: Sizes, rows: list[dict[str, Any]]) -> str:
    *models, every = rows
    text = (
        f"The median size of a set is {percent(every['median'])} of the image, the mean "
        f"{percent(every['mean'])} ({span(every['mean_low'], every['mean_high'])}), over "
        f"{count(len(np.unique(sizes.image)), 'photo')} and {count(len(models), 'model')}."
    )
    if len(models) > 1:
        low, high = (f(models, key=lambda r: r["mean"]) for f in (min, max))
        text += (
            f" Means go from {percent(low['mean'])} ({low['group']}) to {percent(high['mean'])} "
            f"({high['group']})."
        )
    return text
