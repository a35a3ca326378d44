"""Insertion and deletion curves beside the published ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.report.document import Block, Cell, Column, Text
from suffice.report.published import Published, beside
from suffice.report.published.probed import Probed, Probes

if TYPE_CHECKING:
    from suffice.report.reading import Reading

SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_MISSING = "This store has no curves: ask for the analysis curves in the design and run it again."
_NOTE = (
    "Here: photos that the model itself classifies correctly, and the share of them that keep the "
    "class. An order that ended with the first success goes on with what was looked at last."
)


def blocks(reading: Reading, paper: Published) -> list[Block]:
    """Both curves."""
    probes = Probes(reading, "curves")
    made: list[Block] = [] if probes else [Text(_MISSING, "caution")]
    for way in ("insertion", "deletion"):
        rows = list(curve_rows(reading, probes, way)) if probes else []
        made.append(beside(paper.tables[way], rows, Column("photos", "count"), note=_NOTE))
    return made


def curve_rows(reading: Reading, probes: Probes, way: str) -> Iterator[tuple[Cell, ...]]:
    """Accuracy at the published shares, for each question that orders that way and each model."""
    for question in reading.questions:
        answers = [p for p in probes.about(question) if p.label == p.target]
        for model in question.models:
            own = [p for p in answers if p.of == model]
            if not own or not _orders(reading, question.first, model, way):
                continue
            values = [_at(own, way, share) for share in SHARES]
            yield question.label, model, *values, len(own)


def _orders(reading: Reading, rows: Any, model: str, way: str) -> bool:
    """Whether the method of a question gives an order for this curve."""
    key = rows[rows["model"] == model]["key"].iloc[0]
    method = reading.record(key)["method"]
    order = method["settings"].get("order") if method["name"] == "moxi" else "both"
    return order in (way, "both")


def _at(answers: list[Probed], way: str, share: float) -> float | None:
    """How many of the photos keep their class."""
    kept = []
    for p in answers:
        near = np.flatnonzero(np.isclose(p.value["shares"], share))
        if len(near):
            kept.append(p.value[way]["top1"][near[0]] == p.target)
    return float(np.mean(kept)) if kept else None
