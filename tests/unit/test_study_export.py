"""What results are exported to: tables and COCO masks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reference.studies import write_study
from suffice.errors import InputError
from suffice.study import Study, StudyResult
from suffice.study.coco import box, decode, encode, runs
from suffice.study.result import COLUMNS


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """Sixteen jobs, four of them about a file that is no picture."""
    folder = tmp_path_factory.mktemp("export")
    design = write_study(folder)
    design.write_text(
        design.read_text().replace(
            "{ size = 32, mean", "{ size = 32, resize_shorter_side = 40, mean"
        )
    )
    (folder / "photos" / "class0" / "0.png").write_bytes(b"no picture")
    wide = Image.open(folder / "photos" / "class1" / "1.png").resize((90, 60))
    wide.save(folder / "photos" / "class1" / "1.png")
    return Study.from_toml(design).run(folder / "s.db", workers=0)


def test_the_table_of_pandas(result: StudyResult) -> None:
    pd = pytest.importorskip("pandas")
    table = result.to_pandas()
    assert list(table) == list(COLUMNS)
    assert len(table) == 16
    failed = table.status == "failed"
    assert failed.sum() == 4
    assert table.area[failed].isna().all()
    assert table.target[failed].isna().all()
    assert table.correct[failed].isna().all()
    assert not table.certified[failed].any()
    assert table.correct[~failed].all()
    assert {c: str(t) for c, t in table.dtypes.items() if c in ("label", "correct", "seed")} == {
        "label": "Int64",
        "correct": "boolean",
        "seed": "int64",
    }
    assert table.certified.dtype == bool
    assert table.confidence.dtype == table.seconds.dtype == np.float64
    assert pd.api.types.is_string_dtype(table.model) or table.model.dtype == object
    found = table[table.status == "found"]
    assert (found.pixels / 32**2 == found.area).all()
    masks = result.masks(table)
    assert masks.shape == (16, 32, 32)
    assert masks.sum((1, 2)).tolist() == table.pixels.fillna(0).tolist()
    np.testing.assert_array_equal(result.masks(table[10:12]), masks[10:12])
    np.testing.assert_array_equal(result.masks(list(table.key[10:12])), masks[10:12])


def test_an_empty_store_has_an_empty_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    design = write_study(tmp_path)
    none = Study.from_toml(design).run(tmp_path / "s.db", workers=0, should_stop=lambda: True)
    assert none.to_pandas().shape == (0, len(COLUMNS))
    assert none.masks().shape == (0, 0, 0)
    assert none.export(tmp_path / "t.csv").read_text().splitlines() == [",".join(COLUMNS)]


def test_csv(result: StudyResult, tmp_path: Path) -> None:
    with result.export(tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for read, row in zip(rows, result.rows(), strict=True):
        assert read["model"] == row["model"]
        assert read["area"] == ("" if row["area"] is None else repr(row["area"]))
        assert read["certified"] == ("true" if row["certified"] else "false")


def test_parquet(result: StudyResult, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = result.export(tmp_path / "t.parquet")
    assert pq.read_table(path).to_pylist() == result.rows()


def test_coco_is_in_the_coordinates_of_the_photos(result: StudyResult, tmp_path: Path) -> None:
    made = json.loads(result.export(tmp_path / "sets.json").read_text())
    images = {i["id"]: i for i in made["images"]}
    assert {(i["file_name"], i["width"], i["height"]) for i in made["images"]} == {
        ("class1/1.png", 90, 60),
        ("class2/2.png", 32, 32),
        ("class3/3.png", 32, 32),
    }
    names = {c["id"] for c in made["categories"]}
    assert names == {2, 3, 4}
    assert len(made["annotations"]) == 12
    explanations = {e.record["image"]["name"]: e for e in result.explanations()}
    assert set(explanations) == {i["file_name"] for i in made["images"]}
    for annotation in made["annotations"]:
        image = images[annotation["image_id"]]
        counts, size = annotation["segmentation"]["counts"], annotation["segmentation"]["size"]
        assert size == [image["height"], image["width"]]
        mask = decode(counts, tuple(size))
        assert annotation["area"] == mask.sum()
        assert annotation["bbox"] == box(mask)
        (exp,) = result.explanations([annotation["key"]])
        left, top, right, bottom = exp.record["image"]["crop_box"]
        rows, columns = np.nonzero(exp.mask)
        if annotation["set"] == 0 and len(rows):
            # The centre of each kept pixel of the model's grid is kept on the photo.
            y = top + (rows + 0.5) / 32 * (bottom - top)
            x = left + (columns + 0.5) / 32 * (right - left)
            assert mask[y.astype(int), x.astype(int)].all()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_it(result: StudyResult, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    made = coco.COCO(str(result.export(tmp_path / "sets.json")))
    for annotation in made.loadAnns(made.getAnnIds()):
        mask = decode(
            annotation["segmentation"]["counts"], tuple(annotation["segmentation"]["size"])
        )
        np.testing.assert_array_equal(made.annToMask(annotation).astype(bool), mask)


masks = st.integers(0, 2**32).flatmap(
    lambda seed: st.tuples(st.integers(1, 40), st.integers(1, 400), st.floats(0, 1)).map(
        lambda s: np.random.default_rng(seed).random(s[:2]) < s[2]
    )
)


@given(masks)
def test_run_lengths_come_back(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(encode(mask), mask.shape), mask)


@given(masks)
def test_run_lengths_are_those_of_pycocotools(mask: np.ndarray) -> None:
    tools = pytest.importorskip("pycocotools.mask")
    assert encode(mask) == tools.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()


def test_known_run_lengths() -> None:
    mask = np.array([[1, 1, 0], [0, 1, 0]], bool)
    assert runs(mask) == [0, 1, 1, 2, 2]
    assert runs(np.zeros((2, 2), bool)) == [4]
    assert encode(mask) == "01111"
    assert encode(np.zeros((10, 10), bool)) == "T3"
    with pytest.raises(InputError, match="no mask of 2 x 2"):
        decode("01111", (2, 2))
    assert box(mask) == [0, 0, 2, 2]


def test_kinds(result: StudyResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.parquet, \.json"):
        result.export(tmp_path / "t.txt")
    path = result.export(tmp_path / "t.txt", "csv")
    assert path.read_text().startswith("model,")


def test_masks_of_several_sizes_are_refused(tmp_path: Path) -> None:
    import suffice

    def model(side: int):
        return suffice.as_classifier(
            lambda x: np.stack([x.mean((1, 2, 3)), 0.5 + 0 * x[:, 0, 0, 0]], 1),
            input_shape=(1, side, side),
            fingerprint=f"mean {side}",
            preprocess=suffice.Preprocess(side, mean=0.0, std=1.0),
        )

    photo = np.full((20, 20), 255, np.uint8)
    study = Study({"a": model(8), "b": model(12)}, [photo], budget=20, grains=4)
    result = study.run(tmp_path / "s.db")
    with pytest.raises(InputError, match=r"\(8, 8\), \(12, 12\)"):
        result.masks()
    assert result.masks([r["key"] for r in result.rows() if r["model"] == "b"]).shape == (1, 12, 12)
