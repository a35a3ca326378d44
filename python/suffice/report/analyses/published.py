"""The numbers of the paper that a preset follows, beside those of the study."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from suffice.report.document import Block, Cell, Column, Section, Table, Text
from suffice.report.published import Published, published
from suffice.study.preset import PRESETS

if TYPE_CHECKING:
    from suffice.report.reading import Reading

SHOWN = 12
_CAUTION = (
    "The published numbers are shown for orientation. They were measured with other models, on "
    "other photos, and in part by another method; equal numbers are not to be expected. What may "
    "be compared are orders and signs."
)


def section(reading: Reading) -> Section | None:
    """Published tables with rows of this study; None where its design follows no preset.

    Parameters
    ----------
    reading : Reading
    """
    if reading.preset not in PRESETS:
        return None
    paper = published(reading.preset)
    module = importlib.import_module(f"suffice.report.published.{paper.preset}")
    made: list[Block] = module.blocks(reading, paper)
    return Section(
        "published",
        "Published numbers beside these",
        (Text(paper.paper), Text(_CAUTION, "caution"), _differences(reading, paper), *made),
    )


def _differences(reading: Reading, paper: Published) -> Table:
    """What the paper has and what this study has, side by side."""
    frame = reading.frame
    setups = {key: list(dict.fromkeys(map(str, frame[key]))) for key in _OURS}
    models = [str(m) for m in dict.fromkeys(frame["model"])]
    photos = frame["image_sha256"].nunique()
    labelled = frame[frame["label"].notna()]["image_sha256"].nunique()
    ours: dict[str, Cell] = {
        "models": f"{len(models)}: {_some(models)}",
        "images": f"{photos:,}, {labelled:,} of them with a label",
        "method": _some(
            [f"{question.label}" for question in reading.questions],
        ),
        "baseline": _some(setups["baseline"]),
    }
    rows: list[tuple[Cell, ...]] = [(key, paper.setting[key], ours[key]) for key in paper.setting]
    rows.append(("grain", None, _some(setups["grain"])))
    return Table(
        "published-differences",
        "What differs",
        (Column(""), Column("paper"), Column("this study")),
        tuple(rows),
    )


_OURS = ("baseline", "grain")


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
