"""suffice quiz and suffice quiz score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reference.squares import NAMES


@pytest.fixture
def made(suffice, orders: Path, tmp_path: Path) -> Path:
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    ran = suffice(
        *("quiz", orders / "s.db", "--out", tmp_path / "q.html", "--per-share", 4),
        *("--labels", tmp_path / "names.txt"),
    )
    assert ran.code == 0, ran
    assert ran.out == ""
    assert ran.err.startswith("12 photos at 5 %, 30 %, 50 %, 4 classes\n")
    return tmp_path


def answer(folder: Path, group: int, name: str = "p", **change: object) -> Path:
    """Answers that are right at 30 % and above."""
    key = json.loads((folder / "q-key.json").read_text())
    answers = [
        {"item": k, "choice": v["label"] if v["share"] > 0.1 else None, "ms": 1500}
        for k, v in key["items"].items()
        if v["group"] == group
    ]
    head = {"kind": "suffice quiz answers", "format": 1, "quiz": key["quiz"], "code": ""}
    rest = {"participant": name, "group": group, "started": "", "answers": answers}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**head, **rest, **change}))
    return path


def test_scores(suffice, made: Path) -> None:
    files = [answer(made, 1), answer(made, 2, "r")]
    ran = suffice("quiz", "score", made / "q-key.json", *files)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "2 participants, 2 of them to the end"
    assert lines[3].split()[:6] == ["5", "%", "8", "8", "0.0", "%"]
    assert lines[4].split()[:6] == ["30", "%", "8", "0", "100.0", "%"]
    assert lines[4].split()[-2:] == ["40.0", "%"]
    assert "R^2 of accuracy and share: 0.8" in lines[6]
    assert "FALLS" not in lines[6]
    assert any(line.startswith("true \\ chosen") for line in lines)
    ran = suffice("quiz", "score", made / "q-key.json", *files, "--json")
    scores = json.loads(ran.out)
    assert [s["accuracy"] for s in scores["shares"]] == [0.0, 1.0, 1.0]
    assert scores["published"]["r2"] == 0.94


def test_wrong_usage(suffice, orders: Path, made: Path) -> None:
    ran = suffice("quiz", orders / "s.db", "--out", made / "q.html")
    assert (ran.code, "--existing replace" in ran.err) == (2, True)
    again = ("quiz", orders / "s.db", "--out", made / "q.html", "--existing", "replace")
    ran = suffice(*again, "--per-share", 9)
    assert (ran.code, "28 photos are needed" in ran.err) == (2, True)
    assert suffice(*again, "--shares", "a").code == 2
    other = answer(made, 1, quiz="0000")
    ran = suffice("quiz", "score", made / "q-key.json", other)
    assert (ran.code, "answers another quiz (0000)" in ran.err) == (2, True)
    ran = suffice("quiz", "score", other, other)
    assert (ran.code, "holds no quiz key" in ran.err) == (2, True)
    ran = suffice("quiz", "score", made / "q-key.json", made / "q.html")
    assert (ran.code, "is no JSON file" in ran.err) == (2, True)
    assert "suffice quiz score: error: " in ran.err
