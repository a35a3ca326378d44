"""From the models of a design to classifiers; several sources are an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.errors import SettingsError
from suffice.models.labels import read_labels
from suffice.models.preprocess import Preprocess
from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.models.base import Classifier


def load(
    source: Any,
    options: dict[str, Any],
    device: str | None = None,
    threads: int | None = None,
    gradients: bool = False,
) -> Classifier:
    """Make the classifier of a source, or an ensemble of several.

    Parameters
    ----------
    source : object, or sequence of them
        What `suffice.as_classifier` takes.
    options : dict
        Its options, for every member; ``preprocess`` may be a dict of its fields, or a list of one
        for each member.
    device, threads
        Where the options don't say.
    gradients : bool
        An ONNX file is then converted to torch.
    """
    if not isinstance(source, (list, tuple)):
        return _one(source, options, device, threads, gradients)
    from suffice.models.ensemble import Ensemble

    preprocess = options.get("preprocess")
    each: Sequence[Any] = (
        preprocess if isinstance(preprocess, (list, tuple)) else [preprocess] * len(source)
    )
    members = []
    for one, stated in zip(source, each, strict=True):
        own = {k: v for k, v in options.items() if k != "preprocess"}
        if stated is not None:
            own["preprocess"] = stated
        members.append(_one(one, own, device, threads, gradients))
    return Ensemble(members)


def source_to_dict(source: Any, name: str) -> str | list[str]:
    """A source as JSON types, for another process.

    Raises
    ------
    SettingsError
        If it is a Python object.
    """
    members = source if isinstance(source, (list, tuple)) else [source]
    if not all(isinstance(member, (str, Path)) for member in members):
        raise SettingsError(
            f"model {name} is a Python object, which stays in this process: run with "
            "workers=0, or give an ONNX file or a name"
        )
    texts = [str(member) for member in members]
    return texts if isinstance(source, (list, tuple)) else texts[0]


def options_to_dict(options: dict[str, Any]) -> JsonObject:
    """Options as JSON types."""
    made = dict(options)
    if isinstance(made.get("preprocess"), Preprocess):
        made["preprocess"] = made["preprocess"].to_dict()
    return made


def _one(
    source: Any, given: dict[str, Any], device: str | None, threads: int | None, gradients: bool
) -> Classifier:
    from suffice.models.factory import as_classifier

    options = dict(given)
    if isinstance(options.get("preprocess"), dict):
        options["preprocess"] = Preprocess.from_dict(options["preprocess"])
    if isinstance(source, (str, Path)):
        if device is not None:
            options.setdefault("device", device)
        if threads is not None and options.get("device", "auto") in ("auto", "cpu"):
            options.setdefault("threads", threads)
    if gradients and str(source).lower().endswith(".onnx"):
        from suffice.models.torch_model import TorchClassifier

        if isinstance(options.get("labels"), (str, Path)):
            options["labels"] = read_labels(options["labels"])
        return TorchClassifier.from_onnx(source, **options)
    return as_classifier(source, **options)
