"""Studies: many models, images and methods in one resumable run (docs/studies.md).

`Study` runs a design, a store keeps what it finds, `StudyResult` reads it, `merge` joins stores.
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
}

if TYPE_CHECKING:
    from suffice.study.design import Design as Design
    from suffice.study.design import MethodSpec as MethodSpec
    from suffice.study.design import ModelSpec as ModelSpec
    from suffice.study.images import Item as Item
    from suffice.study.joining import merge as merge
    from suffice.study.planning import plan as plan
    from suffice.study.preset import write_preset as write_preset
    from suffice.study.result import StudyResult as StudyResult
    from suffice.study.run import Study as Study


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'suffice.study' has no attribute {name!r}")
    module = importlib.import_module(f"suffice.study.{_NAMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value
