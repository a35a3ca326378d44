"""What passes and what is irreducible, by an independent forward.

Composites by `numpy.where`, the classifier itself, decisions in float64 NumPy: nothing of the
engine, of its memory of outcomes or of the compiled core takes part. Only
`suffice.criterion.Criterion.margins` is shared, because it is the definition.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.criterion import MAX_LOG_ODDS, Criterion
from suffice.errors import ScoresError
from suffice.models.base import Classifier
from suffice.types import FloatImage, Outcomes, OutputKind, PixelMask

Masks = npt.NDArray[np.bool_]
Table = dict[str, npt.NDArray[Any]]

CHUNK_BYTES = 1 << 26


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges masks of one image.

    Parameters
    ----------
    classifier : Classifier
    image : float32 [C, H, W]
    baselines : float32 [B, C, H, W]
    target : int or None
        None: the top-1 class of the image.
    criterion : Criterion
    contrastive : bool
        Whether the image without a set must not give the target.
    """

    classifier: Classifier
    image: FloatImage
    baselines: npt.NDArray[np.float32]
    target: int | None = None
    criterion: Criterion = field(default_factory=Criterion)
    contrastive: bool = False

    def __post_init__(self) -> None:
        z = np.asarray(self.classifier(self.image[None]), np.float64)
        if self.target is None:
            object.__setattr__(self, "target", int(z[0].argmax()))
        whole = decisions(z, self.wanted, self.classifier.output)
        object.__setattr__(self, "_reference", float(whole["confidence"][0]))

    @property
    def wanted(self) -> int:
        """The target, settled."""
        assert self.target is not None
        return self.target

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[1], self.image.shape[2]

    @property
    def reference_confidence(self) -> float:
        """Probability of the target on the whole image."""
        found: float = self._reference  # type: ignore[attr-defined]  # set in __post_init__
        return found

    def passes(self, mask: PixelMask, criterion: Criterion | None = None) -> bool:
        """Whether one mask ``bool [H, W]`` suffices, under every baseline."""
        return bool(self.outcomes(mask[None], criterion).passes[0])

    def spare(
        self, mask: PixelMask, grain: int, criterion: Criterion | None = None
    ) -> tuple[int, int] | None:
        """Row and column of a tile that a set passes without; None: it is irreducible."""
        tiles, smaller = [], []
        for top in range(0, mask.shape[0], grain):
            for left in range(0, mask.shape[1], grain):
                tile = np.s_[top : top + grain, left : left + grain]
                if mask[tile].any():
                    reduced = mask.copy()
                    reduced[tile] = False
                    tiles.append((top // grain, left // grain))
                    smaller.append(reduced)
        if not smaller:
            return None
        passing = np.flatnonzero(self.outcomes(np.stack(smaller), criterion).passes)
        return tiles[passing[0]] if len(passing) else None

    def outcomes(
        self, masks: Masks, criterion: Criterion | None = None, of: str | None = None
    ) -> Outcomes:
        """What a search is told about masks.

        Parameters
        ----------
        masks : bool [M, H, W]
        criterion : Criterion or None
            None: the judge's own.
        of : str or None
            The value whose gradients are wanted too.

        Raises
        ------
        ScoresError
            If the classifier gives scores no decision can be made from.
        """
        rule = criterion or self.criterion
        own = [self._judged(masks, b, rule, of) for b in self.baselines]
        rest = [self._judged(~masks, b, rule) for b in self.baselines] if self.contrastive else []
        return _worst(own, rest, self.wanted)

    def _judged(
        self, masks: Masks, baseline: FloatImage, rule: Criterion, of: str | None = None
    ) -> Table:
        step = max(1, CHUNK_BYTES // (4 * self.image.size))
        scores, gradients = [], []
        for start in range(0, len(masks), step):
            kept = masks[start : start + step, None]
            batch = np.where(kept, self.image, baseline).astype(np.float32)
            scores.append(np.asarray(self.classifier(batch), np.float64))
            if of is not None:
                clf: Any = self.classifier
                slopes = clf.gradient(batch, np.full(len(batch), self.wanted), of)[1]
                gradients.append(((self.image - baseline) * slopes).sum(axis=1))
        table = decisions(np.concatenate(scores), self.wanted, self.classifier.output)
        table["margin"], table["passes"] = rule.margins(
            table["lead"], table["log_odds"], table["wins_tie"], self.reference_confidence
        )
        if gradients:
            table["gradient"] = np.concatenate(gradients).astype(np.float32)
        return table


def decisions(z: npt.NDArray[np.float64], target: int, output: OutputKind) -> Table:
    """Decisions of rows of scores, as `suffice.types.Decisions` defines them.

    Parameters
    ----------
    z : float64 [N, K]
    target : int
    output : {"logits", "probabilities", "multilabel"}

    Raises
    ------
    ScoresError
        If a score is NaN or infinite (minus infinity stands for a probability of zero).
    """
    bad = np.isnan(z) | np.isposinf(z) | (np.isneginf(z) & (output != "probabilities"))
    if bad.any():
        row = int(np.argmax(bad.any(axis=1)))
        raise ScoresError(f"the scores of row {row} are not finite: {z[row][:6]}", row)
    own = z[:, target]
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        if output == "multilabel":
            p = 1.0 / (1.0 + np.exp(-own))
            here = own >= 0.0
            return {
                "top1": np.where(here, target, -1).astype(np.int32),
                "top1_confidence": np.where(here, p, 1.0 - p),
                "confidence": p,
                "lead": own,
                "log_odds": own,
                "wins_tie": np.ones(len(z), np.bool_),
                "score": own,
            }
        top1 = z.argmax(axis=1).astype(np.int32)
        rivals = np.delete(z, target, axis=1)
        best = rivals.max(axis=1)
        lead = np.where(own == best, 0.0, own - best)
        if output == "logits":
            log_p = z - _log_sum(z)[:, None]
            log_odds = own - _log_sum(rivals)
        else:
            log_p = z
            log_odds = np.where(own >= 0.0, np.inf, own - np.log1p(-np.exp(np.minimum(own, 0.0))))
        return {
            "top1": top1,
            "top1_confidence": np.exp(log_p[np.arange(len(z)), top1]),
            "confidence": np.exp(log_p[:, target]),
            "lead": lead,
            "log_odds": log_odds,
            "wins_tie": np.logical_or(lead != 0.0, top1 == target),
            "score": own,
        }


def _log_sum(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    top = z.max(axis=1)
    found: npt.NDArray[np.float64] = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
    return found


def _worst(own: list[Table], rest: list[Table], target: int) -> Outcomes:
    """Outcomes under several baselines: those of the worst one, as `Outcomes` says."""
    columns = np.arange(len(own[0]["lead"]))
    stacked = {name: np.stack([t[name] for t in own]) for name in own[0]}
    by_margin = np.argmin(stacked["margin"], axis=0)
    # Of baselines that tie in the lead, one with another class decides.
    elsewhere = stacked["top1"] != target
    lowest = stacked["lead"] == stacked["lead"].min(axis=0)
    by_lead = np.argmax(np.where(lowest, 1 + elsewhere, 0), axis=0)
    by_odds = np.argmin(stacked["log_odds"], axis=0)
    own_margin = stacked["margin"][by_margin, columns]
    found: Table = {
        "top1": stacked["top1"][by_lead, columns],
        "top1_confidence": stacked["top1_confidence"][by_lead, columns],
        "confidence": stacked["confidence"][by_margin, columns],
        "lead": stacked["lead"][by_lead, columns],
        "margin": own_margin,
        "passes": np.logical_and.reduce(stacked["passes"], axis=0),
        "log_odds": stacked["log_odds"].min(axis=0),
        "rest_lead": np.full(len(columns), -np.inf),
        "own_margin": own_margin.copy(),
        "score": stacked["score"].min(axis=0),
    }
    if rest:
        rest_lead = np.max([t["lead"] for t in rest], axis=0)
        others = np.all([t["top1"] != target for t in rest], axis=0)
        limited = np.clip(-rest_lead, -MAX_LOG_ODDS, MAX_LOG_ODDS)
        found |= {
            "rest_lead": rest_lead,
            "margin": np.minimum(own_margin, limited),
            "passes": found["passes"] & others,
        }
    if "gradient" in stacked:
        found["gradient"] = stacked["gradient"][by_odds, columns]
    known = {f.name for f in fields(Outcomes)}
    return Outcomes(**{name: value for name, value in found.items() if name in known})
