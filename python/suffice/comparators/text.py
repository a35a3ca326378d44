"""Comparators by text, for the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from suffice.comparators.base import Comparator, registered
from suffice.errors import SettingsError

PREFIX = "comparator:"


def from_text(text: str, classifier: Callable[..., Any]) -> Comparator:
    """Make a comparator from ``comparator:NAME`` or ``comparator:NAME:KEY=VALUE,KEY=VALUE``.

    Parameters
    ----------
    text : str
    classifier : callable
        Gives the classifier, ``classifier(gradients=...)`` saying whether it must be differentiable;
        asked for only once the name is known.

    Returns
    -------
    Comparator

    Raises
    ------
    SettingsError
        If the text names no comparator or setting.
    """
    name, _, given = text.removeprefix(PREFIX).partition(":")
    name, known = name.replace("-", "_"), registered()
    if name not in known:
        raise SettingsError(f"no comparator {name!r}; there are {', '.join(known)}")
    settings = {}
    for pair in filter(None, given.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"{text}: expected KEY=VALUE after the name, got {pair!r}")
        settings[key.replace("-", "_")] = value
    kind = known[name]
    return kind.from_settings(classifier(gradients=kind.needs != "scores"), settings)
