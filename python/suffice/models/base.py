"""What a classifier is to the rest of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from suffice.models.preprocess import Preprocess
from suffice.types import (
    Batch,
    Decisions,
    FloatImage,
    JsonObject,
    OutputKind,
    PackedMasks,
    Scores,
)

Value = Literal["log_odds", "logit", "probability", "log_probability"]
"""What of the target is differentiated: ``log(p / (1 - p))``, its score z (log p where the model
gives probabilities), p or log p. For ``multilabel`` p is the class's own sigmoid."""

VALUES: tuple[Value, ...] = ("log_odds", "logit", "probability", "log_probability")


@runtime_checkable
class Classifier(Protocol):
    """Anything that turns a batch of composites into scores, and says what it is.

    Attributes
    ----------
    name : str
        For records, such as the model's file name.
    fingerprint : str
        SHA-256 of the model in hex, or what the user gave; empty if unknown.
    input_shape : tuple of int
        ``(C, H, W)`` in model space, as the engine composes it. Models that want another layout
        or element type are converted at their edge.
    n_classes : int
        Columns of the scores.
    output : {"logits", "probabilities", "multilabel"}
        What the model gives. The scores are logits z, and log p for ``probabilities``; for
        ``multilabel`` each class has its own sigmoid over z.
    preprocess : Preprocess or None
        How photos become inputs; None means that only model-space arrays are accepted.
    fixed_batch : int or None
        The only batch size the model itself accepts. Any number of rows may be given to a call.
    batch_size : int
        What ``batch_size="auto"`` means for this classifier.
    workers : int
        How many calls may run at the same time.
    device : str
        Such as ``cpu`` or ``cuda:0``.
    backend : str
        Such as ``onnxruntime 1.31.1 CPUExecutionProvider``.
    """

    name: str
    fingerprint: str
    input_shape: tuple[int, int, int]
    n_classes: int
    output: OutputKind
    preprocess: Preprocess | None
    fixed_batch: int | None
    batch_size: int
    workers: int
    device: str
    backend: str

    def __call__(self, batch: Batch) -> Scores:
        """Scores ``float32 [N, K]`` of composites ``float32 [N, C, H, W]``."""


@runtime_checkable
class Differentiable(Classifier, Protocol):
    """A classifier that also gives the gradients of its scores."""

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

        Returns
        -------
        values : float64 [N]
        gradients : float32 [N, C, H, W]

        Raises
        ------
        SettingsError
            If ``of`` is unknown or a target is no class.
        ScoresError
            If the batch doesn't fit, or a value or gradient is not finite.
        """


@dataclass(frozen=True, slots=True, eq=False)
class MaskPart:
    """Composites of one image under one baseline, not composed yet.

    Attributes
    ----------
    image, baseline : float32 [C, H, W]
    masks : uint64 [m, words]
        Packed, true = pixel of the image.
    target : int
    """

    image: FloatImage
    baseline: FloatImage
    masks: PackedMasks
    target: int

    def __len__(self) -> int:
        return len(self.masks)


@runtime_checkable
class Composing(Classifier, Protocol):
    """A classifier that composes by itself, on its own device.

    Masks are a hundredth of the composites they stand for, and decisions a hundredth of the scores,
    so little crosses to a GPU and back. Calls, for references, narrow decisions and certificates,
    stay float32 composites in and scores out.

    Attributes
    ----------
    composes : bool
        Whether `decide` is to be used; false where calls cost no more.
    precision : str
        Of the arithmetic behind `decide`, such as ``float32`` or ``bfloat16``.
    """

    composes: bool
    precision: str

    def decide(self, parts: Sequence[MaskPart], rows: int) -> Decisions:
        """Compose, run the model and decide.

        Parameters
        ----------
        parts : sequence of MaskPart
        rows : int
            Rows of the batch to be run, at least those of the parts; the rest is padding.

        Returns
        -------
        Decisions
            Of the parts' rows, one after the other.

        Raises
        ------
        ScoresError
            If no decision can be made from a row's scores; it carries the row.
        DeviceMemoryError
            If so many rows don't fit into the device's memory.
        """


def composing(classifier: Classifier) -> Composing | None:
    """Return the classifier where it composes by itself and that is worth it."""
    if getattr(classifier, "composes", False):
        return cast(Composing, classifier)
    return None


def with_keep_channel(classifier: Classifier, array: FloatImage, kept: bool) -> FloatImage:
    """Complete an image or a baseline of a classifier that is told which pixels are kept.

    A classifier may have an attribute ``keep_channel`` that is true. The last channel of its
    ``input_shape`` is then 1 where a pixel is kept and 0 elsewhere: the image has 1 in it and every
    baseline 0, so a composite's is the mask itself. Photos, arrays and baselines are given without
    it, and the Preprocess doesn't make it.

    Parameters
    ----------
    classifier : Classifier
    array : float32 [C, H, W]
        Without that channel.
    kept : bool
        True for an image, false for a baseline.

    Returns
    -------
    float32 [C, H, W] or [C + 1, H, W]
        The array itself where the classifier has no such channel.
    """
    if not getattr(classifier, "keep_channel", False):
        return array
    plane = np.full((1, *array.shape[1:]), kept, np.float32)
    return np.concatenate([array, plane])


def describe(classifier: Classifier) -> JsonObject:
    """Say what is known about a classifier, as JSON types."""
    preprocess = classifier.preprocess
    return {
        "name": classifier.name,
        "sha256": classifier.fingerprint,
        "input_shape": list(classifier.input_shape),
        "n_classes": classifier.n_classes,
        "output_kind": classifier.output,
        "preprocess": None if preprocess is None else preprocess.to_dict(),
        "fixed_batch": classifier.fixed_batch,
        "batch_size": classifier.batch_size,
        "workers": classifier.workers,
        "device": classifier.device,
        "backend": classifier.backend,
    }
