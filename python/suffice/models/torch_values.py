"""From the output of a torch module to the number that is differentiated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from suffice.errors import ScoresError
from suffice.models.base import Value
from suffice.types import OutputKind

# As the scores have it: a probability that underflowed to 0 counts as this, with gradient 0.
_FLOOR = float(np.finfo(np.float32).tiny)


def score_tensor(given: Any, name: str) -> Any:
    """Find the one tensor of scores in what a module gave.

    It is the tensor itself, the ``logits`` of an object or dictionary, or the only tensor there is
    in a tuple, list or dictionary.

    Raises
    ------
    ScoresError
        If there is none, or no telling which it is.
    """
    import torch

    if isinstance(given, torch.Tensor):
        return given
    logits = given.get("logits") if isinstance(given, Mapping) else getattr(given, "logits", None)
    if isinstance(logits, torch.Tensor):
        return logits
    parts: dict[Any, Any] = {}
    if isinstance(given, Mapping):
        parts = dict(given)
    elif isinstance(given, (tuple, list)):
        parts = dict(enumerate(given))
    tensors = [part for part in parts.values() if isinstance(part, torch.Tensor)]
    if len(tensors) == 1:
        return tensors[0]
    kind = type(given).__name__
    what = f"{kind} of {', '.join(map(str, parts))}" if isinstance(given, Mapping) else kind
    found = f", which holds {len(tensors)} tensors" if parts else ""
    raise ScoresError(
        f"{name} gave a {what}{found}; expected one tensor of scores [N, K]: wrap the module in one "
        "whose forward gives the scores alone"
    )


def target_values(raw: Any, targets: Any, output: OutputKind, of: Value) -> Any:
    """Take the value of each row's target.

    Everything is computed in float64 on the CPU. The probability of the other classes is their
    sum, not ``1 - p``, which would lose its digits where p is near 1.

    Parameters
    ----------
    raw : Tensor [N, K]
        As the module gave it; one column says yes or no unless the output is multilabel.
    targets : Tensor of int64 [N]
    output : {"logits", "probabilities", "multilabel"}
    of : {"log_odds", "logit", "probability", "log_probability"}

    Returns
    -------
    Tensor of float64 [N]
        Differentiable.
    """
    import torch

    raw, at = raw.cpu().double(), targets.cpu()[:, None]
    if output == "probabilities":
        if raw.shape[1] == 1:
            raw = torch.cat([1.0 - raw, raw], dim=1)
        own = raw.gather(1, at)[:, 0].clamp(min=_FLOOR)
        others = raw.scatter(1, at, 0.0).sum(dim=1).clamp(min=_FLOOR)
        if of == "probability":
            return own
        return own.log() - others.log() if of == "log_odds" else own.log()
    if output == "logits" and raw.shape[1] == 1:
        raw = torch.cat([torch.zeros_like(raw), raw], dim=1)
    logit = raw.gather(1, at)[:, 0]
    if of == "logit":
        return logit
    log_odds = logit
    if output == "logits":
        log_odds = logit - raw.scatter(1, at, -torch.inf).logsumexp(dim=1)
    if of == "probability":
        return log_odds.sigmoid()
    return log_odds if of == "log_odds" else torch.nn.functional.logsigmoid(log_odds)


def scores_of(raw: Any, output: OutputKind) -> Any:
    """Convert a module's output to scores, as `suffice.models.scores.to_scores` does.

    Parameters
    ----------
    raw : Tensor of float64 [N, K]
    output : {"logits", "probabilities", "multilabel"}

    Returns
    -------
    Tensor of float64 [N, K], or [N, 2] where K is 1 and the output is not multilabel
        Differentiable.
    """
    import torch

    if output == "multilabel":
        return raw
    if raw.shape[1] == 1:
        other = 1.0 - raw if output == "probabilities" else torch.zeros_like(raw)
        raw = torch.cat([other, raw], dim=1)
    return raw.clamp(min=_FLOOR).log() if output == "probabilities" else raw
