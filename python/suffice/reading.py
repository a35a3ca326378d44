"""Reading foreign JSON and arrays: what is damaged or hostile is refused before it costs much.

All functions raise `ValueError` with what is wrong; their callers name the file.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    import numpy.typing as npt

Kinds = Mapping[str, tuple[type, ...]]
"""Which types the values of an object may have, by name."""
NUMBER = (int, float)
NONE = type(None)

UNPACKED_BYTES = 2**30
UNPACKED_RATIO = 20
"""Arrays may unpack to `UNPACKED_BYTES`, or to so many times the size of their file."""


def parse_json(text: str) -> Any:
    """Parse JSON of finite numbers and whole characters.

    Raises
    ------
    ValueError
        If it is no JSON, nested too deeply, or holds what could not be written again: NaN,
        infinite numbers, half a surrogate pair.
    """
    try:
        value = json.loads(text, parse_constant=_not_finite, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is no finite number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def check_kinds(found: Any, kinds: Kinds, where: str, needed: bool = True) -> None:
    """Check that an object of JSON has values of the right types; a bool is no number.

    Raises
    ------
    ValueError
        If it is no object, lacks a name (where they are needed), or a value is of another type.
    """
    if not isinstance(found, dict):
        raise ValueError(f"the {where} should be an object, got {found!r:.40}")  # noqa: TRY004
    for name, kind in kinds.items():
        if name not in found:
            if needed:
                raise ValueError(f"the {where} lacks {name!r}")
            continue
        value = found[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            raise ValueError(f"{name!r} of the {where} should not be {value!r:.40}")


def parse_array(data: bytes) -> npt.NDArray[Any]:
    """Read the content of a ``.npy`` file without allocating more than it holds.

    Raises
    ------
    ValueError
        If it is damaged, or its elements are Python objects.
    """
    import numpy as np  # not needed for the labels of a command line

    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} of .npy is not read")
        read = "read_array_header_1_0" if version == (1, 0) else "read_array_header_2_0"
        shape, by_columns, kind = getattr(np.lib.format, read)(stream)
    except Exception as error:  # the header is Python text, and may raise whatever that can
        raise ValueError(f"no array: {first_line(error)}") from None
    if kind.hasobject:
        raise ValueError("its elements are Python objects, which are not read")
    size = math.prod(shape) * kind.itemsize
    rest = len(data) - stream.tell()
    if min(shape, default=0) < 0 or size != rest or not kind.itemsize:
        raise ValueError(f"{kind} {list(shape)} needs {size} bytes, {rest} are there")
    flat = np.frombuffer(data, kind, offset=stream.tell())
    return flat.reshape(shape, order="F" if by_columns else "C").copy()


def read_arrays(
    source: BinaryIO, names: Collection[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a ``.npz`` file.

    Parameters
    ----------
    source : binary file
        Seekable.
    names : collection of str, optional
        Which of its arrays; all by default. What is not there is left out.

    Raises
    ------
    ValueError
        If it is damaged, or unpacks to far more than it is.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    try:
        with zipfile.ZipFile(source) as archive:
            members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
            wanted = {k: m for k, m in members.items() if names is None or k in names}
            total = sum(m.file_size for m in wanted.values())
            if total > max(UNPACKED_BYTES, UNPACKED_RATIO * size):
                raise ValueError(f"{size} bytes that unpack to {total} are refused")
            return {name: parse_array(archive.read(m)) for name, m in wanted.items()}
    except Exception as error:  # zip files and their decoders raise many unrelated classes
        raise ValueError(first_line(error)) from None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its class where there is none."""
    return next((s.strip() for s in str(error).splitlines() if s.strip()), type(error).__name__)


def is_file(path: Path) -> bool:
    """Whether there is such a file; false for what can't be a name of one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; false for what can't be a name of one."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
