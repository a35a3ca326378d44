"""Scores of a quiz, counted by hand."""

from __future__ import annotations

import json

import pytest

from suffice.errors import InputError
from suffice.statistics import wilson
from suffice.study import score_quiz

SHARES = [0.05, 0.3, 0.5]


def make_key() -> dict:
    """Six photos, the label of photo k is k % 2, the model says 0; slot k starts at share k % 3."""
    items = {}
    for k in range(6):
        for g in range(3):
            items[f"{k}-{g}"] = {
                "image": f"{k}.png",
                "model": f"m{k // 3}",
                "label": k % 2,
                "target": 0,
                "share": SHARES[(k + g) % 3],
                "group": g + 1,
            }
    choices = [{"class": c, "name": n} for c, n in ((0, "cat"), (1, "dog"), (7, "ship"))]
    head = {"kind": "suffice quiz key", "format": 1, "quiz": "q1"}
    return {**head, "shares": SHARES, "choices": choices, "items": items}


def sheet(group: int, choices: list, name: str = "a", **more) -> dict:
    answers = [
        {"item": f"{k}-{group - 1}", "choice": c, "ms": 1000 * (k + 1)}
        for k, c in enumerate(choices)
    ]
    head = {"kind": "suffice quiz answers", "format": 1, "quiz": "q1", "participant": name}
    rest = {"code": "", "group": group, "started": "2026-01-01T00:00:00Z", "answers": answers}
    return {**head, **rest, **more}


def test_counts() -> None:
    # group 1: shares of photos 0-5 are 5, 30, 50, 5, 30, 50 %; labels 0 1 0 1 0 1
    scores = score_quiz(make_key(), [sheet(1, [7, 1, 0, None, 0, 0])])
    five, thirty, fifty = scores.shares
    assert (five.name, five.n, five.right, five.unknown, five.published) == (0.05, 2, 0, 1, 0.192)
    assert (thirty.n, thirty.right, thirty.accuracy) == (2, 2, 1.0)
    assert (fifty.n, fifty.right, fifty.accuracy) == (2, 1, 0.5)
    assert (thirty.agreement, fifty.agreement) == (0.5, 1.0)
    assert (five.model_accuracy, five.seconds) == (0.5, 2.5)
    assert [(c.name, c.n, c.right) for c in scores.classes] == [
        ("cat", 3, 2),
        ("dog", 3, 1),
        ("ship", 0, 0),
    ]
    assert scores.classes[2].accuracy is None
    assert [(m.name, m.n, m.right) for m in scores.models] == [("m0", 3, 2), ("m1", 3, 1)]
    assert scores.confusion == [[2, 0, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0]]
    low = wilson(1, 2)
    assert (fifty.low, fifty.high) == (low.low, low.high)
    assert scores.r2_means == pytest.approx(r2([0.0, 1.0, 0.5]))
    assert scores.r2_means == scores.r2_participants
    assert scores.participants[0]["complete"]
    json.dumps(scores.to_dict(), allow_nan=False)


def r2(y: list[float]) -> float:
    x = SHARES
    mx, my = sum(x) / 3, sum(y) / 3
    sxy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return sxy**2 / (sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def test_published_means_have_another_r2() -> None:
    assert r2([0.192, 0.400, 0.682]) == pytest.approx(0.978, abs=2e-3)


def test_r2_over_participants() -> None:
    # right answers by share: a 0 1 2 of 2; b (group 2: shares 30 50 5 30 50 5) 1 2 0
    a = sheet(1, [1, 0, 0, 0, 0, 1])
    b = sheet(2, [1, 1, 1, 1, 0, 0], "b")
    scores = score_quiz(make_key(), [a, b])
    assert [s.right for s in scores.shares] == [0, 2, 4]
    points = [(0.05, 0), (0.3, 0.5), (0.5, 1)] * 2
    assert len(points) == 6
    assert scores.r2_participants == pytest.approx(r2([0, 0.5, 1]))
    assert score_quiz(make_key(), [sheet(1, [0])]).r2_means is None
    assert not score_quiz(make_key(), [sheet(1, [0])]).participants[0]["complete"]


def test_times_away_are_left_out() -> None:
    given = sheet(1, [0, 1, 0, 1, 0, 1])
    given["answers"][0]["away"] = True
    assert score_quiz(make_key(), [given]).shares[0].seconds == 4.0


def test_one_sheet_for_each_participant() -> None:
    short, full = sheet(1, [0, 0]), sheet(1, [0, 1, 0, 1, 0, 1])
    scores = score_quiz(make_key(), [short, full, full])
    assert sum(s.n for s in scores.shares) == 6
    assert [n.split(" is left out: ")[0] for n in scores.notes] == ["answers 1", "answers 3"]
    first = sheet(1, [0, 1, 0, 1, 0, 1], "x", code="Eva", started="2026-01-02T00:00:00Z")
    later = sheet(2, [1] * 6, "y", code=" eva", started="2026-01-03T00:00:00Z")
    other = sheet(3, [1] * 6, "z")
    scores = score_quiz(make_key(), [later, first, other])
    assert [p["participant"] for p in scores.participants] == ["x", "z"]
    assert "the code ' eva' is that of answers 2" in scores.notes[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quiz": "q2"}, r"answers another quiz \(q2\), the key is of q1"),
        ({"group": 4}, "group should be from 1 to 3, got 4"),
        ({"group": 2}, "item 0-0 is not shown to group 2"),
        ({"participant": ""}, "expected a participant"),
        ({"answers": [{"item": "9-9", "choice": 0, "ms": 1}]}, "no answer to an item"),
        ({"answers": [{"item": ["0-0"], "choice": 0, "ms": 1}]}, "no answer to an item"),
        ({"answers": [3]}, "3 is no answer"),
        ({"answers": [{"item": "0-0", "choice": 5, "ms": 1}]}, "5 is no class"),
        ({"answers": [{"item": "0-0", "choice": True, "ms": 1}]}, "True is no class"),
        ({"answers": [{"item": "0-0", "choice": 0, "ms": -1}]}, "milliseconds"),
        ({"answers": [{"item": "0-0", "choice": 0, "ms": 1}] * 2}, "answered twice"),
        ({"answers": []}, "no answers to score"),
        ({"answers": "all"}, "list of answers"),
    ],
)
def test_what_the_page_does_not_write_is_refused(change, said) -> None:
    with pytest.raises(InputError, match=said):
        score_quiz(make_key(), [{**sheet(1, [0, 1]), **change}])


def test_wilson() -> None:
    found = wilson(0, 10)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.27753, abs=1e-5)
    assert wilson(10, 10).low == pytest.approx(1 - 0.27753, abs=1e-5)
    assert wilson(0, 0).n == 0
    with pytest.raises(InputError, match="from 0 to 2, got 3"):
        wilson(3, 2)
