"""Checks of methods: what every search must hold, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable

from suffice.methods import get_method
from suffice.methods.base import Method
from suffice.testing import _method_object, _method_protocol, _method_runs, _method_sets
from suffice.testing._method_suite import Bench, method_checks
from suffice.testing.results import CheckResult

# They are checks by being imported; this is the order they run in.
_FILES = (_method_object, _method_protocol, _method_sets, _method_runs)


def check_method(
    method: str | Method | type[Method],
    *,
    skip: Iterable[str] = (),
    only: Iterable[str] | None = None,
    raise_on_failure: bool = True,
) -> list[CheckResult]:
    """Check that a method holds what every method must (``docs/extending.md``).

    Its searches are driven on toy classifiers whose answers are known, with the engine and without
    it; every set and claim is judged by an independent forward. A method says by its class
    attributes what it supports: ``many``, ``certifies``, ``own_criteria``, ``differentiates``.

    Parameters
    ----------
    method : Method, class or name
        An object with any settings; of a class or name, with the default ones.
    skip : iterable of str
        Names of checks to leave out; `method_check_names` lists them.
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
        If there is no check or method of a name.

    Examples
    --------
    >>> import suffice
    >>> results = check_method(suffice.Msv(max_views=2), only=["budget", "sufficient"])
    >>> [(result.check, result.state) for result in results]
    [('budget', 'passed'), ('sufficient', 'passed')]
    """
    made = method() if isinstance(method, type) else get_method(method)
    left_out = tuple(skip)
    names = method_checks.chosen(only, left_out)
    call = f"suffice.testing.check_method({made!r}, only=['{{name}}'])"
    return method_checks.run(Bench(made), names, left_out, call, raise_on_failure)


def method_check_names() -> tuple[str, ...]:
    """Names of all checks of methods, in the order they run in."""
    return method_checks.names()
