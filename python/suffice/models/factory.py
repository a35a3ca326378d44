"""One door for every kind of model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from suffice.errors import ModelError, SettingsError
from suffice.models.base import Classifier
from suffice.models.callable import CallableClassifier
from suffice.models.labels import read_labels
from suffice.models.onnx import OnnxClassifier
from suffice.models.preprocess import Preprocess
from suffice.models.tokens import PREFIX as TOKENS
from suffice.models.tokens import drop_tokens
from suffice.models.torch_hf import PREFIX as HF
from suffice.models.torch_hf import load_hf
from suffice.models.torch_model import TorchClassifier
from suffice.models.torch_sources import load_named

_TORCH_SOURCES = ("timm:", "torchvision:", HF)
_OTHER_FORMATS = (".pt", ".pth", ".safetensors", ".h5", ".keras", ".tflite", ".pb", ".torchscript")
_EXPORT = (
    "load it and give the torch module, or export it to ONNX (torch.onnx.export with dynamo=True) "
    "and give the .onnx file"
)


def as_classifier(
    source: object,
    *,
    preprocess: Preprocess | None = None,
    output: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int | None = None,
    input_shape: Sequence[int] | None = None,
    labels: Sequence[str] | str | PathLike[str] | None = None,
    **options: Any,
) -> Classifier:
    """Make a classifier of anything that is one.

    Parameters
    ----------
    source : path, bytes, "demo", torch.nn.Module, callable or classifier
        An ONNX file or its bytes; ``"demo"``; a torch module, or ``"timm:NAME"``,
        ``"torchvision:NAME"`` and ``"hf:ID"`` (or ``"hf:FOLDER"``, of transformers) with pretrained
        weights; ``"tokens:SOURCE"``, which is ``drop_tokens(SOURCE)``; a function
        ``float32 [N, C, H, W] -> [N, K]`` (needs ``input_shape``); an object with ``input_shape``,
        ``n_classes`` and ``__call__``.
    preprocess : Preprocess, optional
        How photos become inputs. It is never guessed: without it only model-space arrays can be
        explained. ``"demo"``, timm, torchvision and transformers bring their own.
    output : {"logits", "probabilities", "multilabel"}, optional
        What the model gives; read from an ONNX graph's end, ``logits`` for functions and modules.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, for torch any it knows; not for functions.
    threads : int, optional
        How many calls of an ONNX model may run at a time on a CPU; CPU threads of a torch call.
    batch_size : int, optional
        What ``batch_size="auto"`` means for this classifier.
    input_shape : (int, int, int), optional
        ``(C, H, W)``; for functions, and models that leave their size open.
    labels : sequence of str or path, optional
        Class names, or a file of them (`read_labels`).
    **options
        Passed on to `OnnxClassifier`, `TorchClassifier` or `CallableClassifier`.

    Returns
    -------
    Classifier

    Raises
    ------
    ModelError
        If the source is none of these or can't be loaded.
    SettingsError
        If an option is invalid or doesn't apply to the source.
    MissingDependencyError
        If the library the source needs is not installed; the message names it.
    """
    if isinstance(labels, (str, PathLike)):
        labels = read_labels(labels)
    shared = {"preprocess": preprocess, "output": output, "labels": labels, **options}
    shared |= {"batch_size": batch_size, "input_shape": input_shape}
    placed = {**shared, "device": device, "threads": threads}
    if isinstance(source, bytes):
        return _make(OnnxClassifier, source, placed)
    if isinstance(source, (str, PathLike)):
        return _from_name(source, placed)
    _refuse_keras(source)
    if isinstance(source, Classifier):
        _refuse_options(source, {**placed, "device": None if device == "auto" else device})
        return source
    if _is_torch_module(source):
        return _make(TorchClassifier, source, placed)
    if not callable(source):
        raise ModelError(
            "expected an ONNX path or bytes, 'demo', a torch module, a function or a classifier, "
            f"got {type(source).__name__}"
        )
    if device not in ("auto", "cpu") or threads is not None:
        raise SettingsError(
            "device and threads are for ONNX and torch models; a function uses its own"
        )
    return _from_callable(source, shared)


def _make(kind: Callable[..., Classifier], source: object, options: dict[str, Any]) -> Classifier:
    """Call a constructor with the options that were given; name those it doesn't have."""
    given = {key: value for key, value in options.items() if value is not None}
    known = _parameters(kind)
    unknown = [key for key in given if key not in known]
    if unknown:
        raise SettingsError(
            f"{kind.__name__} has no option {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return kind(source, **given)


def _parameters(kind: Callable[..., Classifier]) -> tuple[str, ...]:
    import inspect

    return tuple(inspect.signature(kind).parameters)[1:]


def _from_name(source: str | PathLike[str], options: dict[str, Any]) -> Classifier:
    text = str(source)
    if source == "demo":
        from suffice.models.demo import demo_labels, demo_model, demo_preprocess

        defaults = {"preprocess": demo_preprocess, "labels": demo_labels}
        for key, default in defaults.items():
            options[key] = default() if options[key] is None else options[key]
        return _make(OnnxClassifier, demo_model(), options)
    if text.startswith(TOKENS):
        given = {key: value for key, value in options.items() if value is not None}
        return drop_tokens(text.removeprefix(TOKENS), **given)
    if text.startswith(_TORCH_SOURCES):
        if text.startswith(HF):
            module, stated = load_hf(text, options["preprocess"])
        else:
            module, stated = load_named(text)
        given = {key: value for key, value in options.items() if value is not None}
        return _make(TorchClassifier, module, {**stated, **given})
    if Path(text).suffix.lower() in _OTHER_FORMATS:
        raise ModelError(f"{text} is no ONNX file; {_EXPORT}")
    if not Path(text).exists() and not text.lower().endswith(".onnx"):
        raise ModelError(
            f"model {text!r} is neither a file nor 'demo'; give the path of an .onnx, timm:NAME, "
            "torchvision:NAME or hf:ID"
        )
    return _make(OnnxClassifier, source, options)


def _is_torch_module(source: object) -> bool:
    """Tell torch modules without importing torch: without it there are none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def _refuse_keras(source: object) -> None:
    """Refuse models whose calls take tensors, before they are taken for functions."""
    family = type(source).__module__.partition(".")[0]
    if family in ("keras", "tensorflow", "tf_keras"):
        raise ModelError(
            f"{type(source).__name__}: export the Keras model to ONNX (model.export(..., "
            "format='onnx')) and give the .onnx file"
        )


def _refuse_options(source: Classifier, options: dict[str, Any]) -> None:
    given = [key for key, value in options.items() if value is not None]
    if given:
        raise SettingsError(
            f"{source.name} is a complete classifier; set {', '.join(given)} when it is made"
        )


def _from_callable(source: Callable[..., Any], options: dict[str, Any]) -> Classifier:
    """Wrap a function, or an object that states some of a classifier's attributes."""
    for key in (
        "input_shape",
        "n_classes",
        "preprocess",
        "output",
        "fingerprint",
        "name",
        "labels",
    ):
        if options.get(key) is None:
            options[key] = getattr(source, key, None)
    if options["input_shape"] is None:
        raise SettingsError("a function needs input_shape=(C, H, W)")
    return _make(CallableClassifier, source, options)
