"""Answers of viewers: files of the page, checked against the key, one for each participant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suffice.errors import InputError
from suffice.reading import NUMBER, Kinds, check_kinds, parse_json
from suffice.types import JsonObject

_LEAST = 1e-9
"""Smallest share of pixels: no photo has so many that less of it would be one."""
_LONGEST = 1e12
"""Milliseconds; thirty years."""
_KEY: Kinds = {"quiz": (str,), "shares": (list,), "choices": (list,), "items": (dict,)}
_CHOICE: Kinds = {"class": (int,), "name": (str,)}
_ITEM: Kinds = {
    "model": (str,),
    "label": (int,),
    "target": (int,),
    "share": NUMBER,
    "group": (int,),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes
    ----------
    participant : str
    item : dict
        Of the key: what was shown.
    choice : int or None
        The class; None: could not tell.
    seconds : float
        From the picture's appearance to the answer.
    away : bool
        Whether the page was out of sight meanwhile.
    """

    participant: str
    item: JsonObject
    choice: int | None
    seconds: float
    away: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """All answers of one participant.

    Attributes
    ----------
    source : str
        The file.
    participant, code, started : str
    complete : bool
    answers : tuple of Answer
    """

    source: str
    participant: str
    code: str
    started: str
    complete: bool
    answers: tuple[Answer, ...]


def read_json(path: str | Path, kind: str) -> JsonObject:
    """Read a file of a quiz.

    Raises
    ------
    InputError
        If it can't be read, or is something else.
    """
    try:
        data = parse_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} is no JSON file: {error}") from None
    if not isinstance(data, dict) or data.get("kind") != kind:
        raise InputError(f"{path} holds no {kind.removeprefix('suffice ')}")
    if data.get("format") != 1:
        raise InputError(f"{path} has format {data.get('format')!r:.40}, this version reads 1")
    return data


def check_key(key: JsonObject, source: str) -> None:
    """Check that a key has what scores are made of.

    Raises
    ------
    InputError
        If it lacks something, or an item is of a class, share or group that the quiz has not.
    """
    try:
        check_kinds(key, _KEY, "key")
        shares = key["shares"]
        if not shares or not all(type(s) in (int, float) and _LEAST <= s <= 1.0 for s in shares):
            raise ValueError(f"shares should be fractions, got {shares!r:.40}")
        if len(set(shares)) < len(shares):
            raise ValueError("a share is there twice")
        for choice in key["choices"]:
            check_kinds(choice, _CHOICE, "choice")
        known = {choice["class"] for choice in key["choices"]}
        if len(known) < len(key["choices"]):
            raise ValueError("a class is there twice")
        for name, item in key["items"].items():
            check_kinds(item, _ITEM, f"item {name:.40}")
            _check_item(name, item, shares, known)
    except ValueError as error:
        raise InputError(f"{source} is a damaged key: {error}") from None


def _check_item(name: str, item: JsonObject, shares: list[float], known: set[int]) -> None:
    for what, there in (("share", shares), ("label", known), ("target", known)):
        if item[what] not in there:
            raise ValueError(f"{what} {item[what]!r:.40} of item {name:.40} is none of the quiz")
    if not 1 <= item["group"] <= len(shares):
        raise ValueError(f"group {item['group']!r:.40} of item {name:.40} is none of the quiz")


def read_sheet(data: JsonObject, key: JsonObject, source: str) -> Sheet:
    """Check one file of answers.

    Parameters
    ----------
    data : dict
    key : dict
    source : str
        What messages call it.

    Raises
    ------
    InputError
        If it is of another quiz, or holds what the page does not write.
    """
    if data.get("quiz") != key["quiz"]:
        raise InputError(
            f"{source} answers another quiz ({data.get('quiz')!s:.40}), the key is of {key['quiz']}"
        )
    groups = len(key["shares"])
    group = data.get("group")
    if type(group) is not int or not 1 <= group <= groups:
        raise InputError(f"{source}: group should be from 1 to {groups}, got {group!r:.40}")
    participant, given = data.get("participant"), data.get("answers")
    if not isinstance(participant, str) or not participant or not isinstance(given, list):
        raise InputError(f"{source}: expected a participant and a list of answers")
    answers = [_answer(one, key, group, participant, source) for one in given]
    seen = [str(one["item"]) for one in given]
    if len(set(seen)) < len(seen):
        raise InputError(f"{source}: an item is answered twice")
    size = len(key["items"]) // groups
    code, started = str(data.get("code") or ""), str(data.get("started") or "")
    return Sheet(source, participant, code, started, len(seen) == size, tuple(answers))


def _answer(one: Any, key: JsonObject, group: int, participant: str, source: str) -> Answer:
    if not isinstance(one, dict) or str(one.get("item")) not in key["items"]:
        raise InputError(f"{source}: {one!r:.60} is no answer to an item of this quiz")
    item = key["items"][str(one["item"])]
    if item["group"] != group:
        raise InputError(f"{source}: item {one['item']} is not shown to group {group}")
    choice, ms = one.get("choice"), one.get("ms")
    known = [c["class"] for c in key["choices"]]
    if choice is not None and (type(choice) is not int or choice not in known):
        raise InputError(f"{source}: {choice!r:.40} is no class of this quiz")
    if isinstance(ms, bool) or not isinstance(ms, (int, float)) or not 0 <= ms <= _LONGEST:
        raise InputError(f"{source}: a time should be in milliseconds, got {ms!r:.40}")
    return Answer(participant, item, choice, ms / 1000.0, bool(one.get("away", False)))


def one_each(sheets: Iterable[Sheet]) -> tuple[list[Sheet], list[str]]:
    """Keep one sheet of each participant.

    Of several files of one participant the one with the most answers counts. Of several
    participants with one code the earliest counts: later ones had seen the photos before.

    Returns
    -------
    sheets : list of Sheet
    notes : list of str
        What was left out, and why.
    """
    kept: dict[str, Sheet] = {}
    notes = []
    for sheet in sheets:
        other = kept.setdefault(sheet.participant, sheet)
        if other is not sheet:
            more, less = sorted((other, sheet), key=lambda s: -len(s.answers))
            kept[sheet.participant] = more
            notes.append(f"{less.source} is left out: the same participant as {more.source}")
    first: dict[str, Sheet] = {}
    for sheet in sorted(kept.values(), key=lambda s: s.started):
        code = sheet.code.strip().casefold()
        other = first.setdefault(code, sheet) if code else sheet
        if other is not sheet:
            del kept[sheet.participant]
            notes.append(
                f"{sheet.source} is left out: the code {sheet.code!r} is that of {other.source}, "
                "which was begun earlier"
            )
    return list(kept.values()), notes


def answers_of(sheets: Sequence[Sheet]) -> list[Answer]:
    """All answers."""
    return [answer for sheet in sheets for answer in sheet.answers]
