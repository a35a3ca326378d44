"""Where the values of a TOML file stand, so that messages can name the line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from suffice.errors import SettingsError

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value, such as ``("models", 1, "mean")``."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[^=\s]+)*)\s*=""")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'")


class Lines:
    """Line numbers of the keys and tables of a TOML text, which tomllib doesn't tell.

    Parameters
    ----------
    text : str
        TOML that parses.
    name : str
        Of the file, for messages.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._text = text.splitlines()
        self._at: dict[Place, int] = {}
        counts: dict[Place, int] = {}
        table: Place = ()
        depth, quotes = 0, ""
        for number, line in enumerate(self._text, 1):
            if depth or quotes:
                depth, quotes = _state(line, depth, quotes)
                continue
            if header := _HEADER.match(line):
                table = self._table(_parts(header[2]), header[1] == "[[", counts)
                self._at.setdefault(table, number)
            elif key := _KEY.match(line):
                self._at.setdefault(table + _parts(key[1]), number)
                depth, quotes = _state(line[key.end() :], 0, "")

    @staticmethod
    def _table(parts: Place, many: bool, counts: dict[Place, int]) -> Place:
        """The place of a table; inside arrays of tables that of their last element."""
        place: Place = ()
        for at, part in enumerate(parts):
            place = (*place, part)
            last = at == len(parts) - 1
            if last and many:
                counts[place] = counts.get(place, -1) + 1
            if place in counts:
                place = (*place, counts[place])
        return place

    def line(self, place: Sequence[str | int], value: object = None) -> int | None:
        """The line of a value, or of the closest table around it.

        Parameters
        ----------
        place : sequence
        value : object
            If it is text that stands further down, in a list over several lines, its own line.
        """
        known = tuple(place)
        while known and known not in self._at:
            known = known[:-1]
        if not known:
            return None
        first = self._at[known]
        if isinstance(value, str):
            after = [n for n in self._at.values() if n > first]
            for number in range(first, min(after, default=len(self._text) + 1)):
                line = self._text[number - 1]
                if f'"{value}"' in line or f"'{value}'" in line:
                    return number
        return first

    def fail(self, place: Sequence[str | int], message: str, value: object = None) -> NoReturn:
        """Raise with the file and the line of a value."""
        number = self.line(place, value)
        where = self.name if number is None else f"{self.name}, line {number}"
        raise SettingsError(f"{where}: {message}") from None


def read(path: Path) -> str:
    """The text of a design.

    Raises
    ------
    SettingsError
        If the file can't be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"design {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"design {path} is no UTF-8 text: {error.reason}") from None


def _parts(dotted: str) -> Place:
    found = re.findall(r'"[^"]*"|' + r"'[^']*'|[^.\s]+", dotted)
    return tuple(part.strip("\"'") for part in found)


def _state(line: str, depth: int, quotes: str) -> tuple[int, str]:
    """Depth of brackets and open multi-line quotes after a line."""
    for mark in ('"""', "'''"):
        if quotes == mark or (not quotes and mark in line):
            if line.count(mark) % 2:
                return depth, "" if quotes else mark
            return depth, quotes
    if quotes:
        return depth, quotes
    bare = _STRING.sub("", line).partition("#")[0]
    return depth + bare.count("[") - bare.count("]"), ""
