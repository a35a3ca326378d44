"""Gradients of a classifier's value with respect to masks."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import ModelError
from suffice.models.base import Differentiable, Value
from suffice.types import Batch, FloatImage, PackedMasks, Scores

MaskGradients = npt.NDArray[np.float32]
"""``[M, H, W]`` float32, of a value with respect to the kept mask."""


def differentiable(classifier: Any) -> Differentiable:
    """Take a classifier that gives gradients.

    Raises
    ------
    ModelError
        If it gives none; the message says which do.
    """
    if isinstance(classifier, Differentiable):
        return classifier
    name = getattr(classifier, "name", type(classifier).__name__)
    raise ModelError(
        f"{name} gives no gradients (neither ONNX Runtime nor a function does); give the "
        "torch.nn.Module itself, or convert an ONNX file with suffice.TorchClassifier.from_onnx "
        "(pip install suffice[torch], which brings onnx2torch)"
    )


def mask_gradient(
    classifier: Any,
    image: FloatImage,
    baseline: FloatImage,
    masks: PackedMasks | npt.NDArray[np.bool_],
    target: int,
    of: Value = "log_odds",
) -> MaskGradients:
    """Differentiate the target's value with respect to the kept mask, at each mask.

    With S the kept mask, the composite is ``x' = S x + (1 - S) b`` for every channel of a pixel, so
    that the derivative is ``dF/dS = sum_c (x_c - b_c) dF/dx'_c``: positive where keeping more of a
    pixel raises the value.

    Parameters
    ----------
    classifier : Differentiable
    image, baseline : float32 [C, H, W]
    masks : uint64 [M, words] or bool [M, H, W]
        True = kept.
    target : int
    of : {"log_odds", "logit", "probability", "log_probability"}

    Returns
    -------
    float32 [M, H, W]

    Raises
    ------
    ModelError
        If the classifier gives no gradients.
    ScoresError
        If its scores or gradients can't be used.

    Source
    ------
    Carter, Jain, Mueller, Gifford: Overinterpretation reveals image classification model
    pathologies (2021), section S5. There M is the mask of *removed* pixels, so that
    ``dF/dM = -dF/dS``: the pixels it removes first, those with the largest dF/dM, have the smallest
    values here.
    """
    return value_and_mask_gradient(classifier, image, baseline, masks, target, of)[1]


def value_and_mask_gradient(
    classifier: Any,
    image: FloatImage,
    baseline: FloatImage,
    masks: PackedMasks | npt.NDArray[np.bool_],
    target: int,
    of: Value = "log_odds",
) -> tuple[npt.NDArray[np.float64], MaskGradients]:
    """Give what `mask_gradient` does, and the values themselves, which come for free.

    Parameters
    ----------
    classifier, image, baseline, masks, target, of
        Those of `mask_gradient`.

    Returns
    -------
    values : float64 [M]
    gradients : float32 [M, H, W]

    Raises
    ------
    ModelError, ScoresError
        As `mask_gradient`.

    Source
    ------
    That of `mask_gradient`.
    """
    clf = differentiable(classifier)
    packed = cast("PackedMasks", masks)
    if masks.dtype == np.bool_:
        packed = _native.pack(cast("npt.NDArray[np.bool_]", masks))
    count, (_, height, width) = len(packed), image.shape
    values = np.empty(count, np.float64)
    gradients = np.empty((count, height, width), np.float32)
    step = clf.fixed_batch or clf.batch_size
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        batch = _native.compose(image, baseline, packed[part])
        targets = np.full(len(batch), target, np.int64)
        values[part], by_input = clf.gradient(batch, targets, of)
        gradients[part] = by_mask(image, baseline, by_input)
    return values, gradients


def by_mask(image: FloatImage, baseline: FloatImage, by_input: Batch) -> MaskGradients:
    """Turn gradients with respect to composites into gradients with respect to their masks.

    Summed in float64, channel by channel, so that a row's bits don't depend on how many there are.

    Parameters
    ----------
    image, baseline : float32 [C, H, W]
    by_input : float32 [M, C, H, W]

    Returns
    -------
    float32 [M, H, W]
    """
    difference = image.astype(np.float64) - baseline
    total = difference[0] * by_input[:, 0]
    for channel in range(1, len(difference)):
        total += difference[channel] * by_input[:, channel]
    found: MaskGradients = total.astype(np.float32)
    return found


def scores_and_gradient(
    classifier: Differentiable, batch: Batch, targets: npt.NDArray[np.integer], of: Value
) -> tuple[Scores, Batch]:
    """Scores of a batch and the gradients of its targets' values.

    A classifier with a method of this name, such as `suffice.TorchClassifier`, gives both from one
    forward pass; another one is called for its scores first.

    Parameters
    ----------
    classifier : Differentiable
    batch : float32 [N, C, H, W]
    targets : int [N]
    of : {"log_odds", "logit", "probability", "log_probability"}

    Returns
    -------
    scores : float32 [N, K]
    gradients : float32 [N, C, H, W]
    """
    both = getattr(classifier, "scores_and_gradient", None)
    if both is not None:
        scores, _, gradients = both(batch, targets, of)
        return scores, gradients
    return classifier(batch), classifier.gradient(batch, targets, of)[1]
