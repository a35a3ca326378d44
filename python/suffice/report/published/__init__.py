"""Numbers as published, and what a study has beside them (docs/studies.md, Presets)."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suffice.report.document import Cell, Column, Table
from suffice.study.preset import check_preset


@dataclass(frozen=True, slots=True)
class Published:
    """What a paper reports.

    Attributes
    ----------
    preset, paper : str
    setting : dict of str to str
        Its ``models``, ``images``, ``method`` and ``baseline``.
    tables : dict of str to Table
        Their notes name the source.
    """

    preset: str
    paper: str
    setting: dict[str, str]
    tables: dict[str, Table]


@functools.cache
def published(preset: str) -> Published:
    """Read the numbers of the paper that a preset follows.

    Raises
    ------
    SettingsError
        If there is no such preset.
    """
    file = Path(__file__).parent / f"{check_preset(preset)}.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    return Published(
        data["preset"],
        data["paper"],
        {key: data[key] for key in ("models", "images", "method", "baseline")},
        {name: _table(name, table) for name, table in data["tables"].items()},
    )


def _table(name: str, data: dict[str, Any]) -> Table:
    note = f"{data['source'][0].upper()}{data['source'][1:]}. {data.get('note', '')}".strip()
    return Table(
        f"published-{name}",
        data["title"],
        tuple(Column(**column) for column in data["columns"]),
        tuple(tuple(row) for row in data["rows"]),
        note,
    )


def beside(
    table: Table,
    rows: list[tuple[Cell, ...]],
    *more: Column,
    note: str = "",
) -> Table:
    """A published table with rows of a study below, told apart by a first column.

    Parameters
    ----------
    table : Table
    rows : list of tuple
        Each with a cell for every column of `table`, after one that says what was asked, and then
        one for each of `more`.
    *more : Column
        What only the study has.
    note : str
        On the study's rows.
    """
    empty = (None,) * len(more)
    return Table(
        table.name,
        table.title,
        (Column("from", help="the paper, or the question of this study"), *table.columns, *more),
        (*(("paper", *row, *empty) for row in table.rows), *rows),
        f"{table.note} {note}".strip(),
    )
