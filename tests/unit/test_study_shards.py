"""WebDataset shards as images of studies."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference.studies import write_study
from suffice.errors import ImageError, SettingsError
from suffice.study import Study
from suffice.study.images import from_webdataset
from suffice.study.parse import read_design
from suffice.study.shards import expand, samples


def picture(seed: int, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def write_shard(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_shard(
        tmp_path / "part-008.tar",
        {
            "a/01.png": picture(0),
            "a/01.cls": b"3\n",
            "02.cls": b"1",
            "02.seg.txt": b"not looked at",
            "02.JPG": picture(1, "JPEG"),
            "03.png": picture(2),
            "03.json": json.dumps({"label": 2, "note": "x"}).encode(),
        },
    )
    write_shard(tmp_path / "part-009.tar", {"01.png": picture(3), "01.json": b"{}"})
    write_shard(tmp_path / "part-010.tar", {"readme.txt": b"no photo"})
    return tmp_path / "part-{008..010}.tar"


def test_samples_are_put_together(shards: Path) -> None:
    items = from_webdataset(shards)
    assert [(i.name, i.label, i.row) for i in items] == [
        ("part-008/a/01", 3, 0),
        ("part-008/02", 1, 1),
        ("part-008/03", 2, 2),
        ("part-009/01", None, 0),
    ]
    for item, seed in zip(items, (0, None, 2, 3), strict=True):
        photo = item.load()
        assert photo.sha256 == item.sha256()
        if seed is not None:
            data = picture(seed)
            assert photo.sha256 == hashlib.sha256(data).hexdigest()  # as of a file
            np.testing.assert_array_equal(photo.pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_a_study_of_shards(shards: Path, tmp_path: Path) -> None:
    design = write_study(tmp_path)
    text = design.read_text().replace('imagefolder = "photos"', f'webdataset = "{shards.name}"')
    design.write_text(text)
    assert [i.name for i in read_design(design).images][-1] == "part-009/01"
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=1)
    rows = result.rows()
    assert not result.failures
    assert [r["label"] for r in rows[:4]] == [3, 1, 2, None]
    assert result.sources["part-008/02"].load().pixels.shape == (20, 24, 3)


def test_patterns() -> None:
    assert [p.name for p in expand(Path("x-{08..11}.tar"))] == [
        *("x-08.tar", "x-09.tar", "x-10.tar", "x-11.tar")
    ]
    assert len(expand(Path("{0..2}/{00..09}.tar"))) == 30
    assert expand(Path("plain.tar")) == [Path("plain.tar")]
    with pytest.raises(SettingsError, match="is no range of shards"):
        expand(Path("x-{3..1}.tar"))


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"1.png": b"x", "1.cls": b"cat"}, "holds 'cat', no class index"),
        ({"1.png": b"x", "1.cls": "²".encode()}, "no class index"),
        ({"1.png": b"x", "1.json": b"{"}, "is no JSON"),
    ],
)
def test_labels_that_are_none(members: dict[str, bytes], says: str, tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", members)
    with pytest.raises(SettingsError, match=says):
        samples(str(path))


def test_what_is_no_shard(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        samples(str(tmp_path / "none.tar"))
    packed = write_shard(tmp_path / "a.tar", {"1.png": picture(0)}, "w:gz")
    with pytest.raises(SettingsError, match=r"no plain tar file.*gunzip"):
        samples(str(packed))
    cut = tmp_path / "b.tar"
    cut.write_bytes(b"\0" * 10)
    with pytest.raises(SettingsError, match="no plain tar file"):
        samples(str(cut))


def test_a_photo_that_is_gone_or_broken(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", {"1.png": b"no picture", "2.png": picture(1)})
    broken, fine = from_webdataset(path)
    with pytest.raises(ImageError, match=r"a.tar/1 is no image"):
        broken.load()
    fine.load()
    path.unlink()
    with pytest.raises(ImageError, match="photo 1 of"):
        fine.load()
