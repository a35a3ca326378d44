"""Composites made where a torch module runs, from packed masks."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from suffice.models.base import MaskPart
from suffice.models.torch_module import import_torch
from suffice.types import FloatImage, PackedMasks

_KEPT = 256  # images and baselines that stay on the device


class Composer:
    """Composes on a device.

    Only masks cross to it; images and baselines do so once.

    Parameters
    ----------
    device : str
    shape : (C, H, W)
    channels_last : bool
        How composites lie in memory.
    """

    def __init__(self, device: str, shape: tuple[int, int, int], channels_last: bool) -> None:
        torch = import_torch()
        self.device, self.shape = device, shape
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.layout = "NHWC" if channels_last else "NCHW"
        self.kernels = kernels(device)
        self._there: OrderedDict[int, tuple[weakref.ref[FloatImage], Any]] = OrderedDict()
        self._lock = threading.Lock()

    def buffer(self, rows: int) -> Any:
        """Room for composites: a Tensor of float32 [rows, C, H, W]."""
        torch = import_torch()
        return torch.empty((rows, *self.shape), device=self.device, memory_format=self.format)

    def compose(self, parts: Sequence[MaskPart], out: Any) -> None:
        """Write the composites of the parts, and copies of the last one behind them.

        Queued on torch's current stream, and not waited for.

        Parameters
        ----------
        parts : sequence of MaskPart
        out : Tensor of float32 [N, C, H, W]
            From `buffer`, with at least as many rows.
        """
        start = 0
        for part in parts:
            stop = start + len(part)
            image, baseline = self._on_device(part.image), self._on_device(part.baseline)
            self._write(image, baseline, part.masks, out[start:stop])
            start = stop
        if start < len(out):
            out[start:] = out[start - 1]

    def _write(self, image: Any, baseline: Any, masks: PackedMasks, out: Any) -> None:
        torch = import_torch()
        if self.kernels is not None:
            packed = self._sent(masks.view(np.int64))
            stream = torch.cuda.current_stream(out.device)
            flat = out if self.layout == "NCHW" else out.permute(0, 2, 3, 1)
            self.kernels.compose(
                image, baseline, packed, flat, stream.cuda_stream, layout=self.layout
            )
            return  # packed may go: torch gives its memory out again on this stream only
        height, width = self.shape[1:]
        data = self._sent(masks.astype("<u8", copy=False).view(np.uint8))
        bits = torch.arange(8, dtype=torch.uint8, device=self.device)
        kept = ((data[:, :, None] >> bits) & 1).flatten(1)[:, : height * width]
        torch.where(kept.reshape(-1, 1, height, width).bool(), image, baseline, out=out)

    def _sent(self, array: Any) -> Any:
        """A small array on the device; a copy, which the caller may forget at once."""
        torch = import_torch()
        tensor = torch.tensor(array)
        if self.device.startswith("cuda"):
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _on_device(self, array: FloatImage) -> Any:
        """An image or baseline on the device; it is sent once."""
        torch = import_torch()
        with self._lock:
            known = self._there.get(id(array))
            if known is not None and known[0]() is array:
                self._there.move_to_end(id(array))
                return known[1]
            tensor = torch.tensor(np.ascontiguousarray(array), device=self.device)
            self._there[id(array)] = (weakref.ref(array), tensor)
            while len(self._there) > _KEPT:
                self._there.popitem(last=False)
            return tensor


def kernels(device: str) -> Any:
    """Our own CUDA operations, or None where torch's do: elsewhere, and in builds without CUDA."""
    from suffice import _native

    if not device.startswith("cuda") or _native.cuda_info() is not None:
        return None
    return _native.cuda()
