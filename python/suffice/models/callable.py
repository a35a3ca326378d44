"""Classifiers from any Python function."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import DeviceMemoryError, ModelError, ScoresError, SettingsError
from suffice.models.preprocess import Preprocess
from suffice.models.scores import choose_output, count_classes, to_scores
from suffice.types import Batch, OutputKind, Scores


class CallableClassifier:
    """A classifier from a function ``float32 [N, C, H, W] -> [N, K]``.

    Parameters
    ----------
    fn : callable
        Takes a NumPy batch that it must not change or keep, and gives one row of scores for each
        image: anything ``numpy.asarray`` reads. ``[N]`` and ``[N, 1]`` say yes or no and become
        two classes.
    input_shape : (int, int, int)
        ``(C, H, W)``.
    n_classes : int, optional
        Found by one call with zeros where it isn't given.
    preprocess : Preprocess, optional
        How photos become inputs; without it only model-space arrays can be explained.
    output : {"logits", "probabilities", "multilabel"}
        What ``fn`` gives; ``multilabel`` are logits before each class's own sigmoid.
    fingerprint : str
        Names the model in studies: another model needs another one.
    thread_safe : bool
        Whether calls may run at the same time; they take turns otherwise.
    batch_size : int
        What ``auto`` means.
    name : str, optional
        For records; the function's name by default.
    labels : sequence of str, optional
        Class names.
    workers : int, optional
        How many calls may run at a time where ``thread_safe``; 4 by default.

    Raises
    ------
    ModelError
        If the shapes of preprocessing, labels or classes disagree.
    ScoresError
        If the call that finds ``n_classes`` gives no scores.
    """

    fixed_batch: int | None = None
    keep_channel: bool = False
    device = "cpu"
    backend = "callable"

    def __init__(
        self,
        fn: Callable[[Batch], Any],
        input_shape: Sequence[int],
        n_classes: int | None = None,
        preprocess: Preprocess | None = None,
        output: str = "logits",
        fingerprint: str = "",
        thread_safe: bool = False,
        batch_size: int = 16,
        name: str | None = None,
        *,
        labels: Sequence[str] | None = None,
        workers: int | None = None,
    ) -> None:
        self._fn = fn
        self.name: str = name or str(getattr(fn, "__name__", type(fn).__name__))
        self.fingerprint, self.preprocess = fingerprint, preprocess
        self.input_shape = _shape(input_shape)
        self.batch_size = whole_number(batch_size, "batch_size")
        self.workers = (
            whole_number(4 if workers is None else workers, "workers") if thread_safe else 1
        )
        self._turn: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if thread_safe else threading.Lock()
        )
        self.output: OutputKind = choose_output(output, None, 0)
        if preprocess is not None and preprocess.shape != self.input_shape:
            raise ModelError(
                f"{self.name} takes [C, H, W] = {list(self.input_shape)}, the preprocessing makes "
                f"{list(preprocess.shape)}"
            )
        self.n_classes = 0 if n_classes is None else whole_number(n_classes, "n_classes")
        if not self.n_classes:
            self.n_classes = count_classes(self.output, self._probe().shape[1])
        self.labels = None if labels is None else list(labels)
        if self.labels is not None and len(self.labels) != self.n_classes:
            raise ModelError(
                f"{self.name} has {self.n_classes} classes, got {len(self.labels)} labels"
            )

    def __call__(self, batch: Batch) -> Scores:
        """Scores ``float32 [N, K]`` of composites ``float32 [N, C, H, W]``.

        Raises
        ------
        ScoresError
            If the batch or what the function gave is of the wrong shape or type.
        """
        self._check_batch(batch)
        if len(batch) == 0:
            return np.empty((0, self.n_classes), np.float32)
        return self._scores(self._raw(batch))

    def _check_batch(self, batch: Batch) -> None:
        if batch.dtype != np.float32 or batch.shape[1:] != self.input_shape:
            raise ScoresError(
                f"{self.name} takes float32 [N, {', '.join(map(str, self.input_shape))}], got "
                f"{batch.dtype} {list(batch.shape)}"
            )

    def _scores(self, raw: npt.NDArray[np.generic]) -> Scores:
        """Convert ``[N, K]`` as the function gave it to scores."""
        if count_classes(self.output, raw.shape[1]) != self.n_classes:
            raise ScoresError(
                f"{self.name} gave {list(raw.shape)} for {len(raw)} images, expected "
                f"[{len(raw)}, {self.n_classes}]"
            )
        return to_scores(raw, self.output)

    def _probe(self) -> npt.NDArray[np.generic]:
        """Call the function once to learn how many columns it gives."""
        return self._raw(np.zeros((1, *self.input_shape), np.float32))

    def _raw(self, batch: Batch) -> npt.NDArray[np.generic]:
        """Call the function and bring what it gives to ``[N, K]``."""
        try:
            with self._turn:
                given = self._fn(batch)
        except MemoryError as error:
            raise DeviceMemoryError(
                f"{self.name}: a batch of {len(batch)} does not fit into the memory; use a smaller "
                "batch_size"
            ) from error
        try:
            raw = np.asarray(given)
        except Exception as error:
            raise ScoresError(
                f"{self.name} gave {type(given).__name__}, which is no array: {error}"
            ) from error
        if raw.ndim == 1:
            raw = raw[:, None]
        # A single column of integers is more likely predicted labels than scores.
        counts = np.issubdtype(raw.dtype, np.integer) and raw.ndim == 2 and raw.shape[1] > 1
        real = np.issubdtype(raw.dtype, np.floating) or counts
        if raw.ndim != 2 or len(raw) != len(batch) or raw.shape[1] == 0 or not real:
            raise ScoresError(
                f"{self.name} gave {raw.dtype} {list(np.shape(given))} for {len(batch)} images, "
                f"expected floats [{len(batch)}, {self.n_classes or 'K'}]"
            )
        return raw


def _shape(value: Sequence[int]) -> tuple[int, int, int]:
    try:
        shape = tuple(whole_number(v, "input_shape") for v in value)
    except TypeError:
        shape = ()
    if len(shape) != 3:
        raise SettingsError(f"input_shape must be (C, H, W), got {value!r}")
    return shape[0], shape[1], shape[2]


def whole_number(value: object, option: str) -> int:
    """Check a number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise SettingsError(f"{option} must be a whole number above 0, got {value!r}")
    return int(value)
