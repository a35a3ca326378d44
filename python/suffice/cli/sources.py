"""Which images a command is about, and where the result of each goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from suffice.errors import SettingsError

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm")
)
RESULT_SUFFIXES = (".npz", ".json", ".png", ".dot")


@dataclass(frozen=True, slots=True)
class Item:
    """One image to explain.

    Attributes
    ----------
    source : Path
        The image.
    name : str
        How it is called in messages: its path below the folder that was named.
    stem : Path
        Where its results go, without suffix.
    """

    source: Path
    name: str
    stem: Path

    def result(self, suffix: str) -> Path:
        """Path of one result file. Appended: the stem of ``a.v2.jpg`` has a dot of its own."""
        return self.stem.parent / (self.stem.name + suffix)

    def exists(self) -> bool:
        """Whether any result file is there."""
        return any(self.result(suffix).exists() for suffix in RESULT_SUFFIXES)

    def complete(self) -> bool:
        """Whether mask and record are there; the record is written last."""
        return self.result(".npz").exists() and self.result(".json").exists()


def collect(sources: Sequence[str], out: Path) -> list[Item]:
    """List the images of files and folders, folders recursively and sorted.

    Files that are named are taken whatever their suffix. Sub-folders are kept under ``out``, which
    is itself left out of the search, so that pictures written by an earlier run are no input.

    Raises
    ------
    SettingsError
        If a folder holds no image, two images would write to one file, or a result would
        overwrite an image.
    """
    return _placed(find(sources, out), out)


def find(sources: Sequence[str], without: Path | None = None) -> dict[Path, Path]:
    """List the images of files and folders, each with its path below the folder that was named.

    Parameters
    ----------
    sources : sequence of str
        Files, taken whatever their suffix, and folders.
    without : Path, optional
        A folder that is left out of the search.

    Raises
    ------
    SettingsError
        If a folder holds no image.
    """
    found: dict[Path, Path] = {}
    for source in map(Path, sources):
        if not source.is_dir():
            found.setdefault(source, Path(source.name))
            continue
        images = [
            path
            for path in _images_in(source)
            if without is None or not path.is_relative_to(without)
        ]
        if not images:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise SettingsError(f"{source}: no image in this folder (looked for {kinds})")
        for path in images:
            found.setdefault(path, path.relative_to(source))
    return found


def _images_in(folder: Path) -> Iterable[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    )


def _placed(found: dict[Path, Path], out: Path) -> list[Item]:
    """Choose the result stems: the image's own, with its extension where two are equal."""
    stems = Counter(_fold(place.with_suffix("")) for place in found.values())
    items = [
        Item(
            source,
            place.as_posix(),
            out / (place.with_suffix("") if stems[_fold(place.with_suffix(""))] == 1 else place),
        )
        for source, place in found.items()
    ]
    taken: dict[Path, Item] = {}
    inputs = {source.resolve() for source in found}
    for item in items:
        other = taken.setdefault(_fold(item.stem), item)
        if other is not item:
            raise SettingsError(
                f"{other.source} and {item.source} would both be written to {item.stem}; "
                "name the folder that holds both, so that sub-folders are kept"
            )
        clash = item.result(".png")
        if clash.resolve() in inputs:
            raise SettingsError(f"{clash} would overwrite an image; give --out another folder")
    return items


def _fold(path: Path) -> Path:
    """Equal for names that one file on a case-insensitive disk would have."""
    return Path(str(path).casefold())
