"""Class names from a file."""

from __future__ import annotations

import csv
from os import PathLike
from pathlib import Path

from suffice.errors import SettingsError
from suffice.reading import parse_json

_INDEX_NAMES = ("index", "class", "class_index", "id")
_LABEL_NAMES = ("label", "name", "class_name", "labels")


def read_labels(path: str | PathLike[str]) -> list[str]:
    """Read class names in class order.

    Parameters
    ----------
    path : path
        Text with one name a line (empty lines at the end are dropped), or a ``.csv`` with a header
        whose columns are an index (``index``, ``class``, ``id``) and a ``label`` or ``name``;
        other columns are skipped. Or a ``.json`` list of strings.

    Raises
    ------
    SettingsError
        If the file can't be read, lacks a column, or its indices are not 0, 1, ... once each.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"labels {file} can't be read: {error}") from None
    suffix = file.suffix.lower()
    if suffix == ".csv":
        labels = _from_csv(text, file)
    else:
        labels = _from_json(text, file) if suffix == ".json" else _from_lines(text)
    if not labels:
        raise SettingsError(f"labels {file} holds no labels")
    return labels


def _from_lines(text: str) -> list[str]:
    return [line.strip() for line in text.rstrip().splitlines()]


def _from_json(text: str, file: Path) -> list[str]:
    try:
        data = parse_json(text)
    except ValueError as error:
        raise SettingsError(f"labels {file} is no JSON file: {error}") from None
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise SettingsError(f"labels {file}: expected a JSON list of strings")
    return data


def _from_csv(text: str, file: Path) -> list[str]:
    rows = csv.DictReader(text.splitlines())
    try:
        return _from_rows(rows, file)
    except csv.Error as error:
        raise SettingsError(f"labels {file} is no CSV file: {error}") from None


def _from_rows(rows: csv.DictReader[str], file: Path) -> list[str]:
    header = {str(name).strip().lower(): name for name in rows.fieldnames or ()}
    index = next((header[name] for name in _INDEX_NAMES if name in header), None)
    label = next((header[name] for name in _LABEL_NAMES if name in header), None)
    if index is None or label is None:
        raise SettingsError(
            f"labels {file}: expected columns index and label, got {', '.join(header) or 'none'}"
        )
    named: dict[int, str] = {}
    for number, row in enumerate(rows, start=2):
        try:
            at = int(row[index])
        except (TypeError, ValueError):
            raise SettingsError(
                f"labels {file}, line {number}: {row[index]!r} is no class index"
            ) from None
        if at in named:
            raise SettingsError(f"labels {file}, line {number}: class {at} is there twice")
        named[at] = (row[label] or "").strip()
    if sorted(named) != list(range(len(named))):
        raise SettingsError(f"labels {file}: the indices are not 0 to {len(named) - 1}")
    return [named[i] for i in range(len(named))]
