"""Batched Gradient SIS as the paper states it, a plain torch loop over a batch of photos.

Written to be read beside METHODS.md "gradient-sis" and without looking at the package: the mask M
holds 1 where a pixel is *removed*, and torch differentiates with respect to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Passes = Callable[[Any, int], bool]
"""Scores [K] of one composite and the target -> whether the criterion holds."""


@dataclass
class Found:
    """What became of one photo."""

    sets: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    steps: list[npt.NDArray[np.int64]] = field(default_factory=list)
    """Per order, in which step each pixel was removed, from 1; 0: before it began."""
    confidences: list[list[float]] = field(default_factory=list)
    gradients: int = 0


def backselect(
    module: Any, images: Any, baselines: Any, removed: Any, targets: Any, k: int, of: str
) -> tuple[Any, list[Any], list[Any]]:
    """Steps int [N, H, W], and the masks and scores seen before each step."""
    masks = removed.clone()
    steps = torch.zeros(masks.shape, dtype=torch.int64)
    seen, scores = [], []
    while (masks == 0).any():
        m = masks.clone().requires_grad_()
        shown = (1 - m[:, None]) * images + m[:, None] * baselines
        z = module(shown)
        log_p = torch.log_softmax(z.double(), dim=1).gather(1, targets[:, None])[:, 0]
        if of == "probability":
            value = log_p.exp()
        else:
            others = z.double().scatter(1, targets[:, None], -torch.inf)
            value = z.double().gather(1, targets[:, None])[:, 0] - others.logsumexp(1)
        (slope,) = torch.autograd.grad(value.sum(), m)
        seen.append(masks == 0)
        scores.append(z.detach())
        for n in range(len(masks)):
            left = torch.nonzero(masks[n].flatten() == 0)[:, 0]
            order = torch.sort(slope[n].flatten()[left], descending=True, stable=True).indices
            out = left[order[:k]]
            masks[n].view(-1)[out] = 1
            steps[n].view(-1)[out] = len(seen)
    return steps, seen, scores


def collection(
    module: Any,
    images: Any,
    baselines: Any,
    targets: Any,
    passes: Passes,
    *,
    k: int = 100,
    of: str = "probability",
    count: int = 1,
) -> list[Found]:
    """Up to `count` disjoint sets for each of N photos.

    The first order is taken for all photos in one batch, later ones photo by photo, because how
    many pixels are left then differs.
    """
    found = [Found() for _ in images]
    group = list(range(len(images)))
    removed = torch.zeros(images.shape[0], *images.shape[2:], dtype=images.dtype)
    for number in range(count):
        batches = [group] if number == 0 else [[n] for n in group]
        going = []
        for started in batches:
            batch = started
            with torch.no_grad():
                shown = torch.where(removed[batch][:, None] == 0, images[batch], baselines[batch])
                rest = [
                    passes(module(s[None])[0], int(targets[n]))
                    for n, s in zip(batch, shown, strict=True)
                ]
            batch = [n for n, ok in zip(batch, rest, strict=True) if ok]
            if not batch:
                continue
            steps, seen, scores = backselect(
                module, images[batch], baselines[batch], removed[batch], targets[batch], k, of
            )
            for i, n in enumerate(batch):
                # Pop groups until the rest passes: the last state that did.
                good = [s for s in range(len(seen)) if passes(scores[s][i], int(targets[n]))]
                found[n].sets.append(seen[good[-1]][i].numpy())
                found[n].steps.append(steps[i].numpy())
                p = [float(torch.softmax(z[i].double(), 0)[targets[n]]) for z in scores]
                found[n].confidences.append(p)
                found[n].gradients += len(seen)
                removed[n][seen[good[-1]][i]] = 1
                going.append(n)
        group = going
    return found
