"""Checks of methods as objects: what they say of themselves, and that they can travel."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields
from typing import Any

from suffice.errors import SettingsError
from suffice.methods.base import Method
from suffice.testing._cases import drive
from suffice.testing._method_suite import Bench, method_checks
from suffice.testing.results import Inapplicable, require

_FLAGS = ("many", "certifies", "own_criteria", "may_grow")


@method_checks
def identity(bench: Bench) -> None:
    """Name and version are text, and what it declares is true or false."""
    for name in ("name", "version"):
        value = getattr(bench.method, name, None)
        require(isinstance(value, str) and value, f"{name} to be text", repr(value))
    for name in _FLAGS:
        value = getattr(bench.method, name)
        require(isinstance(value, bool), f"{name} to be true or false", repr(value))


@method_checks
def settings_are_json(bench: Bench) -> None:
    """settings() are JSON types, survive JSON and don't change while it searches."""
    settings = bench.method.settings()
    try:
        again = json.loads(json.dumps(settings, allow_nan=False))
    except (TypeError, ValueError) as error:
        again = f"{settings!r}: {error}"
    require(again == settings, "settings of JSON types (lists, no tuples)", repr(again))
    drive(bench.method, bench.majority)
    after = bench.method.settings()
    require(after == settings, f"settings {settings} after a search", after)


@method_checks
def settings_round_trip(bench: Bench) -> None:
    """from_settings makes the same method of its settings, and of their text."""
    plain = _plain(bench.method)
    twin = type(bench.method).from_settings({**_values(bench.method), **plain})
    _alike(bench.method, twin, "from_settings(settings())")
    text = {k: str(v) for k, v in plain.items() if v is None or isinstance(v, (int, float, str))}
    twin = type(bench.method).from_settings({**_values(bench.method), **text})
    _alike(bench.method, twin, "from_settings of the settings as text")


@method_checks
def unknown_settings(bench: Bench) -> None:
    """A setting that doesn't exist is refused with a SettingsError that names it."""
    wrong = "no_setting_of_any_method"
    expected = f"SettingsError naming {wrong!r}"
    try:
        type(bench.method).from_settings({**_values(bench.method), wrong: 1})
    except SettingsError as error:
        require(wrong in str(error), expected, f"SettingsError: {error}")
    except Exception as error:
        require(False, expected, f"{type(error).__name__}: {error}")
    else:
        require(False, expected, "no error")


@method_checks
def pickling(bench: Bench) -> None:
    """A method can be sent to another process and searches there alike."""
    try:
        twin = pickle.loads(pickle.dumps(bench.method))
    except Exception as error:
        require(False, "a method that can be pickled", f"{type(error).__name__}: {error}")
    _alike(bench.method, twin, "pickle.loads(pickle.dumps(method))")
    case = bench.majority
    same = drive(twin, case).asked == bench.driven(case).asked
    require(same, "the same rounds from a pickled method", "other rounds", case)


def _values(method: Method) -> dict[str, Any]:
    return {f.name: getattr(method, f.name) for f in fields(method) if f.init}


def _plain(method: Method) -> dict[str, Any]:
    """Settings that stand in settings() as they are; others, such as arrays, are described."""
    values, settings = _values(method), method.settings()
    described = {k for k, v in settings.items() if k not in values or not _same(values[k], v)}
    if settings and described == set(settings):
        raise Inapplicable("none of its settings is a plain value")
    return {k: v for k, v in settings.items() if k not in described}


def _same(value: object, stated: object) -> bool:
    if isinstance(value, (bool, int, float, str, type(None))):
        return type(value) is type(stated) and value == stated
    return isinstance(value, (list, tuple)) and list(value) == stated


def _alike(method: Method, twin: Method, how: str) -> None:
    for name in ("name", "version"):
        one, other = getattr(method, name), getattr(twin, name)
        require(one == other, f"{name} {one!r} from {how}", repr(other))
    one, other = method.settings(), twin.settings()
    require(one == other, f"settings {one} from {how}", other)
