"""suffice check and suffice check fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reference.squares import NAMES, square


@pytest.fixture
def made(suffice, squares: Path, tmp_path: Path) -> Path:
    ran = suffice("check", "fit", squares / "s.db", "--out", tmp_path / "r.json")
    assert ran.code == 0, ran
    assert ran.out == ""
    assert ran.err.splitlines()[1].split() == ["soft", "40", "4", "0", "0", "0", "0"]
    return tmp_path / "r.json"


@pytest.fixture
def words(squares: Path, made: Path) -> tuple[object, ...]:
    return ("--model", squares / "soft.onnx", "--reference", made)


def test_usual_images(suffice, squares: Path, words) -> None:
    photo = squares / "photos" / "class1" / "2.png"
    ran = suffice("check", photo, *words)
    assert ran.code == 0, ran
    assert ran.err == ""
    header, line = ran.out.splitlines()
    assert header.split("  ")[0] == "image"
    assert header.endswith("verdict")
    assert line.startswith("2.png")
    assert line.endswith("usual")


def test_unusual_images_and_a_folder(suffice, tmp_path: Path, words) -> None:
    square(tmp_path / "new" / "a" / "large.png", 0, 8, bright=60)
    square(tmp_path / "new" / "usual.png", 3, 4)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    ran = suffice("check", tmp_path / "new", *words, "--labels", tmp_path / "names.txt")
    assert ran.code == 1
    first, second = ran.out.splitlines()[1:]
    assert first.startswith("a/large.png  0 top left")
    assert first.endswith("  larger than usual")
    assert second.startswith("usual.png    3 bottom right")
    assert "of 2 usual images about 0.1 are called unusual by chance" in ran.err
    assert ran.err.endswith("1 of 2 unusual\n")
    ran = suffice("check", tmp_path / "new", *words, "--alpha", "0.01")
    assert ran.code == 0
    assert "needs 199 photos" in ran.err


def test_json_and_failures(suffice, tmp_path: Path, words) -> None:
    square(tmp_path / "new" / "b.png", 3, 4)
    (tmp_path / "new" / "a.png").write_bytes(b"no picture")
    ran = suffice("check", tmp_path / "new", *words, "--json")
    assert ran.code == 1
    assert "1 of 2 failed" in ran.err
    first, second = map(json.loads, ran.out.splitlines())
    assert first["name"] == "a.png"
    assert "a.png" in first["error"]
    assert second["verdict"] == "usual"
    assert {"p_larger", "p_smaller", "low", "high", "entropy", "lead", "n_class"} <= set(second)


def test_wrong_usage(suffice, squares: Path, made: Path, tmp_path: Path, words) -> None:
    photo = squares / "photos" / "class1" / "2.png"
    ran = suffice("check", "fit", squares / "s.db", "--out", made)
    assert (ran.code, "--existing replace" in ran.err) == (2, True)
    again = ("check", "fit", squares / "s.db", "--out", made, "--existing", "replace")
    assert suffice(*again, "--models", "hard").code == 0
    ran = suffice("check", photo, *words)
    assert ran.code == 2
    assert "suffice check: error: soft.onnx is not in the reference, which has hard" in ran.err
    ran = suffice("check", "fit", tmp_path / "no.db", "--out", tmp_path / "x.json")
    assert (ran.code, "suffice check fit: error: there is no store" in ran.err) == (2, True)
    ran = suffice("check", photo, *words, "--alpha", "5")
    assert (ran.code, "between 0 and 1" in ran.err) == (2, True)
    ran = suffice("check", tmp_path / "none.png", *words[:2], "--reference", tmp_path / "no.json")
    assert (ran.code, "can't be read" in ran.err) == (2, True)


def test_preprocessing_may_be_said(suffice, squares: Path, words) -> None:
    photo = squares / "photos" / "class1" / "2.png"
    same = ("--size", "16", "--mean", "0,0,0", "--std", "1,1,1")
    assert suffice("check", photo, *words, *same).code == 0
    ran = suffice("check", photo, *words, "--size", "16", "--mean", "0.5,0,0", "--std", "1,1,1")
    assert (ran.code, "another way than in the reference" in ran.err) == (2, True)
