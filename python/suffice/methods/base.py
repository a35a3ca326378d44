"""What a method is: settings that make searches, and searches that ask and are told.

A search never calls a model. It asks for the outcomes of whole *rounds* of masks, whose content
depends only on its state and settings, and is told them in ask order (DESIGN.md 2). That is why
any search runs on any backend, is tested with a fake classifier, and shares batches with others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from suffice.criterion import Criterion
from suffice.errors import SettingsError
from suffice.models.base import Value
from suffice.subject import Subject
from suffice.types import JsonObject, Outcomes, PackedMasks, Responsibility


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """Where a search ended.

    Attributes
    ----------
    masks : uint64 [K, words]
        The sets found, best first; K is 0 when none was.
    responsibility : float32 [H, W] or None
        The ranking the sets were read from; used to grow a set that fails its certificate.
    reason : str
        Why there is no set, or not all that were asked for, in words for the user; of a search
        that was stopped, how far it came. May be empty.
    irreducible : tuple of (int or None)
        Per set, the grain at which the search saw it irreducible; empty: none was.
    criteria : tuple of Criterion
        Per set, the criterion it was searched under; empty: the subject's for all.
    details : dict
        Numbers of the method worth keeping in the record (JSON types only).
    extra_masks : dict of str to uint64 [words]
        Further named sets a method defines, such as ``necessary`` or ``complete``.
    arrays : dict of str to array
        Named arrays of the method worth keeping beside the record, such as ``order``.
    """

    masks: PackedMasks
    responsibility: Responsibility | None = None
    reason: str = ""
    irreducible: tuple[int | None, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    details: JsonObject | None = None
    extra_masks: dict[str, PackedMasks] | None = None
    arrays: dict[str, npt.NDArray[np.generic]] | None = None

    def __post_init__(self) -> None:
        for name in ("irreducible", "criteria"):
            given = len(getattr(self, name))
            if given not in (0, len(self.masks)):
                raise ValueError(
                    f"a search result of {len(self.masks)} sets gives {given} {name}; expected one "
                    "for each set, or none"
                )

    def claim(self, k: int) -> int | None:
        """Grain at which set ``k`` was seen irreducible, if any."""
        return self.irreducible[k] if self.irreducible else None

    def rule(self, k: int, otherwise: Criterion) -> Criterion:
        """Criterion of set ``k``; ``otherwise`` where the subject's holds for all."""
        return self.criteria[k] if self.criteria else otherwise


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """A round that asks for gradients besides the outcomes of its masks.

    It is answered by `Outcomes` with ``gradient`` filled in. Under every baseline each of its masks
    costs one gradient, which counts 3 evaluations and brings the outcome along; gradients are not
    cached, the outcomes are.

    Attributes
    ----------
    masks : uint64 [M, words]
    of : {"log_odds", "logit", "probability", "log_probability"}
        What of the target is differentiated.
    """

    masks: PackedMasks
    of: Value = "probability"

    def __len__(self) -> int:
        return len(self.masks)


Asked = PackedMasks | Gradients
"""What a round may be."""


@runtime_checkable
class Search(Protocol):
    """One method at work on one subject."""

    def ask(self) -> Asked | None:
        """The next complete round, masks ``[M, words]`` or `Gradients`; None: the search is over."""

    def tell(self, outcomes: Outcomes) -> None:
        """Take the outcomes of the whole round, in ask order."""

    def result(self) -> SearchResult:
        """The result, once ``ask`` returned None."""

    def standing(self) -> SearchResult | None:
        """What the search holds if it is stopped now; None: the engine keeps the best it saw."""


Rounds = Generator[Asked, Outcomes, SearchResult]
"""A search written as a coroutine: yields rounds, receives outcomes, returns its result."""


class RoundSearch:
    """Makes a ``Search`` of a coroutine, so that a method reads from top to bottom.

    Parameters
    ----------
    rounds : generator
        Yields packed masks, is sent their `Outcomes`, returns a `SearchResult`.
    standing : callable or None
        Gives what the search holds while it runs; None: nothing to give.
    """

    def __init__(
        self, rounds: Rounds, standing: Callable[[], SearchResult | None] | None = None
    ) -> None:
        self._rounds = rounds
        self._standing = standing or (lambda: None)
        self._pending: Asked | None = None
        self._result: SearchResult | None = None
        self._advance(None)

    def _advance(self, outcomes: Outcomes | None) -> None:
        try:
            step = next(self._rounds) if outcomes is None else self._rounds.send(outcomes)
            if len(step) == 0:
                raise RuntimeError("a search asked for an empty round")
            self._pending = step
        except StopIteration as stop:
            self._pending, self._result = None, stop.value

    def ask(self) -> Asked | None:
        """The next round, or None when the coroutine has returned."""
        return self._pending

    def tell(self, outcomes: Outcomes) -> None:
        """Send the outcomes of the round that was asked."""
        if self._pending is None or len(outcomes) != len(self._pending):
            raise ValueError("tell() takes the outcomes of exactly the round that was asked")
        self._advance(outcomes)

    def result(self) -> SearchResult:
        """The returned result.

        Raises
        ------
        RuntimeError
            If the search is not over.
        """
        if self._result is None:
            raise RuntimeError("the search is not over; keep asking and telling")
        return self._result

    def standing(self) -> SearchResult | None:
        """What the search holds if it is stopped now."""
        return self._result or self._standing()


@dataclass(frozen=True)
class Method(ABC):
    """Base of all methods: a frozen dataclass whose fields are the settings.

    Sub-classes set ``name`` and ``version`` and implement `make_search`. ``version`` changes
    whenever the same settings may give other results.

    Attributes
    ----------
    many : bool
        Whether it looks for ``Subject.count`` sets that overlap at most ``Subject.overlap``.
    many_hint : str
        Where ``many`` is false: how it can be made to find several in its own way, if at all.
    certifies : bool
        Whether its searches, left to end by themselves, claim irreducibility.
    own_criteria : bool
        Whether its searches judge by criteria of their own. The engine then leaves it to them what
        follows where the baselines alone pass the subject's criterion, and a stopped search holds
        what its ``standing`` says and nothing else.
    repeats : bool
        Whether its searches may ask for a mask again. Where false the engine remembers no outcome
        beyond its round, which bounds memory, and counts every mask that is asked.
    differentiates : bool
        Whether its searches ask for `Gradients`; a classifier that gives none is then refused
        before anything is evaluated.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    many: ClassVar[bool] = False
    many_hint: ClassVar[str] = ""
    certifies: ClassVar[bool] = False
    own_criteria: ClassVar[bool] = False
    repeats: ClassVar[bool] = True
    differentiates: ClassVar[bool] = False

    @abstractmethod
    def make_search(self, subject: Subject) -> Search:
        """Start a search for one subject."""

    def settings(self) -> JsonObject:
        """All settings as JSON types."""
        return asdict(self)

    @property
    def may_grow(self) -> bool:
        """Whether the engine may grow a set that fails its certificate."""
        return True

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Self:
        """Build from names and values, as ``--set KEY=VALUE`` does; strings are converted.

        Raises
        ------
        SettingsError
            If a name is no setting of the method or its value doesn't convert.
        """
        known = {f.name: f for f in fields(cls)}
        values: dict[str, Any] = {}
        for key, value in settings.items():
            if key not in known:
                raise SettingsError(
                    f"method {cls.name} has no setting {key!r}; it has {', '.join(known)}"
                )
            values[key] = _convert(cls.name, key, str(known[key].type), value)
        return cls(**values)


def _convert(method: str, key: str, annotation: str, value: Any) -> Any:
    """Turn the text of a setting into what its annotation names; other values pass through."""
    if not isinstance(value, str):
        return value
    if "None" in annotation and value.lower() == "none":
        return None
    try:
        if annotation.startswith("bool"):
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                value.lower()
            ]
        if annotation.startswith("int"):
            return int(value)
        if annotation.startswith("float"):
            return float(value)
    except (KeyError, ValueError):
        raise SettingsError(
            f"method {method}: setting {key}={value!r} should be {annotation}"
        ) from None
    return value


_REGISTRY: dict[str, type[Method]] = {}


def register(cls: type[Method]) -> type[Method]:
    """Class decorator: make a method known by its name."""
    _REGISTRY[cls.name] = cls
    return cls


def registered() -> dict[str, type[Method]]:
    """All registered methods by name."""
    return dict(_REGISTRY)
