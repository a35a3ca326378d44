"""Inputs that readers accept, made anew each time: what mutations start from."""

from __future__ import annotations

import functools
import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

import suffice
from reference.onnx_models import linear_model, save_external
from reference.photos import write_photo
from suffice.statistics import fit_reference
from suffice.study import CheckReference, Study
from suffice.study.blobs import encode_array, encode_mask, encode_responsibility
from suffice.study.keys import canonical

JSON_WORDS = (
    *(b"null", b"true", b"1e999", b"-1", b"NaN", b"Infinity", b"[", b"]", b"{", b"}", b'""'),
    *(b"9" * 40, b"[" * 3000, b'"size"', b'"mean"', b'"models"', b'"sets"', b"\xff", b"\\ud800"),
)
DESIGN_WORDS = (
    *(
        b"[[models]]\n",
        b"[[images]]\n",
        b"[[methods]]\n",
        b"[study]\n",
        b"settings = { keep = 0.5 }\n",
    ),
    *(b"[[", b"]]", b"=", b'"', b"'''", b"inf", b"nan", b"-1", b"true", b"9" * 30, b"[" * 3000),
    *(
        b"limit = 1\n",
        b"1979-05-27",
        b"0x7f",
        b"[]",
        b"{}",
        b'"a"',
        b"source = ",
        b'csv = "t.csv"\n',
    ),
    *(b"prune = true\n", b'criteria = ["confidence:0.5"]\n', b"x" * 300, b"timeout = 5\n"),
)
ARRAY_WORDS = (
    *(b"NUMPY", b"\x93NUMPY", b"'descr': '|O'", b"'<f8'", b"(1000000, 1000000)", b"True", b"False"),
    *(b"PK\x03\x04", b"PK\x01\x02", b"labels.npy", b"names.npy", b"\xff\xff\xff\xff", b"\0" * 8),
)
DESIGN = """\
[study]
name = "s"
criteria = ["top1", "relative:0.9"]
baselines = ["black", ["grey", "blur:2"]]
seeds = [0, 1]
grains = [4]
budget = 60
target = "label"
overlap = 0.5
analyses = ["sizes"]

[[models]]
source = "m.onnx"
architecture = "linear"
size = 8
mean = [0, 0, 0]
std = [1, 1, 1]
limit = 1

[[models]]
name = "other"
source = "m.onnx"
preprocess = { size = 8, mean = 0, std = 1, channels = "RGB" }

[[images]]
imagefolder = "photos"
prefix = "a/"

[[images]]
csv = "t.csv"

[[methods]]
name = "short"
method = "rex"
models = ["other"]
settings = { iterations = 2 }
prune = true
"""


def _picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def images() -> list[bytes]:
    """One small picture of each format."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        _picture("PNG"),
        _picture("PNG", "P"),
        _picture("PNG", "LA"),
        _picture("PNG", "1"),
        _picture("JPEG", exif=exif),
        _picture("JPEG", "CMYK"),
        _picture("GIF", "P"),
        _picture("BMP"),
        _picture("TIFF"),
        _picture("TIFF", compression="tiff_deflate"),
        _picture("WEBP"),
        _picture("PPM"),
        _picture("ICO", sizes=[(13, 9)]),
        _picture("TGA"),
    ]


def models() -> list[bytes]:
    """A model, and one whose weights lie beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        save_external(path, "weights.bin")
        external = path.read_bytes()
    return [linear_model((3, 4, 4)).SerializeToString(), external]


def design_folder(folder: Path) -> None:
    """What `DESIGN` names."""
    (folder / "m.onnx").write_bytes(linear_model((3, 8, 8)).SerializeToString())
    for quadrant in range(2):
        write_photo(folder / "photos" / f"c{quadrant}" / f"{quadrant}.png", quadrant)
    (folder / "t.csv").write_text("path,label\nphotos/c0/0.png,0\n")


def designs() -> list[bytes]:
    """A design with most of what there is."""
    return [DESIGN.encode(), b'[[models]]\nsource="demo"\n[[images]]\nfolder="photos"\n']


def preprocessings() -> list[bytes]:
    """One object, and a list of models."""
    one = {"size": [8, 8], "resize_shorter_side": 9, "mean": [0.5] * 3, "std": [0.25] * 3}
    both = {"models": [{"file": "x/a.onnx", "input": {**one, "layout": "NCHW"}}, {"file": "b"}]}
    return [json.dumps(v).encode() for v in (one, both)]


def labels() -> list[bytes]:
    """Text, CSV and JSON."""
    return [b"\x00cat\ndog\n", b"\x01index,label\n0,cat\n1,dog\n", b'\x02["cat", "dog"]']


@functools.cache
def _explained() -> tuple[bytes, ...]:
    found = []
    x = np.zeros((1, 8, 8), np.float32)
    x[:, :4, :4] = 1

    def bright(batch):
        return np.stack([batch[:, 0, :4, :4].mean((1, 2)), 0.4 + 0 * batch[:, 0, 0, 0]], 1) * 9

    with tempfile.TemporaryDirectory() as folder:
        for method in ("minimal", "sis", "curve"):
            made = suffice.explain(
                bright, x, input_shape=(1, 8, 8), method=method, grain=2, baseline="constant:0"
            )
            path = made.save(Path(folder) / method)
            arrays = path.with_suffix(".npz").read_bytes()
            found.append(path.read_bytes() + b"\n--8<--\n" + arrays)
    return tuple(found)


def explanations() -> list[bytes]:
    """Records of three methods with their arrays."""
    return list(_explained())


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npz() -> list[bytes]:
    """Pictures with labels and names, and model-space arrays."""
    pictures = np.zeros((2, 3, 3), np.uint8)
    packed = io.BytesIO()
    np.savez_compressed(packed, images=np.zeros((2, 3, 2, 2), np.float32))
    return [
        _npz(images=pictures, labels=np.arange(2), names=np.array(["a", "b"])),
        packed.getvalue(),
    ]


def tables() -> list[bytes]:
    """With and without labels and names."""
    return [b"path,label,name\na.png,0,a\nb.png,1,b\n", b"\xef\xbb\xbfFile\nx.png\n"]


def arrays() -> list[bytes]:
    """A ``.npy`` and a ``.npz``."""
    buffer = io.BytesIO()
    np.save(buffer, np.eye(3, dtype=np.float32))
    return [buffer.getvalue(), _npz(ranking=np.eye(3))]


def blobs() -> list[bytes]:
    """One of each encoding."""
    values = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    made = [
        encode_mask("set:0", values > 0.5),
        encode_responsibility(values, "ranks"),
        encode_responsibility(values, "float32"),
        encode_array("array:x", values),
    ]
    return [
        bytes([kind]) + struct.pack("<ii", b.height, b.width) + b.data
        for kind, b in enumerate(made)
    ]


@functools.cache
def halves():
    """Two classes: which half is brighter."""

    def scores(batch):
        return np.stack([batch[:, 0, :4].mean((1, 2)), batch[:, 0, 4:].mean((1, 2))], 1) * 9

    return suffice.as_classifier(scores, input_shape=(1, 8, 8), fingerprint="halves")


def references() -> list[bytes]:
    """What `suffice check fit` writes, of one model."""
    rng = np.random.default_rng(0)
    sizes = fit_reference(["halves"] * 20, rng.integers(0, 2, 20), rng.uniform(0.1, 0.9, 20))
    method = suffice.Minimal()
    question = {
        "method": {
            "name": method.name,
            "version": method.version,
            "settings": json.loads(canonical(method.settings())),
            "prune": False,
        },
        "criterion": "top1",
        "contrastive": False,
        "grain": 4,
        "count": 1,
        "overlap": 0.0,
        "budget": 20,
        "baselines": ["constant:-1"],
        "seeds": [0, 1],
    }
    model = {
        "sha256": "halves",
        "preprocess": None,
        "output_kind": halves().output,
        "precision": "float32",
        "counts": {"used": 20, "wrong": 1},
    }
    made = CheckReference(question, {"halves": model}, sizes, "s")
    return [json.dumps(made.to_dict()).encode()]


def quizzes() -> list[bytes]:
    """A key of two photos at two shares, and what two viewers answered."""
    shares = [0.05, 0.5]
    items = {
        f"{k}-{g}": {
            "image": f"{k}.png",
            "model": f"m{k}",
            "label": k,
            "target": 0,
            "share": shares[(k + g) % 2],
            "group": g + 1,
        }
        for k in range(2)
        for g in range(2)
    }
    choices = [{"class": c, "name": n} for c, n in enumerate(("cat", "dog"))]
    head = {"format": 1, "quiz": "q"}
    key = {"kind": "suffice quiz key", **head, "shares": shares, "choices": choices, "items": items}
    parts = [key]
    for g in range(2):
        answers = [{"item": f"{k}-{g}", "choice": (0, None)[k], "ms": 900 + g} for k in range(2)]
        own = {"participant": f"p{g}", "code": "Eva", "group": g + 1, "started": f"2026-01-0{g}"}
        parts.append({"kind": "suffice quiz answers", **head, **own, "answers": answers})
    return [b"\n--8<--\n".join(json.dumps(part).encode() for part in parts)]


@functools.cache
def _store() -> bytes:
    clf = halves()
    images = [np.eye(8, dtype=np.float32)[None] * (k + 1) for k in range(2)]
    study = Study(
        {"halves": clf}, images, ["minimal"], baselines="constant:-1", grains=4, budget=20
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        study.run(path, workers=0)
        return path.read_bytes()


def stores() -> list[bytes]:
    """A finished study of two jobs."""
    return [_store()]


def bomb(name: str, shape: tuple[int, ...], unpacked: int) -> bytes:
    """A small ``.npz`` whose array `name` claims a shape, and to unpack to so many bytes."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
        file.writestr(name, data + bytes(2**20))
    made = bytearray(buffer.getvalue())
    place = made.rindex(b"PK\x01\x02") + 24  # of the size in the zip's directory
    made[place : place + 4] = struct.pack("<I", unpacked)
    return bytes(made)
