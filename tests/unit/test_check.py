"""References of studies, and new images compared with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference.squares import run_squares, square
from suffice.errors import ImageError, InputError, SettingsError
from suffice.statistics import fit_reference
from suffice.study import Checked, Checker, CheckReference, StudyResult, check
from suffice.study.check_reference import photo_sizes


@pytest.fixture(scope="module")
def reference(squares: Path) -> CheckReference:
    return CheckReference.fit(squares / "s.db")


def changed(reference: CheckReference, **question: object) -> CheckReference:
    data = json.loads(json.dumps(reference.to_dict()))
    data["question"].update(question)
    return CheckReference.from_dict(data)


def test_right_photos_are_the_reference(squares: Path, reference: CheckReference) -> None:
    assert list(reference.models) == ["soft", "hard"]
    counts = reference.models["soft"]["counts"]
    assert counts == {
        "used": 40,
        "wrong": 4,
        "failed": 0,
        "incomplete": 0,
        "unlabelled": 0,
        "without_set": 0,
    }
    rows = StudyResult(squares / "s.db").to_pandas()
    own = rows[rows["model"].eq("soft") & rows["correct"].eq(True)]
    direct = fit_reference(own["model"], own["target"].astype(int), own["area"], floor=0.5 / 256)
    ours, theirs = reference.sizes.to_dict(), direct.to_dict()
    assert ours["models"]["soft"] == theirs["models"]["soft"]
    assert ours["floor"] == theirs["floor"]
    assert CheckReference.fit(squares / "s.db", wrong=True).photos("soft") == 44
    assert list(CheckReference.fit(squares / "s.db", model="hard").models) == ["hard"]


def test_it_saves_and_loads(reference: CheckReference, tmp_path: Path) -> None:
    path = reference.save(tmp_path / "r.json")
    assert CheckReference.load(path).to_dict() == reference.to_dict()
    path.write_text('{"kind": "else"}')
    with pytest.raises(InputError, match=r"r\.json: this is no reference"):
        CheckReference.load(path)
    path.write_text(json.dumps({**reference.to_dict(), "format": 2}))
    with pytest.raises(InputError, match="format 2, this version reads 1"):
        CheckReference.load(path)
    data = reference.to_dict()
    del data["sizes"]["models"]
    with pytest.raises(InputError, match="damaged"):
        CheckReference.from_dict(data)


def test_the_same_question_gives_the_same_set(squares: Path, reference: CheckReference) -> None:
    rows = StudyResult(squares / "s.db").to_pandas()
    row = rows[rows["model"].eq("hard") & rows["image"].eq("class2/3.png")].iloc[0]
    checker = Checker(reference, squares / "hard.onnx")
    found = checker.check(squares / "photos" / "class2" / "3.png")
    assert checker.model == "hard"
    assert (found.area, found.target, found.confidence) == (row.area, 2, row.confidence)
    assert (found.entropy, found.lead) == (row.entropy, row.lead)
    assert found.usual
    assert found.comparison == reference.sizes.check("hard", 2, found.area, 0.95)


def test_verdicts(squares: Path, reference: CheckReference, tmp_path: Path) -> None:
    photos = [
        square(tmp_path / "small.png", 0, 1),
        square(tmp_path / "usual.png", 0, 4),
        square(tmp_path / "large.png", 0, 8, bright=60),
    ]
    found = check(reference, squares / "soft.onnx", photos)
    assert [f.verdict for f in found] == ["smaller than usual", "usual", "larger than usual"]
    assert [f.name for f in found] == ["small.png", "usual.png", "large.png"]
    assert found[0].status == "empty"
    assert found[0].area == 0.0
    assert found[2].comparison.p_larger == pytest.approx(1 / 41)
    assert found[2].comparison.p == pytest.approx(2 / 41)
    strict = check(reference, squares / "soft.onnx", photos, alpha=0.04)
    assert [f.verdict for f in strict] == ["usual"] * 3
    json.dumps(found[0].to_dict(), allow_nan=False)


def test_few_photos_can_not_be_unusual(squares: Path, reference: CheckReference) -> None:
    assert Checker(reference, squares / "soft.onnx").notes == ()
    (note,) = Checker(reference, squares / "soft.onnx", alpha=0.01).notes
    assert "no p is below 0.0488" in note
    assert "needs 199 photos" in note
    with pytest.raises(SettingsError, match="alpha should be between 0 and 1"):
        Checker(reference, squares / "soft.onnx", alpha=0.0)


def test_streams_are_lazy_and_keep_their_order(squares: Path, reference: CheckReference) -> None:
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield squares / "photos" / "class1" / f"{1 + taken[-1] % 10}.png"

    stream = Checker(reference, squares / "soft.onnx").stream(endless(), window=3)
    found = [next(stream) for _ in range(5)]
    stream.close()
    assert [f.index for f in found] == [0, 1, 2, 3, 4]
    assert [f.name for f in found] == ["1.png", "2.png", "3.png", "4.png", "5.png"]
    assert len(taken) <= 5 + 3


def test_images_that_fail(squares: Path, reference: CheckReference, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    images = [tmp_path / "no.png", squares / "photos" / "class1" / "1.png"]
    checker = Checker(reference, squares / "soft.onnx")
    with pytest.raises(ImageError, match=r"no\.png"):
        checker.check(images[0])
    first, second = checker.stream(images, on_error="yield")
    assert isinstance(first, suffice.Failure)
    assert isinstance(second, Checked)


def test_a_stream_may_be_stopped(squares: Path, reference: CheckReference) -> None:
    images = [squares / "photos" / "class1" / f"{k}.png" for k in range(1, 9)]
    found: list = []
    checker = Checker(reference, squares / "soft.onnx")
    stream = checker.stream(images, window=1, should_stop=lambda: bool(found))
    while (one := next(stream, None)) is not None:
        found.append(one)
    assert [f.index for f in found] == list(range(len(found)))
    assert 1 <= len(found) < 8


def test_other_models_are_refused(squares: Path, reference: CheckReference) -> None:
    other = suffice.as_classifier(
        lambda x: x.mean((2, 3)), input_shape=(3, 16, 16), fingerprint="other", name="other"
    )
    with pytest.raises(SettingsError, match="other is not in the reference, which has soft, hard"):
        Checker(reference, other)
    scale = suffice.Preprocess(size=16, mean=(0.5,) * 3, std=(1.0,) * 3)
    with pytest.raises(SettingsError, match="in another way than in the reference"):
        Checker(reference, squares / "soft.onnx", preprocess=scale)
    with pytest.raises(SettingsError, match="output kind is probabilities, in the reference logit"):
        Checker(reference, squares / "soft.onnx", output="probabilities")


def test_other_methods_are_refused(squares: Path, reference: CheckReference) -> None:
    method = reference.question["method"]
    for change, said in (
        ({"version": "0"}, "made with version 0 of minimal, this is version"),
        ({"name": "magic"}, "made with the method magic"),
        ({"settings": {**method["settings"], "speed": 9}}, "no setting 'speed'"),
        ({"settings": {}}, "can't be made again"),
    ):
        wrong = changed(reference, method={**method, **change})
        with pytest.raises(SettingsError, match=said):
            Checker(wrong, squares / "soft.onnx")


def test_seeds_are_joined_as_in_the_reference(tmp_path: Path) -> None:
    store = run_squares(
        tmp_path, 7, method="rex", settings="{ iterations = 2 }", seeds="0, 1, 2", side=8
    )
    rows = StudyResult(store).to_pandas()
    reference = CheckReference.fit(store)
    assert reference.question["seeds"] == [0, 1, 2]
    medians = rows[rows["correct"].eq(True)].groupby(["model", "image"])["area"].median()
    scores = reference.to_dict()["sizes"]["models"]["soft"]
    assert scores["mean"] == pytest.approx(np.log(np.maximum(medians["soft"], 0.5 / 64)).mean())
    checker = Checker(reference, tmp_path / "soft.onnx", alpha=0.1)
    assert "3 seeds" in checker.notes[0]
    found = checker.check(tmp_path / "photos" / "class3" / "2.png")
    own = rows[rows["model"].eq("soft") & rows["image"].eq("class3/2.png")]
    assert [e.area for e in found.explanations] == own["area"].tolist()
    assert found.area == own["area"].median()
    assert CheckReference.fit(store, seed=1).question["seeds"] == [1]


def row(seed: int = 0, **values: object) -> dict[str, object]:
    standard = {"status": "found", "correct": True, "label": 1, "target": 1, "area": 0.5}
    return {"image_sha256": "a", "seed": seed, **standard, **values}


@pytest.mark.parametrize(
    ("rows", "size", "counted"),
    [
        ([row(0), row(1, area=0.1)], 0.3, "used"),
        ([row(0)], None, "incomplete"),
        ([row(0), row(1, status="failed")], None, "failed"),
        ([row(0, correct=False), row(1, correct=False)], None, "wrong"),
        ([row(0, area=None, status="unattained"), row(1)], 0.75, "without_set"),
        ([row(s, correct=None, label=None) for s in (0, 1)], 0.5, "unlabelled"),
    ],
)
def test_what_counts(rows, size, counted) -> None:
    sizes, counts = photo_sizes(rows, [0, 1])
    assert sizes == ([] if size is None else [(rows[0], size)])
    assert counts[counted] == 1
    assert counts["used"] == (size is not None)


def test_rows_must_be_one_question(squares: Path, tmp_path: Path) -> None:
    from suffice.study import Study

    study = Study(
        [*Study.from_toml(squares / "design.toml").design.models],
        squares / "photos" / "class0",
        criteria=["top1", "relative:0.5"],
        baselines=["black"],
        budget=30,
    )
    store = tmp_path / "two.db"
    study.run(store, workers=0)
    with pytest.raises(InputError, match="differ in criterion; choose one of each"):
        CheckReference.fit(store)
    with pytest.raises(InputError, match="no results with criterion top9; there are top1"):
        CheckReference.fit(store, criterion="top9")
    with pytest.raises(InputError, match="soft has 11 photos to go by"):
        CheckReference.fit(store, criterion="top1")
    with pytest.raises(SettingsError, match="can't be chosen by 'colour'"):
        CheckReference.fit(store, colour="red")


def test_given_classes_are_no_reference(squares: Path, tmp_path: Path) -> None:
    text = (squares / "design.toml").read_text().replace("seeds", 'target = "label"\nseeds')
    for name in ("soft.onnx", "hard.onnx", "photos"):
        text = text.replace(f'"{name}"', f'"{squares / name}"')
    (tmp_path / "d.toml").write_text(text.replace("[[methods]]", "[[methods]]\nbudget = 5"))
    suffice.Study.from_toml(tmp_path / "d.toml").run(tmp_path / "s.db", workers=0)
    with pytest.raises(InputError, match="asks about given classes"):
        CheckReference.fit(tmp_path / "s.db")
