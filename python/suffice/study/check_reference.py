"""What new images are compared with: the sizes of a study, and the question that gave them."""

from __future__ import annotations

import json
import statistics as plain_statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from suffice import __version__
from suffice.errors import InputError, SettingsError
from suffice.explanation import write_atomically
from suffice.methods import all_methods
from suffice.methods.base import Method
from suffice.reading import NONE, NUMBER, Kinds, check_kinds, parse_json
from suffice.statistics.reference import ReferenceSizes, fit_reference
from suffice.study.keys import canonical
from suffice.study.result import StudyResult
from suffice.study.store import Store
from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.models.base import Classifier

FORMAT = 1
FEWEST = 20
OF_THE_MODEL = ("model", "preprocess", "output_kind", "precision")
OF_THE_ROW = ("image", "seed", "target")
_REFERENCE: Kinds = {
    "suffice": (str,),
    "study": (str,),
    "question": (dict,),
    "models": (dict,),
    "sizes": (dict,),
}
_QUESTION: Kinds = {
    "method": (dict,),
    "criterion": (str,),
    "contrastive": (bool,),
    "grain": (int,),
    "count": (int,),
    "overlap": NUMBER,
    "budget": (int, NONE),
    "baselines": (list,),
    "seeds": (list,),
}
_METHOD: Kinds = {"name": (str,), "version": (str,), "settings": (dict,), "prune": (bool,)}
_MODEL: Kinds = {
    "sha256": (str,),
    "preprocess": (dict, NONE),
    "output_kind": (str,),
    "precision": (str,),
    "counts": (dict,),
}
CHOICES = ("model", "method", "criterion", "baseline", "grain", "seed")


@dataclass(frozen=True, slots=True, eq=False)
class CheckReference:
    """Sizes of a study by model and class, with everything needed to ask new images the same.

    Attributes
    ----------
    question : dict
        ``method`` (name, version, settings, prune), ``criterion``, ``contrastive``, ``grain``,
        ``count``, ``overlap``, ``budget``, ``baselines``, and ``seeds``: a size is the median
        over them.
    models : dict of str to dict
        By name: ``sha256``, ``preprocess``, ``output_kind``, ``precision``, and ``counts`` of its
        photos: those ``used``, and those left out as ``wrong``, ``failed`` or ``incomplete`` (a
        seed is missing); ``unlabelled`` and ``without_set`` say how many of the used ones have no
        label, or count as the whole image.
    sizes : ReferenceSizes
    study : str
        Name of the study.
    version : str
        Of suffice, at the fit.
    """

    question: JsonObject
    models: dict[str, JsonObject]
    sizes: ReferenceSizes
    study: str = ""
    version: str = __version__

    @classmethod
    def fit(
        cls, result: StudyResult | str | Path, *, wrong: bool = False, **choose: Any
    ) -> CheckReference:
        """Fit the sizes of a study.

        Photos known to be classified wrongly are left out: the reference shall say what is usual
        for right answers. A photo without a set counts as the whole image, as in all statistics,
        and several seeds are joined by the median.

        Parameters
        ----------
        result : StudyResult or path of a store
        wrong : bool
            Whether photos that are classified wrongly are used, too.
        **choose
            ``model``, ``method``, ``criterion``, ``baseline``, ``grain``, ``seed``: a value or
            several, which rows must have. What is left must be one question.

        Raises
        ------
        InputError
            If the rows are of several questions, ask for given classes, can't be asked again of
            new images, or a model has fewer than 20 photos.
        """
        found = result if isinstance(result, StudyResult) else StudyResult(result)
        rows = choose_rows(found.rows(), choose)
        with Store(found.path, "read") as store:
            asked = store.query("SELECT key, question FROM jobs")
            texts = {row["key"]: row["question"] for row in asked}
            shapes = {r["model"]: store.shape(r["key"]) for r in rows if r["status"] != "failed"}
            study = store.meta("name") or ""
        questions = {row["key"]: json.loads(texts[row["key"]]) for row in rows}
        question = _one_question(questions.values())
        question["seeds"] = sorted({row["seed"] for row in rows})
        make_method(question)
        models, names, labels, areas = {}, [], [], []
        for name in dict.fromkeys(row["model"] for row in rows):
            own = [row for row in rows if row["model"] == name]
            sizes, counts = photo_sizes(own, question["seeds"], wrong)
            if len(sizes) < FEWEST:
                raise InputError(
                    f"{name} has {len(sizes)} photos to go by ({_counted(counts)}); a reference "
                    f"needs {FEWEST}: run more, or leave the model out"
                )
            entry = _one([_part(questions[row["key"]], OF_THE_MODEL) for row in own], name)
            entry["sha256"] = entry.pop("model")
            models[name] = {**entry, "counts": counts}
            names += [name] * len(sizes)
            labels += [row["target"] for row, _ in sizes]
            areas += [area for _, area in sizes]
        pixels = max(h * w for h, w in (s for s in shapes.values() if s is not None))
        fitted = fit_reference(
            np.array(names), np.array(labels), np.array(areas), floor=0.5 / pixels
        )
        return cls(question, models, fitted, study)

    def method(self) -> Method:
        """Make the method as it was.

        Raises
        ------
        SettingsError
            If it is not there, or has another version or other settings now.
        """
        return make_method(self.question)

    def model_of(self, classifier: Classifier) -> str:
        """Which of its models a classifier is.

        Raises
        ------
        SettingsError
            If it is none of them, or takes photos or gives scores in another way.
        """
        same = {n: m for n, m in self.models.items() if m["sha256"] == classifier.fingerprint}
        if not same:
            raise SettingsError(
                f"{classifier.name} is not in the reference, which has {', '.join(self.models)}; "
                "it knows models by the contents of their files"
            )
        stated = None if classifier.preprocess is None else classifier.preprocess.to_dict()
        fitting = [n for n, m in same.items() if m["preprocess"] == stated]
        if not fitting:
            raise SettingsError(
                f"{classifier.name}: photos become inputs in another way than in the reference: "
                f"{canonical(stated)} instead of {canonical(next(iter(same.values()))['preprocess'])}"
            )
        entry = self.models[fitting[0]]
        for what, value in (
            ("output_kind", classifier.output),
            ("precision", str(getattr(classifier, "precision", "float32"))),
        ):
            if entry[what] != value:
                raise SettingsError(
                    f"{classifier.name}: {what.replace('_', ' ')} is {value}, in the reference "
                    f"{entry[what]}"
                )
        return fitting[0]

    def photos(self, model: str) -> int:
        """How many photos the reference of a model has."""
        return int(self.models[model]["counts"]["used"])

    def to_dict(self) -> JsonObject:
        """As JSON types; `from_dict` reads them."""
        return {
            "kind": "suffice check reference",
            "format": FORMAT,
            "suffice": self.version,
            "study": self.study,
            "question": self.question,
            "models": self.models,
            "sizes": self.sizes.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave.

        Raises
        ------
        InputError
            If it is something else, or of a later format.
        """
        if data.get("kind") != "suffice check reference":
            raise InputError("this is no reference of suffice check fit")
        if data.get("format") != FORMAT:
            raise InputError(
                f"the reference has format {data.get('format')!r:.40}, this version reads {FORMAT}"
            )
        try:
            _check(data)
        except ValueError as error:
            raise InputError(f"the reference is damaged: {error}") from None
        sizes = ReferenceSizes.from_dict(data["sizes"])
        if missing := [name for name in data["models"] if name not in sizes.models]:
            raise InputError(f"the reference is damaged: no sizes of {missing[0]!r:.40}")
        return cls(data["question"], data["models"], sizes, data["study"], data["suffice"])

    def save(self, path: str | Path) -> Path:
        """Write it as JSON."""
        text = json.dumps(self.to_dict(), allow_nan=False, separators=(",", ":")) + "\n"
        return write_atomically(Path(path), text.encode())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If it can't be read or is something else.
        """
        try:
            data = parse_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise InputError(f"{path} is no JSON file: {error}") from None
        try:
            return cls.from_dict(data if isinstance(data, dict) else {})
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def _check(data: Mapping[str, Any]) -> None:
    """Raise `ValueError` for what a `Checker` could not use."""
    check_kinds(data, _REFERENCE, "reference")
    question = data["question"]
    check_kinds(question, _QUESTION, "question")
    check_kinds(question["method"], _METHOD, "method")
    seeds, baselines = question["seeds"], question["baselines"]
    if not seeds or not all(type(seed) is int for seed in seeds):
        raise ValueError(f"seeds should be whole numbers, got {seeds!r:.40}")
    if not baselines or not all(isinstance(spec, str) for spec in baselines):
        raise ValueError(f"baselines should be names, got {baselines!r:.40}")
    for name, entry in data["models"].items():
        check_kinds(entry, _MODEL, f"model {name:.40}")
        check_kinds(entry["counts"], {"used": (int,)}, "counts")
        if entry["counts"]["used"] < 1:
            raise ValueError(f"model {name:.40} has no photos: {entry['counts']['used']!r:.40}")


def make_method(question: Mapping[str, Any]) -> Method:
    """Make the method that a question names.

    Raises
    ------
    SettingsError
        If this version of suffice has none that would search in the same way.
    """
    asked = question["method"]
    kind = all_methods().get(asked["name"])
    if kind is None:
        raise SettingsError(f"the reference was made with the method {asked['name']}, not there")
    if kind.version != asked["version"]:
        raise SettingsError(
            f"the reference was made with version {asked['version']} of {asked['name']}, this is "
            f"version {kind.version}: sizes are not comparable; run the study anew and fit again"
        )
    try:
        made = kind.from_settings(asked["settings"])
        settings = json.loads(canonical(made.settings()))
    except (InputError, TypeError, ValueError) as error:
        settings, why = None, f" ({error})"
    else:
        why = ""
    if settings != asked["settings"]:
        raise SettingsError(
            f"{asked['name']} can't be made again from the settings in the reference{why}; those "
            "that are arrays, functions or comparators are not supported"
        )
    return made


def whole_where_none(area: float | None) -> float:
    """The size of a set in statistics: the whole image where there is none."""
    return 1.0 if area is None else area


def choose_rows(rows: list[JsonObject], choose: Mapping[str, Any]) -> list[JsonObject]:
    """Rows whose columns have the given value, or one of several.

    Raises
    ------
    InputError
        If none is left.
    """
    for name, value in choose.items():
        if name not in CHOICES:
            raise SettingsError(f"rows can't be chosen by {name!r}; use {', '.join(CHOICES)}")
        wanted = value if isinstance(value, (list, tuple, set)) else [value]
        kept = [row for row in rows if row[name] in wanted]
        if not kept:
            there = ", ".join(dict.fromkeys(str(row[name]) for row in rows)) or "no rows"
            raise InputError(
                f"no results with {name} {', '.join(map(str, wanted))}; there are {there}"
            )
        rows = kept
    if not any(row["status"] != "failed" for row in rows):
        raise InputError("the study has no results yet")
    return rows


def _part(question: JsonObject, names: Iterable[str]) -> JsonObject:
    return {name: question[name] for name in names}


def _one_question(questions: Iterable[JsonObject]) -> JsonObject:
    """What all rows ask, apart from model, image and seed."""
    every = list(questions)
    if any(q["target"] is not None or q["output_kind"] == "multilabel" for q in every):
        raise InputError(
            "the study asks about given classes; a check compares the class that the model "
            'answers (target = "top1")'
        )
    apart = (*OF_THE_MODEL, *OF_THE_ROW, "format")
    question = _one([{k: q[k] for k in q if k not in apart} for q in every], "the study")
    if files := [spec for spec in question["baselines"] if not isinstance(spec, str)]:
        raise InputError(
            f"{len(files)} of the baselines is a file, which a reference can't hold; choose rows "
            "with another one"
        )
    return question


def _one(parts: list[JsonObject], whose: str) -> JsonObject:
    different = list({canonical(part): part for part in parts}.values())
    if len(different) > 1:
        names = [k for k in different[0] if len({canonical(p[k]) for p in different}) > 1]
        raise InputError(
            f"the results of {whose} differ in {', '.join(names)}; choose one of each, with "
            "--method, --criterion, --baseline or --grain"
        )
    return dict(different[0])


def photo_sizes(
    rows: Iterable[JsonObject], seeds: list[int], wrong: bool = False
) -> tuple[list[tuple[JsonObject, float]], dict[str, int]]:
    """The size of each photo of one model, seeds joined by the median.

    Parameters
    ----------
    rows : iterable of dict
        Of one model and question, as `StudyResult.rows` gives them.
    seeds : list of int
        All of them, sorted; photos that lack one are left out.
    wrong : bool
        Whether photos that are classified wrongly stay.

    Returns
    -------
    sizes : list of (dict, float)
        A row of each photo, and its area.
    counts : dict
        As of `CheckReference`.
    """
    photos: dict[str, list[JsonObject]] = {}
    for row in rows:
        photos.setdefault(row["image_sha256"], []).append(row)
    names = ("used", "wrong", "failed", "incomplete", "unlabelled", "without_set")
    counts = dict.fromkeys(names, 0)
    sizes = []
    for several in photos.values():
        if any(row["status"] == "failed" for row in several):
            counts["failed"] += 1
        elif sorted(row["seed"] for row in several) != seeds:
            counts["incomplete"] += 1
        elif several[0]["correct"] is False and not wrong:
            counts["wrong"] += 1
        else:
            counts["used"] += 1
            counts["unlabelled"] += several[0]["label"] is None
            counts["without_set"] += any(row["area"] is None for row in several)
            areas = [whole_where_none(row["area"]) for row in several]
            sizes.append((several[0], plain_statistics.median(areas)))
    return sizes, counts


def _counted(counts: Mapping[str, int]) -> str:
    left = ", ".join(f"{counts[k]} {k}" for k in ("wrong", "failed", "incomplete") if counts[k])
    return f"left out: {left}" if left else "none left out"
