"""Photos in WebDataset shards: plain tar files whose members belong together by their names.

``000123.jpg`` and ``000123.cls`` are one sample. Only names and places of members are kept in
memory; a photo is read from its shard when it is asked for.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from suffice.errors import ImageError, SettingsError
from suffice.models.images import Photo, load_image
from suffice.reading import parse_json

PICTURES = ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "gif")
LARGEST_LABEL = 2**20  # bytes of a .cls or .json
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One photo of a shard.

    Attributes
    ----------
    key : str
        What the names of its members have in common.
    offset, size : int
        Where its bytes are in the tar file.
    label : int or None
        Of its ``.cls``, or of ``cls`` or ``label`` in its ``.json``.
    """

    key: str
    offset: int
    size: int
    label: int | None


def expand(pattern: Path) -> list[Path]:
    """Shards of a pattern such as ``train-{000..012}.tar``.

    Raises
    ------
    SettingsError
        If a range runs backwards, or there are more than 100,000 shards.
    """
    parts = _RANGE.split(str(pattern))
    choices: list[list[str]] = []
    for k in range(0, len(parts), 3):
        choices.append([parts[k]])
        if k + 2 < len(parts):
            first, last = parts[k + 1], parts[k + 2]
            if not 0 <= int(last) - int(first) < 100_000:
                raise SettingsError(f"{pattern}: {{{first}..{last}}} is no range of shards")
            choices.append([str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)])
    return [Path("".join(made)) for made in itertools.product(*choices)]


@functools.lru_cache(maxsize=64)
def samples(path: str) -> tuple[Sample, ...]:
    """The photos of a shard, in its order.

    Raises
    ------
    SettingsError
        If it is no plain tar file, or a label is no class index.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            return tuple(_samples(tar, path))
    except tarfile.ReadError as error:
        raise SettingsError(
            f"{path} is no plain tar file: {error}; unpack compressed shards first (gunzip)"
        ) from None
    except (OSError, tarfile.TarError, ValueError, OverflowError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from None


def _samples(tar: tarfile.TarFile, path: str) -> Iterator[Sample]:
    pictures: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, int] = {}
    for member in tar:
        if not member.isreg() or member.issparse():
            continue
        folder, slash, name = member.name.rpartition("/")
        stem, _, kind = name.partition(".")
        key = folder + slash + stem
        if kind.lower() in PICTURES:
            pictures.setdefault(key, member)
        elif kind.lower() in ("cls", "json") and (label := _label(tar, member, path)) is not None:
            labels[key] = label
    for key, member in pictures.items():
        yield Sample(key, member.offset_data, member.size, labels.get(key))


def _label(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> int | None:
    file = tar.extractfile(member)
    if file is None or member.size > LARGEST_LABEL:
        raise SettingsError(f"{path}: {member.name} is no label")
    text = file.read().decode("utf-8", "replace").strip()
    if member.name.lower().endswith(".cls"):
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise SettingsError(f"{path}: {member.name} holds {text[:20]!r}, no class index")
        return int(text)
    try:
        found = parse_json(text)
    except (ValueError, json.JSONDecodeError) as error:
        raise SettingsError(f"{path}: {member.name} is no JSON: {error}") from None
    value = found.get("cls", found.get("label")) if isinstance(found, dict) else None
    return value if type(value) is int and 0 <= value < 10**9 else None


def photo(path: str, row: int) -> Photo:
    """One photo of a shard.

    Raises
    ------
    ImageError
        If the shard is gone or has changed, or the photo can't be decoded.
    """
    try:
        sample = samples(path)[row]
        with Path(path).open("rb") as file:
            file.seek(sample.offset)
            data = file.read(sample.size)
    except (SettingsError, OSError, IndexError) as error:
        raise ImageError(f"photo {row} of {path} can't be read: {error}") from None
    return load_image(data, f"{Path(path).name}/{sample.key}")
