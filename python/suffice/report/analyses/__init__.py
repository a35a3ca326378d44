"""What a report says: one module for each analysis, and the document made of them.

An analysis is a function of a `Question` that gives blocks, or of the whole `Reading` that gives a
section. Where the data can't answer it raises `InputError`, and the report says so in its place;
where the study does not ask for it, `Skip`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses import (
    baselines,
    blocks,
    confidence,
    correctness,
    costs,
    curves,
    detector,
    examples,
    failures,
    groups,
    mixed,
    multiplicity,
    overlap,
    positions,
    published,
    reference,
    robustness,
    sizes,
    subsets,
    thresholds,
    transfer,
)
from suffice.report.analyses._common import Skip, caution, count, table_of, without_sets
from suffice.report.analyses._provenance import asked, provenance
from suffice.report.document import Block, Column, Document, Section, Text
from suffice.report.reading import Question, Reading
from suffice.study.analyses import ANALYSES

Kind = Literal["question", "study"]
Entry = tuple[str, Callable[..., Any], Kind]

REGISTRY: dict[str, Entry] = {}
"""Title, function and kind of each analysis by name, in the order of `ANALYSES`."""

MOST_FINDINGS = 12
_HEADLINES = (
    *("sizes", "blocks", "mixed", "overlap", "detector", "positions", "multiplicity"),
    *("transfer", "subsets", "robustness", "curves", "thresholds", "correctness", "baselines"),
)


def register(name: str, function: Callable[..., Any], kind: Kind) -> None:
    """Make an analysis part of reports.

    Parameters
    ----------
    name : str
        Of `suffice.study.analyses.ANALYSES`.
    function : callable
        Of kind ``question``: takes a `Question`, gives a list of blocks. Of kind ``study``: takes a
        `Reading`, gives a `Section` or None.
    kind : {"question", "study"}
    """
    REGISTRY[name] = (ANALYSES[name].title, function, kind)
    for known in [n for n in ANALYSES if n in REGISTRY]:
        REGISTRY[known] = REGISTRY.pop(known)


for _name, _module in (
    ("sizes", sizes),
    ("groups", groups),
    ("blocks", blocks),
    ("mixed", mixed),
    ("overlap", overlap),
    ("positions", positions),
    ("detector", detector),
    ("reference", reference),
    ("confidence", confidence),
    ("multiplicity", multiplicity),
    ("costs", costs),
    ("examples", examples),
    ("failures", failures),
    ("transfer", transfer),
    ("subsets", subsets),
    ("robustness", robustness),
):
    register(_name, _module.blocks, "question")
for _name, _part in (
    ("correctness", correctness),
    ("thresholds", thresholds),
    ("baselines", baselines),
    ("curves", curves),
    ("published", published),
):
    register(_name, _part.section, "study")


def document(reading: Reading) -> Document:
    """Make the report of a study.

    An analysis that the data can't answer leaves a caution that says why; those the study does not
    ask for are named at the end.

    Parameters
    ----------
    reading : Reading

    Returns
    -------
    Document
    """
    wanted = [name for name in ANALYSES if not reading.analyses or name in reading.analyses]
    skipped: list[tuple[str, str, str]] = []
    over = [s for name in wanted if (s := _over(reading, name, skipped)) is not None]
    parts = [_question(question, wanted, skipped) for question in reading.questions]
    notes = [*_left_out(skipped)] if skipped else []
    return Document(
        f"Report of {reading.name}",
        (*asked(reading), *_weights(reading), *_main(reading, parts, over)),
        (*parts, *over, *notes),
        provenance(reading),
    )


def _question(
    question: Question, wanted: list[str], skipped: list[tuple[str, str, str]]
) -> Section:
    sections = []
    for name in wanted:
        if name not in REGISTRY or REGISTRY[name][2] != "question":
            continue
        title, function, _ = REGISTRY[name]
        found: list[Block] = []
        reason = _run(functools.partial(_extend, found, function, question))
        if isinstance(reason, Skip):
            skipped.append((title, question.label, str(reason)))
            if name not in question.reading.analyses:
                continue
        if reason is not None:
            found = [caution(str(reason))]
        if found:
            sections.append(Section(f"{question.slug}-{name}", title, tuple(found)))
    return Section(question.slug, question.label, (), tuple(sections))


def _over(reading: Reading, name: str, skipped: list[tuple[str, str, str]]) -> Section | None:
    if name not in REGISTRY:
        if name in reading.analyses:
            skipped.append((ANALYSES[name].title, "all", "this version makes no such part"))
        return None
    title, function, kind = REGISTRY[name]
    if kind != "study":
        return None
    made: list[Section | None] = []
    reason = _run(lambda: made.append(function(reading)))
    if isinstance(reason, Skip):
        skipped.append((title, "all", str(reason)))
        if name not in reading.analyses:
            return None
    if reason is not None:
        return Section(name, title, (caution(str(reason)),))
    return made[0]


def _extend(found: list[Block], function: Callable[..., Any], question: Question) -> None:
    found.extend(function(question))


def _run(make: Callable[[], Any]) -> Exception | None:
    """Call; what the data made impossible is returned, for a report shows all that is possible."""
    try:
        make()
    except (InputError, ArithmeticError, np.linalg.LinAlgError) as error:
        return error
    return None


def _weights(reading: Reading) -> list[Block]:
    """Cautions on rows without a set, for each question."""
    found: list[Block] = []
    for question in reading.questions:
        _run(functools.partial(_extend, found, without_sets, question))
    return found


def _main(reading: Reading, parts: list[Section], over: list[Section]) -> list[Block]:
    """The findings of the headline analyses, the first of each.

    Those of the question with the most rows come first, then those over questions.
    """
    most = max(range(len(parts)), key=lambda k: len(reading.questions[k].rows))
    headed: list[Text] = []
    for part in (parts[most], *parts[:most], *parts[most + 1 :]):
        prefix = f"{part.title}: " if len(parts) > 1 else ""
        own = (s for s in part.sections if s.name.rpartition("-")[2] in _HEADLINES)
        headed += [Text(prefix + text, "finding") for section in own for text in _first(section)]
        if part is parts[most]:
            general = (section for section in over if section.name in _HEADLINES)
            headed += [Text(text, "finding") for section in general for text in _first(section)]
    left = len(headed) - MOST_FINDINGS
    more = [Text(f"{count(left, 'further finding')} in the sections below.")] if left > 0 else []
    return [*headed[:MOST_FINDINGS], *more]


def _first(section: Section) -> list[str]:
    """The first finding of a section, if it has one."""
    texts = (b.text for b in section.blocks if isinstance(b, Text) and b.kind == "finding")
    return list(texts)[:1]


def _left_out(skipped: list[tuple[str, str, str]]) -> list[Section]:
    columns = (Column("Part"), Column("Question"), Column("Why"))
    table = table_of("not-shown", "Parts that this study does not ask for", columns, skipped)
    return [Section("not-shown", "What is not shown", (table,))]


__all__ = ["REGISTRY", "document", "register"]
