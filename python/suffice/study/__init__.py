"""Studies: many models, images and methods in one resumable run (docs/studies.md).

`Study` runs a design, a store keeps what it finds, `StudyResult` reads it, `merge` joins stores.
`Checker` compares new images with a study (docs/check.md); `make_quiz` and `score_quiz` are its
counterpart for people (docs/quiz.md).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_NAMES = {
    "Study": "run",
    "StudyResult": "result",
    "Design": "design",
    "ModelSpec": "design",
    "MethodSpec": "design",
    "Item": "images",
    "merge": "joining",
    "plan": "planning",
    "write_preset": "preset",
    "CheckReference": "check_reference",
    "Checked": "checking",
    "Checker": "checking",
    "check": "checking",
    "make_quiz": "quiz.make",
    "score_quiz": "quiz.score",
}

if TYPE_CHECKING:
    from suffice.study.check_reference import CheckReference as CheckReference
    from suffice.study.checking import Checked as Checked
    from suffice.study.checking import Checker as Checker
    from suffice.study.checking import check as check
    from suffice.study.design import Design as Design
    from suffice.study.design import MethodSpec as MethodSpec
    from suffice.study.design import ModelSpec as ModelSpec
    from suffice.study.images import Item as Item
    from suffice.study.joining import merge as merge
    from suffice.study.planning import plan as plan
    from suffice.study.preset import write_preset as write_preset
    from suffice.study.quiz.make import make_quiz as make_quiz
    from suffice.study.quiz.score import score_quiz as score_quiz
    from suffice.study.result import StudyResult as StudyResult
    from suffice.study.run import Study as Study


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'suffice.study' has no attribute {name!r}")
    module = importlib.import_module(f"suffice.study.{_NAMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value
