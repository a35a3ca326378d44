"""Published studies as designs to run: `write_preset` fills in a commented template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from suffice.errors import ExistingResultError, SettingsError
from suffice.study.images import Item
from suffice.study.photo_lists import (
    cifar_test_images,
    images_in,
    quoted,
    relative,
    save_arrays,
    spread,
    write_list,
    zoo_folder,
    zoo_photos,
)
from suffice.study.preset_parts import comparator_tables, image_tables, model_tables

TEMPLATES = Path(__file__).parent / "presets"
COUNTS = {
    "concentration": 200,
    "concentration-full": 1000,
    "overinterpretation": 300,
    "interactions": 30,
    "interactions-full": 100,
}
_ALSO = {
    "concentration": ("classes",),
    "overinterpretation": ("preprocess",),
    "interactions": ("classes",),
}
Filled = tuple[dict[str, str], Path | None, Callable[[Path], None]]
"""Words of a template, the list of images, and what writes it."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One published study.

    Attributes
    ----------
    name : str
    title : str
        What it asks.
    paper : str
    needs : tuple of str
        What its full form must be given.
    """

    name: str
    title: str
    paper: str
    needs: tuple[str, ...]


PRESETS = {
    p.name: p
    for p in (
        Preset(
            "concentration",
            "how large are sufficient sets, where are they, and what sets models apart",
            "I Am Big, You Are Little; I Am Right, You Are Wrong",
            ("images",),
        ),
        Preset(
            "overinterpretation",
            "do 5 % of an image's pixels, without meaning to people, suffice",
            "Carter et al. 2021, Overinterpretation reveals image classification model pathologies",
            ("models", "images"),
        ),
        Preset(
            "interactions",
            "which patches say the class together, put in or taken out one by one",
            "Sumiyasu et al. 2024, Identifying Important Group of Pixels using Interactions",
            ("images",),
        ),
    )
}


def check_preset(name: str) -> str:
    """The name, if there is such a preset.

    Raises
    ------
    SettingsError
        If there is none; the message lists them.
    """
    if name not in PRESETS:
        raise SettingsError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return name


def write_preset(
    name: str,
    out: str | Path,
    *,
    zoo: str | Path | None = None,
    full: bool = False,
    images: Iterable[str | Path] = (),
    models: Iterable[str | Path] = (),
    preprocess: str | Path | None = None,
    classes: str | Path | None = None,
    limit: int | None = None,
    replace: bool = False,
) -> Path:
    """Write a published study as a design to read, change and run (docs/studies.md).

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    out : path
        A folder, made where there is none, for ``NAME.toml`` and the list of images it names.
    zoo : path, optional
        The folder of models and photos for the small form; by default what ``SUFFICE_ZOO`` says,
        else ``../shared/zoo``.
    full : bool
        The paper's models and numbers of images instead of the small form; the file is then
        ``NAME-full.toml``.
    images : paths
        For the full form: folders (with one sub-folder for each class, or without labels) or CSV
        files; for ``overinterpretation`` ``.npz`` files of the test sets.
    models : paths
        ONNX files, for the full ``overinterpretation``.
    preprocess : path, optional
        JSON file of their preprocessing; by default CIFAR-10's mean and standard deviation.
    classes : path, optional
        The names of the class folders in the order of the models' classes. Without it folders give
        labels only if there are 1,000 of them.
    limit : int, optional
        How many images; by default the paper's number, and in the small form 200, 300 and 30.
    replace : bool
        Whether files that exist are replaced.

    Returns
    -------
    Path
        Of the design.

    Raises
    ------
    SettingsError
        If there is no such preset, or it lacks something, or got something it does not take.
    ExistingResultError
        If a file exists and `replace` is false.
    """
    check_preset(name)
    order = _Order(
        name,
        Path(out),
        full,
        tuple(map(Path, images)),
        tuple(map(Path, models)),
        zoo,
        preprocess,
        classes,
        limit,
    )
    order.check()
    words, listed, save = order.fill()
    template = (TEMPLATES / f"{order.stem}.toml").read_text(encoding="utf-8")
    text = Template(template).substitute(words)
    for file in (order.design, listed):
        if file is not None and file.exists() and not replace:
            raise ExistingResultError(f"{file} exists; give another folder, or replace it")
    order.out.mkdir(parents=True, exist_ok=True)
    if listed is not None:
        save(listed)
    order.design.write_text(text.rstrip() + "\n", encoding="utf-8")
    return order.design


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for."""

    name: str
    out: Path
    full: bool
    images: tuple[Path, ...]
    models: tuple[Path, ...]
    zoo: str | Path | None
    preprocess: str | Path | None
    classes: str | Path | None
    limit: int | None

    @property
    def stem(self) -> str:
        return f"{self.name}-full" if self.full else self.name

    @property
    def design(self) -> Path:
        return self.out / f"{self.stem}.toml"

    def check(self) -> None:
        """Whether it has what it needs and nothing that it would not look at."""
        needs = PRESETS[self.name].needs if self.full else ()
        takes = {*needs, "limit", *(_ALSO[self.name] if self.full else ("zoo",))}
        form = "full" if self.full else "small"
        for what in ("images", "models", "zoo", "preprocess", "classes"):
            if getattr(self, what) and what not in takes:
                raise SettingsError(f"the {form} form of {self.name} takes no {what}")
        for what in needs:
            if not getattr(self, what):
                raise SettingsError(
                    f"the full form of {self.name} needs {what}; the small one takes the zoo's"
                )
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"limit should be at least 1, got {self.limit}")

    def fill(self) -> Filled:
        """The words of the template, and the list of images with what writes it."""
        words = {"file": self.design.name}
        if self.full and self.name == "overinterpretation":
            words["models"] = model_tables(self.models, self.preprocess, self.out)
            words["image_sources"] = image_tables(self.images, self.limit, self.out)
            return words, None, lambda _: None
        if self.name == "interactions":
            words["comparators"] = comparator_tables(self.full)
        count = self.limit or COUNTS[self.stem]
        if self.full:
            return self._photos(words, images_in(self.images, self.classes), count)
        zoo = zoo_folder(self.zoo)
        words["zoo"] = quoted(relative(zoo, self.out))
        if self.name != "overinterpretation":
            return self._photos(words, zoo_photos(zoo, self.name == "interactions"), count)
        arrays = cifar_test_images(zoo, count)
        listed = self.out / f"{self.stem}-images.npz"
        words |= {"images": listed.name, "count": str(len(arrays["names"]))}
        return words, listed, lambda path: save_arrays(path, arrays)

    def _photos(self, words: dict[str, str], items: Sequence[Item], count: int) -> Filled:
        chosen = spread(items, count)
        listed = self.out / f"{self.stem}-images.csv"
        words |= {"images": listed.name, "count": str(len(chosen))}
        return words, listed, lambda path: write_list(path, chosen)
