"""Whether the sets of one model convince the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.report.analyses._common import (
    FEW_PHOTOS,
    canvas,
    count,
    few,
    finding,
    percent,
    plots,
    square,
    table_of,
)
from suffice.report.analyses._probed import (
    WILSON,
    evaluations,
    in_order,
    kept,
    known_mean,
    picked,
    probed,
    right,
)
from suffice.report.document import Block, Column, Figure
from suffice.report.reading import Question
from suffice.statistics import transfer_matrix
from suffice.statistics.results import Floats
from suffice.types import JsonObject

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_COLUMNS = (
    Column("Sets of"),
    Column("Shown to"),
    Column("n", "count", help="Photos with a set"),
    Column("Convinced", "percent", 1, "The model shown the set answers with the set's class"),
    *WILSON,
    Column("Confidence", "percent", 1, "Mean probability of the set's class"),
    Column("Right", "percent", 1, "The answer to the set is the photo's label"),
    Column("Agreed", "percent", 1, "Its answer to the whole photo is the set's class"),
    Column("Convinced if agreed", "percent", 1, "Of those photos alone"),
)


def blocks(question: Question) -> list[Block]:
    """The matrix of shares of sets that convince, and what goes with it for each pair."""
    values = probed(question, "transfer")
    slug = f"{question.slug}-transfer"
    names, judges, rates = matrix(question, values, [v["top1"] for v in values])
    n = len({v["image"] for v in values})
    note = (
        "Each model is shown the set with its own preprocessing and baseline, on its own grid; what "
        "another model crops off the photo is not in the set there. Empty sets take part, photos "
        "without a set do not. The diagonal is the model's own sets. "
        f"{evaluations(values):,} evaluations."
    )

    def draw() -> Drawing:
        drawing, axis = canvas(3.0 + 0.6 * len(judges), 2.0 + 0.5 * len(names))
        plots().overlap_matrix(
            rates,
            names,
            axis,
            columns=judges,
            label="share convinced",
            xlabel="shown to",
            ylabel="sets of",
        )
        return drawing

    title = "Share of sets that convince"
    words = _words(names, judges, rates)
    return [
        finding(words),
        *few(n, FEW_PHOTOS, "photo"),
        Figure(slug, title, draw, f"Matrix of sources (rows) and judges (columns). {words}", note),
        square(f"{slug}-rates", title, judges, rates, "percent", 1, "Rows: whose sets.")
        if names == judges
        else table_of(
            f"{slug}-rates",
            title,
            (Column(""), *(Column(j, "percent", 1) for j in judges)),
            [(s, *rates[i].tolist()) for i, s in enumerate(names)],
            "Rows: whose sets.",
        ),
        table_of(
            f"{slug}-pairs", "Sets shown to models", _COLUMNS, _pairs(values, names, judges), note
        ),
    ]


def matrix(
    question: Question, values: list[JsonObject], top1: list[int]
) -> tuple[list[str], list[str], Floats]:
    """Sources, judges and the share convinced, in the order of the design."""
    found = transfer_matrix(
        [v["source"] for v in values], [v["model"] for v in values], kept(values, top1) > 0
    )
    order = question.reading.models
    rows, columns = in_order(order, found.sources), in_order(order, found.judges)
    rates = picked(found.rate, rows, columns)
    return [found.sources[i] for i in rows], [found.judges[j] for j in columns], rates


def _pairs(values: list[JsonObject], names: list[str], judges: list[str]) -> list[tuple[Any, ...]]:
    rows = []
    for source in names:
        for judge in judges:
            some = [v for v in values if v["source"] == source and v["model"] == judge]
            if not some:
                continue
            top1 = [v["top1"] for v in some]
            convinced = kept(some, top1)
            agreed = kept(some, [v["whole_top1"] for v in some])
            bounds = transfer_matrix(["x"] * len(some), ["x"] * len(some), convinced > 0)
            rows.append((
                source, judge, len(some), float(convinced.mean()), float(bounds.low[0, 0]),
                float(bounds.high[0, 0]), float(np.mean([v["confidence"] for v in some])),
                known_mean(right(some, top1)), float(agreed.mean()),
                known_mean(convinced[agreed > 0]),
            ))  # fmt: skip
    return rows


def _words(names: list[str], judges: list[str], rates: Floats) -> str:
    own = [rates[names.index(n), judges.index(n)] for n in names if n in judges]
    others = {
        (s, j): rates[a, b]
        for a, s in enumerate(names)
        for b, j in enumerate(judges)
        if s != j and not np.isnan(rates[a, b])
    }
    if not others:
        return f"The sets of {count(len(names), 'model')} convince their own in {percent(np.mean(own))}."
    most, least = max(others, key=lambda p: others[p]), min(others, key=lambda p: others[p])
    text = (
        f"Sets convince another model in {percent(float(np.mean([*others.values()])))} of the "
        f"cases, from {percent(others[least])} ({least[0]} shown to {least[1]}) to "
        f"{percent(others[most])} ({most[0]} shown to {most[1]})"
    )
    return text + (f"; their own model in {percent(float(np.mean(own)))}." if own else ".")
