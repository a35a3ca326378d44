"""suffice explain: what is written, printed and failed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import suffice as package
from reference.onnx_models import one_at_a_time_model
from reference.photos import SIDE, write_photo
from reference.scripted import Told
from suffice.methods import base


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def results(*stems: str) -> set[str]:
    return {stem + suffix for stem in stems for suffix in (".npz", ".json", ".png")}


def test_writes_three_files_and_one_line_per_image(
    suffice, options, photos, labels, tmp_path
) -> None:
    out = tmp_path / "out"
    ran = suffice("explain", photos, *options, "--labels", labels, "--out", out)
    assert ran.code == 0, ran
    assert files(out) == results("a", "b")
    first, second = ran.out.splitlines()
    number = r"area \d+\.\d\d % \([\d,]+ px\)  evaluations [\d,]+  \d+\.\d s  verified"
    assert re.fullmatch(rf"a\.png  1 top right  {number}", first)
    assert re.fullmatch(rf"b\.png  3 bottom right  {number}", second)
    with np.load(out / "a.npz") as arrays:
        mask = arrays["mask"]
    assert mask.dtype == np.uint8
    assert mask.shape == (SIDE, SIDE)
    assert mask.any()
    record = json.loads((out / "a.json").read_text())
    assert record["pixels"] == mask.sum()
    assert record["certificate"]["sufficient"] is True
    with Image.open(out / "a.png") as picture:
        assert picture.size[0] > picture.size[1] > 200


def test_saved_results_load_and_are_those_of_the_library(
    suffice, options, model, preprocess, photos, tmp_path
) -> None:
    assert suffice("explain", photos, *options, "--out", tmp_path / "out").code == 0
    saved = package.load(tmp_path / "out" / "b.json")
    made = package.explain(
        package.as_classifier(str(model), preprocess=package.Preprocess.from_json(preprocess)),
        photos / "b.png",
        method=package.Rex(iterations=2),
        grain=4,
    )
    assert np.array_equal(saved.mask, made.mask)
    assert np.array_equal(saved.responsibility, made.responsibility)
    assert saved.evaluations == made.evaluations


def test_minimal_is_the_method_where_none_is_named(
    suffice, model, preprocess, photos, tmp_path
) -> None:
    out = tmp_path / "out"
    question = ("--model", model, "--preprocess", preprocess, "--no-plot")
    words = ("--set", "effort=900", "--count", "2", "--grain", "4")
    ran = suffice("explain", photos, *question, *words, "--out", out)
    assert ran.code == 0, ran
    assert "irreducible at grain 4" in ran.out
    for name in ("a", "b"):
        record = json.loads((out / f"{name}.json").read_text())
        assert record["method"]["name"] == "minimal"
        assert record["method"]["settings"] == {"effort": 900}
        assert [s["certificate"]["irreducible_at"] for s in record["sets"]] == [4, 4]
    assert suffice("verify", out, "--model", model, "--images", photos).code == 0
    assert "(default: minimal)" in suffice("explain", "--help").out


def test_json_prints_the_records(suffice, options, photos, tmp_path) -> None:
    out = tmp_path / "out"
    ran = suffice("explain", photos, *options, "--json", "--no-plot", "--out", out)
    assert ran.code == 0
    printed = [json.loads(line) for line in ran.out.splitlines()]
    assert [record["image"]["name"] for record in printed] == ["a.png", "b.png"]
    for record in printed:
        stem = Path(record["image"]["name"]).stem
        assert record == json.loads((out / f"{stem}.json").read_text())
        assert record["format"] == 1
    assert files(out) == {"a.npz", "a.json", "b.npz", "b.json"}


def test_bad_images_fail_alone(suffice, options, photos, tmp_path) -> None:
    write_photo(photos / "grey.png", 2, "L")
    whole = write_photo(photos / "whole.jpg", 1).read_bytes()
    (photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "text.png").write_text("no picture at all")
    (photos / "empty.png").write_bytes(b"")
    out = tmp_path / "out"
    ran = suffice("explain", photos, photos / "missing.png", *options, "--out", out)
    assert ran.code == 1
    assert files(out) == results("a", "b", "grey", "whole")
    assert len(ran.out.splitlines()) == 4
    bad = ("truncated.jpg", "text.png", "empty.png", "missing.png")
    lines = ran.err.splitlines()
    table = lines[lines.index("4 of 8 failed:") + 1 :]
    assert table[0].split() == ["item", "why"]
    assert sorted(row.split()[0] for row in table[1:]) == sorted(bad)
    for name in bad:  # one line each when it happens, one in the table
        assert sum(name in line.split("  ")[0] for line in lines if "failed: " in line) == 1
    assert "does not exist" in ran.err


def test_existing_results(suffice, options, photos, tmp_path) -> None:
    out = tmp_path / "out"
    command = ("explain", photos, *options, "--out", out)
    assert suffice(*command).code == 0
    kept = (out / "a.json").read_bytes()

    ran = suffice(*command, "--model", "missing.onnx")  # found before the model is looked at
    assert ran.code == 2
    assert "a.png and those of 1 more" in ran.err
    assert "--existing skip" in ran.err

    ran = suffice(*command, "--existing", "skip", "--model", "missing.onnx")
    assert ran.code == 0
    assert "2 skipped" in ran.err
    assert not ran.out

    (out / "b.json").unlink()  # as a crash would leave it
    ran = suffice(*command, "--existing", "skip")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["b.png"]
    assert (out / "b.json").exists()
    assert (out / "a.json").read_bytes() == kept

    ran = suffice(*command, "--existing", "replace", "--seed", "5")
    assert ran.code == 0
    assert json.loads((out / "a.json").read_text())["seed"] == 5


def test_sub_folders_and_equal_stems(suffice, options, photos, tmp_path) -> None:
    write_photo(photos / "a.jpg", 1)
    write_photo(photos / "deep" / "er" / "a.png", 2)
    write_photo(photos / "dotted.v2.PNG", 2)
    (photos / "notes.txt").write_text("no image")
    out = tmp_path / "out"
    assert suffice("explain", photos, *options, "--no-plot", "--out", out).code == 0
    stems = {name.removesuffix(".json") for name in files(out) if name.endswith(".json")}
    assert stems == {"a.jpg", "a.png", "b", "deep/er/a", "dotted.v2"}


def test_out_below_the_source_is_no_source(suffice, options, photos) -> None:
    command = ("explain", photos, *options, "--out", photos / "out")
    assert suffice(*command).code == 0
    ran = suffice(*command, "--existing", "replace")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 2


def test_results_never_overwrite_photos(suffice, options, photos) -> None:
    before = (photos / "a.png").read_bytes()
    ran = suffice("explain", photos / "a.png", *options, "--out", photos, "--existing", "replace")
    assert ran.code == 2
    assert "would overwrite" in ran.err
    assert (photos / "a.png").read_bytes() == before


def test_two_images_for_one_result(suffice, options, photos, tmp_path) -> None:
    write_photo(tmp_path / "other" / "a.png", 1)
    ran = suffice(
        "explain", photos, tmp_path / "other" / "a.png", *options, "--out", tmp_path / "out"
    )
    assert ran.code == 2
    assert "both be written" in ran.err


def test_an_image_named_twice_is_explained_once(suffice, options, photos, tmp_path) -> None:
    ran = suffice("explain", photos, photos / "a.png", *options, "--out", tmp_path / "out")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 2


def test_target_baselines_and_budget_reach_the_search(suffice, options, photos, tmp_path) -> None:
    ran = suffice(
        *("explain", photos / "a.png", *options, "--out", tmp_path / "out", "--json"),
        *("--target", "2", "--baseline", "grey", "--baseline", "black", "--budget", "40"),
        *("--criterion", "relative:0.5", "--seed", "9", "--batch-size", "3"),
    )
    assert ran.code == 0, ran
    record = json.loads(ran.out)
    assert record["target"] == 2
    assert [b["kind"] for b in record["reference"]["baselines"]] == ["grey", "black"]
    assert record["evaluations"] <= 40
    assert (record["criterion"], record["seed"], record["grain"]) == ("relative:0.5", 9, 4)
    assert record["method"]["settings"]["iterations"] == 2


def test_empty_baseline_is_said(suffice, options, photos, tmp_path) -> None:
    # Class 0 wins a tie, so an all-equal baseline has it already.
    ran = suffice("explain", photos / "a.png", *options, "--target", "0", "--out", tmp_path / "o")
    assert ran.code == 0
    assert json.loads((tmp_path / "o" / "a.json").read_text())["status"] == "empty"
    assert "area 0.00 % (0 px)" in ran.out
    assert "verified, the baseline alone suffices" in ran.out


def test_without_matplotlib_results_are_written_without_pictures(options, photos, tmp_path) -> None:
    blocker = tmp_path / "blocked" / "matplotlib"
    blocker.mkdir(parents=True)
    (blocker / "__init__.py").write_text("raise ImportError('blocked')")
    out = tmp_path / "out"
    ran = subprocess.run(
        [sys.executable, "-m", "suffice", "explain", photos, *options, "--out", out],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(blocker.parent)},
        check=False,
    )
    assert ran.returncode == 0, ran
    assert ran.stderr.count("suffice[plot]") == 1
    assert files(out) == {"a.npz", "a.json", "b.npz", "b.json"}


def test_progress_is_on_stderr_only_when_asked_for(suffice, options, photos, tmp_path) -> None:
    ran = suffice("explain", photos, *options, "--out", tmp_path / "quiet")
    assert not ran.err
    ran = suffice("explain", photos, *options, "--progress", "--out", tmp_path / "loud")
    assert "2/2" in ran.err
    assert "evaluations/s" in ran.err
    assert len(ran.out.splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(options, tmp_path) -> None:
    photos, out = tmp_path / "many", tmp_path / "out"
    for index in range(200):
        write_photo(photos / f"{index:03d}.png", index % 4)
    command = ["explain", str(photos), *options, "--no-plot", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "suffice", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    # Not communicate(), which would lose what readline() has read ahead.
    rest, err = process.stdout.read(), process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert process.wait() == 130, err
    assert "Traceback" not in err
    printed = len([first, *rest.splitlines()])
    written = [name for name in files(out) if name.endswith(".json")]
    assert 1 <= printed == len(written) < 200
    assert f"{printed} written, {200 - printed} left" in err
    go_on = err.splitlines()[-1].split()
    assert go_on == ["suffice", *command, "--existing", "skip"]
    again = subprocess.run(
        [sys.executable, "-m", *go_on], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again
    assert len(again.stdout.splitlines()) == 200 - printed


def test_a_closed_pipe_is_no_crash(options, photos, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "suffice", "explain", photos, *options, "--out", tmp_path / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in err
    assert process.returncode == 1


def test_a_model_for_one_image_at_a_time_says_so(suffice, preprocess, photos, tmp_path) -> None:
    path = tmp_path / "one.onnx"
    path.write_bytes(one_at_a_time_model((3, SIDE, SIDE), classes=4).SerializeToString())
    words = ("--model", path, "--preprocess", preprocess, "--budget", "20", "--no-plot")
    ran = suffice("explain", photos, *words, "--out", tmp_path / "out")
    assert ran.code == 0
    assert "one image at a time: slower" in ran.err


def test_contrastive_sets_are_recorded_and_verified(suffice, options, model, photos, tmp_path):
    out = tmp_path / "out"
    ran = suffice("explain", photos, *options, "--contrastive", "--no-plot", "--out", out)
    assert ran.code == 0, ran
    record = json.loads((out / "a.json").read_text())
    assert record["contrastive"] is True
    assert record["status"] == "found"
    (baseline,) = record["certificate"]["baselines"]
    assert baseline["top1"] == record["target"] != baseline["rest_top1"]
    assert suffice("verify", out, "--model", model).code == 0


def test_several_sets_need_a_method_that_finds_them(suffice, options, photos, tmp_path) -> None:
    words = ("explain", photos, *options, "--out", tmp_path / "out")
    ran = suffice(*words, "--count", "3")
    assert ran.code == 2
    assert "--set extraction=spotlight" in ran.err
    assert suffice(*words, "--count", "0").code == 2
    ran = suffice(*words, "--overlap", "1")
    assert ran.code == 2
    assert "overlap" in ran.err


@dataclass(frozen=True)
class TwoCorners(Told):
    """Gives the last two pixels, one set each."""

    name: ClassVar[str] = "two-corners"
    sets: tuple[tuple[int, ...], ...] = ((SIDE * SIDE - 1,), (SIDE * SIDE - 2,))
    irreducible: tuple[int | None, ...] = (1, 1)


def test_several_sets_are_listed_and_verified(
    suffice, model, preprocess, photos, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(base._REGISTRY, TwoCorners.name, TwoCorners)
    out = tmp_path / "out"
    # Photo b is bright in the last quadrant: one of its pixels suffices.
    words = ("--model", model, "--preprocess", preprocess, "--method", "two-corners")
    words += ("--count", "2", "--overlap", "0.5", "--no-plot", "--out", out)
    ran = suffice("explain", photos / "b.png", *words)
    assert ran.code == 0, ran
    assert "2 sets" in ran.out
    assert "verified, irreducible at grain 1" in ran.out
    record = json.loads((out / "b.json").read_text())
    assert (record["count"], record["overlap"]) == (2, 0.5)
    assert [one["pixels"] for one in record["sets"]] == [1, 1]
    ran = suffice("verify", out, "--model", model)
    assert ran.code == 0, ran
    assert ran.out.count("irreducible at grain 1") == 2


def test_curves_are_written_drawn_and_verified(
    suffice, model, preprocess, photos, tmp_path
) -> None:
    from suffice.explanation import load

    ran = suffice(
        *("explain", photos / "a.png", "--model", model, "--preprocess", preprocess),
        *("--method", "curve", "--set", "levels=relative:0.9,top1", "--set", "grains=4,8"),
        *("--out", tmp_path / "out"),
    )
    assert ran.code == 0
    assert "4 sets" in ran.out
    assert files(tmp_path / "out") == results("a")
    curve = load(tmp_path / "out" / "a").curve
    assert [(p["criterion"], p["grain"]) for p in curve] == [
        ("relative:0.9", 8),
        ("relative:0.9", 4),
        ("top1", 8),
        ("top1", 4),
    ]
    assert all(p["sufficient"] and p["irreducible_at"] == p["grain"] for p in curve)
    ran = suffice("verify", tmp_path / "out", "--model", model, "--images", photos)
    assert ran.code == 0
    wrong = suffice(
        *("explain", photos / "a.png", "--model", model, "--preprocess", preprocess),
        *("--method", "curve", "--set", "grains=4,no", "--out", tmp_path / "other"),
    )
    assert wrong.code == 2
    assert "grains must be whole numbers" in wrong.err


def test_a_method_that_keeps_its_order(suffice, model, preprocess, photos, tmp_path) -> None:
    """`sis` on the command line, stopped early: the photo has too many pixels for more."""
    words = ("--model", model, "--preprocess", preprocess, "--method", "sis", "--budget", "1100")
    ran = suffice("explain", photos, *words, "--set", "keep=0.05", "--out", tmp_path / "out")
    assert ran.code == 0, ran
    loaded = package.load(tmp_path / "out" / "a.json")
    assert loaded.method["settings"] == {"keep": 0.05}
    assert loaded.status == "budget"
    assert loaded.arrays is not None
    assert len(loaded.arrays["order"]) == len(loaded.arrays["values"]) > 0
    ran = suffice("explain", photos, *words, "--set", "keep=2", "--out", tmp_path / "other")
    assert ran.code == 2
    assert "setting keep should be" in ran.err
