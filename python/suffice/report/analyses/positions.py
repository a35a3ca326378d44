"""Where sets lie on the image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    ROWS,
    canvas,
    few,
    finding,
    percent,
    plots,
    table_of,
)
from suffice.report.document import Block, Column, Figure
from suffice.report.reading import Question
from suffice.statistics import Positions, positions

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

BORDER = 0.1


def blocks(question: Question) -> list[Block]:
    """Heat maps of each model's sets, and the share of their pixels that lies in the border."""
    rows: list[Any] = []
    figures: list[Block] = []
    found: dict[str, Positions] = {}
    for model in question.models:
        kept = question.first[question.first["model"] == model]
        kept = kept[kept["area"].notna()]
        if not len(kept):
            continue
        where = positions(question.each_mask(kept), border=BORDER)
        found[model] = where
        rows.append(("all", model, *_cells(where)))
        certified = kept["certified"].to_numpy(bool)
        if certified.any() and not certified.all():
            again = positions(question.each_mask(kept[certified]), border=BORDER)
            rows.append(("without uncertified", model, *_cells(again)))
        figures.append(_figure(question, model, where))
    if not found:
        raise InputError("no model has a set")
    columns = (
        ROWS,
        Column("Model"),
        Column("n", "count", help="Sets"),
        Column("Empty", "count", help="In the heat map, but not in the share"),
        Column("In border", "percent", 1, "Mean over sets of the share of their pixels there"),
        Column("Low", "percent", 1, "95 %, photos resampled"),
        Column("High", "percent", 1),
        Column("Border", "percent", 1, "Share of the image that the border has"),
        Column("Ratio", "number", 2, "Above 1: sets prefer the border"),
    )
    note = (
        f"The border is {percent(BORDER, 0)} of the shorter side wide, on the model's own grid. "
        "Sets of the first seed; rows without a set are not in it."
    )
    made: list[Block] = [finding(_words(found))]
    made += few(
        min(w.n for w in found.values()), FEW_PHOTOS, "set for some model", "sets for some model"
    )
    title = "Sets and the border"
    return [
        *made,
        table_of(f"{question.slug}-positions", title, columns, rows, note),
        *figures,
    ]


def _cells(found: Positions) -> tuple[Any, ...]:
    share = found.border_share
    return (
        found.n, found.n_empty, share.value, share.low, share.high, found.border_area,
        found.border_ratio,
    )  # fmt: skip


def _figure(question: Question, model: str, found: Positions) -> Figure:
    at = list(question.models).index(model)

    def draw() -> Drawing:
        drawing, axis = canvas(4.0, 3.4)
        plots().positions(found.heat, ax=axis, title=model)
        return drawing

    alt = (
        f"Heat map of the pixels that the sets of {model} keep; "
        f"{percent(found.border_share.value)} of a set's pixels lie in the border."
    )
    note = f"Share of {found.n} sets that keep each pixel, on the model's own grid."
    return Figure(
        f"{question.slug}-positions-{at + 1}", f"Where sets of {model} lie", draw, alt, note
    )


def _words(found: dict[str, Positions]) -> str:
    known = {m: w for m, w in found.items() if not math.isnan(w.border_ratio)}
    if not known:
        return "All sets are empty, so they lie nowhere."
    low, high = (f(known, key=lambda m: known[m].border_ratio) for f in (min, max))
    first = known[low]
    text = (
        f"The border has {percent(first.border_area)} of the image and "
        f"{percent(first.border_share.value)} of a set's pixels in {low}"
    )
    if low == high:
        return text + "."
    return f"{text}, up to {percent(known[high].border_share.value)} in {high}."
