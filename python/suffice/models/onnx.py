"""Classifiers that ONNX Runtime runs."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import DeviceMemoryError, ModelError, ScoresError, SettingsError
from suffice.models.base import MaskPart
from suffice.models.onnx_decisions import add_decisions
from suffice.models.onnx_file import OnnxFile, one_line, read_onnx, require
from suffice.models.onnx_fused import FusedSession, bucket
from suffice.models.onnx_input import ImageInput, read_input
from suffice.models.onnx_masks import (
    Feed,
    can_fuse,
    feed_of_composites,
    feed_of_parts,
    with_head,
)
from suffice.models.onnx_session import (
    is_memory_error,
    open_session,
    open_tensorrt,
    usable_cores,
)
from suffice.models.preprocess import Preprocess
from suffice.models.scores import (
    Ending,
    choose_output,
    count_classes,
    refuse_hidden_softmax,
    to_scores,
)
from suffice.types import Batch, Decisions, OutputKind, Scores

# On a CPU larger batches only leave the caches (benchmarks/results/batch_size.md).
_CPU_BATCH, _CUDA_BATCH = 2, 64


class OnnxClassifier:
    """A classifier from an ONNX file.

    Calls are thread-safe; up to ``workers`` of them run at a time, each on its caller's thread.
    The batch is used without a copy where the model takes float32 ``[N, C, H, W]``.

    Parameters
    ----------
    source : path or bytes
        The model. It is checked before it is loaded, see `read_onnx`.
    preprocess : Preprocess, optional
        How photos become inputs; without it only model-space arrays can be explained.
    output : {"logits", "probabilities", "multilabel"}, optional
        What the model gives. By default read from the graph: a softmax at the end means
        probabilities, a sigmoid means multilabel, or two classes where there is one column.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int, optional
        How many calls may run at a time on a CPU; by default the usable cores.
    provider_options : mapping, optional
        Further options of ONNX Runtime's execution provider.
    batch_size : int, optional
        What ``auto`` means; by default 4 on a CPU and 64 on a GPU.
    input_shape : (int, int, int), optional
        ``(C, H, W)``, for a model that leaves its height or width open.
    layout : {"NCHW", "NHWC"}, optional
        Order of the input's dimensions, where the shape doesn't tell.
    output_name : str, optional
        Which output holds the scores, where there are several.
    labels : sequence of str, optional
        Class names.
    name : str, optional
        For records; the file name by default.
    composes : bool, optional
        Whether searches hand over masks, and the composites are made by operators in front of the
        graph (`suffice.models.onnx_masks`); by default on a GPU, where the model allows it.
    tensorrt : mapping or bool
        Whether searches run on TensorRT, with options of its execution provider such as
        ``{"trt_fp16_enable": "1"}``. It rounds to TF32 or less, so narrow decisions, references and
        certificates stay with CUDA in float32.

    Raises
    ------
    ModelError
        If the file is no valid model of one image input and one row of scores per image.
    SettingsError
        If the device can't be used or an option is invalid.
    MissingDependencyError
        If onnxruntime or onnx is missing.

    Notes
    -----
    Model space is always float32 ``[C, H, W]``. For a uint8 input it is raw 0-255: composites are
    rounded and clipped at the edge, and a Preprocess must give that range (mean 0, std 1/255).
    """

    keep_channel: bool = False
    precision: str = "float32"

    def __init__(
        self,
        source: str | PathLike[str] | bytes,
        preprocess: Preprocess | None = None,
        output: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        provider_options: Mapping[str, Any] | None = None,
        *,
        batch_size: int | None = None,
        input_shape: Sequence[int] | None = None,
        layout: str | None = None,
        output_name: str | None = None,
        labels: Sequence[str] | None = None,
        name: str | None = None,
        composes: bool | None = None,
        tensorrt: Mapping[str, Any] | bool = False,
    ) -> None:
        threads = _at_least_one(threads, "threads")
        batch_size = _at_least_one(batch_size, "batch_size")
        ort = require("onnxruntime")
        file = read_onnx(source, name)
        self.name, self.fingerprint, self.preprocess = file.name, file.sha256, preprocess
        self._open = functools.partial(
            open_session, device=device, provider_options=provider_options
        )
        self._session, self.device, provider = self._open(file)
        self.backend = f"onnxruntime {ort.__version__} {provider}"
        on_cpu = self.device == "cpu"
        self.workers = (threads or usable_cores()) if on_cpu else 1
        self._slots = threading.BoundedSemaphore(self.workers)
        self._input: ImageInput = read_input(
            self._session.get_inputs(), file.name, layout, preprocess, input_shape
        )
        self.input_shape, self.fixed_batch = self._input.shape, self._input.batch
        self._output_name = _output_name(self._session.get_outputs(), file.name, output_name)
        self._ending = file.ending(self._output_name)
        self.composes = not on_cpu and can_fuse(file) if composes is None else composes
        self._fused: FusedSession | None = None
        self._proposing: FusedSession | None = None  # the same, or TensorRT's
        self._tensorrt = {} if tensorrt is True else tensorrt
        if self._tensorrt is not False:
            if on_cpu or not self.composes:
                raise SettingsError(
                    "tensorrt is of searches on a GPU that hand over masks: it needs a CUDA device, "
                    "opset 13 or later and weights in the model itself"
                )
            self.precision = "tf32"
        self._columns = 0
        raw = self._probe()
        self.output: OutputKind = choose_output(output, self._ending, self._columns)
        if output is None and self.output == "logits":
            refuse_hidden_softmax(raw, file.name, "its graph does not end in Softmax")
        self.n_classes = count_classes(self.output, self._columns)
        # What a lost session is made of again; a CPU's is never lost.
        self._file: OnnxFile | None = None if on_cpu and not self.composes else file
        if self.composes:
            self._file = replace(file, source=self._fused_model(file))
            self.recover()
        self.batch_size = self.fixed_batch or batch_size or (_CPU_BATCH if on_cpu else _CUDA_BATCH)
        self.labels = None if labels is None else list(labels)
        if self.labels is not None and len(self.labels) != self.n_classes:
            raise ModelError(
                f"{self.name} has {self.n_classes} classes, got {len(self.labels)} labels"
            )

    @property
    def image_input(self) -> ImageInput:
        """The graph's input, as the file states it."""
        return self._input

    @property
    def ending(self) -> Ending:
        """The activation the graph ends with."""
        return self._ending

    def __call__(self, batch: Batch) -> Scores:
        """Scores of composites.

        Parameters
        ----------
        batch : float32 [N, C, H, W]
            Any N; a model of a fixed batch size runs it in slices.

        Returns
        -------
        float32 [N, K]
            Logits, or log p. Not checked for NaN here.

        Raises
        ------
        ScoresError
            If the batch or what the model gives is of the wrong shape or type.
        """
        if batch.dtype != np.float32 or batch.shape[1:] != self.input_shape:
            raise ScoresError(
                f"{self.name} takes float32 [N, {', '.join(map(str, self.input_shape))}], got "
                f"{batch.dtype} {list(batch.shape)}"
            )
        if len(batch) == 0:
            return np.empty((0, self.n_classes), np.float32)
        try:
            raw = self._run(batch)
        except ModelError as error:
            raise ScoresError(str(error)) from None
        return to_scores(raw, self.output, self._ending)

    def decide(self, parts: Sequence[MaskPart], rows: int) -> Decisions:
        """Compose in front of the graph, run it and decide behind it.

        What `suffice.models.base.Composing` asks for. Of the results only eight numbers a row come
        back (`suffice.models.onnx_decisions`).

        Parameters
        ----------
        parts : sequence of MaskPart
        rows : int
            Rows to be run, at least those of the parts.

        Returns
        -------
        Decisions

        Raises
        ------
        ScoresError
            If the model fails, or no decision can be made from a row's scores.
        DeviceMemoryError
            If so many rows don't fit into the device's memory.
        """
        count = sum(map(len, parts))
        size = rows if self.device == "cpu" else bucket(rows)
        feed = feed_of_parts(parts, size, self._mask_bytes)
        try:
            with self._slots:
                made = [self._decided(f) for f in feed.cut(self.fixed_batch)]
        except ModelError as error:
            raise ScoresError(str(error)) from None
        return _native.decisions(np.concatenate(made)[:count])

    def recover(self) -> None:
        """Start the session anew, after the device ran out of memory."""
        if self._file is None:
            return
        session = self._open(self._file)[0]
        if self.composes:
            on_gpu = self.device != "cpu"
            made = functools.partial(
                FusedSession, output=self._output_name, device=self.device, bound=on_gpu
            )
            self._fused = self._proposing = made(session)
            if self._tensorrt is not False:
                number = int(self.device.partition(":")[2] or 0)
                self._proposing = made(open_tensorrt(self._file, number, self._tensorrt))
        self._session = session

    @property
    def _mask_bytes(self) -> int:
        return -(-self.input_shape[1] * self.input_shape[2] // 8)

    def _run(self, batch: Batch) -> npt.NDArray[np.generic]:
        """Run any number of rows: ``[N, columns]`` as the model gives them."""
        step = self.fixed_batch or len(batch)
        with self._slots:
            parts = [self._rows(batch[i : i + step], step) for i in range(0, len(batch), step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _rows(self, batch: Batch, step: int) -> npt.NDArray[np.generic]:
        count = len(batch)
        if count < step:  # fill the last slice of a fixed batch with copies of its last row
            batch = np.concatenate([batch, np.repeat(batch[-1:], step - count, axis=0)])
        return self._answer(batch, step)[:count]

    def _answer(self, batch: Batch, step: int) -> npt.NDArray[np.generic]:
        """Run composites, exactly so many rows."""
        fused = self._fused
        if fused is not None:
            raw = self._tried(lambda: fused.run(feed_of_composites(batch, self._mask_bytes)), step)
        else:
            feed = {self._input.name: self._input.convert(batch)}
            raw = self._tried(lambda: self._session.run([self._output_name], feed)[0], step)
        columns = max(raw.shape[1:], default=1)
        if raw.ndim == 0 or len(raw) != step or raw.size != step * columns or not columns:
            raise ModelError(
                f"{self.name} gave {list(raw.shape)} for {step} images; expected one row of scores "
                "for each, [N, K]"
            )
        if not np.issubdtype(raw.dtype, np.floating):
            raise ModelError(f"{self.name} gives {raw.dtype}, expected floating-point scores")
        if self._columns and columns != self._columns:
            raise ModelError(
                f"{self.name} gave {columns} scores for an image, and {self._columns} before"
            )
        return raw.reshape(step, columns)

    def _decided(self, feed: Feed) -> npt.NDArray[np.float64]:
        """Run masks and decide about their composites."""
        step = len(feed)
        made = self._tried(lambda: cast(FusedSession, self._proposing).decide(feed), step)
        if made.shape != (step, _native.DECISION_COLUMNS):
            raise ModelError(f"{self.name} gave decisions {list(made.shape)} for {step} images")
        return cast("npt.NDArray[np.float64]", made)

    def _tried(self, run: Callable[[], Any], step: int) -> npt.NDArray[np.generic]:
        try:
            return np.asarray(run())
        except Exception as error:  # its classes have no common base
            if is_memory_error(error):
                raise DeviceMemoryError(
                    f"{self.name}: a batch of {step} does not fit into the memory of {self.device}; "
                    "use a smaller batch_size"
                ) from None
            raise ModelError(
                f"{self.name} failed on a batch of {step}: {one_line(error)}"
            ) from None

    def _fused_model(self, file: OnnxFile) -> bytes:
        """Put the mask head in front of the model and decisions behind it."""
        proto = with_head(file, self._input)
        add_decisions(proto, self._output_name, self._columns, self.output, self._ending)
        return bytes(proto.SerializeToString())

    def _probe(self) -> npt.NDArray[np.generic]:
        """Run two inputs to learn the true output shape, and whether the model takes two at once.

        Graphs exported at batch 1 often declare a dynamic batch and reshape to one row inside.
        """
        ramp = np.linspace(0.0, 1.0, int(np.prod(self.input_shape)), dtype=np.float32)
        batch = np.stack([np.zeros_like(ramp), ramp]).reshape(2, *self.input_shape)
        try:
            raw = self._run(batch)
        except ModelError:
            if self.fixed_batch is not None:
                raise
            self.fixed_batch = 1
            raw = self._run(batch)
        self._columns = raw.shape[1]
        return raw


def _at_least_one(value: int | None, option: str) -> int | None:
    if value is not None and (isinstance(value, bool) or int(value) != value or value < 1):
        raise SettingsError(f"{option} must be a whole number above 0, got {value!r}")
    return None if value is None else int(value)


def _output_name(outputs: Sequence[Any], model: str, wanted: str | None) -> str:
    names = [str(o.name) for o in outputs]
    if wanted is not None:
        if wanted not in names:
            raise ModelError(f"{model} has no output {wanted!r}; it has {', '.join(names)}")
        return wanted
    if len(names) != 1:
        raise ModelError(
            f"{model} has {len(names)} outputs ({', '.join(names)}); say which one holds the "
            "scores with output_name="
        )
    return names[0]
