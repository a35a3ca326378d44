"""Subsets of 5 % of the pixels, and sizes at a threshold, beside the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from suffice.report.document import Block, Cell, Column, Table, Text
from suffice.report.published import Published, beside
from suffice.report.published.probed import Probed, Probes

if TYPE_CHECKING:
    from suffice.report.reading import Question, Reading

Rows = Callable[[str, str, Sequence[Probed]], Iterable[tuple[Cell, ...]]]

SHARE = 0.05
_COUNT = Column("photos", "count", help="with a label and an order of their pixels")


def blocks(reading: Reading, paper: Published) -> list[Block]:
    """Tables of accuracies on subsets, confidence, transfer, sizes."""
    probes = Probes(reading, "subsets")
    asked = {q.label: list(probes.about(q)) for q in reading.questions} if probes else {}
    asked = {label: found for label, found in asked.items() if found}
    missing = [] if asked else [Text(_MISSING, "caution")]
    return [
        *missing,
        beside(paper.tables["accuracy"], _by_model(asked, accuracy_rows), _COUNT, note=_ACCURACY),
        beside(paper.tables["confidence"], _by_model(asked, confidence_rows), _COUNT),
        beside(
            paper.tables["transfer"],
            [row for label, found in asked.items() for row in transfer_rows(label, found)],
            _COUNT,
            note=_TRANSFER,
        ),
        paper.tables["findings"],
        _sizes(reading.questions),
        paper.tables["humans"],
    ]


_MISSING = (
    "This store has no answers on subsets of fixed size: ask for the analysis subsets in the design "
    "and run it again."
)
_ACCURACY = (
    "Here nothing was trained on subsets (suffice.study.retraining does), the column CIFAR-10 has "
    "the study's own photos, and an order may come from another method than the paper's."
)
_TRANSFER = (
    "Here: the 5 % subsets of the named model shown to itself and, on average, to the others; the "
    "paper's are of one ResNet18 and three models."
)


def _by_model(asked: dict[str, list[Probed]], rows: Rows) -> list[tuple[Cell, ...]]:
    """Rows of each question and model, from the answers of the models about their own subsets."""
    made: list[tuple[Cell, ...]] = []
    for label, found in asked.items():
        own = [p for p in found if p.asked == p.of and p.label is not None]
        for model in dict.fromkeys(p.of for p in own):
            made += rows(label, model, [p for p in own if p.of == model])
    return made


def at_share(value: dict[str, object], share: float = SHARE) -> int | None:
    """Which of a probe's shares it is; None where it was not asked."""
    shares = np.asarray(value.get("shares", ()), np.float64)
    near = np.flatnonzero(np.isclose(shares, share))
    return int(near[0]) if len(near) else None


def accuracy_rows(label: str, model: str, answers: Sequence[Probed]) -> Iterator[tuple[Cell, ...]]:
    """Accuracy on whole photos, on subsets, and on random ones."""
    known = [(p, k) for p in answers if (k := at_share(p.value)) is not None]
    if not known:
        return
    whole = [p.value["whole_top1"] == p.label for p, _ in known]
    subset = [p.value["subset"]["top1"][k] == p.label for p, k in known]
    drawn = [top1 == p.label for p, k in known for top1 in p.value["random"][k]["top1"]]
    for shown, right in (("full", whole), ("5 % subsets", subset), ("5 % random", drawn)):
        yield label, "full", shown, model, _mean(right), None, None, len(known)


def confidence_rows(
    label: str, model: str, answers: Sequence[Probed]
) -> Iterator[tuple[Cell, ...]]:
    """How much less sure the model is of its class on the whole photo than on the subset."""
    drops = [
        p.value["whole_confidence"] - p.value["subset"]["confidence"][k]
        for p in answers
        if (k := at_share(p.value)) is not None
    ]
    if drops:
        yield label, model, _mean(drops), len(drops)


def transfer_rows(label: str, found: Iterable[Probed]) -> Iterator[tuple[Cell, ...]]:
    """Accuracy on the subsets of each model, of itself and of the others."""
    right: dict[tuple[str, bool], list[bool]] = {}
    photos: dict[str, set[str]] = {}
    for p in found:
        if p.label is None:
            continue
        own = p.asked == p.of
        if own and (k := at_share(p.value)) is not None:
            top1 = p.value["subset"]["top1"][k]
        elif not own and np.isclose(p.value["share"], SHARE):
            top1 = p.value["top1"]
        else:
            continue
        right.setdefault((p.of, own), []).append(top1 == p.label)
        photos.setdefault(p.of, set()).add(p.image)
    for model, names in photos.items():
        for own, who in ((True, f"that {model}"), (False, f"others than {model}")):
            if answers := right.get((model, own)):
                yield label, who, _mean(answers), len(names)


def _sizes(questions: Iterable[Question]) -> Table:
    """Mean sizes of each model at each confidence asked for."""
    rows: list[tuple[Cell, ...]] = []
    for question in questions:
        criterion = str(question.setup["criterion"])
        if not criterion.startswith("confidence:"):
            continue
        sizes = question.sizes(("unattained",))
        for model in question.models:
            of = sizes.model == model
            if of.any():
                area, correct = sizes.area[of], sizes.correct[of]
                means = (_mean(area[correct == known]) for known in (1, 0))
                rows.append(
                    (
                        question.label,
                        model,
                        float(sizes.accuracy[of][0]),
                        _mean(area),
                        *means,
                        int((correct == 0).sum()),
                        len(area),
                    )
                )
    return Table(
        "published-threshold",
        "Sizes at a threshold in this study",
        (
            Column("from"),
            Column("model"),
            Column("accuracy", "percent", 1),
            Column("mean size", "percent", 2),
            Column("of right answers", "percent", 2),
            Column("of wrong answers", "percent", 2),
            Column("wrong", "count"),
            Column("photos", "count", help="with a set"),
        ),
        tuple(rows),
        "Only photos of which the model is as sure as a whole have a set. The paper finds right "
        "answers above wrong ones; the sizes of minimal pixel sets in the other study say the "
        "opposite.",
    )


def _mean(values: Iterable[float]) -> float | None:
    array = np.asarray(list(values), np.float64)
    return float(array.mean()) if len(array) else None
