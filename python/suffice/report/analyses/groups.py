"""The published tests of groups that are taken as independent, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    ROWS,
    caution,
    finding,
    left_out,
    table_of,
    test_cells,
    test_columns,
    variants,
)
from suffice.report.document import Block, Column
from suffice.report.format import in_words
from suffice.report.reading import Question
from suffice.statistics import PairwiseTests, Sizes, dunn, kruskal_wallis

_BREAKS = (
    "Kruskal-Wallis and Dunn take values as independent. Models see the same photos, so the values "
    "are not: these p are not valid here, and are given to be compared with published ones. "
    "The tests with photos as blocks and the mixed model answer the question."
)


def blocks(question: Question) -> list[Block]:
    """Kruskal-Wallis between architectures, models and answers, and Dunn's pairs."""
    rows: list[Any] = []
    for label, sizes in variants(question):
        for what, groups in _groupings(sizes).items():
            try:
                rows.append((label, what, len(groups), *test_cells(kruskal_wallis(groups))))
            except InputError:
                continue
    if not rows:
        raise InputError("there is one model, and no right and wrong answers, so no groups")
    made: list[Block] = [caution(_BREAKS)]
    head = next((r for r in rows if r[1] == "architectures"), rows[0])
    made.append(
        finding(
            f"As it was published, between {head[1]}: H({head[4]}) = {head[3]:.1f}, "
            f"{in_words(head[5])}, epsilon squared {head[6]:.3f}. The photos are shared, so this p is "
            "not valid."
        )
    )
    columns = (ROWS, Column("Between"), Column("Groups", "count"), *test_columns("Values"))
    note = f"Areas, one for each model and photo. {left_out(question)}"
    title = "Kruskal-Wallis"
    made.append(table_of(f"{question.slug}-groups-kruskal", title, columns, rows, note))
    sizes = question.sizes()
    for what in ("architectures", "models"):
        groups = _groupings(sizes).get(what, {})
        if len(groups) > 1:
            made.append(_pairs(question, what, dunn(groups, correction="bonferroni"), groups))
    return made


def _groupings(sizes: Sizes) -> dict[str, dict[str, Any]]:
    """Areas by architecture, model (where that is another grouping) and answer."""
    found = {
        "architectures": {g: sizes.area[sizes.architecture == g] for g in _names(sizes)},
        "models": {m: sizes.area[sizes.model == m] for m in sizes.models},
        "right and wrong (top-1)": _answers(sizes, sizes.correct),
        "right and wrong (top-5)": _answers(sizes, sizes.correct_top5),
    }
    if len(found["architectures"]) == len(found["models"]):  # one model each
        del found["architectures"]
    return found


def _names(sizes: Sizes) -> list[str]:
    return [str(name) for name in np.unique(sizes.architecture)]


def _answers(sizes: Sizes, correct: Any) -> dict[str, Any]:
    return {"right": sizes.area[correct == 1.0], "wrong": sizes.area[correct == 0.0]}


def _pairs(question: Question, what: str, found: PairwiseTests, groups: dict[str, Any]) -> Block:
    medians = {name: float(np.median(area)) for name, area in groups.items()}
    rows = [
        (
            r["a"], r["b"], medians[r["a"]], medians[r["b"]], r["statistic"], r["log_p"],
            r["adjusted_log_p"], r["z_over_root_n"],
        )
        for r in found.rows()
    ]  # fmt: skip
    columns = (
        Column("A"),
        Column("B"),
        Column("Median A", "percent", 1),
        Column("Median B", "percent", 1),
        Column("z", "number", 2),
        Column("p", "log_p"),
        Column("Corrected p", "log_p", help="Bonferroni over all pairs"),
        Column("z / sqrt(n)", "number", 3),
    )
    return table_of(
        f"{question.slug}-groups-dunn-{what}",
        f"Dunn's comparisons of {what}",
        columns,
        rows,
        f"{found.n} values. Not valid where photos are shared, as said above.",
    )
