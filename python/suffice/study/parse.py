"""From a TOML file to a `Design`; every message names the file and the line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from suffice.errors import SettingsError, SufficeError
from suffice.models.preprocess import Preprocess
from suffice.models.tokens import PREFIX as TOKENS
from suffice.reading import is_file, is_folder
from suffice.study import images as sources
from suffice.study._lines import Lines, Place, read
from suffice.study.analyses import check_analysis
from suffice.study.corruptions import CORRUPTIONS, check
from suffice.study.design import (
    MODEL_OPTIONS,
    PREPROCESS_OPTIONS,
    Design,
    MethodSpec,
    ModelSpec,
    check_baseline,
    check_criterion,
)
from suffice.study.images import Item
from suffice.study.preset import check_preset
from suffice.study.probes import make_probe
from suffice.study.watch import check_timeout

T = TypeVar("T")

_TOP = ("study", "models", "images", "methods", "probes")
_STUDY = (
    *("name", "criteria", "baselines", "seeds", "grains", "target", "count", "overlap", "budget"),
    *("contrastive", "responsibility", "attempts", "timeout", "analyses", "preset"),
)
_MODEL = (
    *("name", "source", "architecture", "limit", "preprocess"),
    *(*MODEL_OPTIONS, *PREPROCESS_OPTIONS),
)
_IMAGES = (*sources.KINDS, "classes", "prefix", "limit", "corruption", "severity")
_METHOD = (
    *("name", "method", "settings", "prune", "count", "budget", "limit", "models"),
    *("criteria", "baselines", "seeds"),
)
_NAMED = ("timm:", "torchvision:", "hf:")


def read_design(path: str | Path) -> Design:
    """Read and check a design file (docs/studies.md).

    Paths in it are relative to its folder.

    Raises
    ------
    SettingsError
        If the file is no TOML, a key or value is not what was expected, or an image source can't
        be read. The message names the file and the line.
    """
    file = Path(path)
    text = read(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: no valid TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{file}: no valid TOML: it is nested too deeply") from None
    return _Reader(data, Lines(text, str(file)), file.parent).design(text, file.stem)


def read_images(text: str, name: str, folder: Path) -> list[Item]:
    """Only the images of a design.

    Parameters
    ----------
    text : str
        Of the design file.
    name : str
        What messages call it.
    folder : Path
        What its paths are relative to.

    Raises
    ------
    SettingsError
        If it is no TOML, or an image source can't be read.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: no valid TOML: {error}") from None
    reader = _Reader(data, Lines(text, name), folder)
    return [item for part in reader.each("images", reader.images) for item in part]


class _Reader:
    """One design being read."""

    def __init__(self, data: dict[str, Any], lines: Lines, folder: Path) -> None:
        self.data, self.lines, self.folder = data, lines, folder

    def design(self, text: str, name: str) -> Design:
        self.known(self.data, (), _TOP)
        study = self.data.get("study", {})
        if not isinstance(study, dict):
            self.lines.fail(("study",), "study should be a table: [study]")
        self.known(study, ("study",), _STUDY)
        models = tuple(self.each("models", self.model))
        self.twice("models", [m.name for m in models])
        methods = tuple(self.each("methods", self.method))
        self.ways(methods)
        images = tuple(i for part in self.each("images", self.images) for i in part)
        probes = self.probes()
        values = {key: self.value(("study", key), study[key]) for key in study}
        return self.within(
            ("study",),
            lambda: Design(
                models, images, methods, **{"name": name, **values}, probes=probes, text=text
            ).checked(),
        )

    def probes(self) -> dict[str, dict[str, Any]]:
        """Settings of probes, each tried."""
        tables = self.data.get("probes", {})
        if not isinstance(tables, dict):
            self.lines.fail(("probes",), "probes should be tables: [probes.NAME]")
        for name, settings in tables.items():
            if not isinstance(settings, dict):
                self.lines.fail(("probes", name), f"expected a table: [probes.{name}]")
            self.within(("probes", name), lambda n=name: make_probe(n))  # type: ignore[misc]
            for key, value in settings.items():
                self.within(
                    ("probes", name, key),
                    lambda n=name, k=key, v=value: make_probe(n, {k: v}),  # type: ignore[misc]
                )
        return tables

    # -- pieces ---------------------------------------------------------------------------------

    def model(self, entry: dict[str, Any], at: Place) -> ModelSpec:
        self.known(entry, at, _MODEL)
        given = entry.get("source")
        several = isinstance(given, list)
        if several and not given:
            self.lines.fail((*at, "source"), "an ensemble needs at least one source, got none")
        texts = self.texts((*at, "source"), given) if several else [self.text(entry, at, "source")]
        members = [self.source(text, at) for text in texts]
        if several and "name" not in entry:
            self.lines.fail((*at, "source"), "an ensemble needs a name")
        options = {key: entry[key] for key in MODEL_OPTIONS if key in entry}
        if "labels" in options:
            options["labels"] = str(self.folder / self.text(entry, at, "labels"))
        each = [self.preprocess(entry, at, Path(m.removeprefix(TOKENS)).name) for m in members]
        shapes = [{k: v for k, v in (p or {}).items() if k not in ("mean", "std")} for p in each]
        if shapes.count(shapes[0]) < len(shapes):
            self.lines.fail(
                (*at, "preprocess"),
                "members of an ensemble may differ in mean and std only, not in how they crop and "
                "scale photos",
            )
        if each[0] is not None:
            options["preprocess"] = each[0] if each.count(each[0]) == len(each) else each
        name = self.text(entry, at, "name", Path(members[0]).stem)
        if "limit" in entry:
            self.whole((*at, "limit"), entry["limit"], 1)
        return ModelSpec(
            name,
            members if several else members[0],
            self.text(entry, at, "architecture", name),
            options,
            entry.get("limit"),
        )

    def source(self, text: str, at: Place) -> str:
        """Where one model comes from; of a file its path."""
        tokens = TOKENS if text.startswith(TOKENS) else ""
        source = text.removeprefix(TOKENS)
        if source.startswith(_NAMED) or source == "demo":
            return text
        path = self.folder / source
        if not is_file(path):
            self.lines.fail(
                (*at, "source"),
                f"model {str(path)!r} is no file; expected an .onnx file, "
                f"{', '.join(n + 'NAME' for n in _NAMED)} or demo, or tokens: before one of them",
                text,
            )
        return tokens + str(path)

    def preprocess(self, entry: dict[str, Any], at: Place, model: str) -> dict[str, Any] | None:
        given = {key: entry[key] for key in PREPROCESS_OPTIONS if key in entry}
        stated = entry.get("preprocess")
        if stated is not None and given:
            key = next(iter(given))
            self.lines.fail((*at, key), f"preprocess and {key} exclude each other; give one")
        if isinstance(stated, str):
            file = self.folder / stated
            return self.within(
                (*at, "preprocess"), lambda: Preprocess.from_json(file, model).to_dict()
            )
        place = (*at, "preprocess") if stated is not None else at
        if stated is not None and not isinstance(stated, dict):
            self.lines.fail(place, "preprocess should be a JSON file or a table")
        fields = stated or given
        if not fields:
            return None
        for key in ("size", "mean", "std"):
            if key not in fields:
                first = place if stated is not None else (*at, next(iter(given)))
                self.lines.fail(first, f"the preprocessing lacks {key}")
        return self.within(place, lambda: Preprocess.from_dict(fields).to_dict())

    def method(self, entry: dict[str, Any], at: Place) -> MethodSpec:
        self.known(entry, at, _METHOD)
        method = self.text(entry, at, "method", self.text(entry, at, "name", "minimal"))
        settings = entry.get("settings", {})
        if not isinstance(settings, dict):
            self.lines.fail((*at, "settings"), "settings should be a table")
        settings = dict(settings)
        ranking = settings.get("ranking")
        if isinstance(ranking, str) and (
            is_file(self.folder / ranking) or is_folder(self.folder / ranking)
        ):
            settings["ranking"] = str(self.folder / ranking)
        for key in ("count", "budget", "limit"):
            if key in entry:
                self.whole((*at, key), entry[key], 1)
        if not isinstance(entry.get("prune", False), bool):
            self.lines.fail((*at, "prune"), "prune should be true or false")
        spec = MethodSpec(
            self.text(entry, at, "name", method),
            method,
            settings,
            entry.get("prune", False),
            entry.get("count"),
            entry.get("budget"),
            entry.get("limit"),
            self.models_of(entry, at),
            *(
                self.value((*at, key), entry.get(key, []))
                for key in ("criteria", "baselines", "seeds")
            ),
        )
        bad = next((k for k in settings if k in self.words(spec.check)), None)
        place = (*at, "settings", bad) if bad else (*at, "settings" if settings else "method")
        self.within(place, spec.check)
        return spec

    def models_of(self, entry: dict[str, Any], at: Place) -> tuple[str, ...]:
        """Which models a method is asked about."""
        names = self.texts((*at, "models"), entry.get("models", []))
        given = [m.get("name", Path(str(m.get("source"))).stem) for m in self.data["models"]]
        for name in names:
            if name not in given:
                self.lines.fail(
                    (*at, "models"),
                    f"{name!r} is no model of the study; it has {', '.join(given)}",
                    name,
                )
        return tuple(names)

    @staticmethod
    def words(check: Callable[[], None]) -> str:
        """The message of a failing check, to find the setting it is about."""
        try:
            check()
        except SufficeError as error:
            return str(error)
        return ""

    def images(self, entry: dict[str, Any], at: Place) -> list[Item]:
        self.known(entry, at, _IMAGES)
        kinds = [kind for kind in sources.KINDS if kind in entry]
        if len(kinds) != 1:
            self.lines.fail(at, f"images need one of {', '.join(sources.KINDS)}, got {kinds}")
        kind = kinds[0]
        path = self.folder / self.text(entry, at, kind)
        if "classes" in entry and kind != "imagefolder":
            self.lines.fail((*at, "classes"), "classes is for imagefolder")
        classes = self.folder / self.text(entry, at, "classes") if "classes" in entry else None
        readers: dict[str, Callable[[], list[Item]]] = {
            "folder": lambda: sources.from_folder(path),
            "imagefolder": lambda: sources.from_imagefolder(path, classes),
            "csv": lambda: sources.from_csv(path),
            "npz": lambda: sources.from_npz(path),
            "webdataset": lambda: sources.from_webdataset(path),
        }
        items = self.within((*at, kind), readers[kind])
        if not items:
            self.lines.fail((*at, kind), f"{path} has no images")
        if "limit" in entry:
            items = items[: self.whole((*at, "limit"), entry["limit"], 1)]
        prefix = self.text(entry, at, "prefix", "")
        items = [Item(prefix + i.name, i.source, i.label, i.row) for i in items]
        if "corruption" not in entry and "severity" not in entry:
            return items
        corruption, severity = self.text(entry, at, "corruption"), entry.get("severity", 0)
        place = (*at, "severity" if corruption in CORRUPTIONS else "corruption")
        self.within(place, lambda: check(corruption, severity))
        return [item.corrupted(corruption, severity) for item in items]

    def value(self, place: Place, value: Any) -> Any:
        """A value of ``[study]``, or one of a method that stands instead."""
        key = place[-1]
        if key in ("criteria", "analyses"):
            check = check_criterion if key == "criteria" else check_analysis
            return tuple(
                self.within(place, lambda v=v: check(v), v)  # type: ignore[misc]
                for v in self.texts(place, value)
            )
        if key == "baselines":
            if not isinstance(value, list):
                value = [value]
            return tuple(
                tuple(self.baseline(place, b) for b in self.texts(place, v)) for v in value
            )
        if key in ("seeds", "grains"):
            values = value if isinstance(value, list) else [value]
            return tuple(self.whole(place, v, 0 if key == "seeds" else 1) for v in values)
        if key in ("count", "budget", "attempts"):
            return self.whole(place, value, 1)
        if key == "timeout":
            return self.within(place, lambda: check_timeout(value))
        if key == "target":
            if value not in ("top1", "label"):
                self.whole(place, value, 0, "top1, label or ")
        elif key == "overlap":
            if not isinstance(value, (int, float)) or not 0 <= value < 1:
                self.lines.fail(place, f"overlap should be from 0 to below 1, got {value!r}")
        elif key == "contrastive":
            if not isinstance(value, bool):
                self.lines.fail(place, f"contrastive should be true or false, got {value!r}")
        elif key == "responsibility" and value not in ("none", "ranks", "float32"):
            self.lines.fail(place, f"responsibility: use none, ranks or float32, got {value!r}")
        elif key in ("name", "preset") and not isinstance(value, str):
            self.lines.fail(place, f"{key} should be text, got {value!r}")
        elif key == "preset":
            self.within(place, lambda: check_preset(value), value)
        return value

    def baseline(self, place: Place, spec: str) -> str:
        file = self.folder / spec
        if is_file(file):
            spec = str(file)
        return self.within(place, lambda: check_baseline(spec), spec)

    # -- checks ---------------------------------------------------------------------------------

    def each(self, key: str, make: Callable[[dict[str, Any], Place], Any]) -> list[Any]:
        entries = self.data.get(key)
        if entries is None and key == "methods":
            entries = [{}]
        if not isinstance(entries, list) or not entries:
            self.lines.fail((key,), f"a study needs [[{key}]]")
        for k, entry in enumerate(entries):
            if not isinstance(entry, dict):
                self.lines.fail((key, k), f"{key} should be tables: [[{key}]]")
        return [make(entry, (key, k)) for k, entry in enumerate(entries)]

    def known(self, table: dict[str, Any], at: Place, keys: Sequence[str]) -> None:
        for key in table:
            if key not in keys:
                where = f"[{at[0]}]" if at else "a design"
                self.lines.fail((*at, key), f"{where} has no {key!r}; it has {', '.join(keys)}")

    def text(self, entry: dict[str, Any], at: Place, key: str, default: str | None = None) -> str:
        value = entry.get(key, default)
        if value is None:
            self.lines.fail(at, f"{at[0]} need {key}")
        if not isinstance(value, str) or (not value and key != "prefix"):
            self.lines.fail((*at, key), f"{key} should be text, got {value!r}")
        return value

    def texts(self, place: Place, value: Any) -> list[str]:
        values = value if isinstance(value, list) else [value]
        for v in values:
            if not isinstance(v, str):
                self.lines.fail(place, f"{place[-1]} should be texts, got {v!r}")
        return cast("list[str]", values)

    def whole(self, place: Place, value: Any, least: int, before: str = "") -> int:
        if type(value) is not int or not least <= value < 2**63:
            self.lines.fail(
                place,
                f"{place[-1]} should be {before}a whole number of at least {least}, got {value!r}",
            )
        return value

    def twice(self, key: str, names: Iterable[str]) -> None:
        seen: dict[str, int] = {}
        for k, name in enumerate(names):
            if name in seen:
                self.lines.fail(
                    (key, k, "name"), f"{key}: {name!r} is there twice; give each a name"
                )
            seen[name] = k

    def ways(self, methods: Sequence[MethodSpec]) -> None:
        first: dict[str, MethodSpec] = {}
        for k, method in enumerate(methods):
            if first.setdefault(method.name, method).way != method.way:
                self.lines.fail(
                    ("methods", k, "name"),
                    f"methods: {method.name!r} is there twice with other settings; "
                    "give each a name",
                )

    def within(self, place: Place, make: Callable[[], T], value: object = None) -> T:
        """Call, with the line put before the message of an error."""
        try:
            return make()
        except SufficeError as error:
            self.lines.fail(place, str(error), value)
