"""Whether a small share of the pixels says as much as all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.report.analyses._common import (
    FEW_PHOTOS,
    canvas,
    few,
    finding,
    listing,
    percent,
    plots,
    table_of,
)
from suffice.report.analyses._probed import (
    WILSON,
    evaluations,
    kept,
    known_mean,
    probed,
    right,
    wilson,
)
from suffice.report.analyses.transfer import matrix
from suffice.report.document import Block, Column, Figure
from suffice.report.reading import Question
from suffice.types import JsonObject

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_COLUMNS = (
    Column("Model"),
    Column("Share", "percent", 0, "Of the pixels, or of the patches"),
    Column("n", "count", help="Photos with an order"),
    Column("Kept", "percent", 1, "The subset gives the class of the whole photo"),
    *WILSON,
    Column("Kept at random", "percent", 1, "As many pixels drawn at random, mean of the draws"),
    Column("Right, whole", "percent", 1, "Accuracy on whole photos"),
    Column("Right, subset", "percent", 1, "Accuracy on subsets"),
    Column("Right, random", "percent", 1, "Accuracy on random subsets"),
    Column("Confidence", "percent", 1, "Mean probability of the class, whole photo"),
    Column("Drop", "percent", 1, "Mean of whole less subset"),
    Column("Drop at random", "percent", 1, "Mean of whole less random subset"),
)
_PAIRS = (
    Column("Subsets of"),
    Column("Shown to"),
    Column("n", "count"),
    Column("Kept", "percent", 1, "The answer is the subset's class"),
    *WILSON,
    Column("Right", "percent", 1, "The answer is the photo's label"),
    Column("Right, whole", "percent", 1, "The same model's accuracy on whole photos"),
)


def blocks(question: Question) -> list[Block]:
    """Subsets, random subsets and whole photos by model; the first share on other models."""
    values = probed(question, "subsets")
    own = [v for v in values if v["model"] == v["source"]]
    slug = f"{question.slug}-subsets"
    rows = [
        (model, share, *_cells(some, at))
        for model in question.models
        if (some := [v for v in own if v["source"] == model])
        for at, share in enumerate(some[0]["shares"])
    ]
    note = (
        "The most important pixels (patches for moxi) by the method's own order, the rest replaced "
        "by the baseline. Right: photos with a label only. "
        f"{evaluations(values):,} evaluations."
    )
    made: list[Block] = [
        finding(_words(rows)),
        *few(len({v["image"] for v in own}), FEW_PHOTOS, "photo"),
    ]
    made.append(table_of(slug, "Subsets of fixed size", _COLUMNS, rows, note))
    return made + _transfer(question, values, slug)


def _cells(some: list[JsonObject], at: int) -> tuple[Any, ...]:
    top1 = [v["subset"]["top1"][at] for v in some]
    whole = np.array([v["whole_confidence"] for v in some])
    subset = np.array([v["subset"]["confidence"][at] for v in some])
    drawn = np.array([v["random"][at]["confidence"] for v in some])  # [photos, draws]
    draws = range(drawn.shape[1])
    at_random = [[v["random"][at]["top1"][d] for v in some] for d in draws]
    agreed = kept(some, top1)
    low, high = wilson(agreed)
    return (
        len(some), float(agreed.mean()), low, high,
        float(np.mean([kept(some, t).mean() for t in at_random])),
        known_mean(right(some, [v["whole_top1"] for v in some])),
        known_mean(right(some, top1)),
        known_mean(np.concatenate([right(some, t) for t in at_random])),
        float(whole.mean()), float((whole - subset).mean()),
        float((whole[:, None] - drawn).mean()),
    )  # fmt: skip


def _transfer(question: Question, values: list[JsonObject], slug: str) -> list[Block]:
    """The first share of each model's pixels, shown to all."""
    shown = [
        {
            **v,
            "seen": v["subset"]["top1"][0] if "subset" in v else v["top1"],
            "share": v["shares"][0] if "shares" in v else v["share"],
        }
        for v in values
    ]
    if all(v["model"] == v["source"] for v in shown):
        return []
    names, judges, rates = matrix(question, shown, [v["seen"] for v in shown])
    rows = []
    for source in names:
        for judge in judges:
            some = [v for v in shown if v["source"] == source and v["model"] == judge]
            if some:
                agreed = kept(some, [v["seen"] for v in some])
                rows.append((
                    source, judge, len(some), float(agreed.mean()), *wilson(agreed),
                    known_mean(right(some, [v["seen"] for v in some])),
                    known_mean(right(some, [v["whole_top1"] for v in some])),
                ))  # fmt: skip
    shares = listing(sorted({percent(v["share"], 0) for v in shown}))

    def draw() -> Drawing:
        drawing, axis = canvas(3.0 + 0.6 * len(judges), 2.0 + 0.5 * len(names))
        plots().overlap_matrix(
            rates,
            names,
            axis,
            columns=judges,
            label="class kept",
            xlabel="shown to",
            ylabel="subsets of",
        )
        return drawing

    title = f"Subsets of {shares} shown to other models"
    alt = "Matrix of whose subsets (rows) and who was shown them (columns): share of kept classes."
    return [
        Figure(f"{slug}-transfer", title, draw, alt),
        table_of(f"{slug}-pairs", title, _PAIRS, rows, "Each on its own grid and baseline."),
    ]


def _words(rows: list[tuple[Any, ...]]) -> str:
    share = min(row[1] for row in rows)
    some = [row for row in rows if row[1] == share]
    agreed, at_random = (float(np.mean([row[k] for row in some])) for k in (3, 6))
    drop = float(np.mean([row[11] for row in some]))
    return (
        f"{percent(share, 0)} of the pixels keep the class in {percent(agreed)} of the photos "
        f"(mean over models), as many drawn at random in {percent(at_random)}; the confidence falls "
        f"by {percent(drop)}."
    )
