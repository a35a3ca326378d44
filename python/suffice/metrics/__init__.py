"""Measures of sets, maps and rankings; ``docs/metrics.md`` has every definition.

- Sets: `dice`, `hausdorff`, their matrices over many sets, `components`, `perimeter`,
  `centre_of_mass`, `area_ratio`.
- Responsibility maps: `entropy`, `kl_to_uniform`.
- Rankings, through a classifier: `insertion_curve`, `deletion_curve`, and `accuracy_curve` over a
  data set.
"""

from __future__ import annotations

from suffice.metrics.accuracy import AccuracyCurve, accuracy_curve
from suffice.metrics.curves import MaskingCurve, deletion_curve, insertion_curve
from suffice.metrics.maps import entropy, kl_to_uniform
from suffice.metrics.sets import (
    Components,
    area_ratio,
    centre_of_mass,
    components,
    dice,
    dice_matrix,
    hausdorff,
    hausdorff_matrix,
    perimeter,
)

__all__ = [
    "AccuracyCurve",
    "Components",
    "MaskingCurve",
    "accuracy_curve",
    "area_ratio",
    "centre_of_mass",
    "components",
    "deletion_curve",
    "dice",
    "dice_matrix",
    "entropy",
    "hausdorff",
    "hausdorff_matrix",
    "insertion_curve",
    "kl_to_uniform",
    "perimeter",
]
