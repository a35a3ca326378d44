"""Comparators: published attribution methods as rankings for `suffice.FromRanking`.

Each is a class of settings over a classifier. Its objects are rankings, so that every method of the
literature ends in sets of the same kind, with the same certificate, at a cost that is counted.
Needs ``pip install suffice[compare]``; nothing of it is imported before a comparator is made.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from suffice.comparators.attention import AttentionRollout
from suffice.comparators.base import Attribution, Comparator, registered
from suffice.comparators.gradient import (
    GradCam,
    GradientXInput,
    IntegratedGradients,
    SmoothGrad,
)
from suffice.comparators.sampling import (
    KernelShap,
    Lime,
    Occlusion,
    PartitionShap,
    ShapleySampling,
)
from suffice.comparators.text import PREFIX, from_text
from suffice.errors import SettingsError

__all__ = [
    "PREFIX",
    "AttentionRollout",
    "Attribution",
    "Comparator",
    "GradCam",
    "GradientXInput",
    "IntegratedGradients",
    "KernelShap",
    "Lime",
    "Occlusion",
    "PartitionShap",
    "ShapleySampling",
    "SmoothGrad",
    "all_comparators",
    "from_text",
    "make",
]


def all_comparators() -> dict[str, type[Comparator]]:
    """All comparators by name; also what calling this package gives.

    Examples
    --------
    >>> all_comparators()["occlusion"].needs
    'scores'
    """
    return registered()


def make(
    name: str, classifier: Any, *, evaluations: int | None = None, **settings: Any
) -> Comparator:
    """Make a comparator by its name.

    Parameters
    ----------
    name : str
        Of `all_comparators`.
    classifier : Classifier or anything `suffice.as_classifier` takes
    evaluations : int, optional
        What one image may cost at most; sets steps or samples.
    **settings
        Those of the class.

    Returns
    -------
    Comparator

    Raises
    ------
    SettingsError
        If there is no such comparator or setting, or a value is out of range.
    ModelError
        If the classifier doesn't give what the comparator needs.
    MissingDependencyError
        If a library of the extra ``compare`` is missing.
    """
    known = registered()
    if name not in known:
        raise SettingsError(f"no comparator {name!r}; there are {', '.join(sorted(known))}")
    return known[name].from_settings(classifier, {"evaluations": evaluations, **settings})


class _CallableModule(types.ModuleType):
    """Lets ``suffice.comparators()`` list them while ``suffice.comparators`` stays the package."""

    def __call__(self) -> dict[str, type[Comparator]]:
        return all_comparators()


sys.modules[__name__].__class__ = _CallableModule
