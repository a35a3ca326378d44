"""What sets cost: evaluations and seconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import count, finding, table_of
from suffice.report.document import Block, Column
from suffice.report.reading import Question


def blocks(question: Question) -> list[Block]:
    """Evaluations and seconds by model, over all seeds."""
    done = question.rows[question.rows["status"] != "failed"]
    if not len(done):
        raise InputError("no row is finished")
    rows = [
        (model, *_cells(done[done["model"] == model]))
        for model in question.models
        if (done["model"] == model).any()
    ]
    total = ("all", *_cells(done))
    columns = (
        Column("Model"),
        Column("n", "count", help="Finished rows, one for each photo and seed"),
        Column("Evaluations", "number", 0, "Mean for each row"),
        Column("Median", "number", 0),
        Column("90 %", "number", 0, "Nine of ten rows need no more"),
        Column("Total", "count"),
        Column("Seconds", "number", 2, "Mean for each row"),
        Column("Median seconds", "number", 2),
        Column("Hours", "number", 2, "Sum of the seconds"),
        Column("ms each", "number", 2, "Milliseconds for each evaluation"),
    )
    note = (
        "Evaluations are distinct composites shown to the model. Seconds run from start to "
        "certificate while other images were in work too, on whatever machine did the row."
    )
    text = (
        f"{count(total[1], 'row')} took {total[2]:.0f} evaluations each on average (median "
        f"{total[3]:.0f}), {total[5]:,} in all, and {total[8]:.2f} hours of work."
    )
    table = table_of(f"{question.slug}-costs", "Costs by model", columns, [*rows, total], note)
    return [finding(text), table]


def _cells(rows: Any) -> tuple[Any, ...]:
    evaluations = rows["evaluations"].to_numpy(float)
    seconds = rows["seconds"].to_numpy(float)
    total = float(evaluations.sum())
    return (
        len(rows), float(evaluations.mean()), float(np.median(evaluations)),
        float(np.quantile(evaluations, 0.9)), int(total), float(seconds.mean()),
        float(np.median(seconds)), float(seconds.sum()) / 3600.0,
        1000.0 * float(seconds.sum()) / total if total else None,
    )  # fmt: skip
