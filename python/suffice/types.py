"""Names of the array types and small records that every layer shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]
"""``[C, H, W]`` float32 in the model's input space, after preprocessing."""

Batch = npt.NDArray[np.float32]
"""``[N, C, H, W]`` float32, composites for a classifier."""

Scores = npt.NDArray[np.float32]
"""``[N, K]`` float32, what a classifier returns: logits, or log-probabilities."""

PixelMask = npt.NDArray[np.bool_]
"""``[H, W]`` bool, true = pixel kept."""

PackedMasks = npt.NDArray[np.uint64]
"""``[M, ceil(H*W/64)]`` uint64; bit ``i % 64`` of word ``i // 64`` is pixel ``i``, row-major."""

Responsibility = npt.NDArray[np.float32]
"""``[H, W]`` float32, how far each pixel is a cause; only its order carries over models."""

RGBImage = npt.NDArray[np.uint8]
"""uint8 [H, W, 3]: what people look at."""

JsonObject = dict[str, Any]

Status = Literal["found", "empty", "unattained", "budget"]
OutputKind = Literal["logits", "probabilities", "multilabel"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a round of masks, in the order they were asked.

    With several baselines each mask is judged by its worst one: ``margin``, ``confidence`` and
    ``passes`` come from the baseline with the lowest margin, ``top1``, ``top1_confidence`` and
    ``lead`` from the one with the lowest lead (on ties one with another class, else the first).

    Attributes
    ----------
    top1 : int32 [M]
        The predicted class, lowest index on ties. For ``multilabel`` outputs the target where its
        own sigmoid reaches 0.5 and -1 elsewhere.
    top1_confidence : float64 [M]
        Probability of ``top1``.
    confidence : float64 [M]
        Probability of the target class.
    lead : float64 [M]
        Log-odds lead of the target, ``z_c - max of the others``; 0 on a tie.
    margin : float64 [M]
        How far the criterion is from flipping, in log-odds units.
    passes : bool [M]
        Whether the criterion holds under every baseline.
    log_odds : float64 [M]
        ``logit`` of the target's probability, under the baseline where it is lowest; with ``lead``
        it lets a search judge the masks by other criteria.
    rest_lead : float64 [M]
        For a contrastive subject, the lead of the target on the image *without* the mask, under
        the baseline where it is highest; a mask then passes only if the target is not the
        predicted class there, and ``margin`` is the smaller of its own and ``-rest_lead``.
        Minus infinity for every other subject.
    own_margin : float64 [M]
        The margin of the criterion on the mask itself, whatever becomes of the rest; equal to
        ``margin`` for a subject that is not contrastive.
    score : float64 [M]
        The target's own score z_c under the baseline where it is lowest: its logit, or log p where
        the model gives probabilities.
    gradient : float32 [M, H, W] or None
        Only where a search asked for `suffice.methods.base.Gradients`: the derivative of the value
        with respect to the kept mask, ``sum_c (x_c - b_c) dF/dx'_c``, under the baseline where the
        target's log-odds are lowest (the first of equals): the slope of the worst case, which is
        what must pass.
    """

    top1: npt.NDArray[np.int32]
    top1_confidence: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    lead: npt.NDArray[np.float64]
    margin: npt.NDArray[np.float64]
    passes: npt.NDArray[np.bool_]
    log_odds: npt.NDArray[np.float64]
    rest_lead: npt.NDArray[np.float64]
    own_margin: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    gradient: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.passes)


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What scores say about the target class, one entry a row (``csrc/ops/scores/scores.h``).

    Attributes
    ----------
    top1 : int32 [N]
        The predicted class, lowest index on ties. For ``multilabel`` outputs the target where its
        own sigmoid reaches 0.5 and -1 elsewhere.
    top1_confidence : float64 [N]
        Probability of ``top1``; for -1 the probability that the target is absent.
    confidence : float64 [N]
        Probability of the target class.
    lead : float64 [N]
        Log-odds lead of the target, ``z_c - max of the others``; 0 on a tie. For ``multilabel``
        its own logit.
    log_odds : float64 [N]
        ``log(p_c / (1 - p_c))``, without loss of digits where p_c is near 0 or 1.
    wins_tie : bool [N]
        False where a class of lower index ties with the target at the top.
    score : float64 [N]
        The target's own score z_c: its logit, or log p where the model gives probabilities.
    """

    top1: npt.NDArray[np.int32]
    top1_confidence: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    lead: npt.NDArray[np.float64]
    log_odds: npt.NDArray[np.float64]
    wins_tie: npt.NDArray[np.bool_]
    score: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.top1)
