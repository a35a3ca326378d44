"""The design in docs/studies.md is valid, and the example is a copy of it."""

from __future__ import annotations

import json
from pathlib import Path

from reference.photos import write_photo
from suffice.study.parse import read_design
from suffice.study.result import COLUMNS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_documented_design_is_read(tmp_path: Path) -> None:
    text = (DOCS / "studies.md").read_text().split("```toml\n")[1].split("```")[0]
    example = DOCS / "examples" / "study.toml"
    assert example.read_text().endswith(text)
    models = tmp_path / "models"
    models.mkdir()
    for name in ("resnet50.onnx", "vit.onnx"):
        (models / name).write_bytes(b"")
    scale = {"size": 224, "mean": [0.5] * 3, "std": [0.5] * 3}
    (models / "vit.json").write_text(json.dumps(scale))
    (models / "synsets.txt").write_text("n01\nn02\n")
    for k, name in enumerate(("n02", "n01")):
        write_photo(tmp_path / "photos" / name / "x.png", k)
    path = tmp_path / "study.toml"
    path.write_text(example.read_text())
    design = read_design(path)
    assert [m.name for m in design.models] == ["lite0", "resnet50", "vit"]
    assert [i.label for i in design.images] == [0, 1]
    assert design.baselines == (("grey",), ("grey", "blur:10"))
    assert design.models[1].options["preprocess"]["resize_shorter_side"] == 256
    assert design.analyses == ("sizes", "overlap")
    assert [m.prune for m in design.methods] == [False, True]


def test_every_column_is_documented() -> None:
    text = (DOCS / "studies.md").read_text().partition("## Results")[2]
    assert [c for c in COLUMNS if f"`{c}`" not in text] == []
