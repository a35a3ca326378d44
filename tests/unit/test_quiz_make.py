"""What a quiz shows, to whom, and what its page gives away."""

from __future__ import annotations

import base64
import collections
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference.squares import NAMES
from suffice.errors import InputError, SettingsError
from suffice.study import StudyResult, make_quiz
from suffice.study.quiz.make import Quiz, pixel_order
from suffice.study.quiz.page import embedded, make_page
from suffice.study.quiz.plan import deal

SHARES = (0.1, 0.5)


@pytest.fixture(scope="module")
def quiz(orders: Path) -> Quiz:
    return make_quiz(orders / "s.db", shares=SHARES, per_share=6, labels=NAMES)


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="quiz">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def pixels_of(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))


def rows(classes: int, each: int, models: int = 1) -> list[dict]:
    return [
        {"key": f"{c}-{k}-{m}", "image_sha256": f"{c}-{k}", "model": f"m{m}", "label": c}
        for m in range(models)
        for c in range(classes)
        for k in range(each)
    ]


@pytest.mark.parametrize(("classes", "shares", "models"), [(10, 3, 1), (9, 3, 2), (4, 2, 3)])
def test_shares_classes_and_models_are_balanced(classes, shares, models) -> None:
    slots, practice = deal(rows(classes, 20, models), shares, 12, 7, lambda row: row["key"])
    assert len(slots) == shares * 12
    photos = [slot.row["image_sha256"] for slot in slots]
    assert len({*photos, practice.rpartition("-")[0]}) == len(slots) + 1
    assert set(collections.Counter(slot.first for slot in slots).values()) == {12}
    by_class = collections.Counter(slot.row["label"] for slot in slots)
    assert max(by_class.values()) - min(by_class.values()) <= 1
    assert len(by_class) == classes
    cells = collections.Counter((slot.row["label"], slot.first) for slot in slots)
    full = [cells[c, s] for c in range(classes) for s in range(shares)]
    assert max(full) - min(full) <= 1
    used = collections.Counter((slot.row["model"], slot.first) for slot in slots)
    assert len(used) == models * shares
    assert max(used.values()) == min(used.values()) == 12 // models


def test_what_can_not_be_used_is_passed_over() -> None:
    given = rows(3, 4, 2)
    usable = lambda row: None if row["key"] in ("0-0-0", "1-0-0", "1-0-1") else row["key"]
    slots, practice = deal(given, 2, 5, 0, usable)
    keys = {slot.content for slot in slots} | {practice}
    assert len(keys) == 11
    assert not keys & {"0-0-0", "1-0-0", "1-0-1"}
    with pytest.raises(InputError, match=r"13 photos are needed .* 11 can be used"):
        deal(given, 2, 6, 0, usable)


def test_a_seed_says_it_all(orders: Path, quiz: Quiz) -> None:
    again = make_quiz(orders / "s.db", shares=SHARES, per_share=6, labels=NAMES)
    assert (again.page, again.key) == (quiz.page, quiz.key)
    other = make_quiz(orders / "s.db", shares=SHARES, per_share=6, labels=NAMES, seed=1)
    assert other.key["quiz"] != quiz.key["quiz"]


def test_pictures_show_the_first_pixels_of_the_order(orders: Path, quiz: Quiz) -> None:
    data = data_of(quiz.page)
    table = {
        (row["image_sha256"], row["model"]): row["key"]
        for row in StudyResult(orders / "s.db").rows()
    }
    result = StudyResult(orders / "s.db")
    assert data["size"] == [8, 8]
    for slot in data["slots"]:
        for group, shown in enumerate(slot, 1):
            item = quiz.key["items"][shown["id"]]
            assert item["group"] == group
            key = table[item["image_sha256"], item["model"]]
            order = next(result.explanations([key])).arrays["order"]
            n = math.ceil(item["share"] * 64)
            expected = np.zeros((64, 3), np.uint8)
            photo = Image.open(orders / "photos" / item["image"]).convert("RGB")
            last = order[-n:]
            expected[last] = np.asarray(photo).reshape(64, 3)[last]
            assert item["pixels"] == n
            np.testing.assert_array_equal(pixels_of(shown["png"]).reshape(64, 3), expected)


def test_each_viewer_sees_each_photo_once_and_each_share_as_often(quiz: Quiz) -> None:
    data = data_of(quiz.page)
    for group in range(2):
        items = [quiz.key["items"][slot[group]["id"]] for slot in data["slots"]]
        assert len({item["image"] for item in items}) == 12
        assert collections.Counter(item["share"] for item in items) == {0.1: 6, 0.5: 6}
    for slot in data["slots"]:
        assert {quiz.key["items"][shown["id"]]["share"] for shown in slot} == set(SHARES)


def test_the_page_does_not_tell(quiz: Quiz) -> None:
    data = data_of(quiz.page)
    assert set(data) == {"id", "size", "groups", "choices", "practice", "slots"}
    assert {frozenset(shown) for slot in data["slots"] for shown in slot} == {
        frozenset(("id", "png"))
    }
    for item in quiz.key["items"].values():
        assert item["image"] not in quiz.page
        assert item["image_sha256"] not in quiz.page
    assert "soft" not in quiz.page
    assert {(i["target"], i["label"]) for i in quiz.key["items"].values()} > {(0, 0), (1, 0)}


def test_only_right_answers_and_chosen_models(orders: Path) -> None:
    made = make_quiz(orders / "s.db", shares=[0.2], per_share=11, right=True, model="hard")
    items = made.key["items"].values()
    assert {item["model"] for item in items} == {"hard"}
    assert all(item["target"] == item["label"] for item in items)
    assert [c["name"] for c in made.key["choices"]] == [f"class {k}" for k in range(4)]


def test_hostile_texts_stay_texts(orders: Path) -> None:
    names = ["</script><script>alert(1)</script>", "<!--", '"&quot;', "{{data}} \u2028 \\"]
    title = '<b>"{{script}}"</b>'
    made = make_quiz(orders / "s.db", shares=[0.2], per_share=4, labels=names, title=title)
    assert [c["name"] for c in data_of(made.page)["choices"]] == names
    assert made.page.count("<script") == 2
    assert made.page.count("</script>") == 2
    assert "<!--" not in made.page
    assert "<title>&lt;b&gt;&quot;{{script}}&quot;&lt;/b&gt;</title>" in made.page
    assert json.loads(embedded(names)) == names
    assert make_page({"a": 1}, "t").count("connect-src") == 0


def test_the_policy_names_script_and_style(quiz: Quiz) -> None:
    import hashlib

    policy = re.search(r'Security-Policy" content="([^"]*)"', quiz.page)[1]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    for kind, element in (
        ("script", r"<script>(.*?)</script>"),
        ("style", r"<style>(.*?)</style>"),
    ):
        text = re.search(element, quiz.page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r"""(https?:|//[a-z]|src=|@import|url\()""", quiz.page.split("json")[0])


def test_orders(orders: Path) -> None:
    explanation = next(StudyResult(orders / "s.db").explanations())
    order = explanation.arrays["order"]
    np.testing.assert_array_equal(pixel_order(explanation, 0), order[::-1])
    explanation.arrays.clear()
    np.testing.assert_array_equal(pixel_order(explanation, 0), order[::-1])  # ranks say the same
    values = explanation.responsibility
    values[:] = np.arange(64).reshape(8, 8) // 32
    mixed = pixel_order(explanation, 0)
    assert sorted(mixed[:32]) == list(range(32, 64))
    assert sorted(mixed) == list(range(64))
    assert (np.diff(mixed[:32]) < 0).any()
    assert (np.diff(mixed[:32]) > 0).any()
    assert not np.array_equal(mixed, pixel_order(explanation, 1))
    values[:] = 1.0
    assert pixel_order(explanation, 0) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shares": []}, "different numbers from 0 to 1"),
        ({"shares": [0.1, 0.1]}, "different numbers"),
        ({"shares": [0.0]}, "different numbers"),
        ({"shares": [1.5]}, "different numbers"),
        ({"per_share": 0}, "at least 1, got 0"),
        ({"per_share": 8}, "17 photos are needed .* 16 can be used"),
        ({"labels": ["one"]}, "there are 1 class names, and class 3 occurs"),
        ({"model": "none"}, "no results with model none; there are soft, hard"),
        ({"design": "a", "images": "b"}, "exclude each other"),
        ({"images": "x.txt"}, r"expected a folder, a \.csv, an \.npz or"),
    ],
)
def test_wrong_settings(orders: Path, settings, said) -> None:
    with pytest.raises((SettingsError, InputError), match=said):
        make_quiz(orders / "s.db", **{"shares": SHARES, "per_share": 2, **settings})


def test_photos_from_elsewhere(orders: Path, tmp_path: Path) -> None:
    import shutil

    store = tmp_path / "moved" / "s.db"
    store.parent.mkdir()
    shutil.copy(orders / "s.db", store)
    with pytest.raises(SettingsError, match=r"with --design or --images\)"):
        make_quiz(store, shares=SHARES, per_share=2)
    expected = make_quiz(orders / "s.db", shares=SHARES, per_share=2)
    for k, source in enumerate((orders / "photos").rglob("*.png")):  # other names, the same files
        shutil.copy(source, tmp_path / f"{k}.png")
    for where in ({"design": orders / "design.toml"}, {"images": tmp_path}):
        assert make_quiz(store, shares=SHARES, per_share=2, **where).page == expected.page
    for path in tmp_path.glob("*.png"):
        Image.new("RGB", (8, 8), int(path.stem)).save(path)
    with pytest.raises(InputError, match="none of the 16 photos is among the 16 images"):
        make_quiz(store, shares=SHARES, per_share=2, images=tmp_path)


def test_two_questions_and_patterned_baselines_are_refused(orders: Path, tmp_path: Path) -> None:
    from suffice import Study

    design = Study.from_toml(orders / "design.toml").design
    items = list(design.images)[:5]
    for baselines, said in ((["black", "grey"], "differ in baseline"), (["noise"], "one colour")):
        store = tmp_path / f"{len(baselines)}.db"
        study = Study([design.models[0]], items, ["sis"], baselines=baselines, grains=[1])
        study.run(store, workers=0)
        with pytest.raises(InputError, match=said):
            make_quiz(store, shares=[0.5], per_share=1, images=orders / "photos")
