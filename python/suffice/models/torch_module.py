"""What is done to a torch module once: eval mode, device, type and fingerprint."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import itertools
from typing import Any

from suffice.errors import MissingDependencyError, ModelError, SettingsError


def import_torch() -> Any:
    """Import torch, or say how to install it.

    Raises
    ------
    MissingDependencyError
        If it is missing.
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingDependencyError(
            f"torch modules need PyTorch ({error}); run `pip install suffice[torch]`"
        ) from None


def set_eval(module: Any) -> None:
    """Set eval mode in all parts.

    Programs of torch.export have no modes: theirs was fixed when they were exported.
    """
    with contextlib.suppress(NotImplementedError):
        module.eval()


def place(module: Any, device: str, name: str) -> str:
    """Set eval mode and move the module to a device.

    Parameters
    ----------
    module : torch.nn.Module
    device : str
        ``auto``: a GPU the module is on already, else the first CUDA device there is, else the
        CPU. Or any device torch knows.
    name : str
        For messages.

    Returns
    -------
    str
        ``cpu`` or such as ``cuda:0``.

    Raises
    ------
    SettingsError
        If torch doesn't know the device or can't use it.
    ModelError
        If the module can't be moved.
    """
    torch = import_torch()
    if device == "auto":
        now = next(itertools.chain(module.parameters(), module.buffers()), None)
        has_cuda = torch.cuda.is_available()
        device = "cuda:0" if has_cuda else "cpu"
        if has_cuda and now is not None and now.device.type == "cuda":
            device = str(now.device)
    try:
        # Some unusable devices are an AssertionError, some a RuntimeError.
        chosen = torch.empty(0, device=torch.device(device)).device
    except Exception as error:
        raise SettingsError(
            f"device {device!r} can't be used by torch {torch.__version__}: "
            f"{str(error).splitlines()[0]}; use auto or cpu"
        ) from None
    if not isinstance(getattr(module, "training", None), bool):
        raise ModelError(f"{name} has no training mode; was super().__init__() called?")
    set_eval(module)
    try:
        module.to(chosen)
    except Exception as error:  # such as weights that were never loaded
        raise ModelError(
            f"{name} can't be moved to {chosen}: {str(error).splitlines()[0]}"
        ) from error
    return str(chosen)


def float_type(module: Any) -> Any:
    """Floating-point type of the module's first weight; float32 where it has none."""
    torch = import_torch()
    tensors = itertools.chain(module.parameters(), module.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)


def lies_channels_last(module: Any) -> bool:
    """Whether the module's convolutions keep their weights with the channels last."""
    torch = import_torch()
    for weight in module.parameters():
        if weight.ndim == 4 and not weight.is_contiguous():
            return bool(weight.is_contiguous(memory_format=torch.channels_last))
    return False


def module_sha256(module: Any) -> str:
    """Fingerprint of a module: its parts' classes and every tensor of its state.

    Names, types, shapes and bytes in the order of their names, on whatever device they are. What
    else steers ``forward``, such as strides, takes no part.

    Returns
    -------
    str
        SHA-256 in hex.
    """
    torch = import_torch()
    digest = hashlib.sha256()
    for name, part in sorted(module.named_modules()):
        digest.update(
            f"{name}={getattr(part, 'original_name', type(part).__qualname__)}\n".encode()
        )
    for name, value in sorted(module.state_dict().items()):
        if not isinstance(value, torch.Tensor):  # a module's own extra state
            digest.update(f"{name}:{value!r}\n".encode())
            continue
        tensor = value.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        tensor = (tensor.to_dense() if tensor.layout != torch.strided else tensor).cpu()
        digest.update(f"{name}:{value.dtype}{list(value.shape)}\n".encode())
        flat = tensor.contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy())
    return digest.hexdigest()
