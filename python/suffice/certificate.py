"""Certificates: proofs made apart from the search.

Everything that proves is deliberately plain (`suffice.proof`): composites by `numpy.where`, the model
at batch 1, decisions in float64 NumPy.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from suffice.criterion import Criterion
from suffice.proof import Prover
from suffice.types import FloatImage, JsonObject, PixelMask

if TYPE_CHECKING:
    from suffice.models.base import Classifier

Verdict = Literal["holds", "holds marginally", "fails"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Recorded, repeatable proof that a set is (or is not) sufficient, and irreducible.

    Attributes
    ----------
    sufficient : bool
        Whether the set passes under every baseline; for a contrastive subject, also whether the
        rest of the image gives another class under every baseline.
    confidence : float
        Probability of the target on the set, under the worst baseline.
    margin : float
        The smallest ``|margin|`` of all decisions that carry the proof, in log-odds units: of the
        set under every baseline and, where it is proved irreducible, of every removal that failed.
    irreducible_at : int or None
        Grain at which removing any one tile makes the set fail, each removal shown to the model;
        None where that was not proved.
    checked_evaluations : int
        Evaluations spent on the proof, apart from the search's.
    baselines : list of dict
        Per baseline: ``top1``, ``confidence`` and ``margin`` of the set and, as ``empty_top1`` and
        ``empty_confidence``, of the baseline alone; for a contrastive subject ``rest_top1`` and
        ``rest_confidence`` of the image without the set.
    reference : dict
        ``top1`` and ``confidence`` of the whole image.
    backend : str
        What ran the model.
    versions : dict
        Versions of suffice, NumPy and Python.
    eps : float
        Margins below it count as marginal.
    notes : list of str
        What else there is to know, such as a tile that could be removed after all.
    disproved : list of str
        Claims of a record that `suffice.verify` found false; the verdict is then ``fails``.
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
    disproved: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """``holds``, ``holds marginally`` (``margin < eps``) or ``fails``."""
        if not self.sufficient or self.disproved:
            return "fails"
        return "holds marginally" if self.margin < self.eps else "holds"

    def to_dict(self) -> JsonObject:
        """The certificate as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: JsonObject) -> Certificate:
        """Read what `to_dict` wrote; unknown names of later versions are ignored."""
        return cls(**{k: v for k, v in data.items() if k in _NAMES})


_NAMES = frozenset(f.name for f in fields(Certificate))


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
    contrastive: bool = False,
) -> Certificate:
    """Prove that a set of pixels suffices and is irreducible, apart from any search.

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
        Grain, in pixels, of a claim to prove: every tile that meets the set is removed in turn,
        and the set must fail each time under at least one baseline. The first tile that it passes
        without disproves the claim and is named in ``notes``. None: nothing is claimed.
    contrastive : bool
        Whether the rest of the image must not give the class.

    Returns
    -------
    Certificate

    Raises
    ------
    ScoresError
        If the model gives scores that are not finite.
    """
    from suffice import __version__

    prover = Prover(classifier, image, baselines, target, criterion, contrastive)
    per_baseline: list[JsonObject] = []
    verdicts = []
    for baseline in baselines:
        empty = prover.judge(np.ascontiguousarray(baseline))
        found = prover.verdict(mask, baseline)
        verdicts.append(found)
        per_baseline.append(
            found.own.named()
            | {"margin": found.margin, "sufficient": found.passes}
            | empty.named("empty_")
            | ({} if found.rest is None else found.rest.named("rest_"))
        )
    sufficient = all(v.passes for v in verdicts)
    margin = min(abs(v.margin) for v in verdicts)
    notes = []
    if irreducible_at is not None and sufficient:
        removals, spare = prover.irreducible(mask, irreducible_at)
        if spare is None:
            margin = min(margin, removals)
        else:
            notes.append(
                f"not irreducible at grain {irreducible_at}: the tile at row {spare[0]}, "
                f"column {spare[1]} can be removed"
            )
            irreducible_at = None
    return Certificate(
        sufficient=sufficient,
        confidence=min(verdicts, key=lambda v: v.own.margin).own.confidence,
        margin=margin,
        irreducible_at=irreducible_at if sufficient else None,
        checked_evaluations=prover.evaluations,
        baselines=per_baseline,
        reference=prover.whole.named(),
        backend=classifier.backend,
        versions={
            "suffice": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        eps=eps,
        notes=notes,
    )
