"""Probes of studies: values that are known by hand, going on, failing, merging."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference.studies import kill, query, start, wait_until, write_study
from suffice.errors import SettingsError
from suffice.study import Study, StudyResult, merge
from suffice.study.parse import read_design
from suffice.study.probes import PROBES, make_probe
from suffice.study.probes.base import to_grid
from suffice.study.probes.orders import Units, deletion_of, units_of

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SIDE = 10
ALL = ("transfer", "subsets", "curves", "robustness")


def spot(row: int, column: int, shown: list[int] | None = None):
    """Class 1 where the pixel is bright, with logit 2 against 0, else class 0."""

    def scores(x):
        if shown is not None:
            shown.append(len(x))
        z = 4.0 * x[:, 0, row, column] - 2.0
        return np.stack([np.zeros_like(z), z], 1)

    return scores


def model(fn, fingerprint: str, side: int = SIDE):
    return suffice.as_classifier(fn, input_shape=(1, side, side), fingerprint=fingerprint)


def ranking(first: int) -> np.ndarray:
    """A map in which pixel `first` leads and the others follow row by row."""
    values = np.arange(SIDE * SIDE, 0, -1, dtype=np.float32)
    values[first] = SIDE * SIDE + 1
    return values.reshape(SIDE, SIDE)


BRIGHT = np.ones((1, SIDE, SIDE), np.float32)
P_HIGH = 1 / (1 + np.exp(-2.0))


def study(models, images=(BRIGHT,), first: int = 55, **settings) -> Study:
    settings = {
        "baselines": "constant:0",
        "grains": 1,
        "responsibility": "ranks",
        "analyses": ALL,
        **settings,
    }
    method = suffice.FromRanking(ranking(first))
    return Study(models, images, {"ranked": method}, **settings)


def two(**settings) -> Study:
    """One model looks at pixel (5, 5), the other at (0, 0)."""
    return study({"a": model(spot(5, 5), "a"), "b": model(spot(0, 0), "b")}, **settings)


def by_pair(result: StudyResult, name: str) -> dict[tuple[str, str], dict]:
    source = {row["key"]: row["model"] for row in result.rows()}
    return {(source[v["key"]], v["model"]): v for v in result.probes(name)}


def test_transfer_is_what_the_other_model_says_to_the_set(tmp_path: Path) -> None:
    result = two().run(tmp_path / "s.db")
    assert [r["pixels"] for r in result.rows()] == [1, 2]  # (5, 5); and (0, 0), after it
    values = by_pair(result, "transfer")
    assert {pair: v["top1"] for pair, v in values.items()} == {
        ("a", "a"): 1,
        ("a", "b"): 0,
        ("b", "a"): 1,  # the order of b begins with (5, 5) too
        ("b", "b"): 1,
    }
    assert values["a", "a"]["confidence"] == pytest.approx(P_HIGH)
    assert values["a", "b"]["confidence"] == pytest.approx(1 - P_HIGH)
    assert {(v["whole_top1"], v["share"]) for v in values.values()} == {(1, 0.01), (1, 0.02)}
    # The whole image is seen once by each, and charged to the first set.
    assert sorted(v["evaluations"] for v in values.values()) == [1, 1, 2, 2]
    assert result.probe_states()["transfer"]["b"] == {
        "done": 2,
        "skipped": 0,
        "failed": 0,
        "open": 0,
    }


def test_subsets_follow_the_order(tmp_path: Path) -> None:
    settings = {"subsets": {"shares": (0.01, 0.5, 1.0), "draws": 40}}
    result = two(probes=settings).run(tmp_path / "s.db")
    values = by_pair(result, "subsets")
    own = values["a", "a"]
    assert (own["unit"], own["shares"], own["evaluations"]) == ("pixels", [0.01, 0.5, 1.0], 124)
    assert own["subset"]["top1"] == [1, 1, 1]  # (5, 5) leads the order
    assert own["subset"]["confidence"] == pytest.approx([P_HIGH] * 3)
    # For b the order begins with (5, 5) too, and (0, 0) comes second.
    assert values["b", "b"]["subset"]["top1"] == [0, 1, 1]
    shares = [np.mean(draws["top1"]) for draws in own["random"]]
    assert shares[0] <= 0.15
    assert 0.2 < shares[1] < 0.8
    assert shares[2] == 1.0
    assert {k: values["a", "b"][k] for k in ("share", "top1", "whole_top1", "evaluations")} == {
        "share": 0.01,
        "top1": 0,
        "whole_top1": 1,
        "evaluations": 2,
    }
    again = two(probes=settings).run(tmp_path / "again.db")
    assert by_pair(again, "subsets") == values


def test_curves_insert_and_delete_in_order(tmp_path: Path) -> None:
    result = two(probes={"curves": {"shares": (0.01, 0.02)}}).run(tmp_path / "s.db")
    values = by_pair(result, "curves")
    assert set(values) == {("a", "a"), ("b", "b")}
    assert values["a", "a"]["insertion"]["top1"] == [0, 1, 1]
    assert values["a", "a"]["deletion"]["top1"] == [1, 0, 0]
    assert values["b", "b"]["insertion"]["top1"] == [0, 0, 1]
    assert values["b", "b"]["deletion"]["top1"] == [1, 1, 0]
    assert values["b", "b"]["shares"] == [0.0, 0.01, 0.02]
    assert values["b", "b"]["evaluations"] == 6


def test_robustness_of_a_single_pixel(tmp_path: Path) -> None:
    settings = {
        "baselines": ["constant:1", "constant:0.2", "black"],
        "shifts": (1,),
        "noise": (64,),
    }
    result = two(probes={"robustness": settings}).run(tmp_path / "s.db")
    values = by_pair(result, "robustness")
    for value in values.values():
        assert value["set"]["top1"] == value["whole"]["top1"] == [1]
        assert value["baselines"] == {
            "names": ["constant:1", "constant:0.2"],
            "top1": [1, 1],  # the pixel is kept, whatever is around it
            "confidence": pytest.approx([P_HIGH, P_HIGH]),
        }
        assert list(value["refused"]) == ["black"]
        assert value["changes"]["names"] == ["shift:1"] * 4 + ["noise:64"] * 2
        # Moved by a pixel, the set leaves the place that the model looks at.
        assert value["changes"]["top1"][:4] == [0, 0, 0, 0]
        assert value["whole_changes"]["top1"][:4] == [1, 1, 1, 1]
        plus, minus = value["changes"]["confidence"][4:]
        assert plus == pytest.approx(minus)  # without colours the flat photo has no range: no noise
        assert value["evaluations"] == 1 + 1 + 2 + 2 * 4 + 2 * 2


def test_edges_repeat_where_a_photo_is_shifted(tmp_path: Path) -> None:
    half = BRIGHT.copy()
    half[:, :, :6] = 0.0
    half[:, :, 5:] = 1.0
    made = study({"a": model(spot(5, 5), "a")}, [half], analyses="robustness")
    (value,) = made.run(tmp_path / "s.db").probes("robustness")
    # The whole photo, moved right or left by up to 4: to the right what comes in is dark.
    names = value["whole_changes"]["names"]
    seen = dict.fromkeys(names, ())
    for name, top1 in zip(names, value["whole_changes"]["top1"], strict=True):
        seen[name] += (top1,)
    # Up, down, left, right.
    assert seen["shift:1"] == seen["shift:2"] == seen["shift:4"] == (1, 1, 1, 0)


def test_masks_are_brought_to_the_grid_of_another_model() -> None:
    mask = np.zeros((4, 4), np.bool_)
    mask[0, 3] = mask[2, 1] = True
    box = (0.0, 0.0, 8.0, 8.0)
    assert to_grid(mask, box, (4, 4), box) is mask
    twice = to_grid(mask, box, (8, 8), box)
    np.testing.assert_array_equal(twice, mask.repeat(2, 0).repeat(2, 1))
    # The other crops the middle half of the photo: two of the four rows and columns.
    inner = to_grid(mask, box, (4, 4), (2.0, 2.0, 6.0, 6.0))
    np.testing.assert_array_equal(inner, mask[1:3, 1:3].repeat(2, 0).repeat(2, 1))
    # And the other way round: what was cropped off is not in the set.
    outer = to_grid(np.ones((4, 4), np.bool_), (2.0, 2.0, 6.0, 6.0), (4, 4), box)
    np.testing.assert_array_equal(outer, np.pad(np.ones((2, 2), np.bool_), 1))


def test_models_of_other_sizes_see_the_same_part_of_the_photo(tmp_path: Path) -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    flat = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    small = suffice.as_classifier(
        spot(5, 5), input_shape=(3, 10, 10), preprocess=suffice.Preprocess(10, **flat),
        fingerprint="small",
    )  # fmt: skip
    crop = suffice.Preprocess(20, resize_shorter_side=40, **flat)  # the middle, a pixel a pixel
    large = suffice.as_classifier(
        spot(10, 10), input_shape=(3, 20, 20), preprocess=crop, fingerprint="large"
    )
    aside = suffice.as_classifier(
        spot(9, 10), input_shape=(3, 20, 20), preprocess=crop, fingerprint="aside"
    )
    made = Study(
        {"small": small, "large": large, "aside": aside},
        [pixels],
        {"minimal": "minimal"},
        baselines="black",
        grains=1,
        analyses="transfer",
    )
    result = made.run(tmp_path / "s.db")
    values = by_pair(result, "transfer")
    # (5, 5) of 10 is 20..23 of the photo, and 10..13 of the crop from 10 to 30.
    assert values["small", "large"]["top1"] == 1
    assert values["small", "aside"]["top1"] == 0
    assert values["small", "large"]["share"] == pytest.approx(16 / 400)
    assert values["large", "small"]["top1"] == 0  # a quarter of its pixel, and not its centre


def test_orders_of_units() -> None:
    place = np.array([[0, 1], [1, 2]])
    units = Units("patches", place, 3)
    assert [units.number(s) for s in (0.01, 0.4, 0.9, 1.0)] == [1, 2, 3, 3]
    np.testing.assert_array_equal(units.first(0.6), [[True, True], [True, False]])
    drawn = units.drawn(0.3, np.random.default_rng(0))
    assert len(np.unique(place[drawn])) == 1


def test_the_order_of_sis_and_of_moxi(tmp_path: Path) -> None:
    def brightness(x):
        z = 3.0 * (x[:, 0, :5, :5].mean((1, 2)) - 0.2 * x[:, 0, :5, 5:].mean((1, 2))) - 0.5
        return np.stack([np.zeros_like(z), z], 1)

    image = BRIGHT * np.linspace(0.5, 1.0, 100, dtype=np.float32).reshape(1, 10, 10)
    made = Study(
        {"a": model(brightness, "a")},
        [image],
        {"sis": "sis", "moxi": suffice.Moxi(order="both", grid=2, full=True)},
        baselines="constant:0",
        criteria="top1",
        grains=1,
        responsibility="ranks",
        analyses="curves",
    )
    result = made.run(tmp_path / "s.db")
    sis, moxi = result.explanations()
    order = units_of(sis)
    np.testing.assert_array_equal(
        order.place.reshape(-1)[sis.arrays["order"]], np.arange(99, -1, -1)
    )
    patches = units_of(moxi)
    assert (patches.kind, patches.count) == ("patches", 4)
    details = moxi.record["details"]
    corners = patches.place[::5, ::5].reshape(-1)  # of players 0 to 3
    assert np.argsort(corners).tolist() == details["insertion"]["order"]
    removed = deletion_of(moxi, patches).place[::5, ::5].reshape(-1)
    assert np.argsort(removed).tolist() == details["deletion"]["order"]
    assert [v["unit"] for v in result.probes("curves")] == ["pixels", "patches"]


def test_without_an_order_nothing_is_asked(tmp_path: Path) -> None:
    result = two(responsibility="none").run(tmp_path / "s.db")
    assert result.probes("subsets") == []
    assert result.probe_states()["subsets"]["a"]["skipped"] == 2
    assert len(result.probes("transfer")) == 4
    ((text,),) = query(
        tmp_path / "s.db",
        "SELECT DISTINCT json_extract(value, '$.skipped') FROM probes WHERE probe = 'curves'",
    )
    assert 'responsibility = "ranks"' in text


def test_no_analysis_no_probes(tmp_path: Path) -> None:
    made = two(analyses=["sizes"])
    result = made.run(tmp_path / "s.db")
    assert result.probe_states() == {}
    result = made.probe(tmp_path / "s.db", ["transfer"])
    assert len(result.probes("transfer")) == 4
    with pytest.raises(SettingsError, match="no probe 'transfers'; there are transfer"):
        made.probe(tmp_path / "s.db", ["transfers"])


def test_going_on_asks_only_what_is_missing(tmp_path: Path) -> None:
    shown: list[int] = []

    def counted(images, **settings):
        return study({"a": model(spot(5, 5, shown), "a")}, images, **settings)

    store = tmp_path / "s.db"
    counted([BRIGHT]).run(store)
    first = query(store, "SELECT * FROM probes ORDER BY 1, 2, 3")
    shown.clear()
    counted([BRIGHT]).run(store)
    assert sum(shown) <= 1  # the call that finds the number of classes
    counted([BRIGHT], probes={"curves": {"shares": (0.1,)}}).run(store)
    after = query(store, "SELECT * FROM probes ORDER BY 1, 2, 3")
    assert [a[1] for a, b in zip(after, first, strict=True) if a != b] == ["curves"]
    result = counted([BRIGHT, 0.9 * BRIGHT]).run(store)
    assert len(result.probes("curves")) == 2
    assert len(counted([BRIGHT]).run(store).probes("curves")) == 1  # of this design's jobs


def test_another_model_of_the_same_name_is_asked_anew(tmp_path: Path) -> None:
    two().run(tmp_path / "s.db")
    other = {"a": model(spot(5, 5), "a"), "b": model(spot(5, 5), "another")}
    result = study(other).run(tmp_path / "s.db")
    assert by_pair(result, "transfer")["a", "b"]["top1"] == 1
    result = study({"a": model(spot(5, 5), "a")}).run(tmp_path / "s.db")
    assert set(by_pair(result, "transfer")) == {("a", "a")}  # b is no model of the study now


def test_a_model_that_fails_stops_no_other(tmp_path: Path) -> None:
    broken = [True]

    def picky(x):
        if broken[0] and (x.sum((1, 2, 3)) == 1.0).any() and (x[:, 0, 5, 5] == 1.0).any():
            raise RuntimeError("no more of this")  # of the set of a, which a itself may see
        return spot(0, 0)(x)

    images = [BRIGHT, 0.9 * BRIGHT]
    models = {"a": model(spot(5, 5), "a"), "b": model(picky, "b")}
    made = study(models, images, analyses=["transfer", "curves"])
    broken[0] = False
    study(models, images, analyses=["sizes"]).run(tmp_path / "s.db")
    broken[0] = True
    result = made.run(tmp_path / "s.db")
    failed = [name for name, _ in result.failures]
    assert failed == ["transfer of a ranked image-0, asked b"] or failed[-1].startswith("transfer")
    assert all("RuntimeError: no more of this" in error for _, error in result.failures)
    pairs = [(v["model"], v["top1"]) for v in result.probes("transfer")]
    assert len(pairs) == 8 - len([f for f in failed if f.startswith("transfer")])
    assert result.probe_states()["transfer"]["a"]["done"] == 4
    assert result.probe_states()["transfer"]["b"]["failed"] >= 1
    broken[0] = False
    assert made.run(tmp_path / "s.db").failures  # only where it is asked for
    assert made.run(tmp_path / "s.db", retry=True).failures == []
    assert len(made.run(tmp_path / "s.db").probes("transfer")) == 8


def test_classes_that_a_model_does_not_have(tmp_path: Path) -> None:
    def three(x):
        return np.stack([0 * x[:, 0, 0, 0], 0 * x[:, 0, 0, 0], 4.0 * x[:, 0, 5, 5] - 2.0], 1)

    models = {"a": model(spot(5, 5), "a"), "wide": model(three, "wide")}
    result = study(models, analyses="transfer").run(tmp_path / "s.db")
    (failure,) = result.failures
    assert failure[0] == "transfer of wide ranked image-0, asked a"
    assert "a has classes 0 to 1, the set is of class 2" in failure[1]
    assert by_pair(result, "transfer")["a", "wide"]["confidence"] < 0.5


def test_a_model_with_a_limit_is_asked_about_no_more(tmp_path: Path) -> None:
    from suffice.study import ModelSpec

    models = [
        ModelSpec("a", model(spot(5, 5), "a")),
        ModelSpec("slow", model(spot(0, 0), "slow"), limit=1),
    ]
    images = [BRIGHT, 0.9 * BRIGHT, 0.8 * BRIGHT]
    result = study(models, images, analyses="transfer").run(tmp_path / "s.db")
    states = result.probe_states()["transfer"]
    assert (states["a"]["done"], states["slow"]["done"]) == (4, 2)


def test_stopping_between_images(tmp_path: Path) -> None:
    images = [BRIGHT * np.float32(1 - k / 100) for k in range(6)]
    made = study({"a": model(spot(5, 5), "a")}, images, analyses=["sizes"])
    made.run(tmp_path / "s.db")
    result = made.probe(tmp_path / "s.db", ["transfer"], should_stop=lambda: True)
    assert result.probe_states()["transfer"]["a"]["open"] == 6
    result = made.probe(tmp_path / "s.db", ["transfer"])
    assert result.probe_states()["transfer"]["a"]["open"] == 0


def test_a_store_from_before_there_were_probes(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    two(analyses=["sizes"]).run(store)
    with sqlite3.connect(store) as db:
        db.execute("DROP TABLE IF EXISTS probes")
    db.close()
    result = StudyResult(store)
    assert (result.probes("transfer"), result.probe_states(), result.failures) == ([], {}, [])
    assert merge(tmp_path / "m.db", [store]) == 2
    assert len(two().run(store).probes("transfer")) == 4


def test_probes_are_merged(tmp_path: Path) -> None:
    images = [BRIGHT * np.float32(1 - k / 100) for k in range(6)]
    parts = [tmp_path / "1.db", tmp_path / "2.db"]
    for k, part in enumerate(parts, 1):
        two(images=images).run(part, shard=(k, 2))
    whole = two(images=images).run(tmp_path / "whole.db")
    for _ in range(2):
        merge(tmp_path / "all.db", parts)
        merged = StudyResult(tmp_path / "all.db")
        for name in ALL:
            by_key = sorted(whole.probes(name), key=lambda v: (v["key"], v["model"]))
            found = sorted(merged.probes(name), key=lambda v: (v["key"], v["model"]))
            for one, other in zip(by_key, found, strict=True):
                differ = {"evaluations"}  # the whole image is charged to the first that asks
                assert {k: v for k, v in one.items() if k not in differ} == {
                    k: v for k, v in other.items() if k not in differ
                }
    assert merged.probe_states()["curves"]["a"] == {
        "done": 6,
        "skipped": 0,
        "failed": 0,
        "open": 0,
    }
    # A value takes the place of a failure.
    with sqlite3.connect(tmp_path / "all.db") as db:
        db.execute("""UPDATE probes SET value = '{"error": "x"}' WHERE probe = 'curves'""")
    db.close()
    assert len(StudyResult(tmp_path / "all.db").failures) == 12
    merge(tmp_path / "all.db", parts)
    assert StudyResult(tmp_path / "all.db").failures == []
    # What was merged is gone on with.
    shown = two(images=images).run(tmp_path / "all.db").probe_states()
    assert shown["transfer"]["b"]["open"] == 0


@pytest.fixture
def design(tmp_path: Path) -> Path:
    path = write_study(tmp_path, seeds=3)
    text = path.read_text().replace(
        "budget = 60", 'budget = 2000\nresponsibility = "ranks"\nanalyses = ["transfer", "curves"]'
    )
    path.write_text(text + "\n[probes.curves]\nshares = [0.05, 0.2]\n")
    return path


def values(store: Path) -> list[tuple]:
    return query(store, "SELECT * FROM probes ORDER BY key, probe, model")


@POSIX
@pytest.mark.parametrize("workers", ["0", "2"])
def test_kill_9_loses_nothing(design: Path, tmp_path: Path, workers: str) -> None:
    Study.from_toml(design).run(tmp_path / "whole.db", workers=0)
    whole = values(tmp_path / "whole.db")
    assert len(whole) == 48 * 2 + 48
    store = tmp_path / "s.db"
    for least in (1, 30, 60, 100):
        process = start(design, store, "--workers", workers)
        if not wait_until(lambda n=least: len(values(store)) >= n, process):
            break
        kill(process)
        kept = values(store)
    process = start(design, store, "--workers", workers)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert set(kept) <= set(values(store))
    assert without_cost(values(store)) == without_cost(whole)


def without_cost(rows: list[tuple]) -> list[tuple]:
    """All but the evaluations, which depend on what an image still needed."""
    made = []
    for *names, value in rows:
        read = json.loads(value)
        read.pop("evaluations")
        made.append((*names, json.dumps(read)))
    return made


@POSIX
def test_a_process_that_dies_fails_its_model_only(
    design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = design.read_text()
    design.write_text(text.replace('["transfer", "curves"]', "[]"))
    Study.from_toml(design).run(tmp_path / "s.db", workers=0)
    design.write_text(text)
    dies = tmp_path / "dies.sh"
    dies.write_text(  # whichever comes first
        f"#!/bin/sh\nif mkdir {tmp_path}/first 2>/dev/null; then echo out of memory >&2; exit 9; fi\n"
        f'exec {sys.executable} "$@"\n'
    )
    dies.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(dies))
        result = Study.from_toml(design).probe(tmp_path / "s.db", workers=2)
    states = result.probe_states()
    outcomes = [(s["done"], s["failed"]) for s in states["transfer"].values()]
    assert sorted(outcomes) == [(0, 48), (48, 0)]
    assert all("ended with code 9: out of memory" in error for _, error in result.failures)
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=1, retry=True)
    assert result.failures == []


def test_a_model_that_is_gone_is_recorded(design: Path, tmp_path: Path) -> None:
    study = Study.from_toml(design)
    study.prepare()
    made = study.run(tmp_path / "s.db", workers=0, should_stop=None)
    assert made.failures == []
    with sqlite3.connect(tmp_path / "s.db") as db:
        db.execute("DELETE FROM probes")
    db.close()
    (tmp_path / "hard.onnx").unlink()
    result = study.run(tmp_path / "s.db", workers=0)
    states = result.probe_states()["transfer"]
    assert (states["soft"]["done"], states["hard"]["failed"]) == (48, 48)


def test_the_command_shows_probes(suffice_cli, design: Path, tmp_path: Path) -> None:
    ran = suffice_cli("study", "run", design, "--store", tmp_path / "s.db", "--workers", "0")
    assert ran.returncode == 0, ran.stderr
    lines = [line.split() for line in ran.stderr.splitlines()]
    assert ["transfer,", "soft", "48", "0", "0", "0"] in lines
    (curves,) = [line[2:] for line in lines if line[:2] == ["curves,", "hard"]]
    done, skipped, failed, left = map(int, curves)
    # Where the baseline alone has the class there is no search, and no order.
    assert (done + skipped, failed, left) == (24, 0, 0)
    assert 0 < skipped < done
    status = suffice_cli("study", "status", tmp_path / "s.db", "--json")
    assert json.loads(status.stdout)["probes"]["curves"]["hard"]["done"] == done


@pytest.fixture
def suffice_cli():
    import subprocess
    import sys

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "suffice", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


BROKEN = [
    ("[probes.curves]", "[probes.curve]", "curve]", "no probe 'curve'"),
    ("shares = [0.05, 0.2]", "share = [0.05]", "share =", "no setting 'share'; it has shares"),
    ("shares = [0.05, 0.2]", "shares = [0.2, 0.1]", "shares", "should be rising numbers"),
    ("shares = [0.05, 0.2]", "shares = [0.2, 1.1]", "shares", "and up to 1"),
    ("shares = [0.05, 0.2]", "shares = 3", "shares", "got 3"),
    ("shares = [0.05, 0.2]", "[probes.transfer]\nx = 1", "x = 1", "it has none"),
    ("shares = [0.05, 0.2]", "[probes.subsets]\ndraws = 0", "draws", "at least 1, got 0"),
    (
        "shares = [0.05, 0.2]",
        '[probes.robustness]\nbaselines = ["x"]',
        "baselines",
        "'x' is unknown",
    ),
    ("shares = [0.05, 0.2]", "[probes.robustness]\nshifts = [1.5]", "shifts", "whole"),
]


@pytest.mark.parametrize(("old", "new", "at", "says"), BROKEN, ids=[b[3][:30] for b in BROKEN])
def test_errors_name_the_line(design: Path, old: str, new: str, at: str, says: str) -> None:
    text = design.read_text().replace(old, new, 1)
    design.write_text(text)
    with pytest.raises(SettingsError, match=r"line \d+") as caught:
        read_design(design)
    message = str(caught.value)
    assert says in message
    number = int(message.partition("line ")[2].partition(":")[0])
    assert at in text.splitlines()[number - 1]


def test_settings_of_probes(design: Path) -> None:
    made = read_design(design)
    assert made.probe("curves").settings() == {"shares": [0.05, 0.2]}
    for name in PROBES:
        probe = make_probe(name)
        assert make_probe(name, probe.settings()).settings() == probe.settings()
        assert probe.cost(True) >= probe.cost(False) >= 2
    with pytest.raises(SettingsError, match="no setting 'a'"):
        two(probes={"curves": {"a": 1}})
