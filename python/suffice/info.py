"""What this installation is made of, for ``suffice info`` and bug reports."""

from __future__ import annotations

import importlib.metadata
import platform

from suffice import __version__, _native
from suffice.types import JsonObject

_OPTIONAL = ("onnxruntime", "onnxruntime-gpu", "onnx", "torch", "matplotlib", "scikit-image")


def build_info() -> JsonObject:
    """Versions, how the native core was built and what it can run on.

    Returns
    -------
    dict
        ``suffice``, ``python``, ``platform``, ``packages`` (name to version, None where missing),
        ``native`` (compiler and options) and ``cuda`` (None when it can run, otherwise why not).
    """
    return {
        "suffice": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in ("numpy", "scipy", "pillow", *_OPTIONAL)},
        "native": _native.build_info(),
        "cuda": _native.cuda_info(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
