"""Score the answers of a quiz: how much of a photo people need."""

from __future__ import annotations

import math
import statistics as plain_statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from suffice.errors import InputError
from suffice.statistics.proportion import wilson
from suffice.study.quiz.answers import (
    Answer,
    Sheet,
    answers_of,
    check_key,
    one_each,
    read_json,
    read_sheet,
)
from suffice.types import JsonObject

PUBLISHED = {0.05: 0.192, 0.3: 0.400, 0.5: 0.682}
PUBLISHED_R2 = 0.94
SOURCE = "Carter, Jain, Mueller, Gifford: Overinterpretation (2021), CIFAR-10"


@dataclass(frozen=True, slots=True)
class Rate:
    """Right answers among some.

    Attributes
    ----------
    name : str or float
        What they have in common: a share, class or model.
    n, right, unknown : int
        Answers; right ones; "can't tell", which counts as not right.
    accuracy, low, high : float or None
        With Wilson's 95 % interval, which takes answers as independent.
    agreement : float or None
        Share of answers that are the model's answer on the whole photo.
    model_accuracy : float or None
        Of the model on the whole photos that were shown.
    seconds : float or None
        Median time of an answer, those during which the page was out of sight left out.
    published : float or None
        Accuracy that was published for this share.
    """

    name: str | float
    n: int
    right: int
    unknown: int
    accuracy: float | None
    low: float | None
    high: float | None
    agreement: float | None
    model_accuracy: float | None
    seconds: float | None
    published: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class QuizScores:
    """What the answers to a quiz say.

    Attributes
    ----------
    quiz : str
    shares, classes, models : tuple of Rate
        By share of pixels shown, true class, and model.
    participants : tuple of dict
        ``participant``, ``code``, ``answers``, ``complete``, ``accuracy``, ``seconds``.
    confusion : list of list of int
        True classes by chosen ones, both in the order of `choices`; the last column is "can't
        tell".
    choices : tuple of str
    r2_means : float or None
        Squared correlation of share and accuracy over the shares.
    r2_participants : float or None
        The same over participants and shares: one point for each accuracy of one participant at
        one share.
    notes : tuple of str
        What was left out, and why.
    """

    quiz: str
    shares: tuple[Rate, ...]
    classes: tuple[Rate, ...]
    models: tuple[Rate, ...]
    participants: tuple[JsonObject, ...]
    confusion: list[list[int]]
    choices: tuple[str, ...]
    r2_means: float | None
    r2_participants: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> JsonObject:
        """As JSON types, the published numbers beside."""
        published = {"accuracy": {str(k): v for k, v in PUBLISHED.items()}, "r2": PUBLISHED_R2}
        return {**asdict(self), "published": {**published, "source": SOURCE}}


def score_quiz(
    key: JsonObject | str | Path, answers: Iterable[JsonObject | str | Path]
) -> QuizScores:
    """Score the answers to a quiz.

    Parameters
    ----------
    key : dict or path
        What `make_quiz` has kept back.
    answers : iterable of dict or path
        Files that viewers have saved.

    Returns
    -------
    QuizScores

    Raises
    ------
    InputError
        If a file is no such file, is of another quiz, or holds what the page does not write.
    """
    if not isinstance(key, dict):
        name, key = str(key), read_json(key, "suffice quiz key")
    else:
        name = "this"
    check_key(key, name)
    sheets = []
    for k, given in enumerate(answers, 1):
        name = f"answers {k}" if isinstance(given, dict) else str(given)
        data = given if isinstance(given, dict) else read_json(given, "suffice quiz answers")
        sheets.append(read_sheet(data, key, name))
    sheets, notes = one_each(sheets)
    every = answers_of(sheets)
    if not every:
        raise InputError("there are no answers to score")
    named = {c["class"]: c["name"] for c in key["choices"]}
    shares = key["shares"]
    return QuizScores(
        key["quiz"],
        tuple(_rates(every, shares, lambda a: a.item["share"], lambda s: s, PUBLISHED)),
        tuple(_rates(every, list(named), lambda a: a.item["label"], lambda c: named[c])),
        tuple(_rates(every, _models(key), lambda a: a.item["model"], lambda m: m)),
        tuple(_participant(sheet) for sheet in sheets),
        _confusion(every, list(named)),
        tuple(named.values()),
        _r2(_points(every, shares)),
        _r2([p for sheet in sheets for p in _points(sheet.answers, shares)]),
        tuple(notes),
    )


def _models(key: JsonObject) -> list[str]:
    return list(dict.fromkeys(item["model"] for item in key["items"].values()))


def _right(answer: Answer) -> bool:
    return bool(answer.choice == answer.item["label"])


def _rates(
    every: Sequence[Answer],
    values: Sequence[Any],
    value_of: Callable[[Answer], Any],
    name_of: Callable[[Any], str | float],
    published: dict[float, float] | None = None,
) -> Iterable[Rate]:
    for value in values:
        own = [a for a in every if value_of(a) == value]
        right = sum(map(_right, own))
        found = wilson(right, len(own))
        yield Rate(
            name_of(value),
            len(own),
            right,
            sum(a.choice is None for a in own),
            _known(found.value),
            _known(found.low),
            _known(found.high),
            _mean([a.choice == a.item["target"] for a in own]),
            _mean([a.item["target"] == a.item["label"] for a in own]),
            _median(own),
            (published or {}).get(value),
        )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _participant(sheet: Sheet) -> JsonObject:
    return {
        "participant": sheet.participant,
        "code": sheet.code,
        "source": sheet.source,
        "answers": len(sheet.answers),
        "complete": sheet.complete,
        "accuracy": _mean([_right(a) for a in sheet.answers]),
        "seconds": _median(sheet.answers),
    }


def _mean(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _median(answers: Sequence[Answer]) -> float | None:
    times = [a.seconds for a in answers if not a.away]
    return plain_statistics.median(times) if times else None


def _confusion(every: Sequence[Answer], classes: Sequence[int]) -> list[list[int]]:
    columns: list[int | None] = [*classes, None]
    counts = [[0] * len(columns) for _ in classes]
    for answer in every:
        counts[classes.index(answer.item["label"])][columns.index(answer.choice)] += 1
    return counts


def _points(answers: Sequence[Answer], shares: Sequence[float]) -> list[tuple[float, float]]:
    """Share and accuracy, for each share that has answers."""
    points = []
    for share in shares:
        found = _mean([_right(a) for a in answers if a.item["share"] == share])
        if found is not None:
            points.append((share, found))
    return points


def _r2(points: Sequence[tuple[float, float]]) -> float | None:
    """Squared correlation; None where there are fewer than three points, or no spread."""
    x, y = [p[0] for p in points], [p[1] for p in points]
    if len(points) < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    return plain_statistics.correlation(x, y) ** 2
