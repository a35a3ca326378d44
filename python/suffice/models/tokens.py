"""Vision transformers that never see the tokens of removed patches.

Painting removed pixels over shows a transformer patches of one colour; dropping their tokens after
the position embedding shows it nothing, and costs less the more is removed. Which tokens stay is
read from one more input channel, 1 where a pixel is kept (`suffice.models.base.with_keep_channel`),
so a composite is still all that the classifier sees, and every method works with it.
"""

from __future__ import annotations

import inspect
from os import PathLike
from pathlib import Path
from typing import Any

from suffice.errors import ModelError, SettingsError
from suffice.models.base import Classifier
from suffice.models.callable import whole_number
from suffice.models.onnx import OnnxClassifier
from suffice.models.preprocess import Preprocess
from suffice.models.tokens_onnx import take_keep_channel
from suffice.models.tokens_torch import token_module
from suffice.models.torch_model import TorchClassifier
from suffice.models.torch_module import import_torch, module_sha256
from suffice.models.torch_sources import load_named, stated_input

PREFIX = "tokens:"
_CPU_BATCH = 16


def drop_tokens(
    source: Any,
    preprocess: Preprocess | None = None,
    *,
    together: int | None = None,
    **options: Any,
) -> Classifier:
    """Make a classifier of a vision transformer that drops the tokens of removed patches.

    A token is kept where at least one pixel of its patch is kept; what its patch shows is the
    composite, so methods are best told to work on whole patches (``grid``, ``grain``). The class
    token and register tokens always stay. The baseline matters inside half-kept patches only.

    Parameters
    ----------
    source : torch.nn.Module, "timm:NAME", or ONNX path or bytes
        A vision transformer built as timm builds them, with ``patch_embed``, ``cls_token``,
        ``pos_embed``, ``blocks``, ``norm`` and ``head``: only the kept tokens go through its
        blocks, and composites of equally many tokens go together. Or an ONNX model with a second
        input ``[N, tokens]``, 1 for each patch to be kept, row by row; what that spares is up to
        the model.
    preprocess : Preprocess, optional
        How photos become inputs; by default what timm states.
    together : int, optional
        For modules: composites always go through the blocks in so many, the last ones filled up by
        copies. Scores are then the same bits whatever else is in a batch. By default as many go
        together as there are, which is faster where the numbers of tokens differ.
    **options
        Those of `TorchClassifier` or `OnnxClassifier`.

    Returns
    -------
    Classifier
        ``input_shape`` has the channel more. Photos, arrays and baselines are given without it.

    Raises
    ------
    ModelError
        If the source is no such transformer. A module's scores with all tokens are compared with
        its own at once.
    SettingsError
        If an option doesn't apply.
    MissingDependencyError
        If torch, timm, onnx or onnxruntime is needed and can't be imported.
    """
    if together is not None:
        together = whole_number(together, "together")
    if isinstance(source, str) and source.startswith("timm:"):
        module, stated = load_named(source)
        return _from_module(module, preprocess, together, {**stated, **options})
    if isinstance(source, (str, PathLike, bytes)):
        if together is not None:
            raise SettingsError("together is for torch modules; an ONNX model drops by itself")
        return _from_onnx(source, preprocess, options)
    if not isinstance(source, import_torch().nn.Module):
        raise ModelError(
            "tokens can be dropped of a torch vision transformer, timm:NAME or an ONNX model with "
            f"an input of tokens to keep; got {type(source).__name__}"
        )
    return _from_module(source, preprocess, together, options)


def _from_module(
    module: Any, preprocess: Preprocess | None, together: int | None, options: dict[str, Any]
) -> Classifier:
    name = options.pop("name", None) or type(module).__name__
    shape = options.pop("input_shape", None)
    own, stated = stated_input(module)
    if preprocess is None and stated is not None and shape in (None, stated.shape):
        preprocess = stated
    if shape is None:
        shape = own if preprocess is None else preprocess.shape
    if shape is None:
        raise SettingsError(
            f"{name} does not state its input's size: give input_shape=(C, H, W), or a preprocess "
            "with its size"
        )
    _check_shape(name, shape, preprocess)
    wrapped = token_module(module, tuple(shape), together, name)
    if options.get("fingerprint") is None:
        options["fingerprint"] = module_sha256(module)
    _refuse_unknown(TorchClassifier, options)
    channels, height, width = shape
    clf = TorchClassifier(wrapped, input_shape=(channels + 1, height, width), name=name, **options)
    if clf.device == "cpu" and options.get("batch_size") is None and clf.fixed_batch is None:
        clf.batch_size = together or _CPU_BATCH
    clf.keep_channel, clf.preprocess = True, preprocess
    return clf


def _from_onnx(
    source: str | PathLike[str] | bytes, preprocess: Preprocess | None, options: dict[str, Any]
) -> Classifier:
    name = options.pop("name", None) or (
        "model.onnx" if isinstance(source, bytes) else Path(source).name
    )
    given = options.pop("input_shape", None) or (preprocess.shape if preprocess else None)
    model, sha256, shape = take_keep_channel(source, name, given)
    _check_shape(name, shape, preprocess)
    _refuse_unknown(OnnxClassifier, options)
    clf = OnnxClassifier(model, input_shape=(shape[0] + 1, *shape[1:]), name=name, **options)
    clf.keep_channel, clf.preprocess, clf.fingerprint = True, preprocess, sha256
    return clf


def _refuse_unknown(kind: type[Classifier], options: dict[str, Any]) -> None:
    known = tuple(inspect.signature(kind).parameters)[1:]
    unknown = [key for key in options if key not in known]
    if unknown:
        raise SettingsError(
            f"{kind.__name__} has no option {', '.join(unknown)}; it has {', '.join(known)}"
        )


def _check_shape(name: str, shape: Any, preprocess: Preprocess | None) -> None:
    if preprocess is not None and preprocess.shape != tuple(shape):
        raise ModelError(
            f"{name} takes [C, H, W] = {list(shape)}, the preprocessing makes "
            f"{list(preprocess.shape)}"
        )
