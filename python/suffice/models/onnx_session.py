"""ONNX Runtime sessions: their options, and the device really in use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from suffice.errors import ModelError, SettingsError
from suffice.models.onnx_file import OnnxFile, one_line, require

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
# HEURISTIC: the default tunes anew for every batch size. TF32 would round decisions to 10 bits.
_CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
_MEMORY_SIGNS = ("failed to allocate memory", "out of memory", "bfc_arena", "bad allocation")
_FATAL = 4  # ONNX Runtime's log level; its errors reach the user as exceptions


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(
    file: OnnxFile, device: str, provider_options: Mapping[str, Any] | None
) -> tuple[Any, str, str]:
    """Start a session on a device.

    Parameters
    ----------
    file : OnnxFile
        The checked model.
    device : str
        ``cpu``, ``cuda``, ``cuda:N`` or ``auto`` (a GPU if ONNX Runtime can use one).
    provider_options : mapping, optional
        Further options of the execution provider.

    Returns
    -------
    session : InferenceSession
    device : str
        ``cpu`` or ``cuda:N``.
    provider : str
        The execution provider in use.

    Raises
    ------
    SettingsError
        If the device is unknown or can't be used; it never falls back silently.
    ModelError
        If ONNX Runtime can't load the model.
    """
    ort = require("onnxruntime")
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and (kind != "cuda" or not index.isdecimal())):
        raise SettingsError(f"device {device!r} is unknown; use auto, cpu, cuda or cuda:N")
    has_cuda = CUDA in ort.get_available_providers()
    if kind == "cuda" and not has_cuda:
        raise SettingsError(
            f"device {device}: onnxruntime {ort.__version__} has no {CUDA}, it has "
            f"{', '.join(ort.get_available_providers())}; run `pip uninstall onnxruntime` and "
            "`pip install suffice[gpu]`, or use device='cpu'"
        )
    number = int(index or 0)
    providers: list[Any] = [(CPU, dict(provider_options or {}))]
    if kind != "cpu" and has_cuda:
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # CUDA and cuDNN from their wheels, where they are installed
        options = {"device_id": str(number), **_CUDA_OPTIONS, **(provider_options or {})}
        providers = [(CUDA, options), CPU]
    try:
        session = ort.InferenceSession(file.source, _session_options(ort), providers=providers)
    except Exception as error:  # its classes have no common base
        raise ModelError(f"{file.name} can't be loaded: {one_line(error)}") from None
    session.disable_fallback()
    used = session.get_providers()[0]
    if kind == "cuda" and used != CUDA:
        raise SettingsError(
            f"device {device}: onnxruntime fell back to {used}; the NVIDIA driver, CUDA or cuDNN "
            "can't be loaded. Repair them or use device='cpu'"
        )
    return session, (f"cuda:{number}" if used == CUDA else "cpu"), used


def is_memory_error(error: BaseException) -> bool:
    """Whether a run failed for want of memory; ONNX Runtime has no class for it."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _MEMORY_SIGNS)


def open_tensorrt(file: OnnxFile, number: int, options: Mapping[str, Any] | None) -> Any:
    """Start a session on TensorRT.

    It builds an engine for every batch size first, which takes minutes, and rounds to TF32 or less:
    good for proposals only.

    Raises
    ------
    SettingsError
        If ONNX Runtime has no TensorRT or falls back from it.
    ModelError
        If the model can't be loaded.
    """
    ort = require("onnxruntime")
    if TENSORRT not in ort.get_available_providers():
        raise SettingsError(
            f"tensorrt: onnxruntime {ort.__version__} has no {TENSORRT}, it has "
            f"{', '.join(ort.get_available_providers())}; install onnxruntime-gpu and TensorRT, or "
            "use device='cuda'"
        )
    own = {"device_id": str(number), **(options or {})}
    providers = [(TENSORRT, own), (CUDA, {"device_id": str(number), **_CUDA_OPTIONS}), CPU]
    try:
        session = ort.InferenceSession(file.source, _session_options(ort), providers=providers)
    except Exception as error:  # its classes have no common base
        raise ModelError(f"{file.name} can't be loaded: {one_line(error)}") from None
    session.disable_fallback()
    if session.get_providers()[0] != TENSORRT:
        raise SettingsError(
            f"tensorrt: onnxruntime fell back to {session.get_providers()[0]}; TensorRT can't be "
            "loaded. Repair it or leave tensorrt out"
        )
    return session


def _session_options(ort: Any) -> Any:
    """Make options for runs that each stay on the thread that calls.

    Concurrent runs of one session then use the cores as well as one session per core does, and
    hold the weights and the memory arena once (measured on EfficientNet-Lite0 with two threads:
    equal CPU time per photo, 131 instead of 180 MB at batch 4). Without the arena every run would
    map and unmap its memory, which costs a third more time.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = True
    options.log_severity_level = _FATAL
    return options
