"""One attribution at work: what it asks of a classifier, and what that costs."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import ScoresError
from suffice.models.base import Classifier, Value
from suffice.models.gradients import differentiable
from suffice.types import Batch, FloatImage

GRADIENT_COST = 3
"""What one gradient counts as, in evaluations."""


class Task:
    """The value of a class, as a function of images, with a count of what was asked.

    An image that was asked before is answered from memory and costs nothing, as in a search.

    Parameters
    ----------
    classifier : Classifier
    image, baseline : float32 [C, H, W]
    target : int
    of : {"log_odds", "logit", "probability", "log_probability"}
        What of the target is explained.

    Attributes
    ----------
    gradients : int
        Gradients taken.
    """

    def __init__(
        self,
        classifier: Classifier,
        image: FloatImage,
        baseline: FloatImage,
        target: int,
        of: Value,
    ) -> None:
        self.classifier, self.target, self.of = classifier, target, of
        self.image, self.baseline = image, baseline
        self.gradients = 0
        self._extra = 0
        self._known: dict[bytes, float] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[1], self.image.shape[2]

    @property
    def batch_size(self) -> int:
        """Images of one call."""
        return self.classifier.fixed_batch or self.classifier.batch_size

    @property
    def evaluations(self) -> int:
        """Distinct images through the model; a gradient counts as three."""
        return len(self._known) + self._extra + GRADIENT_COST * self.gradients

    def count(self, evaluations: int = 0, gradients: int = 0) -> None:
        """Count what goes through the model by another way than this object's."""
        self._extra += evaluations
        self.gradients += gradients

    def values(self, batch: Batch) -> npt.NDArray[np.float64]:
        """The target's value of each image ``float32 [N, C, H, W]``, float64 ``[N]``.

        Raises
        ------
        ScoresError
            If the classifier gives no finite value.
        """
        batch = np.ascontiguousarray(batch, np.float32)
        names = [hashlib.blake2b(row, digest_size=16).digest() for row in batch]
        new = list({n: i for i, n in enumerate(names) if n not in self._known}.items())
        for start in range(0, len(new), self.batch_size):
            some = new[start : start + self.batch_size]
            found = self._ask(np.ascontiguousarray(batch[[i for _, i in some]]))
            self._known.update(zip([n for n, _ in some], found.tolist(), strict=True))
        return np.array([self._known[n] for n in names], np.float64)

    def _ask(self, batch: Batch) -> npt.NDArray[np.float64]:
        scores = self.classifier(batch)
        targets = np.full(len(batch), self.target, np.int32)
        decisions = _native.decide(scores, targets, self.classifier.output)
        found: npt.NDArray[np.float64]
        match self.of:
            case "log_odds":
                found = decisions.log_odds
            case "logit":
                found = np.asarray(scores[:, self.target], np.float64)
            case "probability":
                found = decisions.confidence
            case _:
                found = -np.logaddexp(0.0, -decisions.log_odds)
        if not np.isfinite(found).all():
            row = int(np.argmin(np.isfinite(found)))
            raise ScoresError(f"{self.classifier.name}: the {self.of} of row {row} is not finite")
        return found

    def slopes(self, batch: Batch) -> tuple[npt.NDArray[np.float64], Batch]:
        """Values ``[N]`` and gradients ``[N, C, H, W]`` of images, each counted as a gradient.

        Raises
        ------
        ModelError
            If the classifier gives no gradients.
        """
        clf = differentiable(self.classifier)
        batch = np.ascontiguousarray(batch, np.float32)
        values, gradients = np.empty(len(batch)), np.empty_like(batch)
        for start in range(0, len(batch), self.batch_size):
            part = slice(start, start + self.batch_size)
            targets = np.full(len(batch[part]), self.target, np.int64)
            values[part], gradients[part] = clf.gradient(batch[part], targets, self.of)
        self.gradients += len(batch)
        return values, gradients

    def in_torch(self, batch: Any) -> Any:
        """The same for captum: tensor ``[N, C, H, W]`` to ``[N]``, differentiable where asked."""
        import torch

        if batch.requires_grad and torch.is_grad_enabled():
            return _slope_function().apply(batch, self.slopes)
        return torch.from_numpy(self.values(batch.detach().numpy())).float()


@functools.cache
def _slope_function() -> Any:
    """A function of torch whose derivative is what a classifier's ``gradient`` says."""
    import torch

    class Slope(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, batch: Any, slopes: Any) -> Any:
            values, gradients = slopes(batch.detach().numpy())
            ctx.save_for_backward(torch.from_numpy(gradients))
            return torch.from_numpy(values).float()

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            (gradients,) = ctx.saved_tensors
            return upstream[:, None, None, None] * gradients, None

    return Slope
