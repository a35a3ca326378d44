"""Jobs and their keys: what can change a result, as canonical JSON, hashed."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.errors import InputError, SettingsError
from suffice.explanation import FORMAT
from suffice.reading import is_file
from suffice.study.design import Design, MethodSpec, ModelSpec
from suffice.study.images import Item
from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.models.base import Classifier


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model brings to the keys of its jobs, found by loading it once.

    Attributes
    ----------
    name, architecture : str
    sha256 : str
    preprocess : dict or None
    output : str
    precision : str
        Of the scores' arithmetic.
    n_classes : int
    shape : (int, int, int)
    methods : tuple of dict or None
        Name, version and settings of each method of the design, with what a comparator as its
        ranking takes from the model; None where it is not asked about this model.
    limit : int or None
        The model sees the first so many images only.
    """

    name: str
    architecture: str
    sha256: str
    preprocess: JsonObject | None
    output: str
    precision: str
    n_classes: int
    shape: tuple[int, int, int]
    methods: tuple[JsonObject | None, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One question of a study: one row of its results.

    Attributes
    ----------
    key : str
        SHA-256 of ``question``.
    question : str
        Canonical JSON of everything that can change the result.
    group : str
        Equal for jobs that one run of a method can answer together.
    model, architecture, image, method, criterion, baseline : str
        Names for the table.
    image_sha256 : str
    label : int or None
    grain, seed : int
    target : int or None
        None: the model's own answer.
    """

    key: str
    question: str
    group: str
    model: str
    architecture: str
    image: str
    image_sha256: str
    label: int | None
    method: str
    criterion: str
    baseline: str
    grain: int
    seed: int
    target: int | None


def canonical(value: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, no NaN.

    Examples
    --------
    >>> canonical({"b": 1, "a": [0.5, None]})
    '{"a":[0.5,null],"b":1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(value: Any) -> str:
    """SHA-256 of canonical JSON, hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def model_facts(spec: ModelSpec, design: Design) -> ModelFacts:
    """Load a model and say what its keys need.

    Raises
    ------
    SettingsError
        If nothing tells its results from another model's, or a method can't be made for it.
    """
    # On the CPU: what is asked here is the same everywhere, and the workers need the devices.
    loaded: dict[bool, Classifier] = {}

    def load(gradients: bool = False) -> Classifier:
        if gradients not in loaded:
            loaded[gradients] = spec.load("cpu", 1, gradients)
        return loaded[gradients]

    clf = load()
    if not clf.fingerprint:
        raise SettingsError(
            f"model {spec.name}: a study needs a fingerprint= that names this model and no other"
        )
    _check_target(spec, clf, design)
    return ModelFacts(
        name=spec.name,
        architecture=spec.architecture or spec.name,
        sha256=clf.fingerprint,
        preprocess=None if clf.preprocess is None else clf.preprocess.to_dict(),
        output=clf.output,
        precision=str(getattr(clf, "precision", "float32")),
        n_classes=clf.n_classes,
        shape=clf.input_shape,
        methods=tuple(
            None if m.models and spec.name not in m.models else _method(m, design, load)
            for m in design.methods
        ),
        limit=spec.limit,
    )


def _check_target(spec: ModelSpec, clf: Classifier, design: Design) -> None:
    target = design.target
    labels = [i.label for i in design.images if i.label is not None]
    criteria = [*design.criteria, *(c for m in design.methods for c in m.criteria)]
    highest = max(labels, default=0) if target == "label" else target
    if isinstance(highest, int) and highest >= clf.n_classes:
        raise SettingsError(
            f"model {spec.name} has classes 0 to {clf.n_classes - 1}, target {highest} is none"
        )
    if clf.output == "multilabel" and (
        target == "top1" or not all(c.startswith("confidence:") for c in criteria)
    ):
        raise SettingsError(
            f"model {spec.name} is multilabel: it needs a target and criteria confidence:T"
        )


def _method(spec: MethodSpec, design: Design, load: Callable[..., Classifier]) -> JsonObject:
    method = spec.make(load)
    count = spec.count or design.count
    if count > 1 and not method.many:
        raise SettingsError(
            f"method {spec.name} looks for one set and can't take count {count}; give count = 1 "
            "in its table"
        )
    return {
        "name": method.name,
        "version": method.version,
        "settings": json.loads(canonical(method.settings())),
        "prune": spec.prune,
        "count": count,
        "budget": spec.budget or design.budget,
    }


def distinct(items: Sequence[Item]) -> tuple[list[tuple[Item, str]], list[str]]:
    """Images with their digests, and a note for each that is the same as an earlier one.

    Raises
    ------
    ImageError
        If an image can't be read.
    """
    found: dict[str, Item] = {}
    notes = []
    for item in items:
        sha256 = item.sha256()
        first = found.setdefault(sha256, item)
        if first is not item:
            notes.append(f"image {item.name} is the same file as {first.name} and is left out")
    return [(item, sha256) for sha256, item in found.items()], notes


def expand(
    design: Design, facts: Sequence[ModelFacts], images: Sequence[tuple[Item, str]]
) -> list[Job]:
    """All jobs of a design: model by model, and images innermost.

    Parameters
    ----------
    design : Design
    facts : sequence of ModelFacts
        One for each model.
    images : sequence of (Item, str)
        `distinct` images with their digests.

    Raises
    ------
    InputError
        If two models, methods or baselines are the same under two names.
    """
    jobs: dict[str, Job] = {}
    for job in _jobs(design, facts, images):
        other = jobs.setdefault(job.key, job)
        if other is not job:
            different = next(
                f"{what} {getattr(other, what)} and {getattr(job, what)} are"
                for what in ("model", "method", "image", "baseline", "criterion", "seed")
                if getattr(other, what) != getattr(job, what)
            )
            raise InputError(f"{different} the same; each result belongs to one of them only")
    return list(jobs.values())


def _jobs(
    design: Design, facts: Sequence[ModelFacts], images: Sequence[tuple[Item, str]]
) -> Iterator[Job]:
    contents = {spec: _content(spec) for specs in design.all_baselines() for spec in specs}
    for model, k, criterion, baselines, grain, seed in _combinations(design, facts):
        method, settings = design.methods[k], model.methods[k]
        if settings is None:
            continue
        seen = min(n for n in (len(images), model.limit, method.limit) if n is not None)
        common: JsonObject = {
            "model": model.sha256,
            "preprocess": model.preprocess,
            "output_kind": model.output,
            "precision": model.precision,
            "method": {k: settings[k] for k in ("name", "version", "settings", "prune")},
            "criterion": criterion,
            "contrastive": design.contrastive,
            "grain": grain,
            "count": settings["count"],
            "overlap": design.overlap,
            "budget": settings["budget"],
            "baselines": [contents[spec] for spec in baselines],
            "seed": seed,
            "format": FORMAT,
        }
        for item, sha256 in images[:seen]:
            target = _target(design, item)
            question = canonical({**common, "image": sha256, "target": target})
            yield Job(
                key=hashlib.sha256(question.encode()).hexdigest(),
                question=question,
                group=digest({**common, "target": target, "model_name": model.name}),
                model=model.name,
                architecture=model.architecture,
                image=item.name,
                image_sha256=sha256,
                label=item.label,
                method=method.name,
                criterion=criterion,
                baseline="+".join(map(short, baselines)),
                grain=grain,
                seed=seed,
                target=target,
            )


def _combinations(
    design: Design, facts: Sequence[ModelFacts]
) -> Iterator[tuple[ModelFacts, int, str, tuple[str, ...], int, int]]:
    for model, (k, method) in itertools.product(facts, enumerate(design.methods)):
        yield from (
            (model, k, *rest)
            for rest in itertools.product(
                method.criteria or design.criteria,
                method.baselines or design.baselines,
                design.grains,
                method.seeds or design.seeds,
            )
        )


def _target(design: Design, item: Item) -> int | None:
    if design.target == "top1":
        return None
    return item.label if design.target == "label" else int(design.target)


def _content(spec: str) -> JsonObject | str:
    """A baseline as the key has it: a file by its content, not by its place."""
    path = Path(spec)
    if is_file(path):
        return {"file": hashlib.sha256(path.read_bytes()).hexdigest()}
    return spec


def short(spec: str) -> str:
    """The name of a baseline in tables: of a file its own, without folders."""
    return Path(spec).name if is_file(Path(spec)) else spec


def in_shard(key: str, shard: tuple[int, int] | None) -> bool:
    """Whether a job belongs to shard i of n (from 1); every job belongs to one."""
    return shard is None or int(key[:12], 16) % shard[1] == shard[0] - 1


def cautions(design: Design, facts: Sequence[ModelFacts]) -> list[str]:
    """What may make the results of a design mean less than they seem to."""
    scales = {canonical([(m.preprocess or {}).get(k) for k in ("mean", "std")]) for m in facts}
    if len(scales) > 1 and any("zero" in specs for specs in design.all_baselines()):
        note = (
            "the baseline zero is another colour for every preprocessing, and the models of this "
            "study differ in theirs: their sets are not comparable. Use one colour for all, such "
            "as rgb:124,116,104 or grey"
        )
        return [note]
    return []
