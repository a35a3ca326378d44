"""Lists of photos for presets: a part of a collection that is spread over its classes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import SettingsError
from suffice.study.images import Item, from_csv, from_folder, from_imagefolder

ZOO = "SUFFICE_ZOO"
IMAGENET_CLASSES = 1000
CIFAR = Path("images", "cifar10", "cifar10_open.npz")
PHOTOS = Path("images", "imagenet")
EASY = 13
"""``models_top1_correct_of_13`` of a photo that every model of the zoo classifies correctly."""


def zoo_folder(given: str | Path | None = None) -> Path:
    """The folder of models and photos that the small forms take.

    Parameters
    ----------
    given : path, optional
        By default what the environment variable ``SUFFICE_ZOO`` says, else ``../shared/zoo``.

    Raises
    ------
    SettingsError
        If it has no ``models.json``.
    """
    path = Path(given or os.environ.get(ZOO) or Path("..", "shared", "zoo"))
    if not (path / "models.json").is_file():
        raise SettingsError(
            f"{path} is no model zoo (it has no models.json): give --zoo DIR or set {ZOO}; "
            "without one there is the full form, with models and images of your own"
        )
    return path.resolve()


def spread(items: Iterable[Item], count: int) -> list[Item]:
    """The first so many in the order of the SHA-256 of their names.

    That order has nothing to do with classes, so any first part is spread over them.
    """
    return sorted(items, key=lambda i: hashlib.sha256(i.name.encode()).hexdigest())[:count]


def zoo_photos(zoo: Path, easy: bool = False) -> list[Item]:
    """The zoo's labelled ImageNet photos.

    Parameters
    ----------
    zoo : Path
    easy : bool
        Only those that all of the zoo's models classify correctly.
    """
    folder = zoo / PHOTOS
    try:
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [
            Item(row["file"], str(folder / row["file"]), int(row["imagenet_index"]))
            for row in rows
            if not easy or int(row["models_top1_correct_of_13"]) == EASY
        ]
    except (OSError, KeyError, ValueError) as error:
        raise SettingsError(f"{folder / 'labels.csv'} is not as expected: {error!r}") from None


def cifar_test_images(zoo: Path, count: int) -> dict[str, npt.NDArray[Any]]:
    """The zoo's first test images of CIFAR-10, as a design takes them (``npz``).

    Returns
    -------
    dict
        ``images`` uint8 ``[N, 32, 32, 3]``, ``labels`` int64 ``[N]``, ``names`` ``[N]``:
        ``test-K`` is number K of the test set.
    """
    try:
        with np.load(zoo / CIFAR, allow_pickle=False) as file:
            images, labels = file["x_test"][:count], file["y_test"][:count]
            numbers = file["test_index"][:count]
    except (OSError, KeyError, ValueError) as error:
        raise SettingsError(f"{zoo / CIFAR} is not as expected: {error!r}") from None
    return {
        "images": images,
        "labels": labels.astype(np.int64),
        "names": np.array([f"test-{k}" for k in numbers]),
    }


def images_in(sources: Iterable[Path], classes: str | Path | None = None) -> list[Item]:
    """All images of folders and CSV files, with labels where they can be known.

    Parameters
    ----------
    sources : iterable of Path
    classes : path, optional
        The names of class folders in the order of the models' classes. Without it a folder gives
        labels only where it has all of ImageNet's, whose order is the alphabetical one.
    """
    found = []
    sources = list(sources)
    for source in sources:
        if source.suffix.lower() == ".csv":
            items = from_csv(source)
        elif not source.is_dir():
            raise SettingsError(f"{source} is neither a folder nor a .csv file")
        elif classes is not None:
            items = from_imagefolder(source, Path(classes))
        elif sum(p.is_dir() for p in source.iterdir()) == IMAGENET_CLASSES:
            items = from_imagefolder(source)
        else:
            items = from_folder(source)
        if not items:
            raise SettingsError(f"{source} has no images")
        prefix = f"{source.stem}/" if len(sources) > 1 else ""
        found += [Item(prefix + i.name, i.source, i.label) for i in items]
    return found


def write_list(path: Path, items: Iterable[Item]) -> None:
    """Write a CSV with paths relative to it, labels and names."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "name"))
        for item in items:
            label = "" if item.label is None else item.label
            writer.writerow((relative(Path(item.source), path.parent), label, item.name))


def save_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write what `cifar_test_images` gave."""
    np.savez_compressed(
        path, images=arrays["images"], labels=arrays["labels"], names=arrays["names"]
    )


def relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder, with slashes; absolute where there is no way (other drives)."""
    path = path.resolve()
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:
        return path.as_posix()


def quoted(text: str) -> str:
    r"""Text as the inside of a TOML string in double quotes.

    Examples
    --------
    >>> print(quoted('the "best" model'))
    the \"best\" model
    """
    return json.dumps(text, ensure_ascii=False)[1:-1]
