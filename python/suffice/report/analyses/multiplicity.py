"""How many disjoint sets suffice, and whether that ranks models by accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_MODELS,
    ROWS,
    Skip,
    attempt,
    caution,
    finding,
    table_of,
    variants,
)
from suffice.report.document import Block, Column
from suffice.report.format import in_words
from suffice.report.reading import Question
from suffice.statistics import Multiplicity, Sizes, multiplicity


def blocks(question: Question) -> list[Block]:
    """Sets of each model, and Spearman's correlation with accuracy."""
    if not (question.rows["sets"].fillna(0) > 1).any():
        raise Skip("no photo has more than one set; ask for several by count, or use msv")
    sizes = question.sizes()
    made: list[Block] = []
    rows = [(label, m, *_cells(s, m)) for label, s in variants(question) for m in question.models]
    columns = (
        ROWS,
        Column("Model"),
        Column("n", "count", help="Photos, those without a set too"),
        Column("Sets", "number", 2, "Mean number of sets; median over seeds first"),
        Column("Median", "number", 1),
        Column("Two or more", "percent", 1, "Photos with at least two sets"),
        Column("Accuracy", "percent", 1),
    )
    note = "No more sets than were asked for are counted, nor those a stopped search did not reach."
    table = table_of(f"{question.slug}-multiplicity", "Number of sets", columns, rows, note)
    found = attempt(lambda: _ranked(sizes), "Sets and accuracy", made)
    if found is None:
        return [*made, table]
    c, test = found.correlation, found.test
    text = (
        f"Over {len(found.models)} models, the mean number of sets and accuracy have a rank correlation of "
        f"{c.value:+.2f} ({c.low:+.2f} to {c.high:+.2f} over photos; {in_words(test.log_p)} over "
        "orders of the models)."
    )
    made = [finding(text), *made]
    if len(found.models) < FEW_MODELS:
        made.append(
            caution(
                f"With {len(found.models)} models p can't be small, whatever the number of photos."
            )
        )
    cells = [("all", c.value, c.low, c.high, test.log_p, len(found.models), c.n)]
    for label, case in variants(question)[1:]:
        try:
            again = _ranked(case)
        except InputError:
            continue
        e = again.correlation
        cells.append((label, e.value, e.low, e.high, again.test.log_p, len(again.models), e.n))
    return [*made, table, _correlations(question, cells)]


def _ranked(sizes: Sizes) -> Multiplicity:
    return multiplicity(sizes.model, sizes.image, sizes.sets, sizes.correct)


def _cells(sizes: Sizes, model: str) -> tuple[Any, ...]:
    sets = sizes.sets[(sizes.model == model) & ~np.isnan(sizes.sets)]
    accuracy = sizes.accuracy[sizes.model == model]
    if not len(sets):
        return 0, None, None, None, None
    share = float((sets >= 2).mean())
    return len(sets), float(sets.mean()), float(np.median(sets)), share, accuracy[0]


def _correlations(question: Question, rows: list[Any]) -> Block:
    columns = (
        ROWS,
        Column("Spearman", "number", 3),
        Column("Low", "number", 3, "95 %, photos resampled"),
        Column("High", "number", 3),
        Column("p", "log_p", help="By permuting models"),
        Column("Models", "count"),
        Column("Photos", "count"),
    )
    note = "Mean number of sets against accuracy, one point for each model, taken as exchangeable."
    title = "Sets and accuracy"
    return table_of(f"{question.slug}-multiplicity-accuracy", title, columns, rows, note)
