"""The parts of a preset's design that depend on what is there: models, images, comparators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from suffice.errors import SettingsError
from suffice.study.photo_lists import quoted, relative

_REPLICATE = re.compile(r"[-_]\d+$")
_CIFAR_SCALE = (
    "# CIFAR-10's mean and standard deviation: what your models were trained with?\n"
    "size = 32\nmean = [0.4914, 0.4822, 0.4465]\nstd = [0.2470, 0.2435, 0.2616]"
)


def model_tables(files: Sequence[Path], preprocess: str | Path | None, folder: Path) -> str:
    """``[[models]]`` of ONNX files, and of an ensemble of each architecture that has several.

    Parameters
    ----------
    files : sequence of Path
        Names that differ in a last number only are replicates of one architecture.
    preprocess : path or None
        Of all of them.
    folder : Path
        Where the design will be; paths are relative to it.
    """
    groups: dict[str, list[Path]] = {}
    for file in files:
        if not file.is_file():
            raise SettingsError(f"model {file} is no file")
        groups.setdefault(_REPLICATE.sub("", file.stem), []).append(file)
    scale = _CIFAR_SCALE
    if preprocess is not None:
        if not Path(preprocess).is_file():
            raise SettingsError(f"preprocess {preprocess} is no file")
        scale = f'preprocess = "{quoted(relative(Path(preprocess), folder))}"'
    tables = []
    for group, members in groups.items():
        for file in members:
            source = f'"{quoted(relative(file, folder))}"'
            tables.append(_model(file.stem, source, group, scale))
        if len(members) > 1:
            lines = (f'    "{quoted(relative(file, folder))}",\n' for file in members)
            name = f"{group}-ensemble"
            tables.append(_model(name, f"[\n{''.join(lines)}]", name, scale))
    return "\n".join(tables)


def _model(name: str, source: str, group: str, scale: str) -> str:
    return (
        f'[[models]]\nname = "{quoted(name)}"\nsource = {source}\n'
        f'architecture = "{quoted(group)}"\n{scale}\n'
    )


def image_tables(files: Sequence[Path], limit: int | None, folder: Path) -> str:
    """``[[images]]`` of ``.npz`` files, each with its stem before its names."""
    tables = []
    for file in files:
        if not file.is_file() or file.suffix.lower() != ".npz":
            raise SettingsError(
                f"{file} is no .npz file; expected arrays images, labels and names (docs/studies.md)"
            )
        table = f'[[images]]\nnpz = "{quoted(relative(file, folder))}"\n'
        table += f'prefix = "{quoted(file.stem)}/"\n' if len(files) > 1 else ""
        tables.append(table + (f"limit = {limit}\n" if limit else ""))
    return "\n".join(tables)


def comparator_tables(full: bool) -> str:
    """``[[methods]]`` of the paper's comparators; a comment that says what they need, without captum.

    Parameters
    ----------
    full : bool
        For timm's modules instead of ONNX files.
    """
    if find_spec("captum") is None:
        return (
            "# The paper's comparators (Grad-CAM, Shapley values, attention rollout) need captum:\n"
            "# pip install suffice[captum], and write this file again.\n"
        )
    chosen = _FULL if full else _SMALL
    note = _FULL_NOTE if full else _SMALL_NOTE
    return note + "\n".join(_METHOD.format(*row) for row in chosen)


_SMALL_NOTE = """# Maps of one of the paper's comparators (Shapley values) and of occlusion, read from the top until
# the class comes out.
"""
_FULL_NOTE = """# Maps of the paper's comparators, read from the top until the class comes out. Grad-CAM sees the
# patch embedding, the only convolution there.
"""
_METHOD = """[[methods]]
name = "{0}"
method = "from_ranking"
settings = {{ ranking = "comparator:{1}" }}
budget = {3}
models = ["{2}"]
"""
_SMALL = (
    ("occlusion", "occlusion:evaluations=200", "squeezenet1.1", 500),
    ("shapley", "shapley_sampling:evaluations=200", "squeezenet1.1", 500),
)
_FULL = (
    ("grad-cam", "grad_cam", "painted", 500),
    ("rollout", "attention_rollout", "painted", 500),
    ("shapley", "shapley_sampling:parts=grid:14,permutations=1", "painted", 1000),
)
