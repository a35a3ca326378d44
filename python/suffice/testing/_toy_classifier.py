"""Toys as classifiers that also give gradients."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from suffice.errors import SettingsError
from suffice.models.base import VALUES, Value
from suffice.models.callable import CallableClassifier
from suffice.types import Batch

Floats = npt.NDArray[np.float64]


class Differentiated(Protocol):
    """What a toy must give: logits in float64, and their derivatives."""

    def scores(self, batch: Batch) -> Floats:
        """Logits float64 [N, K]."""

    def pull_back(self, batch: Batch, weights: Floats) -> Floats:
        """The derivative of ``sum_k weights[:, k] z_k`` by the batch."""


class ToyClassifier(CallableClassifier):
    """A `suffice.models.base.Differentiable` classifier of a toy; calls may run side by side.

    Parameters
    ----------
    toy : Differentiated
        Gives logits.
    input_shape : (int, int, int)
    n_classes : int
    output : {"logits", "probabilities", "multilabel"}
        What is made of the logits: nothing, their softmax, or nothing but another reading.
    name : str
    workers, batch_size : int
    """

    def __init__(
        self,
        toy: Differentiated,
        input_shape: tuple[int, int, int],
        n_classes: int,
        *,
        output: str = "logits",
        name: str = "toy",
        workers: int = 1,
        batch_size: int = 16,
    ) -> None:
        self.toy = toy

        def given(batch: Batch) -> Floats:
            z = toy.scores(batch)
            return _softmax(z) if output == "probabilities" else z

        super().__init__(
            given,
            input_shape,
            n_classes,
            output=output,
            fingerprint=f"toy {name} {output}",
            thread_safe=True,
            batch_size=batch_size,
            name=name,
            workers=workers,
        )

    def gradient(
        self, batch: Batch, targets: npt.NDArray[np.integer], of: Value = "log_odds"
    ) -> tuple[Floats, Batch]:
        """Differentiate each row's value of its target, as `Differentiable.gradient` says.

        Raises
        ------
        SettingsError
            If ``of`` is unknown or a target is no class.
        ScoresError
            If the batch doesn't fit.
        """
        self._check_batch(batch)
        classes = np.asarray(targets)
        if of not in VALUES:
            raise SettingsError(f"of {of!r} is unknown; use {', '.join(VALUES)}")
        if classes.shape != (len(batch),) or np.any((classes < 0) | (classes >= self.n_classes)):
            raise SettingsError(
                f"expected {len(batch)} classes from 0 to {self.n_classes - 1}, got {classes}"
            )
        z = self.toy.scores(batch)
        read = _multilabel if self.output == "multilabel" else _one_of_many
        values, weights = read(z, classes, of, self.output == "probabilities")
        return values, self.toy.pull_back(batch, weights).astype(np.float32)


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    found: Floats = e / e.sum(axis=1, keepdims=True)
    return found


def _one_of_many(
    z: Floats, classes: npt.NDArray[np.integer], of: Value, normalised: bool
) -> tuple[Floats, Floats]:
    """Value of each row's class, and its derivative by the row's logits."""
    rows, one = np.arange(len(z)), np.eye(z.shape[1])[classes]
    p = _softmax(z)
    own = p[rows, classes]
    log_p = z[rows, classes] - z.max(axis=1) - np.log(np.exp(z - z.max(axis=1)[:, None]).sum(1))
    if of == "log_odds":
        others = _softmax(np.where(one > 0, -np.inf, z))
        rivals = np.where(one > 0, -np.inf, z)
        top = rivals.max(axis=1)
        away = top + np.log(np.exp(rivals - top[:, None]).sum(axis=1))
        return z[rows, classes] - away, one - others
    if of == "logit" and not normalised:
        return z[rows, classes], one
    if of == "probability":
        return own, own[:, None] * (one - p)
    return log_p, one - p


def _multilabel(
    z: Floats, classes: npt.NDArray[np.integer], of: Value, _: bool
) -> tuple[Floats, Floats]:
    """Value of each row's class by its own sigmoid, and its derivative by the row's logits."""
    own, one = z[np.arange(len(z)), classes], np.eye(z.shape[1])[classes]
    p = 1.0 / (1.0 + np.exp(-own))
    if of == "probability":
        return p, (p * (1.0 - p))[:, None] * one
    if of == "log_probability":
        return -np.logaddexp(0.0, -own), (1.0 - p)[:, None] * one
    return own, one
