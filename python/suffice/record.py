"""From the engine's answer to an Explanation: the public record of DESIGN.md 6."""

from __future__ import annotations

from collections.abc import Sequence

from suffice import _native
from suffice.explanation import FORMAT, Explanation
from suffice.methods.base import Method
from suffice.models.base import Classifier
from suffice.models.baselines import Baseline
from suffice.prepare import Prepared
from suffice.track import Answer
from suffice.types import JsonObject, Outcomes


def make_explanation(
    clf: Classifier,
    method: Method,
    answer: Answer,
    ready: Prepared,
    labels: Sequence[str] | None,
) -> Explanation:
    """Make the explanation of one answer.

    Parameters
    ----------
    clf : Classifier
    method : Method
    answer : Answer
    ready : Prepared
        The image the answer is about.
    labels : sequence of str or None
        Class names.
    """
    subject, result = answer.subject, answer.result
    shape = subject.shape
    masks = _native.unpack(answer.masks, shape)
    pixels = masks.sum(axis=(1, 2))
    certificates = [None if c is None else c.to_dict() for c in answer.certificates]
    sets = [
        {
            "pixels": int(n),
            "area": float(n / (shape[0] * shape[1])),
            "criterion": str(result.rule(k, subject.criterion)),
            **_own_grain(result.claim(k), subject.grain),
            "certificate": c,
        }
        for k, (n, c) in enumerate(zip(pixels, certificates, strict=True))
    ]
    first = sets[0] if sets else {"pixels": 0, "area": None, "certificate": None}
    label = labels[subject.target] if labels and subject.target < len(labels) else None
    record: JsonObject = {
        "format": FORMAT,
        "status": answer.status,
        "reason": answer.reason,
        "image": ready.info,
        "model": {"name": clf.name, "sha256": clf.fingerprint},
        "input_shape": list(clf.input_shape),
        "preprocess": None if clf.preprocess is None else clf.preprocess.to_dict(),
        "output_kind": clf.output,
        "target": subject.target,
        "target_label": label,
        "reference": {
            "confidence": subject.reference_confidence,
            "top1": int(subject.reference.top1[0]),
            **answer.whole,
            "baselines": [
                _baseline(b, empty)
                for b, empty in zip(ready.baselines, answer.empties, strict=True)
            ],
        },
        "method": {"name": method.name, "version": method.version, "settings": method.settings()},
        "criterion": str(subject.criterion),
        "contrastive": subject.contrastive,
        "count": subject.count,
        "overlap": subject.overlap,
        "grain": subject.grain,
        "seed": subject.seed,
        "pixels": first["pixels"],
        "area": first["area"],
        "sets": sets,
        **answer.counts,
        "seconds": answer.seconds,
        "certificate": first["certificate"],
        "trace": answer.trace,
        "details": result.details or {},
    }
    extra = {
        name: _native.unpack(packed[None], shape)[0]
        for name, packed in (result.extra_masks or {}).items()
    }
    return Explanation(
        record,
        masks,
        result.responsibility,
        extra or None,
        ready.picture,
        answer.question.index,
        result.arrays,
    )


def _own_grain(claim: int | None, grain: int) -> JsonObject:
    """The grain of a set that was made irreducible at another one than the run's."""
    return {} if claim in (None, grain) else {"grain": claim}


def differences(record: JsonObject, clf: Classifier, ready: Prepared) -> list[str]:
    """Where the model, image or baselines at hand are not those of a record.

    Parameters
    ----------
    record : dict
        Of an explanation.
    clf : Classifier
    ready : Prepared
        The image, with baselines made as the record says.

    Returns
    -------
    list of str
        One sentence for each; empty where all are the same.
    """
    stored = record["reference"]["baselines"]
    notes = []
    if record["model"]["sha256"] != clf.fingerprint:
        notes.append("the model is another file than the one explained")
    if record["image"]["sha256"] != ready.info["sha256"]:
        notes.append("the image is another file than the one explained")
    if any(s["sha256"] != b.sha256 for s, b in zip(stored, ready.baselines, strict=True)):
        notes.append("a baseline differs from the one recorded")
    return notes


def _baseline(baseline: Baseline, empty: Outcomes) -> JsonObject:
    """A baseline, and what the model says of it alone."""
    return {
        "kind": baseline.kind,
        "parameters": baseline.parameters,
        "sha256": baseline.sha256,
        "top1": int(empty.top1[0]),
        "confidence": float(empty.confidence[0]),
    }
