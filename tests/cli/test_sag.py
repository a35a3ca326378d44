"""suffice explain with sag: the graph beside the record."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def question(model, preprocess) -> tuple[str, ...]:
    words = ("--model", str(model), "--preprocess", str(preprocess), "--no-plot")
    return (*words, "--method", "sag", "--set", "grid=4", "--set", "shown=2")


def test_a_graph_is_written_beside_each_record(suffice, question, photos, tmp_path) -> None:
    out = tmp_path / "out"
    ran = suffice("explain", photos, *question, "--out", out)
    assert ran.code == 0, ran
    written = {path.name for path in out.iterdir()}
    assert written == {f"{stem}{suffix}" for stem in "ab" for suffix in (".json", ".npz", ".dot")}
    record = json.loads((out / "a.json").read_text())
    assert record["method"]["settings"]["grid"] == 4
    assert record["details"]["patches"] == 16
    assert len(record["sets"]) == len(record["details"]["shown"]) <= 2
    text = (out / "a.dot").read_text()
    assert text.count("fillcolor") == len(record["details"]["graph"]["nodes"])
    assert record["details"]["graph"]["nodes"][0]["patches"][0] in text
    ran = suffice("verify", out, *question[:4], "--images", photos)
    assert ran.code == 0, ran


def test_a_graph_that_is_there_is_a_result_that_is_there(
    suffice, question, photos, tmp_path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.dot").write_text("digraph {}")
    ran = suffice("explain", photos, *question, "--out", out)
    assert ran.code == 2
    assert "b.png are in" in ran.err
    ran = suffice("explain", photos, *question, "--existing", "replace", "--out", out)
    assert ran.code == 0, ran
    assert "digraph sag" in (out / "b.dot").read_text()


def test_other_methods_write_no_graph(suffice, options, photos, tmp_path) -> None:
    ran = suffice("explain", photos, *options, "--no-plot", "--out", tmp_path / "out")
    assert ran.code == 0, ran
    assert not list((tmp_path / "out").glob("*.dot"))


def test_count_points_to_its_own_setting(suffice, question, photos, tmp_path) -> None:
    ran = suffice("explain", photos, *question, "--count", "3", "--out", tmp_path / "out")
    assert ran.code == 2
    assert "--set shown=K" in ran.err


def test_methods_lists_it(suffice) -> None:
    ran = suffice("methods")
    assert ran.code == 0
    assert "sag" in ran.out


def test_without_a_root_there_is_no_graph(suffice, question, photos, tmp_path) -> None:
    words = ("--criterion", "confidence:0.999999", "--out", tmp_path / "out")
    ran = suffice("explain", photos / "a.png", *question, *words)
    assert ran.code == 0, ran
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["status"] == "unattained"
    assert "16 of 16 patches" in record["reason"]
    assert not (tmp_path / "out" / "a.dot").exists()
