"""Wrong usage: one line on stderr, exit code 2, nothing written; help: exit code 0."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference.onnx_models import linear_model, two_input_model
from reference.photos import SIDE
from suffice import __version__

COMMANDS = ("explain", "verify", "check", "quiz", "demo", "info", "methods")


BRANCHES = (("check", "fit"), ("quiz", "score"))


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), *BRANCHES])
def test_help(suffice, command) -> None:
    ran = suffice(*command, "--help")
    assert ran.code == 0
    assert ran.out.startswith("usage: suffice")
    assert "None)" not in ran.out  # no meaningless defaults
    assert not ran.err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from suffice.cli import main; main(['explain', '--help']);"
        "heavy = {'numpy', 'PIL', 'scipy', 'matplotlib', 'onnxruntime', 'tqdm'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_python_m_suffice() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "suffice", "--version"], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == f"suffice {__version__}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["explode"], "explode"),
        (["explain"], "--model"),
        (["explain", "x.png", "--model", "m.onnx"], "--out"),
        (["verify", "results"], "--model"),
        (["methods", "--what"], "--what"),
        (["check", "x.png", "--model", "m.onnx"], "--reference"),
        (["check", "fit", "s.db"], "--out"),
        (["quiz", "s.db"], "--out"),
        (["quiz", "score", "key.json"], "ANSWERS"),
    ],
)
def test_unknown_or_missing_words(suffice, words, said) -> None:
    ran = suffice(*words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert "--help" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grain", "0"], "at least 1, got '0'"),
        (["--grain", "x"], "at least 1, got 'x'"),
        (["--budget", "-1"], "at least 1"),
        (["--seed", "-1"], "at least 0"),
        (["--seed", str(2**64)], "64-bit"),
        (["--target", "-1"], "at least 0"),
        (["--batch-size", "many"], "at least 1"),
        (["--threads", "0"], "at least 1"),
        (["--set", "iterations"], "KEY=VALUE"),
        (["--set", "speed=9"], "no setting 'speed'; it has iterations"),
        (["--set", "iterations=many"], "iterations='many'"),
        (["--method", "magic"], "no method 'magic'; there are "),
        (["--criterion", "best"], "use top1"),
        (["--criterion", "confidence:2"], "use top1"),
        (["--existing", "maybe"], "invalid choice"),
        (["--output-kind", "words"], "invalid choice"),
        (["--device", "toaster"], "toaster"),
        (["--target", "4"], "classes 0 to 3"),
        (["--size", "big"], "224 or 240x320"),
        (["--mean", "a,b"], "numbers like"),
        (["--mean", "0.5"], "exclude each other"),
        (["--labels", "no-such-file.txt"], "no-such-file.txt"),
    ],
)
def test_bad_options(suffice, options, photos, tmp_path, words, said) -> None:
    out = tmp_path / "out"
    ran = suffice("explain", photos, *options, "--out", out, *words)
    assert ran.code == 2, ran
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not list(out.rglob("*.json"))


def test_preprocessing_is_never_guessed(suffice, model, photos, tmp_path) -> None:
    ran = suffice("explain", photos, "--model", model, "--out", tmp_path / "out")
    assert ran.code in (1, 2)
    assert "--preprocess" in ran.err
    ran = suffice(
        *("explain", photos, "--model", model, "--out", tmp_path / "out"),
        *("--mean", "0", "--std", "1"),
    )
    assert ran.code == 2
    assert "--size" in ran.err


def test_preprocess_file_without_the_model(suffice, model, photos, tmp_path) -> None:
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"models": [{"file": "models/other.onnx", "input": {}}]}))
    ran = suffice(
        "explain", photos, "--model", model, "--preprocess", file, "--out", tmp_path / "out"
    )
    assert ran.code == 2
    assert "quadrants.onnx" in ran.err
    assert "other.onnx" in ran.err


def bad_models(folder: Path) -> dict[str, Path]:
    nan = np.full((3 * 32 * 32, 4), np.nan, np.float32)
    contents = {
        "corrupt": b"this is no model",
        "empty": b"",
        "truncated": linear_model((3, 32, 32)).SerializeToString()[:2000],
        "two_inputs": two_input_model((3, 32, 32)).SerializeToString(),
        "nan": linear_model((3, 32, 32), nan).SerializeToString(),
    }
    paths = {name: folder / f"{name}.onnx" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return {**paths, "missing": folder / "missing.onnx"}


@pytest.mark.parametrize("kind", ["corrupt", "empty", "truncated", "two_inputs", "missing"])
def test_models_that_cannot_be_used(suffice, preprocess, photos, tmp_path, kind) -> None:
    path = bad_models(tmp_path)[kind]
    ran = suffice(
        "explain", photos, "--model", path, "--preprocess", preprocess, "--out", tmp_path / "out"
    )
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert path.name in ran.err


def test_scores_that_are_not_finite_fail_each_item(suffice, preprocess, photos, tmp_path) -> None:
    ran = suffice(
        *("explain", photos, "--model", bad_models(tmp_path)["nan"]),
        *("--preprocess", preprocess, "--out", tmp_path / "out"),
    )
    assert ran.code == 1
    assert "2 of 2 failed" in ran.err
    assert "finite" in ran.err
    assert not list((tmp_path / "out").rglob("*.json"))
    # what the model was shown is kept for a report of the fault
    kept = sorted((tmp_path / "out").rglob("*.failed.npz"))
    assert len(kept) == 2
    assert str(kept[0]) in ran.err
    with np.load(kept[0]) as file:
        assert file["composite"].shape == (3, SIDE, SIDE)


def test_debug_shows_the_traceback(photos, tmp_path) -> None:
    words = ["explain", photos, "--model", "missing.onnx", "--out", tmp_path / "out"]
    for value, expected in (("1", True), ("", False)):
        ran = subprocess.run(
            [sys.executable, "-m", "suffice", *map(str, words)],
            capture_output=True,
            text=True,
            env={**os.environ, "SUFFICE_DEBUG": value},
            check=False,
        )
        assert ran.returncode == 2
        assert ("Traceback" in ran.stderr) is expected


def test_folder_without_images(suffice, options, tmp_path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = suffice("explain", empty, *options, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "no image" in ran.err


@pytest.mark.parametrize("below", [(), ("deeper", "still")])
def test_out_that_cannot_be_written(suffice, options, photos, tmp_path, below) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    ran = suffice("explain", photos, *options, "--out", file.joinpath(*below))
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "can't be written to" in ran.err
