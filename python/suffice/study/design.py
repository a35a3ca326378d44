"""Designs: what a study asks, of which models and images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from suffice.criterion import Criterion
from suffice.errors import SettingsError
from suffice.methods import all_methods, get_method
from suffice.methods.base import Method
from suffice.models.baselines import make_baseline
from suffice.models.preprocess import Preprocess
from suffice.study.analyses import check_analysis
from suffice.study.images import Item, unique
from suffice.study.loading import load, options_to_dict, source_to_dict
from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.models.base import Classifier
    from suffice.study.probes.base import Probe

COMPARATOR = "comparator:"
MODEL_OPTIONS = ("output", "labels", "device", "batch_size", "input_shape", "threads")
PREPROCESS_OPTIONS = (
    *("size", "resize_shorter_side", "crop", "interpolation", "mean", "std", "channels"),
)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of a study.

    Attributes
    ----------
    name : str
        In tables.
    source : str or object, or a list of them
        What `suffice.as_classifier` takes; a list is a `suffice.Ensemble`.
    architecture : str
        The group it belongs to.
    options : dict
        Of `suffice.as_classifier`; ``preprocess`` may be a dict of its fields, or a list of one for
        each member of an ensemble.
    limit : int or None
        It sees the first so many images only.
    """

    name: str
    source: Any
    architecture: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None

    def load(
        self, device: str | None = None, threads: int | None = None, gradients: bool = False
    ) -> Classifier:
        """Make the classifier; what the design says goes before the arguments.

        Where `gradients` are needed, an ONNX file is converted to torch.
        """
        return load(self.source, self.options, device, threads, gradients)

    def to_dict(self) -> JsonObject:
        """As JSON types, for another process."""
        return {
            "name": self.name,
            "source": source_to_dict(self.source, self.name),
            "architecture": self.architecture,
            "options": options_to_dict(self.options),
            "limit": self.limit,
        }


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One method with its settings.

    Attributes
    ----------
    name : str
        In tables.
    method : str or Method
    settings : dict
    prune : bool
        Whether its sets are pruned afterwards.
    count, budget : int or None
        Instead of the study's.
    limit : int or None
        It is asked about the first so many images only.
    models : tuple of str
        It is asked about these models only; empty: about all.
    criteria : tuple of str
    baselines : tuple of tuple of str
    seeds : tuple of int
        Instead of the study's, where there are any.
    """

    name: str
    method: str | Method
    settings: dict[str, Any] = field(default_factory=dict)
    prune: bool = False
    count: int | None = None
    budget: int | None = None
    limit: int | None = None
    models: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    baselines: tuple[tuple[str, ...], ...] = ()
    seeds: tuple[int, ...] = ()

    @property
    def way(self) -> tuple[Any, ...]:
        """How its sets are made; two parts of one method have this in common."""
        return self.method, self.settings, self.prune

    def make(self, classifier: Callable[..., Any]) -> Method:
        """Make the method; a comparator as its ranking is given the classifier.

        Parameters
        ----------
        classifier : callable
            ``classifier(gradients=...)`` gives one that is differentiable or need not be.
        """
        if isinstance(self.method, Method):
            return self.method
        known = all_methods()
        if self.method not in known:
            get_method(self.method)  # raises with the list of methods
        settings = dict(self.settings)
        ranking = settings.get("ranking")
        if isinstance(ranking, str) and ranking.startswith(COMPARATOR):
            from suffice.comparators import from_text

            settings["ranking"] = from_text(ranking, classifier)
        return known[self.method].from_settings(settings)

    def check(self) -> None:
        """Make the method without a model, as far as that is possible."""
        if isinstance(self.method, str) and str(self.settings.get("ranking", "")).startswith(
            COMPARATOR
        ):
            return
        self.make(lambda **_: None)

    def to_dict(self) -> JsonObject:
        """As JSON types, for another process."""
        if not isinstance(self.method, str):
            raise SettingsError(
                f"method {self.name} is a Python object, which stays in this process: run with "
                "workers=0, or give its name and settings"
            )
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Design:
    """What a study asks; every combination is one job.

    Attributes
    ----------
    models, images, methods : tuple
        Methods of one name are parts of one method, with criteria, baselines and such of their own.
    criteria : tuple of str
    baselines : tuple of tuple of str
        Each under which a set must suffice, several at once if it has several.
    seeds, grains : tuple of int
    target : int, "top1" or "label"
        The class to explain: the model's own answer, the image's label, or this one.
    count, overlap, budget, contrastive
        As in `suffice.explain_stream`.
    responsibility : {"none", "ranks", "float32"}
        Whether responsibility maps are kept, and how.
    attempts : int
        How often a job is tried before it is recorded as failed.
    timeout : float or None
        Seconds in which a worker process has to finish an image; it is killed otherwise, and what
        it was at counts as tried.
    name : str
    preset : str
        The published study (`suffice.study.preset.PRESETS`) whose tables the report shows beside.
    analyses : tuple of str
        What the report shall show, of `suffice.study.analyses.ANALYSES`; empty: all that applies.
        Those that need a probe have it run.
    probes : dict of str to dict
        Settings of probes.
    text : str
        The file it came from, if any.
    """

    models: tuple[ModelSpec, ...]
    images: tuple[Item, ...]
    methods: tuple[MethodSpec, ...]
    criteria: tuple[str, ...] = ("top1",)
    baselines: tuple[tuple[str, ...], ...] = (("zero",),)
    seeds: tuple[int, ...] = (0,)
    grains: tuple[int, ...] = (8,)
    target: int | Literal["top1", "label"] = "top1"
    count: int = 1
    overlap: float = 0.0
    budget: int | None = None
    contrastive: bool = False
    responsibility: Literal["none", "ranks", "float32"] = "none"
    attempts: int = 3
    timeout: float | None = None
    name: str = "study"
    preset: str = ""
    analyses: tuple[str, ...] = ()
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    text: str = ""

    def checked(self) -> Self:
        """The design itself, if it is complete.

        Raises
        ------
        SettingsError
            If something is missing or there twice, a label is wanted and not known, or an analysis
            is unknown.
        """
        for what in ("models", "images", "methods", "criteria", "baselines", "seeds", "grains"):
            values = getattr(self, what)
            if not values:
                raise SettingsError(f"a study needs {what}, got none")
            names = [getattr(v, "name", v) for v in values]
            if what not in ("images", "methods") and len(set(names)) < len(names):
                twice = next(n for n in names if names.count(n) > 1)
                raise SettingsError(f"{what}: {twice!r} is there twice")
        self._check_methods()
        for name in self.analyses:
            check_analysis(name)
        for name in self.probes:
            self.probe(name)
        unique(list(self.images))
        if self.target == "label" and (lost := [i for i in self.images if i.label is None]):
            raise SettingsError(f"target label: image {lost[0].name} has no label")
        return self

    def all_baselines(self) -> tuple[tuple[str, ...], ...]:
        """Those of the study and of its methods, each once."""
        every = (self.baselines, *(m.baselines for m in self.methods))
        return tuple(dict.fromkeys(b for several in every for b in several))

    def _check_methods(self) -> None:
        known = {m.name for m in self.models}
        first: dict[str, MethodSpec] = {}
        for method in self.methods:
            if first.setdefault(method.name, method).way != method.way:
                raise SettingsError(
                    f"methods: {method.name!r} is there twice with other settings; give each a name"
                )
            if unknown := [name for name in method.models if name not in known]:
                raise SettingsError(
                    f"method {method.name}: {unknown[0]!r} is no model of the study; it has "
                    f"{', '.join(sorted(known))}"
                )

    def probe(self, name: str) -> Probe:
        """A probe as this design sets it."""
        from suffice.study.probes import make_probe

        return make_probe(name, self.probes.get(name))

    def to_dict(self) -> JsonObject:
        """As JSON types, for another process.

        Raises
        ------
        SettingsError
            If something in it is a Python object.
        """
        parts = {what: [p.to_dict() for p in getattr(self, what)] for what in _PARTS}
        names = [n for n in self.__dataclass_fields__ if n not in _PARTS]
        return {**parts, **{n: getattr(self, n) for n in names}}

    @classmethod
    def from_dict(cls, data: JsonObject) -> Self:
        """Read what `to_dict` gave, through JSON or not."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        for what, kind in _PARTS.items():
            values[what] = tuple(
                kind(**{k: _tuples(v) for k, v in part.items()}) for part in data[what]
            )
        values["baselines"] = _tuples(data["baselines"])
        return cls(**values)

    def with_images(self, images: Sequence[Item]) -> Self:
        """The same study of other images."""
        return replace(self, images=tuple(images))


def _tuples(value: Any) -> Any:
    """Lists, and lists in lists, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


_PARTS: dict[str, Callable[..., Any]] = {
    "models": ModelSpec,
    "images": Item,
    "methods": MethodSpec,
}


def check_criterion(text: str) -> str:
    """The text of a criterion as records write it."""
    return str(Criterion.parse(text))


def check_baseline(spec: str) -> str:
    """Try a baseline on a flat picture; inpaint, which needs scikit-image, by name only."""
    import numpy as np

    if spec.partition(":")[0] != "inpaint":
        tiny = Preprocess(size=8, mean=(0.5,) * 3, std=(0.25,) * 3)
        make_baseline(spec, np.zeros((3, 8, 8), np.float32), tiny)
    return spec
