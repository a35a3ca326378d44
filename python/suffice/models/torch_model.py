"""Classifiers that PyTorch runs, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from suffice.errors import ModelError, ScoresError, SettingsError
from suffice.models.base import VALUES, MaskPart, Value
from suffice.models.callable import CallableClassifier, whole_number
from suffice.models.preprocess import Preprocess
from suffice.models.scores import refuse_hidden_softmax
from suffice.models.torch_masks import MaskOptions, MaskRunner
from suffice.models.torch_module import (
    float_type,
    import_torch,
    lies_channels_last,
    module_sha256,
    place,
)
from suffice.models.torch_runner import Runner, first_line
from suffice.models.torch_sources import stated_input
from suffice.models.torch_values import target_values
from suffice.types import Batch, Decisions, Scores

# CPU time per image is within 15 % from 2 to 16 rows on EfficientNet-Lite0 and ViT-Tiny.
_CPU_BATCH, _GPU_BATCH = 8, 64


class TorchClassifier(CallableClassifier):
    """A classifier from a ``torch.nn.Module``.

    The module itself is used, not a copy: it is set to eval mode, moved to the device, and left so.
    Scores are computed in inference mode; gradients leave nothing in the parameters' ``grad``.
    Inputs are converted to the module's floating-point type and outputs back to float32; half
    precision decides with its own rounding. On a GPU convolutions run without TF32.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one image batch ``[N, C, H, W]``. It may give a tensor ``[N, K]``, an object or
        dictionary with ``logits``, or anything that holds one tensor only.
    preprocess : Preprocess, optional
        How photos become inputs. By default what the module states in timm's ``pretrained_cfg``;
        without one only model-space arrays can be explained.
    output : {"logits", "probabilities", "multilabel"}, optional
        What the module gives, ``logits`` by default; refused where the rows sum to 1.
    device : str
        ``auto`` (a CUDA device where there is one), or any device torch knows.
    threads : int, optional
        CPU threads of a call; by default torch's own setting.
    input_shape : (int, int, int), optional
        ``(C, H, W)``; needed where neither the preprocessing nor the module states it.
    batch_size : int, optional
        What ``auto`` means; by default 8 on a CPU and 64 elsewhere.
    fixed_batch : int, optional
        The only batch size the module accepts.
    fingerprint : str, optional
        By default `module_sha256`, taken once: weights that change later need a new classifier.
    thread_safe : bool
        Whether calls may run at the same time; they take turns otherwise.
    workers : int, optional
        How many calls may run at a time where ``thread_safe``; 4 by default.
    labels : sequence of str, optional
        Class names.
    name : str, optional
        For records; the module's class by default.
    composes : bool, optional
        Whether searches hand over masks, and composites are made and decided on where the module
        is; by default on a GPU, and wherever the precision is low.
    precision : {"float32", "bfloat16", "float16"}
        Of searches: a lower one runs under autocast, and every decision near its boundary, the
        reference values and all certificates in float32 (DESIGN.md 9).
    channels_last : bool, optional
        How the composites of searches lie in memory; by default as the module's own convolutions.
    compile : bool
        Whether searches run the module through ``torch.compile``.
    cuda_graphs : bool
        Whether searches capture each batch size as a CUDA graph.

    Raises
    ------
    MissingDependencyError
        If torch is not installed.
    ModelError
        If the module fails on a trial batch or gives no scores, or the shapes of preprocessing or
        labels disagree.
    SettingsError
        If the device can't be used, or an option is missing or invalid.
    """

    def __init__(
        self,
        module: Any,
        preprocess: Preprocess | None = None,
        output: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        *,
        input_shape: Sequence[int] | None = None,
        batch_size: int | None = None,
        fixed_batch: int | None = None,
        fingerprint: str | None = None,
        thread_safe: bool = False,
        workers: int | None = None,
        labels: Sequence[str] | None = None,
        name: str | None = None,
        composes: bool | None = None,
        precision: str = "float32",
        channels_last: bool | None = None,
        compile: bool = False,
        cuda_graphs: bool = False,
    ) -> None:
        torch = import_torch()
        if not isinstance(module, torch.nn.Module):
            raise ModelError(f"expected a torch.nn.Module, got {type(module).__name__}")
        for option, value in (("threads", threads), ("fixed_batch", fixed_batch)):
            if value is not None:
                whole_number(value, option)
        name = name or str(getattr(module, "original_name", type(module).__name__))
        own_shape, stated = stated_input(module)
        made = own_shape if preprocess is None else preprocess.shape
        shape: Sequence[int] | None = made if input_shape is None else input_shape
        if shape is None:
            raise SettingsError(
                f"{name} does not state its input's size: give input_shape=(C, H, W), or a "
                "preprocess with its size"
            )
        if preprocess is None and stated is not None and stated.shape == tuple(shape):
            preprocess = stated
        self.module, self.device = module, place(module, device, name)
        options = MaskOptions(precision, bool(channels_last), compile, cuda_graphs)
        options.check(self.device)
        if channels_last is None:
            options = replace(options, channels_last=lies_channels_last(module))
        elif channels_last:
            module.to(memory_format=torch.channels_last)
        self.fixed_batch = fixed_batch
        self._runner = Runner(module, name, self.device, float_type(module), threads)
        self.backend = f"torch {str(torch.__version__).partition('+')[0]} {self.device}"
        self._declared = output is not None
        try:
            super().__init__(
                self._call,
                shape,
                preprocess=preprocess,
                output=output or "logits",
                thread_safe=thread_safe,
                batch_size=batch_size or (_CPU_BATCH if self.device == "cpu" else _GPU_BATCH),
                name=name,
                labels=labels,
                workers=workers,
            )
        except ScoresError as error:
            raise ModelError(str(error)) from error
        if self.fixed_batch is not None:
            self.batch_size = self.fixed_batch
        self.fingerprint = module_sha256(module) if fingerprint is None else fingerprint
        self.precision = precision
        worthwhile = self.device != "cpu" or precision != "float32"
        self.composes = worthwhile if composes is None else composes
        self._masks: MaskRunner | None = None
        if self.composes:
            self._masks = MaskRunner(self._runner, self.input_shape, self.output, options)
            if self.device.startswith("cuda"):  # one queues the next batch while one waits
                self.workers = max(2, self.workers)
        elif precision != "float32" or compile or cuda_graphs:
            raise SettingsError(
                "precision, compile and cuda_graphs are of searches that hand over masks; leave "
                "out composes=False"
            )

    def decide(self, parts: Sequence[MaskPart], rows: int) -> Decisions:
        """Compose, run the module and decide where it is (`suffice.models.base.Composing`).

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
            If the module fails, or no decision can be made from a row's scores.
        DeviceMemoryError
            If so many rows don't fit into the device's memory.
        """
        if self._masks is None:
            raise SettingsError(f"{self.name} was made with composes=False")
        return self._masks.decide(parts, rows, self.fixed_batch)

    def recover(self) -> None:
        """Give back memory of the device after it ran out."""
        if self._masks is not None:
            self._masks.forget()

    @classmethod
    def from_onnx(
        cls,
        source: str | PathLike[str] | bytes,
        preprocess: Preprocess | None = None,
        output: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        **options: Any,
    ) -> Self:
        """Convert an ONNX file to a torch module, for its gradients.

        The graph is simplified by ONNX Runtime, converted by onnx2torch, and its scores are
        compared with ONNX Runtime's. The fingerprint is the file's.

        Parameters
        ----------
        source : path or bytes
        preprocess, output, device, threads
            As for the class; ``output`` is read from the graph's end by default.
        **options
            Those of the class, and ``layout`` and ``output_name`` of `OnnxClassifier`.

        Returns
        -------
        TorchClassifier

        Raises
        ------
        MissingDependencyError
            If onnx2torch, torch, onnx or onnxruntime can't be imported.
        ModelError
            If the file is no model that can be converted, or the converted one disagrees.
        """
        from suffice.models.torch_onnx import convert_onnx

        module, stated = convert_onnx(
            source,
            preprocess=preprocess,
            output=output,
            **{k: options.pop(k, None) for k in ("input_shape", "layout", "output_name", "name")},
        )
        given = {key: value for key, value in options.items() if value is not None}
        return cls(module, preprocess, device=device, threads=threads, **{**stated, **given})

    def gradient(
        self, batch: Batch, targets: npt.NDArray[np.integer], of: Value = "log_odds"
    ) -> tuple[npt.NDArray[np.float64], Batch]:
        """Differentiate each row's value of its target with respect to that row.

        Parameters
        ----------
        batch : float32 [N, C, H, W]
        targets : int [N]
            The class of each row.
        of : {"log_odds", "logit", "probability", "log_probability"}
            ``log(p / (1 - p))``; the score, which is log p where the module gives probabilities; p;
            log p. For ``multilabel`` p is the class's own sigmoid.

        Returns
        -------
        values : float64 [N]
        gradients : float32 [N, C, H, W]

        Raises
        ------
        SettingsError
            If ``of`` is unknown or a target is no class of the model.
        ScoresError
            If the batch is of the wrong shape or type, the module fails, or a value or gradient is
            not finite.
        ModelError
            If torch can't differentiate the module's scores.
        """
        return self.scores_and_gradient(batch, targets, of)[1:]

    def scores_and_gradient(
        self, batch: Batch, targets: npt.NDArray[np.integer], of: Value = "log_odds"
    ) -> tuple[Scores, npt.NDArray[np.float64], Batch]:
        """Give what `gradient` does, and before it the scores, from the same forward pass.

        Parameters
        ----------
        batch, targets, of
            Those of `gradient`.

        Returns
        -------
        scores : float32 [N, K]
            As a call gives them, but for rounding.
        values : float64 [N]
        gradients : float32 [N, C, H, W]

        Raises
        ------
        SettingsError, ScoresError, ModelError
            As `gradient`.
        """
        torch = import_torch()
        self._check_batch(batch)
        classes = self._check_targets(targets, len(batch))
        if of not in VALUES:
            raise SettingsError(f"of {of!r} is unknown; use {', '.join(VALUES)}")
        if len(batch) == 0:
            nothing = np.empty((0, self.n_classes), np.float32)
            return nothing, np.empty(0, np.float64), np.empty_like(batch)
        with self._turn, self._runner.settings(), torch.inference_mode(False), torch.enable_grad():
            x = torch.tensor(batch, device=self.device, requires_grad=True)
            # A copy, since modules that work in place may not do so on what is differentiated.
            raw = self._runner.run(x.clone(), self.fixed_batch)
            scores = self._scores(_numpy(raw))  # refuses columns and ranges as a call does
            values = target_values(raw, torch.from_numpy(classes), self.output, of)
            slope = self._slope(values, x)
        found, gradients = values.detach().numpy(), slope.float().cpu().numpy()
        for what, array in (("value", found), ("gradient", gradients)):
            finite = np.isfinite(array).reshape(len(batch), -1).all(axis=1)
            if not finite.all():
                row = int(np.argmin(finite))
                raise ScoresError(f"{self.name}: the {what} of row {row} is not finite", row)
        return scores, found, gradients

    def _slope(self, values: Any, x: Any) -> Any:
        torch = import_torch()
        slope, cause = None, "torch sees no way from its scores to its input"
        if values.requires_grad:
            try:
                (slope,) = torch.autograd.grad(values.sum(), x, allow_unused=True)
            except RuntimeError as error:
                cause = first_line(error)
        if slope is None:
            raise ModelError(
                f"{self.name} can't be differentiated: {cause}; look for no_grad, detach, NumPy or "
                "rounding in its forward"
            )
        return slope

    def _check_targets(self, targets: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.int64]:
        given = np.asarray(targets)
        if given.shape != (count,) or not (np.issubdtype(given.dtype, np.integer) or not count):
            raise SettingsError(
                f"expected one target for each of {count} rows, int [{count}], got {given.dtype} "
                f"{list(given.shape)}"
            )
        wrong = given[(given < 0) | (given >= self.n_classes)]
        if len(wrong):
            raise SettingsError(
                f"target {wrong[0]} is out of range: {self.name} has classes 0 to "
                f"{self.n_classes - 1}"
            )
        return given.astype(np.int64)

    def _probe(self) -> npt.NDArray[np.generic]:
        """Try two inputs; where they fail and one passes, the module was traced at batch 1."""
        ramp = np.linspace(0.0, 1.0, int(np.prod(self.input_shape)), dtype=np.float32)
        batch = np.stack([np.zeros_like(ramp), ramp]).reshape(2, *self.input_shape)
        try:
            raw = self._raw(batch)
        except ScoresError:
            if self.fixed_batch is not None:
                raise
            self.fixed_batch = 1
            try:
                raw = self._raw(batch)
            except ScoresError:
                self.fixed_batch = None
            if self.fixed_batch is None:
                raise
        if not self._declared:
            refuse_hidden_softmax(raw, self.name, "logits are expected")
        return raw

    def _call(self, batch: Batch) -> npt.NDArray[np.generic]:
        """Scores as the module gives them, for `CallableClassifier`."""
        torch = import_torch()
        with self._runner.settings(), torch.inference_mode():
            # A copy: a module may work in place, and the engine uses its batch again.
            return _numpy(
                self._runner.run(torch.tensor(batch, device=self.device), self.fixed_batch)
            )


def _numpy(raw: Any) -> npt.NDArray[np.generic]:
    """Copy to NumPy, which knows neither bfloat16 nor the smaller types."""
    raw = raw.detach().cpu()
    return np.asarray(raw.numpy() if raw.element_size() >= 4 else raw.float().numpy())
