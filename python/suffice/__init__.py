"""suffice: which pixels of an image suffice for a classifier's decision.

Public names are imported on first use, so that ``import suffice`` loads neither a runtime nor a
plotting library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "explain": "suffice.api",
    "explain_stream": "suffice.api",
    "verify": "suffice.api",
    "prune": "suffice.refine",
    "as_classifier": "suffice.models.factory",
    "Ensemble": "suffice.models.ensemble",
    "TorchClassifier": "suffice.models.torch_model",
    "drop_tokens": "suffice.models.tokens",
    "Preprocess": "suffice.models.preprocess",
    "load": "suffice.explanation",
    "Explanation": "suffice.explanation",
    "Explanations": "suffice.explanation",
    "SufficientSet": "suffice.explanation",
    "Certificate": "suffice.certificate",
    "Criterion": "suffice.criterion",
    "Failure": "suffice.engine",
    "Curve": "suffice.methods.curve",
    "FromRanking": "suffice.methods.from_ranking",
    "GradientSis": "suffice.methods.gradient_sis",
    "Minimal": "suffice.methods.minimal",
    "Moxi": "suffice.methods.moxi",
    "Msv": "suffice.methods.msv",
    "Pruned": "suffice.methods.prune",
    "Rex": "suffice.methods.rex",
    "Sag": "suffice.methods.sag",
    "Sis": "suffice.methods.sis",
    "Study": "suffice.study.run",
    "StudyResult": "suffice.study.result",
    "comparators": "suffice.comparators",
    "methods": "suffice.methods",
    "metrics": "suffice.metrics",
    "build_info": "suffice.info",
    "errors": "suffice.errors",
    "plot": "suffice.plot",
    "report": "suffice.report",
    "statistics": "suffice.statistics",
    "study": "suffice.study",
    "testing": "suffice.testing",
}

if TYPE_CHECKING:
    from suffice import comparators as comparators
    from suffice import errors as errors
    from suffice import metrics as metrics
    from suffice import plot as plot
    from suffice import report as report
    from suffice import statistics as statistics
    from suffice import study as study
    from suffice import testing as testing
    from suffice.api import explain as explain
    from suffice.api import explain_stream as explain_stream
    from suffice.api import verify as verify
    from suffice.certificate import Certificate as Certificate
    from suffice.criterion import Criterion as Criterion
    from suffice.engine import Failure as Failure
    from suffice.explanation import Explanation as Explanation
    from suffice.explanation import Explanations as Explanations
    from suffice.explanation import SufficientSet as SufficientSet
    from suffice.explanation import load as load
    from suffice.info import build_info as build_info
    from suffice.methods import all_methods
    from suffice.methods.curve import Curve as Curve
    from suffice.methods.from_ranking import FromRanking as FromRanking
    from suffice.methods.gradient_sis import GradientSis as GradientSis
    from suffice.methods.minimal import Minimal as Minimal
    from suffice.methods.moxi import Moxi as Moxi
    from suffice.methods.msv import Msv as Msv
    from suffice.methods.prune import Pruned as Pruned
    from suffice.methods.rex import Rex as Rex
    from suffice.methods.sag import Sag as Sag
    from suffice.methods.sis import Sis as Sis
    from suffice.models.ensemble import Ensemble as Ensemble
    from suffice.models.factory import as_classifier as as_classifier
    from suffice.models.preprocess import Preprocess as Preprocess
    from suffice.models.tokens import drop_tokens as drop_tokens
    from suffice.models.torch_model import TorchClassifier as TorchClassifier
    from suffice.refine import prune as prune
    from suffice.study.result import StudyResult as StudyResult
    from suffice.study.run import Study as Study

    methods = all_methods


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'suffice' has no attribute {name!r}")
    module = importlib.import_module(_NAMES[name])
    value = module if _NAMES[name] == f"suffice.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_NAMES, "__version__"])
