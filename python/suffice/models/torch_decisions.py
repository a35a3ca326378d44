"""Deciding where a torch module's scores are, so that a few numbers a row leave the device.

The arithmetic of ``csrc/ops/scores`` in torch operations, in float64; sums may run in another
order, so floating-point results may differ in the last bits. Classes and ties are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from suffice.errors import ScoresError
from suffice.models.torch_values import scores_of
from suffice.types import Decisions, OutputKind

COLUMNS = ("top1", "top1_confidence", "confidence", "lead", "log_odds", "wins_tie", "score")
"""Of what `figures` gives; one more says whether the row can be decided on."""
_SLACK = 1e-3  # how far rounding may take a probability past 1, as suffice.models.scores has it


def figures(raw: Any, targets: Any, output: OutputKind) -> Any:
    """Decide about rows of scores.

    Parameters
    ----------
    raw : Tensor of float [N, K]
        As the module gave it.
    targets : Tensor of int64 [N]
        On the same device.
    output : {"logits", "probabilities", "multilabel"}

    Returns
    -------
    Tensor of float64 [N, 8]
        `COLUMNS`, and 1 where they mean something. Nothing here waits for the device.
    """
    import torch

    raw = raw.float().double()
    usable = torch.isfinite(raw).all(dim=1)
    if output == "probabilities":
        usable &= ((raw >= 0.0) & (raw <= 1.0 + _SLACK)).all(dim=1)
    z = scores_of(raw, output).float().double()
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


def decisions(found: Any, name: str) -> Decisions:
    """Read `figures` that have come back.

    Parameters
    ----------
    found : float64 [N, 8]
        On the CPU.
    name : str
        Of the model, for messages.

    Raises
    ------
    ScoresError
        If a row can't be decided on.
    """
    values = np.asarray(found, np.float64)
    bad = np.flatnonzero(values[:, -1] == 0)
    if len(bad):
        raise ScoresError(
            f"{name} gave scores of row {bad[0]} that no decision can be made from: NaN, infinite, "
            "or no probabilities",
            int(bad[0]),
        )
    columns = dict(zip(COLUMNS, values.T[:-1].copy(), strict=True))
    return Decisions(
        **{
            **columns,
            "top1": columns["top1"].astype(np.int32),
            "wins_tie": columns["wins_tie"].astype(np.bool_),
        }
    )
