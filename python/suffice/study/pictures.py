"""The photos of a study, found again: by name and content, from its design or another source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from suffice.errors import InputError, SettingsError
from suffice.study import images as sources
from suffice.study._lines import read
from suffice.study.images import Item
from suffice.study.parse import read_images
from suffice.study.result import StudyResult
from suffice.study.store import Store


def find_photos(
    result: StudyResult,
    wanted: Mapping[str, str],
    *,
    design: str | Path | None = None,
    images: str | Path | None = None,
) -> dict[str, Item]:
    """Find the photos that results are about.

    Only what is the same to the last byte counts. The design's own names are tried first, so that
    of a large data set only what is needed is read.

    Parameters
    ----------
    result : StudyResult
    wanted : dict of str to str
        Names of images by their SHA-256.
    design : path, optional
        A design file that names them. By default the design in the store, whose paths are taken as
        relative to the store's folder.
    images : path, optional
        A folder, ``.csv`` or ``.npz`` that has them, instead of a design.

    Returns
    -------
    dict of str to Item
        By SHA-256; those that were not found are missing.

    Raises
    ------
    SettingsError
        If both are given, or the source can't be read.
    InputError
        If none was found.
    """
    items = _items(result, design, images)
    found: dict[str, Item] = {}
    names = set(wanted.values())
    likely = [item for item in items if item.name in names]
    _match(likely, wanted, found)
    if len(found) < len(wanted):
        _match((item for item in items if item.name not in names), wanted, found)
    if wanted and not found:
        raise InputError(
            f"none of the {len(wanted)} photos is among the {len(items)} images given: they must "
            "be the very files of the study; say where with --design or --images"
        )
    return found


def _match(items: Iterable[Item], wanted: Mapping[str, str], found: dict[str, Item]) -> None:
    for item in items:
        if len(found) == len(wanted):
            return
        sha256 = item.sha256()
        if sha256 in wanted:
            found.setdefault(sha256, item)


def _items(result: StudyResult, design: str | Path | None, images: str | Path | None) -> list[Item]:
    if design is not None and images is not None:
        raise SettingsError("--design and --images exclude each other; give one of them")
    if images is not None:
        return _from_source(Path(images))
    if design is not None:
        return read_images(read(Path(design)), str(design), Path(design).parent)
    with Store(result.path, "read") as store:
        text = store.meta("design") or ""
    if not text:
        raise SettingsError(
            f"{result.path} has no design file that says where its photos are; give --design or "
            "--images"
        )
    try:
        return read_images(text, f"the design in {result.path}", result.path.parent)
    except SettingsError as error:
        raise SettingsError(
            f"{error} (paths are taken as relative to the store; say where the photos are with "
            "--design or --images)"
        ) from None


def _from_source(path: Path) -> list[Item]:
    readers: dict[str, Callable[[Path], list[Item]]] = {
        ".csv": sources.from_csv,
        ".npz": sources.from_npz,
        ".tar": sources.from_webdataset,
    }
    if path.is_dir():
        return sources.from_folder(path)
    if path.suffix.lower() not in readers:
        raise SettingsError(f"--images {path}: expected a folder, a .csv, an .npz or a .tar")
    return readers[path.suffix.lower()](path)
