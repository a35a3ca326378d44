"""Photos with their sets: the most and the least concentrated, and wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import caution, percent
from suffice.report.document import Block, Example, Examples
from suffice.report.reading import Question

EACH = 4


def blocks(question: Question) -> list[Block]:
    """Three rows of examples; no photo is twice in one."""
    rows = question.first
    rows = rows[rows["area"].notna() & (rows["pixels"] > 0)].sort_values("area", kind="stable")
    if not len(rows):
        raise InputError("no row has a set that is not empty")
    right = rows[rows["correct"].fillna(True).astype(bool)]
    wrong = rows[~rows["correct"].fillna(True).astype(bool)]
    # Sets of nearly the whole image show nothing.
    large = rows[rows["area"] < 1.0].iloc[::-1]
    chosen = {
        "concentrated": ("Most concentrated", right),
        "spread": ("Least concentrated", large),
        "wrong": ("Wrong answers, smallest sets first", wrong),
    }
    made: list[Block] = []
    complete = True
    for name, (title, found) in chosen.items():
        examples = []
        for row in found.drop_duplicates("image_sha256").head(EACH).itertuples():
            example, there = _example(question, row)
            examples.append(example)
            complete &= there
        if examples:
            slug = f"{question.slug}-examples-{name}"
            made.append(Examples(slug, title, tuple(examples), "Sets of the first seed."))
    if not complete:
        made.append(
            caution("Photos that are not where they were, or have changed, are shown grey.")
        )
    return made


def _example(question: Question, row: Any) -> tuple[Example, bool]:
    reading = question.reading
    picture, there = reading.picture(row)
    mask = reading.result.masks([row.key])[0]
    label = reading.record(row.key)["target_label"] or f"class {row.target}"
    known = isinstance(row.correct, (bool, np.bool_))  # else there is no label
    answer = (" (right)" if row.correct else " (wrong)") if known else ""
    caption = (
        f"{row.model}, {row.image}: {label}{answer}, {percent(float(row.area))} of the image; "
        f"confidence {percent(float(row.confidence), 0)}"
    )
    return Example(caption, picture, mask), there
