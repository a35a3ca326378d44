"""What a comparator is: settings over a classifier, and a call that gives a ranking."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from suffice.comparators.libraries import named, require, seeded
from suffice.comparators.task import GRADIENT_COST, Task
from suffice.errors import ImageError, SettingsError
from suffice.models.base import VALUES, Value
from suffice.models.factory import as_classifier
from suffice.models.gradients import differentiable
from suffice.subject import Subject
from suffice.types import FloatImage, JsonObject, Responsibility

Needs = Literal["scores", "gradients", "module", "attention"]
"""What a classifier must give: scores (any does), gradients of its input, the torch module itself,
or a torch module whose attention can be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """A map and what making it cost.

    Attributes
    ----------
    values : float32 [H, W]
        The highest first.
    evaluations : int
        Distinct images through the model, each gradient counted as three.
    gradients : int
        How many gradients those are.
    """

    values: Responsibility
    evaluations: int
    gradients: int


@dataclass(frozen=True, eq=False)
class Comparator(ABC):
    """Base of all comparators: a frozen dataclass of a classifier and settings.

    An object is a ranking for `suffice.FromRanking`; `attribute` gives a map by itself. Equal seeds
    give equal maps, whatever other threads draw.

    Parameters
    ----------
    classifier : Classifier or anything `suffice.as_classifier` takes
    evaluations : int, optional
        What one map may cost at most. Takes the place of the setting that costs: steps, samples,
        permutations, or window and stride.
    of : {"log_odds", "logit", "probability", "log_probability"}
        What of the target class is explained.

    Attributes
    ----------
    name : str
    library : str
        The package that does the work.
    source : str
        Where the method was published.
    needs : {"scores", "gradients", "module", "attention"}
    cost : str
        What a map costs, in words.
    least : int
        Fewest evaluations a map can be made of.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[Needs]
    cost: ClassVar[str]
    least: ClassVar[int] = GRADIENT_COST

    classifier: Any
    evaluations: int | None = None
    of: Value = "log_odds"

    def __post_init__(self) -> None:
        if self.of not in VALUES:
            raise SettingsError(f"{self.name}: of {self.of!r} is unknown; use {', '.join(VALUES)}")
        if self.evaluations is not None:
            self._check_whole("evaluations", self.least)
        self._check()
        if self.library != "suffice":
            require(self.library, self.name)
        object.__setattr__(self, "classifier", as_classifier(self.classifier))
        if self.needs == "gradients":
            differentiable(self.classifier)

    @classmethod
    def from_settings(cls, classifier: Any, settings: dict[str, Any]) -> Self:
        """Build from names and values, which may be text from a command line.

        Raises
        ------
        SettingsError
            If a name is unknown or a value does not fit its field.
        """
        known = {f.name: f for f in fields(cls) if f.name != "classifier"}
        values = {}
        for key, value in settings.items():
            if key not in known:
                raise SettingsError(
                    f"comparator {cls.name} has no setting {key!r}; it has {', '.join(known)}"
                )
            values[key] = _convert(cls.name, key, str(known[key].type), value)
        return cls(classifier, **values)

    def settings(self) -> JsonObject:
        """All settings as JSON types; the classifier is not one."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "classifier"}

    def describe(self) -> JsonObject:
        """What a record says of the ranking."""
        library = self.library if self.library == "suffice" else named(self.library)
        return {"comparator": self.name, "library": library, "settings": self.settings()}

    def __call__(self, subject: Subject) -> tuple[Responsibility, int, int]:
        """Map, evaluations and gradients of a subject, under its first baseline.

        The seed is made of the run's seed and the image's key.
        """
        digest = hashlib.sha256(f"{subject.seed}:{subject.key}".encode()).digest()
        seed = int.from_bytes(digest[:8], "big")
        found = self.attribute(subject.image, subject.baselines[0], subject.target, seed)
        return found.values, found.evaluations, found.gradients

    def attribute(
        self, image: FloatImage, baseline: FloatImage, target: int, seed: int = 0
    ) -> Attribution:
        """Make the map of one image.

        Parameters
        ----------
        image, baseline : float32 [C, H, W]
            In the model's input space.
        target : int
            The class to explain.
        seed : int
            Of whatever is drawn.

        Returns
        -------
        Attribution

        Raises
        ------
        ImageError
            If image or baseline don't fit the classifier.
        SettingsError
            If the target is no class, or the evaluations allowed are too few for the image.
        ScoresError
            If the classifier gives no finite scores or gradients.
        """
        clf = self.classifier
        for what, array in (("image", image), ("baseline", baseline)):
            if array.dtype != np.float32 or array.shape != tuple(clf.input_shape):
                raise ImageError(
                    f"{self.name}: {what} should be float32 {list(clf.input_shape)}, got "
                    f"{array.dtype} {list(array.shape)}"
                )
        if not 0 <= target < clf.n_classes:
            raise SettingsError(
                f"target {target} is out of range: {clf.name} has classes 0 to {clf.n_classes - 1}"
            )
        task = Task(clf, np.ascontiguousarray(image), baseline, int(target), self.of)
        with seeded(seed):
            values = self._attribute(task)
        values = np.ascontiguousarray(values, np.float32)
        return Attribution(values, task.evaluations, task.gradients)

    @abstractmethod
    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        """The map ``[H, W]``; the generators are seeded."""

    def _check(self) -> None:  # noqa: B027  # many have nothing to refuse
        """Refuse settings out of range."""

    def _check_whole(self, name: str, least: int = 1) -> None:
        value = getattr(self, name)
        if type(value) is not int or value < least:
            raise SettingsError(
                f"{self.name}: {name} must be a whole number from {least}, got {value!r}"
            )


def _convert(comparator: str, key: str, annotation: str, value: Any) -> Any:
    """Turn the text of a setting into what its annotation names; other values pass through."""
    if not isinstance(value, str):
        return value
    if "None" in annotation and value.lower() == "none":
        return None
    kinds: dict[str, Callable[[str], Any]] = {"int": int, "float": float}
    kind = kinds.get(annotation.partition(" ")[0], str)
    try:
        return kind(value)
    except ValueError:
        raise SettingsError(
            f"{comparator}: setting {key}={value!r} should be {annotation}"
        ) from None


_REGISTRY: dict[str, type[Comparator]] = {}


def register(cls: type[Comparator]) -> type[Comparator]:
    """Class decorator: make a comparator known by its name."""
    _REGISTRY[cls.name] = cls
    return cls


def registered() -> dict[str, type[Comparator]]:
    """All comparators by name."""
    return dict(sorted(_REGISTRY.items()))
