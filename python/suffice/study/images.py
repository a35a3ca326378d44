"""Where the images of a study come from: folders, class folders, CSV, .npz, shards, objects."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import ImageError, SettingsError
from suffice.models.images import Photo, load_image
from suffice.models.labels import read_labels
from suffice.reading import is_folder, read_arrays
from suffice.study import shards
from suffice.study.corruptions import corrupt, corrupted_file, suffixed
from suffice.types import JsonObject

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm")
)
KINDS = ("folder", "imagefolder", "csv", "npz", "webdataset")
_PATH_COLUMNS = ("path", "image", "file", "filename", "file_name")
_LABEL_COLUMNS = ("label", "class", "target", "class_index")


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One image of a study.

    Attributes
    ----------
    name : str
        Unique in the study.
    source : path, array, PIL image or Photo
        With ``row`` the path of an ``.npz`` or ``.tar``.
    label : int or None
        Its class.
    row : int or None
        Which of the images of an ``.npz`` or ``.tar``.
    corruption : str
        One of `suffice.study.corruptions`; empty: none.
    severity : int
        Of the corruption, 1 to 5.
    """

    name: str
    source: Any
    label: int | None = None
    row: int | None = None
    corruption: str = ""
    severity: int = 0

    def load(self) -> Any:
        """What `suffice.explain_stream` takes: a path, an array or a photo."""
        if self.corruption:
            return self._corrupted()
        return self._clean()

    def _clean(self) -> Any:
        if self.row is None:
            return self.source
        if str(self.source).lower().endswith(".tar"):
            return shards.photo(str(self.source), self.row)
        return _npz_images(str(self.source))[self.row]

    def _corrupted(self) -> Photo:
        if self.row is None and isinstance(self.source, (str, Path)):
            return corrupted_file(str(self.source), self.corruption, self.severity)
        image = self._clean()
        if isinstance(image, np.ndarray) and image.dtype != np.uint8:
            raise ImageError(
                f"{self.name}: a corruption is of uint8 photos, got {image.dtype} in model space"
            )
        photo = image if isinstance(image, Photo) else load_image(image)
        return corrupt(photo, self.corruption, self.severity)

    def sha256(self) -> str:
        """The digest that its record has.

        Raises
        ------
        ImageError
            If it can't be read.
        """
        if not self.corruption and self.row is None and isinstance(self.source, (str, Path)):
            try:
                with Path(self.source).open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise ImageError(f"{self.source} can't be read: {error.strerror}") from None
        image = self.load()
        if isinstance(image, np.ndarray) and image.dtype == np.float32 and image.ndim == 3:
            return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
        return (image if isinstance(image, Photo) else load_image(image)).sha256

    def to_dict(self) -> JsonObject:
        """As JSON types, for another process.

        Raises
        ------
        SettingsError
            If the image lives in this process only.
        """
        if not isinstance(self.source, (str, Path)):
            raise SettingsError(
                f"image {self.name} is a Python object, which stays in this process: run with "
                "workers=0, or save the images and name their files"
            )
        return {
            "name": self.name,
            "source": str(self.source),
            "label": self.label,
            "row": self.row,
            "corruption": self.corruption,
            "severity": self.severity,
        }

    def corrupted(self, corruption: str, severity: int) -> Item:
        """The image with a corruption, and a name that says so."""
        name = suffixed(self.name, corruption, severity)
        return replace(self, name=name, corruption=corruption, severity=severity)


def from_folder(path: Path) -> list[Item]:
    """All images below a folder, sorted; no labels."""
    found = sorted(
        p for p in _folder(path).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()
    )
    return [Item(p.relative_to(path).as_posix(), str(p)) for p in found]


def from_imagefolder(path: Path, classes: Path | None = None) -> list[Item]:
    """One sub-folder for each class, as torchvision's ImageFolder.

    Parameters
    ----------
    path : Path
    classes : Path, optional
        A file of the sub-folders' names in the order of the model's classes (`read_labels`);
        without one class k is the k-th name in alphabetical order.

    Raises
    ------
    SettingsError
        If there is no such folder, or `classes` lacks one of its sub-folders.
    """
    folders = sorted(p.name for p in _folder(path).iterdir() if p.is_dir())
    names = folders if classes is None else read_labels(classes)
    index = {name: k for k, name in enumerate(names)}
    if unknown := [name for name in folders if name not in index]:
        raise SettingsError(f"{classes} has no class for the folder {path / unknown[0]}")
    return [
        Item(item.name, item.source, index[item.name.partition("/")[0]])
        for item in from_folder(path)
        if "/" in item.name
    ]


def from_csv(path: Path) -> list[Item]:
    """A CSV with columns ``path`` and, if known, ``label`` (class index) and ``name``.

    Paths are relative to the CSV.

    Raises
    ------
    SettingsError
        If it can't be read, has no column of paths, or a label is no class index.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = {str(name).strip().lower(): name for name in reader.fieldnames or ()}
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} can't be read: {error}") from None
    place = next((header[name] for name in _PATH_COLUMNS if name in header), None)
    label = next((header[name] for name in _LABEL_COLUMNS if name in header), None)
    if place is None:
        raise SettingsError(f"{path}: expected a column path, got {', '.join(header) or 'none'}")
    items = []
    for number, row in rows:
        text = (row[label] or "").strip() if label else ""
        if text and not (
            text.isascii() and text.isdigit() and int(text[:12]) < 2**31 and len(text) < 12
        ):
            raise SettingsError(
                f"{path}, line {number}: label {text!r} is no class index (0, 1, ...)"
            )
        where = (row[place] or "").strip()
        if not where:
            raise SettingsError(f"{path}, line {number}: no path")
        name = (row[header["name"]] or "").strip() if "name" in header else ""
        items.append(Item(name or where, str(path.parent / where), int(text) if text else None))
    return items


def from_npz(path: Path) -> list[Item]:
    """An ``.npz`` with ``images``, and ``labels`` and ``names`` if known.

    ``images`` are uint8 ``[N, H, W(, C)]``, or float32 ``[N, C, H, W]`` in model space.

    Raises
    ------
    SettingsError
        If it can't be read, or an array is of another shape or type.
    """
    images = _npz_images(str(path))
    about = _npz_arrays(str(path), ("labels", "names"))
    labels, names = about.get("labels"), about.get("names")
    for what, array in (("labels", labels), ("names", names)):
        if array is not None and array.shape != (len(images),):
            raise SettingsError(
                f"{path}: {what} should be [{len(images)}] like images, got {list(array.shape)}"
            )
    if labels is not None and not np.issubdtype(labels.dtype, np.integer):
        raise SettingsError(f"{path}: labels should be class indices, got {labels.dtype}")
    return [
        Item(
            f"{path.stem}-{row}" if names is None else str(names[row]),
            str(path),
            None if labels is None else int(labels[row]),
            row,
        )
        for row in range(len(images))
    ]


def from_webdataset(pattern: Path) -> list[Item]:
    """Photos of WebDataset shards, ``train-{000..012}.tar``; names are ``SHARD/KEY``.

    Raises
    ------
    SettingsError
        If a shard is no plain tar file, or a label no class index.

    Source
    ------
    https://github.com/webdataset/webdataset, "The WebDataset format".
    """
    return [
        Item(f"{path.stem}/{sample.key}", str(path), sample.label, row)
        for path in shards.expand(pattern)
        for row, sample in enumerate(shards.samples(str(path)))
    ]


def from_objects(images: Any) -> list[Item]:
    """Anything to iterate over: images, or pairs of image and label.

    Paths keep their file's name; everything else is ``image-K``.
    """
    if isinstance(images, (str, Path)):
        path = Path(images)
        return from_folder(path) if path.is_dir() else [Item(path.name, str(path))]
    return [_from_object(given, k) for k, given in enumerate(cast("Iterable[Any]", images))]


def _from_object(given: Any, k: int) -> Item:
    if isinstance(given, Item):
        return given
    label = None
    if isinstance(given, tuple) and len(given) == 2:
        given, label = given
        if label is not None and not isinstance(label, (int, np.integer)):
            raise SettingsError(f"image {k}: label {label!r} is no class index")
    path = isinstance(given, (str, Path))
    return Item(
        Path(given).name if path else f"image-{k}",
        str(given) if path else given,
        None if label is None else int(label),
    )


def unique(items: list[Item]) -> list[Item]:
    """Check that names are unique.

    Raises
    ------
    SettingsError
        If two images have one name.
    """
    seen: dict[str, Item] = {}
    for item in items:
        other = seen.setdefault(item.name, item)
        if other is not item:
            raise SettingsError(
                f"two images are called {item.name}: {other.source} and {item.source}; "
                "rename one, or give the sources different prefixes"
            )
    return items


def _folder(path: Path) -> Path:
    if not is_folder(path):
        raise SettingsError(f"{path} is no folder")
    return path


@functools.lru_cache(maxsize=4)
def _npz_images(path: str) -> npt.NDArray[Any]:
    images = _npz_arrays(path, ("images",)).get("images")
    if images is None:
        raise SettingsError(f"{path} has no array images")
    photos = images.dtype == np.uint8 and images.ndim in (3, 4)
    if not photos and not (images.dtype == np.float32 and images.ndim == 4):
        raise SettingsError(
            f"{path}: images should be uint8 [N, H, W(, C)] or float32 [N, C, H, W], got "
            f"{images.dtype} {list(images.shape)}"
        )
    return images


def _npz_arrays(path: str, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    try:
        with Path(path).open("rb") as file:
            return read_arrays(file, names)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} is no readable .npz file: {error}") from None
