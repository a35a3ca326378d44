"""What a check gives: a result, or a failure that says how to see it again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from suffice.errors import SettingsError

Subject = TypeVar("Subject")
State = Literal["passed", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of one check.

    Attributes
    ----------
    check : str
        Its name.
    state : {"passed", "skipped", "failed"}
    detail : str
        Why it was skipped, or what failed; empty where it passed.
    """

    check: str
    state: State
    detail: str = ""


class CheckFailure(AssertionError):
    """A method or classifier breaks a promise.

    Attributes
    ----------
    check : str
        Name of the check, as ``skip`` and ``only`` take it.
    expected, got : str
    reproduce : str
        What to run to see it again.
    """

    def __init__(self, check: str, expected: str, got: str, reproduce: str) -> None:
        super().__init__(
            f"check {check!r} failed\n  expected: {expected}\n  got: {got}\n"
            f"  reproduce: {reproduce}"
        )
        self.check, self.expected, self.got, self.reproduce = check, expected, got, reproduce


class Broken(Exception):  # inside this package only: not an error by itself
    """Raised by a check that finds something wrong."""

    def __init__(self, expected: str, got: str, case: str = "") -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got, self.case = expected, got, case


class Inapplicable(Exception):  # likewise
    """Raised by a check that doesn't concern what is checked; the message says why."""


def require(holds: object, expected: str, got: object, case: object = "") -> None:
    """Raise `Broken` unless something holds."""
    if not holds:
        raise Broken(expected, str(got), str(case))


class Checks(Generic[Subject]):
    """Named checks, in the order in which they are written."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[Subject], None]] = {}

    def __call__(self, function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        """Class a function as a check, under its own name."""
        self.functions[function.__name__] = function
        return function

    def names(self) -> tuple[str, ...]:
        """Names of all checks."""
        return tuple(self.functions)

    def chosen(self, only: Iterable[str] | None, skip: Iterable[str]) -> list[str]:
        """Names to run, in order.

        Raises
        ------
        SettingsError
            If there is no check of a name.
        """
        wanted = self.names() if only is None else tuple(only)
        left_out = tuple(skip)
        for name in (*wanted, *left_out):
            if name not in self.functions:
                raise SettingsError(
                    f"there is no check {name!r}; there are {', '.join(self.names())}"
                )
        return [name for name in self.names() if name in wanted and name not in left_out]

    def run(
        self,
        subject: Subject,
        names: Sequence[str],
        skipped: Collection[str],
        call: str,
        stop: bool,
    ) -> list[CheckResult]:
        """Run checks one after the other.

        Parameters
        ----------
        subject : object
            What the checks are given.
        names, skipped : sequence of str
            Those to run, and those that the caller left out.
        call : str
            The call that repeats a check, with ``{name}`` in the place of its name.
        stop : bool
            Whether the first failure is raised.

        Raises
        ------
        CheckFailure
        """
        results = [CheckResult(name, "skipped", "left out by the caller") for name in skipped]
        for name in names:
            try:
                self.functions[name](subject)
            except Inapplicable as why:
                results.append(CheckResult(name, "skipped", str(why)))
            except Exception as error:
                failure = _failure(name, error, call.replace("{name}", name))
                if stop:
                    raise failure from error
                results.append(CheckResult(name, "failed", str(failure)))
            else:
                results.append(CheckResult(name, "passed"))
        return results


def _failure(name: str, error: Exception, call: str) -> CheckFailure:
    if isinstance(error, Broken):
        where = f"{call}  # {error.case}" if error.case else call
        return CheckFailure(name, error.expected, error.got, where)
    return CheckFailure(name, "no error", f"{type(error).__name__}: {error}", call)
