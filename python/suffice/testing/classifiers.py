"""Checks of classifiers: what the engine relies on, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from suffice.testing import _classifier_checks, _classifier_gradients
from suffice.testing._classifier_suite import ClassifierBench, classifier_checks
from suffice.testing.results import CheckResult
from suffice.types import FloatImage

_FILES = (_classifier_checks, _classifier_gradients)  # the order the checks run in


def check_classifier(
    classifier: Any,
    *,
    image: FloatImage | None = None,
    skip: Iterable[str] = (),
    only: Iterable[str] | None = None,
    raise_on_failure: bool = True,
) -> list[CheckResult]:
    """Check that a classifier holds what the engine relies on (``docs/extending.md``).

    It is called with a few dozen images.

    Parameters
    ----------
    classifier : Classifier
        An object of the protocol `suffice.models.base.Classifier`, such as `as_classifier` gives.
    image : float32 [C, H, W] or None
        An image in model space to make composites of; None: a random one.
    skip : iterable of str
        Names of checks to leave out; `classifier_check_names` lists them.
    only : iterable of str or None
        Names of the checks to run; None: all.
    raise_on_failure : bool
        Whether the first failure is raised; otherwise it is among the results.

    Returns
    -------
    list of CheckResult

    Raises
    ------
    CheckFailure
        Naming the check, what was expected, what came and how to repeat it.
    SettingsError
        If there is no check of a name.

    Examples
    --------
    >>> from suffice.testing import toys
    >>> toy = toys.majority([(0, 0), (1, 2), (3, 3)], shape=(4, 5))
    >>> sorted({result.state for result in check_classifier(toy.classifier(workers=2))})
    ['passed', 'skipped']
    """
    left_out = tuple(skip)
    names = classifier_checks.chosen(only, left_out)
    label = getattr(classifier, "name", type(classifier).__name__)
    call = f"suffice.testing.check_classifier(classifier, only=['{{name}}'])  # {label}"
    bench = ClassifierBench(classifier, image)
    return classifier_checks.run(bench, names, left_out, call, raise_on_failure)


def classifier_check_names() -> tuple[str, ...]:
    """Names of all checks of classifiers, in the order they run in."""
    return classifier_checks.names()
