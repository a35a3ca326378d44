"""Publish the report of a study as results: tables, and the figures of its main question.

    python benchmarks/study_results.py STORE NAME [--note TEXT]

Writes ``results/studies/NAME.md``, its figures beside it, and ``NAME.json`` with the machine, the
design and the counts. Photos are left out: those of the zoo may not be published. The store itself
is made by ``suffice study preset``, ``suffice study run`` (docs/studies.md).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from common import RESULTS, machine
from suffice.report import Document, Figure, Section, Text, write_document
from suffice.report.analyses import document
from suffice.report.reading import Reading
from suffice.study import StudyResult
from suffice.study.analyses import ANALYSES

PHOTOS = ("examples",)


def without_figures(section: Section) -> Section:
    """The section, and those in it, without pictures."""
    blocks = tuple(b for b in section.blocks if not isinstance(b, Figure))
    return replace(section, blocks=blocks, sections=tuple(map(without_figures, section.sections)))


def published(reading: Reading, note: str) -> Document:
    """The report, with the figures of the question of the most rows and of those over questions."""
    made = document(reading)
    questions = reading.questions
    main = max(questions, key=lambda question: len(question.rows)).slug
    others = {question.slug for question in questions} - {main}
    sections = tuple(without_figures(s) if s.name in others else s for s in made.sections)
    notes = (Text(note, "caution"),) if note else ()
    return replace(made, blocks=(*notes, *made.blocks), sections=sections)


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("name")
    parser.add_argument("--note", default="")
    args = parser.parse_args()
    result = StudyResult(args.store)
    wanted = [name for name in result.analyses or ANALYSES if name not in PHOTOS]
    folder = RESULTS / "studies"
    folder.mkdir(parents=True, exist_ok=True)
    made = published(Reading(result, wanted), args.note)
    # Paths of this machine are nobody's business.
    provenance = {k: v for k, v in made.provenance.items() if "/" not in v or k == "Design"}
    write_document(replace(made, provenance=provenance), folder / f"{args.name}.md")
    with (folder / f"{args.name}.json").open("w") as file:
        json.dump(
            {
                "machine": machine(),
                "note": args.note,
                "counts": result.counts,
                "failures": result.failures,
                "findings": [b.text for b in made.blocks if isinstance(b, Text)],
            },
            file,
            indent=1,
        )
        file.write("\n")


if __name__ == "__main__":
    main()
