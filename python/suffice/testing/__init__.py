"""Checks for methods and classifiers, and toys whose answers are known.

`check_method` is to searches what scikit-learn's ``check_estimator`` is to estimators;
`check_classifier` does the same for classifiers. Both run on NumPy alone.
"""

from __future__ import annotations

from suffice.testing import toys
from suffice.testing.classifiers import check_classifier, classifier_check_names
from suffice.testing.exhaustive import Exhaustive, exhaustive_search
from suffice.testing.judge import Judge
from suffice.testing.methods import check_method, method_check_names
from suffice.testing.results import CheckFailure, CheckResult

__all__ = [
    "CheckFailure",
    "CheckResult",
    "Exhaustive",
    "Judge",
    "check_classifier",
    "check_method",
    "classifier_check_names",
    "exhaustive_search",
    "method_check_names",
    "toys",
]
