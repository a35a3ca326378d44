"""Numbers of reports, each computed again by hand or by scipy."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from reference.report_studies import (
    MODELS,
    cells,
    facts,
    made_rows,
    reading_of,
    table,
    texts,
)
from suffice.errors import InputError
from suffice.report.analyses import (
    blocks,
    confidence,
    costs,
    detector,
    examples,
    failures,
    groups,
    mixed,
    multiplicity,
    overlap,
    positions,
    reference,
    sizes,
)
from suffice.report.analyses._common import Skip

ROWS = made_rows()
AREAS = cells(ROWS)
RIGHT = {key: target == 1 for key, target in facts(ROWS, "target").items()}
PIXEL = 1 / 256


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    return reading_of(tmp_path_factory.mktemp("study"), ROWS).questions[0]


def areas(model: str, right: bool | None = None, of: dict | None = None) -> np.ndarray:
    known = AREAS if of is None else of
    return np.array(
        [a for k, a in known.items() if k[0] == model and (right is None or RIGHT[k] == right)]
    )


def dice(a: np.ndarray, b: np.ndarray) -> float:
    total = a.sum() + b.sum()
    return 2.0 * (a & b).sum() / total if total else 1.0


def test_sizes_by_model(question) -> None:
    made = sizes.blocks(question)
    rows = table(made, "sizes-models")
    assert [r["Model"] for r in rows] == ["a", "b", "c", "all"]
    for row in rows[:3]:
        each = areas(row["Model"])
        assert row["n"] == len(each)
        assert row["Mean"] == pytest.approx(each.mean())
        assert row["Median"] == pytest.approx(np.median(each))
        assert row["Quartile 1"] == pytest.approx(np.quantile(each, 0.25))
        assert row["Quartile 3"] == pytest.approx(np.quantile(each, 0.75))
        logs = np.log(np.maximum(each, PIXEL / 2))
        assert row["Geometric mean"] == pytest.approx(math.exp(logs.mean()))
        assert row["Low"] < row["Mean"] < row["High"]
    assert rows[1]["n"] == 29  # one failed
    families = table(made, "sizes-architectures")
    assert [r["Architecture"] for r in families] == ["fam", "other", "all"]
    assert families[0]["Mean"] == pytest.approx(np.concatenate([areas("a"), areas("b")]).mean())


def test_sizes_of_answers_and_outcomes(question) -> None:
    made = sizes.blocks(question)
    rows = {(r["Right by"], r["Group"]): r for r in table(made, "sizes-answers")}
    row = rows["top-1", "c"]
    assert row["Right"] == pytest.approx(areas("c", True).mean())
    assert row["Wrong"] == pytest.approx(areas("c", False).mean())
    assert row["Difference"] == pytest.approx(row["Right"] - row["Wrong"])
    assert row["n right"] + row["n wrong"] == 30
    fives = facts(ROWS, "top5")
    wrong = [a for k, a in AREAS.items() if k[0] == "c" and 1 not in fives[k]]
    assert rows["top-5", "c"]["n wrong"] == len(wrong)
    assert rows["top-5", "c"]["Wrong"] == pytest.approx(np.mean(wrong))
    outcomes = {r["Model"]: r for r in table(made, "sizes-outcomes")}
    assert [outcomes["b"][k] for k in ("Rows", "Photos", "Found", "Empty")] == [60, 30, 54, 2]
    assert [outcomes["b"][k] for k in ("Unattained", "Failed", "Sets not certified")] == [2, 2, 2]
    assert outcomes["a"]["Found"] == 60


def test_sizes_without_some_rows(question) -> None:
    rows = {(r["Rows"], r["Model"]): r for r in table(sizes.blocks(question), "sizes-without")}
    assert {r[0] for r in rows} == {
        "all",
        "without empty",
        "without unattained",
        "without uncertified",
        "without empty, unattained, uncertified",
    }
    for kind, drop in {
        "without empty": ("empty",),
        "without empty, unattained, uncertified": ("empty", "unattained", "uncertified"),
    }.items():
        left = areas("b", of=cells(ROWS, drop))
        assert rows[kind, "b"]["n"] == len(left)
        assert rows[kind, "b"]["Mean"] == pytest.approx(left.mean())
        assert rows[kind, "a"]["Mean"] == pytest.approx(areas("a").mean())


def test_seed_spread(question) -> None:
    row = table(sizes.blocks(question), "sizes-seeds")[0]
    each = {}
    for r in ROWS:
        if r["model"] == "a":
            each.setdefault(r["image"], []).append(r["mask"].mean())
    assert row["Median range"] == pytest.approx(np.median([abs(x - y) for x, y in each.values()]))


def test_groups_are_those_of_scipy(question) -> None:
    made = groups.blocks(question)
    rows = {(r["Rows"], r["Between"]): r for r in table(made, "groups-kruskal")}
    family, other = np.concatenate([areas("a"), areas("b")]), areas("c")
    for between, parts in {
        "architectures": (family, other),
        "models": tuple(map(areas, "abc")),
        "right and wrong (top-1)": tuple(
            np.concatenate([areas(m, right) for m in MODELS]) for right in (True, False)
        ),
    }.items():
        h, p = stats.kruskal(*parts)
        row = rows["all", between]
        assert row["Statistic"] == pytest.approx(h)
        assert row["p"] == pytest.approx(math.log(p))
        assert row["Effect"] == pytest.approx(h / (sum(map(len, parts)) - 1))
    assert "not valid" in texts(made, "caution")[0]
    pairs = table(made, "dunn-models")
    assert [(r["A"], r["B"]) for r in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(r["Corrected p"] == pytest.approx(min(0, r["p"] + math.log(3))) for r in pairs)


def test_blocks_are_those_of_scipy(question) -> None:
    made = blocks.blocks(question)
    photos = sorted({k[1] for k in AREAS})
    whole = [p for p in photos if all((m, p) in AREAS for m in MODELS)]
    assert len(whole) == 29
    columns = [np.array([AREAS[m, p] for p in whole]) for m in "abc"]
    rows = {(r["Rows"], r["Between"], r["Test"]): r for r in table(made, "-blocks")}
    q, p = stats.friedmanchisquare(*columns)
    row = rows["all", "models", "Friedman"]
    assert row["Statistic"] == pytest.approx(q)
    assert row["p"] == pytest.approx(math.log(p))
    assert row["Effect"] == pytest.approx(q / (29 * 2))
    assert (row["n"], row["Dropped"]) == (29, 1)
    within = rows["all", "models of fam", "Friedman"]
    ranks = np.sign(columns[0] - columns[1])
    assert within["df"] == 1
    assert within["n"] == 29
    assert within["Effect"] == pytest.approx((ranks.sum() / 29) ** 2)
    assert rows["without unattained", "models", "Friedman"]["n"] == 28
    pair = table(made, "blocks-models")[1]
    assert (pair["A"], pair["B"]) == ("a", "c")
    logs = [np.log(areas(m)) for m in "ac"]
    assert pair["Ratio"] == pytest.approx(math.exp((logs[0] - logs[1]).mean()))
    assert f"{q:.1f}" in texts(made, "finding")[0]


def test_mixed_solves_the_normal_equations(question) -> None:
    made = mixed.blocks(question)
    effects = [r for r in table(made, "mixed-effects") if r["Rows"] == "all"]
    effects = [r for r in effects if (r["Outcome"], r["Right by"]) == ("log area", "top-1")]
    spread = table(made, "mixed-spread")[0]
    keys = list(AREAS)
    y = np.log([max(AREAS[k], PIXEL / 2) for k in keys])
    wrong = np.array([not RIGHT[k] for k in keys], float)
    # Of the model, over all photos that are not failed.
    accuracy = {m: np.mean([RIGHT[k] for k in keys if k[0] == m]) for m in MODELS}
    x = np.column_stack([np.ones(len(y)), wrong, [accuracy[k[0]] for k in keys]])
    photo = np.array([[a[1] == b[1] for b in keys] for a in keys], float)
    model = np.array([[a[0] == b[0] for b in keys] for a in keys], float)
    v = spread["Photo variance"] * photo + spread["Model variance"] * model
    inverse = np.linalg.inv(v + spread["Residual variance"] * np.eye(len(y)))
    covariance = np.linalg.inv(x.T @ inverse @ x)
    beta = covariance @ x.T @ inverse @ y
    assert [r["Effect"] for r in effects] == ["intercept", "incorrect", "model accuracy"]
    assert [r["Coefficient"] for r in effects] == pytest.approx(beta.tolist(), abs=1e-6)
    assert [r["Error"] for r in effects] == pytest.approx(np.sqrt(np.diag(covariance)).tolist())
    assert effects[1]["Factor"] == pytest.approx(math.exp(beta[1]))
    assert "3 models" in " ".join(texts(made, "caution"))
    assert (spread["n"], spread["Photos"], spread["Models"]) == (89, 30, 3)


def test_overlap_of_models_and_seeds(question) -> None:
    made = overlap.blocks(question)
    masks = {(r["model"], r["image"], r["seed"]): r["mask"] for r in ROWS if not r.get("error")}
    rows = {(r["A"], r["B"]): r for r in table(made, "overlap-pairs")}
    for a, b in itertools.combinations("abc", 2):
        found = [
            dice(masks[a, p, 0], masks[b, p, 0])
            for p in {k[1] for k in masks}
            if masks.get((a, p, 0)) is not None and masks.get((b, p, 0)) is not None
        ]
        assert rows[a, b]["Dice"] == pytest.approx(np.mean(found), abs=1e-6)
        assert rows[a, b]["n"] == len(found)
    assert rows["a", "b"]["n"] == 28  # one unattained, one failed
    assert rows["a", "b"]["Missing"] == 2
    assert rows["a", "b"]["One empty"] == 1
    square = {r[""]: r for r in table(made, "overlap-dice")}
    assert square["a"]["c"] == square["c"]["a"] == pytest.approx(rows["a", "c"]["Dice"])
    cases = {r["Rows"]: r for r in table(made, "overlap-without")}
    assert cases["all"]["n"] == 28 + 30 + 28
    assert cases["without empty"]["n"] == 27 + 30 + 27
    assert cases["without uncertified"]["n"] == 27 + 30 + 27
    seeds = {r["Model"]: r for r in table(made, "overlap-seeds")}
    twice = [dice(masks["a", f"p{k:02}", 0], masks["a", f"p{k:02}", 1]) for k in range(30)]
    assert seeds["a"]["Dice"] == pytest.approx(np.mean(twice))
    assert seeds["a"]["Smallest"] == pytest.approx(min(twice))
    assert seeds["b"]["n"] == 28
    tests = table(made, "overlap-tests")
    assert len(tests) == 3
    accuracy = {m: np.mean([r for k, r in RIGHT.items() if k[0] == m]) for m in "ab"}
    assert overlap.best_models(question) == [max("ab", key=lambda m: accuracy[m]), "c"]


def test_positions(question) -> None:
    made = positions.blocks(question)
    rows = {(r["Rows"], r["Model"]): r for r in table(made, "positions")}
    ring = np.ones((16, 16), bool)
    ring[2:-2, 2:-2] = False
    first = [r["mask"] for r in ROWS if r["model"] == "b" and r["seed"] == 0 and not r.get("error")]
    some = [m for m in first if m is not None and m.any()]
    row = rows["all", "b"]
    assert row["In border"] == pytest.approx(np.mean([(m & ring).sum() / m.sum() for m in some]))
    assert row["Border"] == pytest.approx(ring.mean())
    assert (row["n"], row["Empty"]) == (28, 1)
    assert rows["without uncertified", "b"]["n"] == 27
    assert ("without uncertified", "a") not in rows


def test_detector_counts_pairs(question) -> None:
    made = detector.blocks(question)
    rows = {(r["Rows"], r["Model"], r["Score"]): r for r in table(made, "detector")}

    def area_under(scores, wrong) -> float:
        pairs = [
            (a > b) + 0.5 * (a == b)
            for a, w in zip(scores, wrong, strict=True)
            for b, v in zip(scores, wrong, strict=True)
            if w and not v
        ]
        return float(np.mean(pairs)) if pairs else math.nan

    keys = [k for k in AREAS if k[0] == "c"]
    wrong = [not RIGHT[k] for k in keys]
    size = area_under([AREAS[k] for k in keys], wrong)
    assert rows["all", "c", "size"]["AUROC"] == pytest.approx(size)
    assert rows["all", "c", "size"]["n wrong"] == sum(wrong)
    sure = {}
    for r in ROWS:
        sure.setdefault((r["model"], r["image"]), []).append(r["confidence"])
    sure = {k: np.median(v) for k, v in sure.items()}
    soft = area_under([-sure[k] for k in keys], wrong)
    assert rows["all", "c", "max-softmax"]["AUROC"] == pytest.approx(soft)
    assert rows["all", "c", "max-softmax"]["Size less"] == pytest.approx(size - soft)
    each = []
    for model in MODELS:
        mine = sorted((k for k in AREAS if k[0] == model), key=lambda k: sure[k])
        for part in range(5):
            here = [k for i, k in enumerate(mine) if i * 5 // len(mine) == part]
            each.append(area_under([AREAS[k] for k in here], [not RIGHT[k] for k in here]))
    given = table(made, "detector-given")[0]
    assert given["AUROC"] == pytest.approx(np.nanmean(each))


def test_confidence_within_models(question) -> None:
    rows = table(confidence.blocks(question), "confidence")
    sure: dict = {}
    for r in ROWS:
        sure.setdefault((r["model"], r["image"]), []).append(r["confidence"])
    each = []
    for model in MODELS:
        keys = [k for k in AREAS if k[0] == model]
        found = stats.spearmanr([AREAS[k] for k in keys], [np.median(sure[k]) for k in keys])
        each.append(found.statistic)
    known = {r["Model"]: r for r in rows if (r["Rows"], r["Size with"]) == ("all", "confidence")}
    assert [known[m]["Spearman"] for m in MODELS] == pytest.approx(each)
    assert known["mean over models"]["Spearman"] == pytest.approx(np.mean(each))
    assert known["b"]["n"] == 29


def test_multiplicity(question) -> None:
    made = multiplicity.blocks(question)
    rows = {(r["Rows"], r["Model"]): r for r in table(made, "-multiplicity")}
    sets: dict = {}
    for r in ROWS:
        if not r.get("error"):
            sets.setdefault((r["model"], r["image"]), []).append(r["sets"])
    mean = [np.mean([np.median(v) for k, v in sets.items() if k[0] == m]) for m in MODELS]
    accuracy = [np.mean([r for k, r in RIGHT.items() if k in AREAS and k[0] == m]) for m in MODELS]
    assert [rows["all", m]["Sets"] for m in MODELS] == pytest.approx(mean)
    assert [rows["all", m]["Accuracy"] for m in MODELS] == pytest.approx(accuracy)
    row = table(made, "multiplicity-accuracy")[0]
    assert row["Spearman"] == pytest.approx(stats.spearmanr(mean, accuracy).statistic)
    assert "3 models" in texts(made, "caution")[0]


def test_one_set_each_is_no_multiplicity(tmp_path: Path) -> None:
    with pytest.raises(Skip, match="more than one set"):
        multiplicity.blocks(reading_of(tmp_path, made_rows(sets=1)).questions[0])


def test_reference_of_right_answers(tmp_path: Path) -> None:
    rows = [r | {"target": 1} if int(r["image"][1:]) < 25 else r | {"target": 2} for r in ROWS]
    question = reading_of(tmp_path, rows).questions[0]
    found = {(r["Rows"], r["Model"]): r for r in table(reference.blocks(question), "reference")}
    right = [r["mask"].mean() for r in rows if r["model"] == "a" and not r["seed"]][:25]
    row = found["all", "a"]
    assert (row["n"], row["Classes"], row["Wrong"]) == (25, 1, 5)
    assert row["Expected"] == pytest.approx(math.exp(np.log(right).mean()))
    assert row["Within"] == pytest.approx(np.log(right).std(ddof=1))
    assert found["all", "b"]["n"] == 23  # one unattained, one failed
    assert found["without empty, uncertified", "b"]["n"] == 21


def test_too_few_for_a_reference(question) -> None:
    made = reference.blocks(question)
    assert all("a reference needs 20" in text for text in texts(made, "caution"))
    assert len(texts(made, "caution")) >= 1


def test_costs(question) -> None:
    rows = {r["Model"]: r for r in table(costs.blocks(question), "costs")}
    mine = [r for r in ROWS if r["model"] == "b" and not r.get("error")]
    spent = [r["evaluations"] for r in mine]
    seconds = sum(r["seconds"] for r in mine)
    row = rows["b"]
    assert (row["n"], row["Total"]) == (58, sum(spent))
    assert row["Evaluations"] == pytest.approx(np.mean(spent))
    assert row["Hours"] == pytest.approx(seconds / 3600)
    assert row["ms each"] == pytest.approx(1000 * seconds / sum(spent))


def test_failures(question, tmp_path: Path) -> None:
    made = failures.blocks(question)
    reasons = {(r["What"], r["Reason"]): r["n"] for r in table(made, "failures-reasons")}
    assert reasons == {("no set", "no set was met"): 2, ("no certificate", "none given"): 2}
    assert [r["Error"] for r in table(made, "-failures")] == ["ImageError: it is torn"] * 2
    whole = [r for r in ROWS if r["model"] == "a"]
    with pytest.raises(Skip):
        failures.blocks(reading_of(tmp_path, whole).questions[0])


def test_examples_are_the_smallest_and_the_largest(question) -> None:
    small, large, wrong, note = examples.blocks(question)
    first = {(r["model"], r["image"]): r["mask"] for r in reversed(ROWS) if not r.get("error")}
    some = {k: m for k, m in first.items() if m is not None and m.any()}
    best = min((k for k in some if RIGHT[k]), key=lambda k: some[k].sum())
    np.testing.assert_array_equal(small.examples[0].mask, some[best])
    assert small.examples[0].caption.startswith(f"{best[0]}, {best[1]}: class 1 (right)")
    assert large.examples[0].mask.sum() == max(m.sum() for m in some.values() if not m.all())
    assert all("(wrong)" in e.caption for e in wrong.examples)
    assert len({e.caption.split(",")[1] for e in small.examples}) == len(small.examples)
    assert "grey" in note.text


def test_one_model_has_nothing_to_compare(tmp_path: Path) -> None:
    rows = [r for r in ROWS if r["model"] == "a" and r["seed"] == 0]
    question = reading_of(tmp_path, rows).questions[0]
    for analysis in (blocks, overlap):
        with pytest.raises(InputError, match="one model"):
            analysis.blocks(question)
    with pytest.raises(InputError, match="two models"):
        mixed.blocks(question)
