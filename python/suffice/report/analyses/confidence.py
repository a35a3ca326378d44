"""How size goes with the model's confidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    ROWS,
    few,
    finding,
    left_out,
    table_of,
    variants,
    without_sets,
)
from suffice.report.document import Block, Column
from suffice.report.reading import Question
from suffice.statistics import Estimate, Sizes, within_correlation

_MEASURES = {"confidence": "confidence", "entropy": "entropy", "lead": "margin"}


def blocks(question: Question) -> list[Block]:
    """Spearman's correlation of size with confidence, entropy and margin, within models."""
    rows: list[Any] = []
    head: Estimate | None = None
    for label, sizes in variants(question):
        for name, title in _MEASURES.items():
            try:
                each, mean = _correlation(sizes, name)
            except InputError as error:
                if label == "all" and name == "confidence":
                    raise InputError(str(error)) from None
                continue
            if head is None:
                head = mean
            rows.append((label, title, "mean over models", mean.value, mean.low, mean.high, mean.n))
            if label == "all":
                rows += [
                    (label, title, model, each[model], None, None, _photos(sizes, model))
                    for model in question.models
                    if model in each
                ]
    assert head is not None
    made: list[Block] = [
        finding(
            f"Within models, size and confidence correlate with {head.value:+.2f} (Spearman; "
            f"{head.low:+.2f} to {head.high:+.2f} at 95 %)."
        ),
        *without_sets(question),
        *few(head.n, FEW_PHOTOS, "photo"),
    ]
    columns = (
        ROWS,
        Column("Size with"),
        Column("Model"),
        Column("Spearman", "number", 3),
        Column("Low", "number", 3, "95 %, photos resampled"),
        Column("High", "number", 3),
        Column("n", "count", help="Photos"),
    )
    note = (
        "Of the whole image. Within models, so that models of large sets and low confidence play no "
        f"part. {left_out(question)}"
    )
    title = "Size and confidence"
    return [*made, table_of(f"{question.slug}-confidence", title, columns, rows, note)]


def _correlation(sizes: Sizes, name: str) -> tuple[dict[str, float], Estimate]:
    values = getattr(sizes, name)
    return within_correlation(sizes.area, values, sizes.model, clusters=sizes.image)


def _photos(sizes: Sizes, model: str) -> int:
    return len(np.unique(sizes.image[sizes.model == model]))
