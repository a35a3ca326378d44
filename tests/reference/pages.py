"""A small environment in which the snippets of the documentation run: files, and names."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reference.onnx_models import linear_model, quadrant_weights
from reference.photos import SIDE, write_photo

SHAPE = (3, SIDE, SIDE)
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
DESIGN = """
[study]
criteria = ["top1"]
baselines = ["black"]
budget = 40

[[models]]
name = "lite0"
source = "model.onnx"
preprocess = "model.json"

[[images]]
folder = "photos"

[[methods]]
name = "minimal"
"""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    line: int
    language: str
    text: str
    reason: str  # why it is not run; empty: it is


def blocks(path: Path) -> list[Block]:
    """Give the fenced blocks of a page, with the reason where a comment before one gives it."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        before = NOT_RUN.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(line, match[2], match[3], before[1] if before else ""))
    return found


def write_files(folder: Path) -> None:
    """Write what pages name: a model, its preprocessing, labels, photos, maps, a design."""
    model = linear_model(SHAPE, quadrant_weights(SHAPE)).SerializeToString()
    scale = json.dumps({"size": SIDE, "mean": [0.0] * 3, "std": [1.0] * 3})
    for stem in ("model", "m", "model_c"):
        (folder / f"{stem}.onnx").write_bytes(model)
        (folder / f"{stem}.json").write_text(scale)
    (folder / "names.txt").write_text("top left\ntop right\nbottom left\nbottom right\n")
    (folder / "design.toml").write_text(DESIGN)
    write_photo(folder / "cat.jpg", 2)
    for name, quadrant in (("a", 1), ("b", 3)):
        photo = write_photo(folder / "photos" / f"{name}.png", quadrant)
        (folder / "maps").mkdir(exist_ok=True)
        with_light = np.zeros((SIDE, SIDE), np.float32)
        with_light[:, SIDE // 2 :] = np.arange(SIDE // 2)
        np.save(folder / "maps" / f"{photo.stem}.npy", with_light)


def run_python(block: Block, path: Path, names: dict[str, Any]) -> None:
    """Run a block with the names that blocks before it left."""
    code = compile("\n" * block.line + block.text, str(path), "exec")
    exec(code, names)  # noqa: S102  # our own pages


def run_shell(block: Block, folder: Path) -> str:
    """Run a block of commands as a shell does; give what it printed, raise where it fails."""
    bin_folder = folder / "bin"
    if not bin_folder.is_dir():
        bin_folder.mkdir()
        for name, words in (("python", ""), ("suffice", "-m suffice")):
            script = bin_folder / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
            script.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", block.text],
        cwd=folder,
        env=os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"line {block.line}\n{done.stdout}{done.stderr}"
    return done.stdout
