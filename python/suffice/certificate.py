"""Certificates: proofs made apart from the search.

Everything here is deliberately plain: composites by `numpy.where`, the model at batch 1, decisions
in float64 NumPy. Nothing of the compiled core takes part, so a fault there can't certify itself.
"""

from __future__ import annotations

import math
import platform
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from suffice.criterion import Criterion
from suffice.errors import ScoresError
from suffice.types import FloatImage, JsonObject, OutputKind, PixelMask

if TYPE_CHECKING:
    from suffice.models.base import Classifier

Verdict = Literal["holds", "holds marginally", "fails"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Recorded, repeatable proof that a set is (or is not) sufficient.

    Attributes
    ----------
    sufficient : bool
        Whether the set passes under every baseline.
    confidence : float
        Probability of the target on the set, under the worst baseline.
    margin : float
        The smallest ``|margin|`` of all decisions made, in log-odds units.
    irreducible_at : int or None
        Grain at which removing any one tile makes the set fail; None where that was not proved.
    checked_evaluations : int
        Evaluations spent on the proof, apart from the search's.
    baselines : list of dict
        Per baseline: ``top1``, ``confidence`` and ``margin`` of the set and, as ``empty_top1`` and
        ``empty_confidence``, of the baseline alone.
    reference : dict
        ``top1`` and ``confidence`` of the whole image.
    backend : str
        What ran the model.
    versions : dict
        Versions of suffice, NumPy and Python.
    eps : float
        Margins below it count as marginal.
    """

    sufficient: bool
    confidence: float
    margin: float
    irreducible_at: int | None
    checked_evaluations: int
    baselines: list[JsonObject]
    reference: JsonObject
    backend: str
    versions: JsonObject
    eps: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """``holds``, ``holds marginally`` (``margin < eps``) or ``fails``."""
        if not self.sufficient:
            return "fails"
        return "holds marginally" if self.margin < self.eps else "holds"

    def to_dict(self) -> JsonObject:
        """The certificate as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: JsonObject) -> Certificate:
        """Read what `to_dict` wrote; unknown names of later versions are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in data.items() if k in known})


@dataclass(frozen=True, slots=True)
class _Decision:
    top1: int
    confidence: float
    margin: float
    passes: bool

    def named(self, prefix: str = "") -> JsonObject:
        return {f"{prefix}top1": self.top1, f"{prefix}confidence": self.confidence}


def certify(
    classifier: Classifier,
    image: FloatImage,
    baselines: npt.NDArray[np.float32],
    mask: PixelMask,
    target: int,
    criterion: Criterion,
    *,
    eps: float = 0.0,
    irreducible_at: int | None = None,
) -> Certificate:
    """Prove that a set of pixels suffices, apart from any search.

    Parameters
    ----------
    classifier : Classifier
        Run at batch 1.
    image : float32 [C, H, W]
        In the model's input space.
    baselines : float32 [B, C, H, W]
    mask : bool [H, W]
        True = pixel kept.
    target : int
    criterion : Criterion
    eps : float
        Margins below it count as marginal.
    irreducible_at : int or None
        What the search proved, carried into the certificate.

    Returns
    -------
    Certificate

    Raises
    ------
    ScoresError
        If the model gives scores that are not finite.
    """
    from suffice import __version__

    def judge(composite: FloatImage, reference: float | None) -> _Decision:
        scores = np.asarray(classifier(composite[None]), dtype=np.float64)[0]
        return _decide(scores, target, criterion, classifier.output, reference)

    whole = judge(np.ascontiguousarray(image), None)
    per_baseline: list[JsonObject] = []
    decisions: list[_Decision] = []
    for baseline in baselines:
        empty = judge(np.ascontiguousarray(baseline), whole.confidence)
        kept = judge(np.where(mask[None], image, baseline), whole.confidence)
        decisions.append(kept)
        per_baseline.append(
            kept.named()
            | {"margin": kept.margin, "sufficient": kept.passes}
            | empty.named("empty_")
        )
    worst = min(decisions, key=lambda d: d.margin)
    return Certificate(
        sufficient=all(d.passes for d in decisions),
        confidence=worst.confidence,
        margin=min(abs(d.margin) for d in decisions),
        irreducible_at=irreducible_at,
        checked_evaluations=1 + 2 * len(baselines),
        baselines=per_baseline,
        reference=whole.named(),
        backend=classifier.backend,
        versions={
            "suffice": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        eps=eps,
    )


def _decide(
    z: npt.NDArray[np.float64],
    target: int,
    criterion: Criterion,
    output: OutputKind,
    reference_confidence: float | None,
) -> _Decision:
    """Judge one row of scores; `reference_confidence` None means the row is the reference."""
    if (
        np.isnan(z).any()
        or np.isposinf(z).any()
        or (output != "probabilities" and np.isinf(z).any())
    ):
        raise ScoresError(f"the model gave scores that are not finite: {_some(z)}")
    if output == "multilabel":
        confidence = 1.0 / (1.0 + math.exp(-z[target])) if z[target] > -700.0 else 0.0
        lead = log_odds = float(z[target])
        top1, wins_tie = (target if lead >= 0.0 else -1), True
    else:
        top1 = int(np.argmax(z))
        rivals = np.delete(z, target)
        lead = 0.0 if z[target] == rivals.max() else float(z[target] - rivals.max())
        wins_tie = lead != 0.0 or top1 == target
        if output == "logits":
            shifted = np.exp(z - z.max())
            confidence = float(shifted[target] / shifted.sum())
            log_odds = float(z[target] - rivals.max() - np.log(np.exp(rivals - rivals.max()).sum()))
        else:
            confidence = float(np.exp(z[target]))
            log_odds = _log_odds(float(z[target]))
    margin, passes = criterion.margins(
        np.array([lead]),
        np.array([log_odds]),
        np.array([wins_tie]),
        confidence if reference_confidence is None else reference_confidence,
    )
    return _Decision(top1, confidence, float(margin[0]), bool(passes[0]))


def _log_odds(log_p: float) -> float:
    if log_p == -math.inf:
        return -math.inf
    return math.inf if log_p >= 0.0 else log_p - math.log1p(-math.exp(log_p))


def _some(z: npt.NDArray[Any]) -> str:
    return np.array2string(z[:6], precision=4) + (" ..." if len(z) > 6 else "")
