"""Every reader of foreign bytes, as a function that reads them and then uses what it got.

A reader may refuse with a `SufficeError` that says something. Whatever else it raises is a bug.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import suffice
from fuzz import seeds
from suffice.cli.quiz import _tables
from suffice.cli.verify import find_records
from suffice.errors import SufficeError
from suffice.methods._arrays import read_array
from suffice.models.images import load_image
from suffice.models.labels import read_labels
from suffice.models.onnx_file import read_onnx
from suffice.models.preprocess import Preprocess
from suffice.study import Checker, CheckReference, StudyResult, merge, score_quiz
from suffice.study.blobs import Blob, decode
from suffice.study.images import from_csv, from_npz
from suffice.study.parse import read_design
from suffice.study.store import Store

Read = Callable[[bytes, Path], None]
SPLIT = b"\n--8<--\n"
"""Between the two files of readers that read two."""
_CROPPED = Preprocess(size=16, resize_shorter_side=20, mean=(0.5,) * 3, std=(0.5,) * 3)


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    read : callable
        Reads the bytes by way of files in an own folder.
    seeds : callable
        Gives inputs that are read without an error.
    words : tuple of bytes
        What inputs of this kind are made of, for mutations.
    """

    read: Read
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()


def outcome(reader: Reader, data: bytes, folder: Path) -> str:
    """Read; ``read`` or what was refused. Any other exception goes through."""
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            reader.read(data, folder)
        except SufficeError as error:
            if not str(error).strip():
                raise AssertionError(f"{type(error).__name__} without a message") from error
            return str(error)
    return "read"


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def image(data: bytes, folder: Path) -> None:
    """A photo, and what a model with a crop makes of it."""
    photo = load_image(_file(folder, "photo", data))
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.ndim == 3
    x, _ = _CROPPED.apply(photo)
    assert x.shape == (3, 16, 16)
    assert np.isfinite(x).all()


def onnx(data: bytes, folder: Path) -> None:
    """An ONNX file beside a file of weights; sessions are not made, they are ONNX Runtime's."""
    _file(folder, "weights.bin", bytes(4096))
    made = read_onnx(_file(folder, "model.onnx", data))
    for output in made.proto.graph.output:
        made.ending(output.name)


def design(data: bytes, folder: Path) -> None:
    """A design in a folder with a model and photos."""
    if any(part in data for part in (b"..", b'"/', b"'/", b'"~', b"\\")):
        return  # would walk through folders that have nothing to do with it
    if not (folder / "photos").is_dir():
        seeds.design_folder(folder)
    made = read_design(_file(folder, "design.toml", data))
    again = type(made).from_dict(made.to_dict())
    assert again.to_dict() == made.to_dict()


def preprocess(data: bytes, folder: Path) -> None:
    """Preprocessing, and a colour through it."""
    made = Preprocess.from_json(_file(folder, "p.json", data), "a.onnx")
    assert Preprocess.from_dict(made.to_dict()) == made
    assert np.isfinite(made.colour((0, 128, 255))).all()


def labels(data: bytes, folder: Path) -> None:
    """Class names; the first byte says of which kind the file is."""
    suffix = (".txt", ".csv", ".json")[data[0] % 3] if data else ".txt"
    assert all(isinstance(name, str) for name in read_labels(_file(folder, f"l{suffix}", data[1:])))


def explanation(data: bytes, folder: Path) -> None:
    """A record and its arrays, then everything that an explanation is asked."""
    record, _, arrays = data.partition(SPLIT)
    _file(folder, "e.json", record)
    _file(folder, "e.npz", arrays)
    made = suffice.load(find_records(folder)[0])
    for name in dir(type(made)):
        if isinstance(getattr(type(made), name), property):
            getattr(made, name)
    height, width = made.mask.shape
    made.mask_on(np.zeros((height, width, 3), np.uint8))
    made.mask_on(np.zeros((5, 9, 3), np.uint8))
    if made.method["name"] == "sis":
        made.at(0.5)
    made.save(folder / "again")


def reference(data: bytes, folder: Path) -> None:
    """A reference of ``suffice check``: as it is written again, and an image compared with it."""
    path = _file(folder, "r.json", data)
    made = CheckReference.load(path)
    assert CheckReference.from_dict(made.to_dict()).to_dict() == made.to_dict()
    made.save(folder / "again.json")
    for name in made.models:
        assert made.photos(name) >= 0
        for label, area in ((0, 0.0), (1, 0.3), (10**6, 1.0)):
            found = dataclasses.astuple(made.sizes.check(name, label, area))
            assert np.isfinite(found).all()
    checked = Checker(made, seeds.halves()).check(np.eye(8, dtype=np.float32)[None])
    json.dumps(checked.to_dict(), allow_nan=False)


def quiz(data: bytes, folder: Path) -> None:
    """The key of a quiz and files of answers: scores, and how they are told."""
    key, *answers = data.split(SPLIT)
    paths = [_file(folder, f"a{k}.json", part) for k, part in enumerate(answers[:5])]
    scores = score_quiz(_file(folder, "key.json", key), paths)
    json.dumps(scores.to_dict(), allow_nan=False)
    "\n".join((*_tables(scores), *scores.notes)).encode()


def npz(data: bytes, folder: Path) -> None:
    """Images of a study."""
    for item in itertools.islice(from_npz(_file(folder, f"{zlib.crc32(data)}.npz", data)), 3):
        item.load()


def table(data: bytes, folder: Path) -> None:
    """A table of images."""
    for item in from_csv(_file(folder, "t.csv", data)):
        assert item.label is None or 0 <= item.label < 2**31


def array(data: bytes, folder: Path) -> None:
    """A ranking from a file."""
    assert isinstance(read_array(_file(folder, "a.npz", data), "ranking"), np.ndarray)


def blob(data: bytes, folder: Path) -> None:
    """An array of a store: encoding, height, width, bytes."""
    if len(data) < 9:
        return
    kind = ("bits", "ranks", "float32", "npy", "other")[data[0] % 5]
    height, width = struct.unpack("<ii", data[1:9])
    decode(Blob("set:0", kind, height, width, data[9:]))


def store(data: bytes, folder: Path) -> None:
    """A store: everything that only reads, and joining it to another."""
    path = _file(folder, "s.db", data)
    result = StudyResult(path)
    once = (
        *(result.to_pandas, result.masks, lambda: merge(folder / "joined.db", [path])),
        *(lambda k=kind: result.export(folder / "out", k) for kind in ("csv", "parquet", "coco")),
        lambda: _write(path),
    )
    for ask in (
        *(lambda: result.counts, lambda: result.failures, lambda: result.analyses, result.rows),
        lambda: list(result.explanations()),
        once[zlib.crc32(data) % len(once)],  # one of what takes long
    ):
        _refused_or_done(ask)


def _refused_or_done(ask: Callable[[], object]) -> None:
    try:
        ask()
    except SufficeError as error:
        if not str(error).strip():
            raise AssertionError(f"{type(error).__name__} without a message") from error


def _write(path: Path) -> None:
    with Store(path) as opened:
        opened.set_meta(name="x")


READERS: dict[str, Reader] = {
    "image": Reader(image, seeds.images),
    "onnx": Reader(
        onnx, seeds.models, (b"location", b"weights.bin", b"../x", b"offset", b"length")
    ),
    "design": Reader(design, seeds.designs, seeds.DESIGN_WORDS),
    "preprocess": Reader(preprocess, seeds.preprocessings, seeds.JSON_WORDS),
    "labels": Reader(labels, seeds.labels, (*seeds.JSON_WORDS, b"index", b"label", b'"', b",")),
    "explanation": Reader(explanation, seeds.explanations, seeds.JSON_WORDS),
    "reference": Reader(reference, seeds.references, seeds.JSON_WORDS),
    "quiz": Reader(quiz, seeds.quizzes, (*seeds.JSON_WORDS, b'"share"', b'"group"', b'"ms"')),
    "npz": Reader(npz, seeds.npz, seeds.ARRAY_WORDS),
    "table": Reader(
        table, seeds.tables, (b"path", b"label", b"name", b'"', b",", b"\r", b"\xc2\xb2")
    ),
    "array": Reader(array, seeds.arrays, seeds.ARRAY_WORDS),
    "blob": Reader(blob, seeds.blobs, seeds.ARRAY_WORDS),
    "store": Reader(store, seeds.stores, (b"jobs", b"explanations", b"VIEW", b"TABLE", b"null")),
}
