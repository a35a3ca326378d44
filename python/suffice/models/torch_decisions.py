"""Deciding where a torch module's scores are, so that a few numbers a row leave the device.

The arithmetic of ``csrc/ops/scores`` in torch operations, in float64; sums may run in another
order, so floating-point results may differ in the last bits. Classes and ties are exact.
"""

from __future__ import annotations

from typing import Any

from suffice.models.scores import SLACK
from suffice.models.torch_values import scores_of
from suffice.types import OutputKind


def device_scores(raw: Any, output: OutputKind) -> Any:
    """Convert a module's output to scores, as `suffice.models.scores.to_scores` does.

    Parameters
    ----------
    raw : Tensor of float [N, K]
        As the module gave it.
    output : {"logits", "probabilities", "multilabel"}

    Returns
    -------
    Tensor of float32 [N, K], or [N, 2] where K is 1 and the output is not multilabel
        NaN in rows that are no probabilities though they should be.
    """
    import torch

    raw = raw.float()
    z = scores_of(raw.double(), output).float()
    if output == "probabilities":
        fine = ((raw >= 0.0) & (raw <= 1.0 + SLACK)).all(dim=1, keepdim=True)
        z = torch.where(fine, z, torch.nan)
    return z


def figures(scores: Any, targets: Any, output: OutputKind) -> Any:
    """Decide about rows of scores.

    Parameters
    ----------
    scores : Tensor of float32 [N, K]
        Of `device_scores`.
    targets : Tensor of int64 [N]
        On the same device.
    output : {"logits", "probabilities", "multilabel"}

    Returns
    -------
    Tensor of float64 [N, 8]
        What `suffice._native.decisions` reads. Nothing here waits for the device.
    """
    import torch

    z = scores.double()
    infinite = torch.isposinf(z) if output == "probabilities" else torch.isinf(z)
    usable = ~(torch.isnan(z) | infinite).any(dim=1)
    at = targets[:, None]
    own = z.gather(1, at)[:, 0]
    if output == "multilabel":
        there = own >= 0
        confidence = own.sigmoid()
        top1 = torch.where(there, targets, torch.full_like(targets, -1))
        top1_confidence = torch.where(there, confidence, 1.0 - confidence)
        columns = (top1, top1_confidence, confidence, own, own, torch.ones_like(own), own)
        return torch.stack([c.double() for c in (*columns, usable)], dim=1)
    classes = torch.arange(z.shape[1], device=z.device)
    highest = z.amax(dim=1, keepdim=True)
    # The lowest index of the maximum, which argmax does not promise.
    top1 = torch.where(z == highest, classes, z.shape[1]).amin(dim=1).clamp(max=z.shape[1] - 1)
    others = z.scatter(1, at, -torch.inf)
    other = others.amax(dim=1)
    lead = own - other
    if output == "logits":
        total = (others - other[:, None]).exp().sum(dim=1)
        log_odds = own - (other + total.log())
        weight = (own - other).exp()
        wins = top1 == targets
        sigmoid = log_odds.sigmoid()
        confidence = torch.where(wins, sigmoid, weight / (total + weight))
        top1_confidence = torch.where(wins, sigmoid, 1.0 / (total + weight))
    else:
        confidence, top1_confidence = own.exp(), highest[:, 0].exp()
        near = (-torch.expm1(own)).log()
        far = torch.log1p(-own.exp())
        rest = torch.where(own > -0.6931471805599453, near, far)
        log_odds = torch.where(own >= 0, torch.full_like(own, torch.inf), own - rest)
    wins_tie = (top1 == targets) | (own < highest[:, 0])
    columns = (top1, top1_confidence, confidence, lead, log_odds, wins_tie, own)
    return torch.stack([c.double() for c in (*columns, usable)], dim=1)


def figures_by(kernels: Any, scores: Any, targets: Any, output: OutputKind) -> Any:
    """As `figures`, by the CUDA operation ``decide``, on torch's current stream."""
    import torch

    out = torch.empty((len(scores), 8), dtype=torch.float64, device=scores.device)
    stream = torch.cuda.current_stream(scores.device).cuda_stream
    kernels.decide(scores.contiguous(), targets.int(), output, out, stream)
    return out
