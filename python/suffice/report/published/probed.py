"""What probes measured, with the rows of the jobs they are about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suffice.report.reading import Question, Reading


@dataclass(frozen=True, slots=True)
class Probed:
    """One answer of a model about one job.

    Attributes
    ----------
    asked : str
        The model that was asked.
    of : str
        The model of the job.
    image : str
    label : int or None
    target : int
    value : dict
        What the probe kept.
    """

    asked: str
    of: str
    image: str
    label: int | None
    target: int
    value: dict[str, Any]


class Probes:
    """The answers of one probe of a study, by question.

    Parameters
    ----------
    reading : Reading
    name : str
        Of the probe. A study without it has no answers.
    """

    def __init__(self, reading: Reading, name: str) -> None:
        self._by_key: dict[str, list[dict[str, Any]]] = {}
        for value in reading.result.probes(name):
            self._by_key.setdefault(value["key"], []).append(value)

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def about(self, question: Question) -> Iterator[Probed]:
        """The answers about a question's jobs, of the first seed of each model and photo."""
        rows = question.first
        for row, unknown in zip(rows.itertuples(), rows["label"].isna(), strict=True):
            label = None if unknown else int(row.label)
            for value in self._by_key.get(row.key, ()):
                yield Probed(value["model"], row.model, row.image, label, int(row.target), value)
