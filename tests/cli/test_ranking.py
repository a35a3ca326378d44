"""suffice explain with from_ranking and with --prune."""

from __future__ import annotations

import json

import numpy as np
import pytest

from reference.photos import SIDE


@pytest.fixture
def question(model, preprocess) -> tuple[str, ...]:
    return ("--model", str(model), "--preprocess", str(preprocess), "--grain", "4", "--no-plot")


def test_a_folder_of_maps(suffice, question, photos, tmp_path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    left = np.tile(np.arange(SIDE, 0, -1, dtype=np.float32), (SIDE, 1))
    np.save(maps / "a.npy", left)
    np.savez(maps / "b.npz", responsibility=left)
    words = ("--method", "from_ranking", "--set", f"ranking={maps}/", "--set", "width=10")
    ran = suffice("explain", photos, *question, *words, "--out", tmp_path / "out")
    assert ran.code == 0, ran
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["method"]["name"] == "from_ranking"
    assert record["method"]["settings"]["width"] == 10
    assert record["method"]["settings"]["ranking"] == f"{maps}/"
    assert record["details"]["ranking_source"] == "a.npy"
    assert record["certificate"]["sufficient"] is True
    (maps / "a.npy").unlink()
    ran = suffice("explain", photos, *question, *words, "--out", tmp_path / "more")
    assert ran.code == 1
    assert "expected a.npy or a.npz" in ran.err
    assert (tmp_path / "more" / "b.json").is_file()


def test_a_ranking_is_asked_for_at_once(suffice, question, photos, tmp_path) -> None:
    words = ("--method", "from_ranking", "--out", tmp_path / "out")
    ran = suffice("explain", photos, *question, *words)
    assert ran.code == 2
    assert "--set ranking=PATH" in ran.err


def test_pruned(suffice, options, photos, tmp_path) -> None:
    out = tmp_path / "plain", tmp_path / "pruned"
    assert suffice("explain", photos, *options, "--out", out[0]).code == 0
    assert suffice("explain", photos, *options, "--prune", "--out", out[1]).code == 0
    for name in ("a", "b"):
        plain, pruned = (json.loads((d / f"{name}.json").read_text()) for d in out)
        assert pruned["method"]["settings"]["prune"] == {"grain": 4}
        assert pruned["certificate"]["irreducible_at"] == 4
        assert pruned["pixels"] <= plain["pixels"]
    ran = suffice("verify", out[1], *options[:4], "--images", photos)
    assert ran.code == 0, ran


def test_methods_lists_it_and_not_prune(suffice) -> None:
    listed = json.loads(suffice("methods", "--json").out)
    (ours,) = [m for m in listed if m["name"] == "from_ranking"]
    assert {s["name"]: s["default"] for s in ours["settings"]} == {
        "ranking": None,
        "width": 24,
        "refine": 8,
        "tolerance": 0.01,
    }
    assert all(s["meaning"] for s in ours["settings"])
    assert not {"prune", "pruned"} & {m["name"] for m in listed}


def test_a_comparator_by_name(suffice, question, photos, tmp_path) -> None:
    pytest.importorskip("captum", reason="needs captum: pip install suffice[compare]")
    text = "ranking=comparator:occlusion:evaluations=60,of=logit"
    words = ("--method", "from_ranking", "--set", text, "--out", tmp_path / "out")
    ran = suffice("explain", photos, *question, *words)
    assert ran.code == 0, ran
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    described = record["method"]["settings"]["ranking"]
    assert described["comparator"] == "occlusion"
    assert described["settings"]["evaluations"] == 60
    assert described["settings"]["of"] == "logit"
    assert 4 < record["details"]["ranking_evaluations"] <= 60
    assert record["details"]["ranking_gradients"] == 0
    assert record["certificate"]["sufficient"] is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("comparator:none", "no comparator 'none'; there are attention_rollout"),
        ("comparator:occlusion:size=3", "has no setting 'size'"),
        ("comparator:occlusion:side", "expected KEY=VALUE"),
        ("comparator:occlusion:side=wide", "side='wide' should be int"),
    ],
)
def test_comparators_that_are_none(suffice, question, photos, tmp_path, text, words) -> None:
    options = ("--method", "from_ranking", "--set", f"ranking={text}", "--out", tmp_path / "out")
    ran = suffice("explain", photos, *question, *options)
    assert ran.code == 2, ran
    assert words in ran.err
