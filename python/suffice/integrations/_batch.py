"""What the adapters share: a batch of images, each with a target and baseline of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from suffice.api import explain
from suffice.errors import InputError, MissingDependencyError, SettingsError
from suffice.explanation import Explanation, Explanations
from suffice.models.base import Classifier

Content = Literal["responsibility", "mask"]


def explain_batch(
    classifier: Classifier,
    images: npt.NDArray[np.float32],
    targets: Sequence[int | None],
    baselines: Sequence[Any],
    settings: dict[str, Any],
) -> list[Explanation]:
    """Explain images with targets and baselines of their own; equal ones share a run.

    Parameters
    ----------
    classifier : Classifier
    images : float32 [N, C, H, W]
    targets : N of int or None
    baselines : N of what ``suffice.explain`` takes as ``baseline``; the same object is one group
    settings : dict
        Further settings of ``suffice.explain``.
    """
    groups: dict[tuple[int | None, int], list[int]] = {}
    for i, (target, baseline) in enumerate(zip(targets, baselines, strict=True)):
        groups.setdefault((target, id(baseline)), []).append(i)
    found: dict[int, Explanation] = {}
    for (target, _), members in groups.items():
        baseline = baselines[members[0]]
        chosen = explain(classifier, images[members], target=target, baseline=baseline, **settings)
        found.update(zip(members, cast(Explanations, chosen), strict=True))
    return [found[i] for i in range(len(images))]


def as_images(inputs: Any, what: str) -> npt.NDArray[np.float32]:
    """Check that inputs are a batch of images and give them as float32 ``[N, C, H, W]``."""
    images = np.ascontiguousarray(np.asarray(inputs, dtype=np.float32))
    if images.ndim != 4:
        raise InputError(f"{what} should be [N, C, H, W], got {list(images.shape)}")
    return images


def as_targets(target: Any, n: int) -> list[int | None]:
    """Give one target for each of ``n`` images; None stays None, the model's own class."""
    if target is None:
        return [None] * n
    values = np.asarray(target)
    if values.size not in (1, n) or values.dtype.kind not in "iu":
        raise InputError(f"expected one class index, or one for each of {n} images, got {target!r}")
    return [int(value) for value in np.broadcast_to(values.reshape(-1), (n,))]


def maps(explanations: Sequence[Explanation], content: Content) -> npt.NDArray[np.float32]:
    """Give float32 ``[N, 1, H, W]``: responsibility where the method has it, or the set's pixels.

    An explanation without a set (``unattained``) and the empty set are zero everywhere in a mask.
    """
    if content not in ("responsibility", "mask"):
        raise SettingsError(f"content should be 'responsibility' or 'mask', got {content!r}")
    rows = []
    for exp in explanations:
        height, width = cast(list[int], exp.record["input_shape"])[1:]
        row: npt.ArrayLike
        if content == "responsibility" and exp.responsibility is not None:
            row = exp.responsibility
        else:
            row = exp.masks[0] if len(exp.masks) else np.zeros((height, width))
        rows.append(np.asarray(row, np.float32))
    return np.stack(rows)[:, None]


def missing(library: str, purpose: str) -> MissingDependencyError:
    """Say which library is needed for what."""
    return MissingDependencyError(f"{purpose} needs {library}: pip install {library}")
