"""Published numbers: complete, as the papers have them, and beside what a study measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.onnx_models import linear_model, quadrant_weights
from reference.photos import write_photo
from suffice.errors import SettingsError
from suffice.report.document import Table
from suffice.report.published import beside, published
from suffice.study import Study
from suffice.study.preset import PRESETS

KINDS = {"text": str, "count": int, "number": (int, float), "percent": (int, float)}


@pytest.mark.parametrize("name", PRESETS)
def test_every_cell_has_the_kind_of_its_column(name: str) -> None:
    paper = published(name)
    assert paper.preset == name
    assert list(paper.setting) == ["models", "images", "method", "baseline"]
    assert all(paper.setting.values())
    for table in paper.tables.values():
        assert table.title
        assert table.note
        assert table.rows
        for row in table.rows:
            assert len(row) == len(table.columns)
            for cell, column in zip(row, table.columns, strict=True):
                assert cell is None or isinstance(cell, KINDS[column.kind])
                if column.kind == "percent" and cell is not None:
                    assert 0 <= cell <= 1


def test_numbers_are_the_papers() -> None:
    areas = {row[0]: row[2:] for row in published("concentration").tables["sizes"].rows}
    assert len(areas) == 11
    assert areas["ConvNeXtV2-Huge v1"] == (0.890, 0.052, 0.048, 0.061)
    assert areas["Inception-ResNet v2"] == (0.814, 0.254, 0.246, 0.265)
    assert areas["ResNet152-D"] == (0.828, 0.137, 0.130, 0.155)
    # Wrong answers have larger sets in every model of that paper.
    assert all(wrong > right for _, _, right, wrong in areas.values())
    tests = published("concentration").tables["tests"].rows
    assert tests[0][:4] == ("Kruskal-Wallis", "architectures", 1176.134, 4)
    assert tests[-1][-1] == 0.026
    pairs = {row[:2]: row[2] for row in published("concentration").tables["dice"].rows}
    assert len(pairs) == 10
    assert (pairs["ConvNeXt", "ViT"], pairs["EVA", "Inception"]) == (0.304, 0.141)
    accuracy = {r[:3]: r[3:] for r in published("overinterpretation").tables["accuracy"].rows}
    assert accuracy["full", "full", "ResNet20"] == (0.9223, 0.8385, 0.6999)
    assert accuracy["5 % random", "5 % random", "VGG16"] == (0.5380, 0.4132, 0.4719)
    assert accuracy["full", "5 % random", "ResNet18"] == (0.1001, 0.1008, 0.1002)
    people = published("overinterpretation").tables["humans"].rows
    assert people == ((0.05, 0.192), (0.3, 0.400), (0.5, 0.682))
    curves = published("interactions").tables
    assert curves["insertion"].rows[0] == ("MoXI", 0.40, 0.72, 0.84, 0.94, 0.98, 1.0)
    assert curves["deletion"].rows[1] == ("self-context", None, 0.73, 0.66, 0.51, 0.34, 0.21)


def test_a_study_s_rows_stand_below_the_paper_s() -> None:
    table = published("overinterpretation").tables["humans"]
    joined = beside(table, [("here", 0.05, 0.5)], table.columns[0], note="Here: n.")
    assert [c.title for c in joined.columns] == [
        *("from", "share of pixels", "accuracy", "share of pixels"),
    ]
    assert joined.rows[0] == ("paper", 0.05, 0.192, None)
    assert joined.rows[-1] == ("here", 0.05, 0.5)
    assert joined.note.endswith("Here: n.")
    with pytest.raises(SettingsError, match="no preset"):
        published("nothing")


# -- beside a study ---------------------------------------------------------------------------------

SIDE = 8
DESIGN = """
[study]
name = "small"
preset = "{preset}"
baselines = ["black"]
criteria = [{criteria}]
grains = [1]
seeds = [0, 1]
responsibility = "ranks"
analyses = [{analyses}]

[[models]]
source = "soft.onnx"
architecture = "one"
preprocess = {{ size = 8, mean = [0, 0, 0], std = [1, 1, 1] }}

[[models]]
source = "hard.onnx"
architecture = "one"
preprocess = {{ size = 8, mean = [0, 0, 0], std = [1, 1, 1] }}

[[models]]
source = "other.onnx"
architecture = "two"
preprocess = {{ size = 8, mean = [0, 0, 0], std = [1, 1, 1] }}

[[images]]
csv = "photos.csv"
"""


def run(folder: Path, preset: str, methods: str, criteria: str = "top1", analyses: str = ""):
    """A study of eight photos, two of them with a wrong label, and what a report reads of it."""
    pytest.importorskip("pandas")
    from suffice.report import reading

    draw = np.random.default_rng(0)
    shape = (3, SIDE, SIDE)
    for name, scale in (("soft", 1), ("hard", 3), ("other", 2)):
        noise = draw.standard_normal((3 * SIDE * SIDE, 4)) * 0.01
        matrix = (quadrant_weights(shape) * scale + noise).astype(np.float32)
        (folder / f"{name}.onnx").write_bytes(linear_model(shape, matrix).SerializeToString())
    lines = ["path,label"]
    for k in range(8):
        path = write_photo(folder / f"{k}.png", k % 4)
        path.write_bytes(path.read_bytes() + bytes([k]))
        lines.append(f"{k}.png,{(k + (k in (1, 6))) % 4}")
    (folder / "photos.csv").write_text("\n".join(lines))
    quoted = {"preset": preset, "criteria": f'"{criteria}"', "analyses": analyses}
    (folder / "d.toml").write_text(DESIGN.format(**quoted) + methods)
    result = Study.from_toml(folder / "d.toml").run(folder / "s.db", workers=0)
    return reading.Reading(result)


def tables_of(reading) -> dict[str, Table]:
    from suffice.report.analyses.published import section

    made = section(reading)
    assert made is not None
    tables = {b.name: b for b in made.blocks if isinstance(b, Table)}
    for table in tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)
    return tables


def test_concentration_beside_a_study(tmp_path: Path) -> None:
    methods = '[[methods]]\nname = "minimal"\n[[methods]]\nname = "views"\n'
    methods += 'method = "minimal"\ncount = 4\n'
    reading = run(tmp_path, "concentration", methods)
    tables = tables_of(reading)
    ours = [row for row in tables["published-sizes"].rows if row[0] != "paper"]
    assert [row[1:4] for row in ours] == [  # not of views: several sets are another question
        *(("soft", "one", 0.75), ("hard", "one", 0.75), ("other", "two", 0.75)),
    ]
    frame = reading.frame[(reading.frame["method"] == "minimal") & (reading.frame["seed"] == 0)]
    for row in ours:
        area = frame[frame["model"] == row[1]].set_index("image")
        assert row[4] == pytest.approx(area["area"].mean())
        wrong = area[~area["correct"].astype(bool)]
        assert (row[6], len(wrong)) == (pytest.approx(wrong["area"].mean()), 2)
        assert row[7] == 8
    tests = {row[1:3]: row for row in tables["published-tests"].rows if row[0] != "paper"}
    assert tests["Kruskal-Wallis", "architectures"][4] == 1
    assert ("Friedman", "one") in tests
    dice = [row for row in tables["published-dice"].rows if row[0] != "paper"]
    assert [row[1:3] for row in dice] == [("one", "two")]
    assert 0 <= dice[0][3] <= 1
    assert dice[0][4] == 6  # of class 0, which black gives too, both sets are empty
    differs = {row[0]: row[2] for row in tables["published-differences"].rows}
    assert differs["models"] == "3: soft, hard, other"
    assert differs["images"] == "8, 8 of them with a label"
    assert differs["grain"] == "1"


def test_the_effect_of_wrong_answers() -> None:
    from suffice.report.published.concentration import wrong_effect
    from suffice.statistics import sizes_of

    draw = np.random.default_rng(1)
    rows = {
        "model": np.repeat(["a", "b", "c"], 60),
        "architecture": np.repeat(["a", "b", "c"], 60),
        "image": np.tile([f"{k}" for k in range(60)], 3),
        "correct": draw.random(180) < 0.7,
        "status": np.repeat("found", 180),
    }
    area = 0.1 + 0.02 * ~rows["correct"] + np.tile(draw.normal(0, 0.01, 60), 3)
    rows["area"] = area + draw.normal(0, 0.002, 180)
    found = wrong_effect(sizes_of(rows))
    assert found is not None
    test, effect, photos = found
    assert (effect, photos) == (pytest.approx(0.02, abs=0.001), 60)
    assert test.p < 1e-6
    rows["correct"] = np.ones(180, bool)
    assert wrong_effect(sizes_of(rows)) is None


def test_overinterpretation_beside_a_study(tmp_path: Path) -> None:
    methods = '[[methods]]\nname = "sis"\n'
    reading = run(tmp_path, "overinterpretation", methods, "confidence:0.3", '"subsets"')
    tables = tables_of(reading)
    ours = [row for row in tables["published-accuracy"].rows if row[0] != "paper"]
    assert {row[2] for row in ours} == {"full", "5 % subsets", "5 % random"}
    assert {row[3] for row in ours} == {"soft", "hard", "other"}
    # Every model gives every whole photo its brightest quadrant; two of eight labels are wrong.
    assert {row[4] for row in ours if row[2] == "full"} == {0.75}
    assert {row[4] for row in ours if row[2] == "5 % subsets"} == {0.75}
    assert all(row[4] < 0.75 for row in ours if row[2] == "5 % random")
    transfer = {row[1] for row in tables["published-transfer"].rows if row[0] != "paper"}
    assert {"that soft", "others than soft"} <= transfer
    sizes = tables["published-threshold"].rows
    assert [row[1] for row in sizes] == ["soft", "hard", "other"]
    assert all(row[6:] == (2, 8) for row in sizes)


def test_interactions_beside_a_study(tmp_path: Path) -> None:
    methods = "".join(
        f'[[methods]]\nname = "{order}"\nmethod = "moxi"\n'
        f'settings = {{ order = "{order}", grid = 4, full = true }}\n'
        for order in ("insertion", "deletion")
    )
    reading = run(tmp_path, "interactions", methods, analyses='"curves"')
    tables = tables_of(reading)
    for way in ("insertion", "deletion"):
        ours = [row for row in tables[f"published-{way}"].rows if row[0] != "paper"]
        assert [row[0].split(",")[0] for row in ours] == [way] * 3
        assert [row[1] for row in ours] == ["soft", "hard", "other"]
        # Six are classified correctly; of class 0, which black gives too, there is no order.
        assert {row[-1] for row in ours} == {4}
    shown = [row for row in tables["published-insertion"].rows if row[0] != "paper"]
    assert all(row[2:8] == (1.0,) * 6 for row in shown)  # one bright patch says it all


def test_without_a_preset_there_is_nothing_beside(tmp_path: Path) -> None:
    from suffice.report.analyses.published import section

    reading = run(tmp_path, "concentration", '[[methods]]\nname = "minimal"\nbudget = 20\n')
    reading.preset = ""
    assert section(reading) is None
