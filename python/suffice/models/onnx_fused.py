"""Running a model with a mask head: buffers that stay on the device, few numbers a row back."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.models.onnx_decisions import DECISIONS
from suffice.models.onnx_file import require
from suffice.models.onnx_masks import Feed

Shape = tuple[int, ...]
BUCKETS = (1, 4, 16, 64, 256)
"""Batches on a GPU are filled up to one of these: every new shape costs a search for algorithms."""


def bucket(rows: int) -> int:
    """Rows that so many are filled up to."""
    larger = (size for size in BUCKETS if size >= rows)
    return next(larger, -(-rows // BUCKETS[-1]) * BUCKETS[-1])


class FusedSession:
    """A session of a model with a mask head, and operators behind it that decide.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    output : str
        Where the scores are.
    device : str
        ``cpu`` or ``cuda:N``.
    bound : bool
        Whether inputs are kept in buffers on the device that are written again for each call.
    """

    def __init__(self, session: Any, output: str, device: str, bound: bool) -> None:
        self.session, self.output, self.bound = session, output, bound
        self._kind, _, index = device.partition(":")
        self._index = int(index or 0)
        self._local = threading.local()  # two calls may be under way, each with its own buffers

    def run(self, feed: Feed) -> npt.NDArray[np.generic]:
        """Scores as the model gives them, one row for each composite."""
        return self._run(feed, self.output)

    def decide(self, feed: Feed) -> npt.NDArray[np.float64]:
        """Decisions ``[N, 8]`` about the feed's targets; the scores stay on the device."""
        return self._run(feed, DECISIONS)

    def _run(self, feed: Feed, output: str) -> npt.NDArray[Any]:
        if not self.bound:
            return np.asarray(self.session.run([output], feed.arrays())[0])
        binding = self.session.io_binding()
        for name, array in feed.arrays().items():
            binding.bind_ortvalue_input(name, self._sent(name, array))
        binding.bind_output(output, "cpu")
        self.session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0])

    def _sent(self, name: str, array: npt.NDArray[np.generic]) -> Any:
        buffers: dict[tuple[str, Shape], Any] = self._local.__dict__.setdefault("buffers", {})
        array = np.ascontiguousarray(array)
        key = (name, array.shape)
        if key in buffers:
            buffers[key].update_inplace(array)
        else:
            OrtValue = require("onnxruntime").OrtValue
            if self._kind == "cpu":  # such a value would share the caller's memory
                array = array.copy()
            buffers[key] = OrtValue.ortvalue_from_numpy(array, self._kind, self._index)
        return buffers[key]
