"""A study of three models whose numbers tests compute by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reference.stored import write_store
from suffice.report.analyses import document
from suffice.report.document import Document, Section, Table, Text
from suffice.report.reading import Reading
from suffice.study.result import StudyResult

MODELS = {"a": "fam", "b": "fam", "c": "other"}
SHAPE = (16, 16)
PHOTOS = 30


def made_rows(**more: Any) -> list[dict[str, Any]]:
    """Three models, two seeds; photo 0 of `b` is empty, 1 unattained, 2 uncertified, 3 failed."""
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    hard = rng.uniform(0.1, 0.5, PHOTOS)
    for k, (model, architecture) in enumerate(MODELS.items()):
        for photo in range(PHOTOS):
            right = rng.random() < 0.5 + 0.1 * k
            for seed in (0, 1):
                share = min(1.0, hard[photo] * (1 + 0.3 * k) * rng.uniform(0.7, 1.3))
                flat = np.zeros(SHAPE[0] * SHAPE[1], bool)
                flat[rng.permutation(len(flat))[: max(1, round(share * len(flat)))]] = True
                row = {
                    "model": model, "architecture": architecture, "image": f"p{photo:02}",
                    "label": 1, "target": 1 if right else 2,
                    "top5": [1, 2] if photo % 3 or right else [2, 3], "seed": seed,
                    "mask": flat.reshape(SHAPE), "confidence": float(rng.uniform(0.3, 1)),
                    "entropy": float(rng.uniform(0, 2)), "lead": float(rng.uniform(0, 5)),
                    "sets": int(rng.integers(1, 4)), "evaluations": int(rng.integers(5, 90)),
                    "seconds": float(rng.uniform(0.1, 2)), "shape": SHAPE, **more,
                }  # fmt: skip
                if model == "b" and photo == 0:
                    row["mask"] = np.zeros(SHAPE, bool)
                if model == "b" and photo == 1:
                    row |= {"mask": None, "reason": "no set was met"}
                if model == "b" and photo == 2:
                    row["certified"] = False
                if model == "b" and photo == 3:
                    row["error"] = "ImageError: it is torn"
                rows.append(row)
    return rows


def reading_of(folder: Path, rows: list[dict[str, Any]], **meta: str) -> Reading:
    """A store of the rows, read."""
    return Reading(StudyResult(write_store(folder / "s.db", rows, **meta)))


def document_of(folder: Path, rows: list[dict[str, Any]], **meta: str) -> Document:
    """The report of the rows."""
    return document(reading_of(folder, rows, **meta))


def sections(document: Document) -> dict[str, Section]:
    """All sections by name."""
    found: dict[str, Section] = {}

    def walk(section: Section) -> None:
        assert section.name not in found
        found[section.name] = section
        for part in section.sections:
            walk(part)

    for section in document.sections:
        walk(section)
    return found


def table(blocks: Any, end: str) -> list[dict[str, Any]]:
    """The rows of the one table whose name ends so, by column titles."""
    (found,) = [b for b in blocks if isinstance(b, Table) and b.name.endswith(end)]
    titles = [column.title for column in found.columns]
    assert len(set(titles)) == len(titles)
    assert all(len(row) == len(titles) for row in found.rows)
    return [dict(zip(titles, row, strict=True)) for row in found.rows]


def texts(blocks: Any, kind: str) -> list[str]:
    """The paragraphs of a kind."""
    return [b.text for b in blocks if isinstance(b, Text) and b.kind == kind]


def cells(rows: list[dict[str, Any]], drop: tuple[str, ...] = ()) -> dict[tuple[str, str], float]:
    """Median area over seeds by model and photo; `drop` kinds are left out."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.get("error"):
            continue
        mask = row["mask"]
        kind = "unattained" if mask is None else "empty" if not mask.any() else "found"
        if kind in drop or ("uncertified" in drop and not row.get("certified", True)):
            continue
        area = 1.0 if mask is None else mask.mean()
        found.setdefault((row["model"], row["image"]), []).append(area)
    return {key: float(np.median(values)) for key, values in found.items()}


def facts(rows: list[dict[str, Any]], name: str) -> dict[tuple[str, str], Any]:
    """A column by model and photo, of the first seed."""
    return {(r["model"], r["image"]): r[name] for r in reversed(rows)}
