"""Statistics over a study; ``docs/statistics.md`` has every formula, assumption and denominator.

Plain functions on arrays, and `compare`, which runs the headline analyses over the rows of a study.

- Groups: `kruskal_wallis`, `dunn`. Photos as blocks: `friedman`, `nemenyi`, `wilcoxon`,
  `wilcoxon_pairs`, `blocked_permutation`, `stratified_permutation`.
- Corrections: `holm`, `bonferroni`. Intervals: `bootstrap`, `wilson`.
- `mixed_model`: crossed random effects of image and model.
- Misclassification: `auroc`, `compare_auroc`, `detectors`; `fit_reference` for single sets.
- Sets: `overlap`, `overlap_tests`, `positions`, `transfer_matrix`.
- Along thresholds: `size_curve`, `correctness_curve`. Ranks: `spearman`, `rank_permutation`,
  `within_correlation`, `multiplicity`.
- Studies: `sizes_of`, `by_group`, `seed_spread`, `compare`.
"""

from __future__ import annotations

from suffice.statistics.blocks import friedman, nemenyi, wilcoxon, wilcoxon_pairs
from suffice.statistics.comparison import Comparison, compare, detectors
from suffice.statistics.correction import bonferroni, holm
from suffice.statistics.detector import Auroc, auroc, compare_auroc
from suffice.statistics.frame import Sizes, sizes_of
from suffice.statistics.groups import dunn, kruskal_wallis
from suffice.statistics.heat import Positions, positions
from suffice.statistics.mixed import MixedModel, mixed_model
from suffice.statistics.overlaps import Overlap, overlap, overlap_tests
from suffice.statistics.proportion import wilson
from suffice.statistics.reference import ReferenceSizes, Unusual, fit_reference
from suffice.statistics.relations import (
    Multiplicity,
    multiplicity,
    rank_permutation,
    spearman,
    within_correlation,
)
from suffice.statistics.resample import blocked_permutation, bootstrap, stratified_permutation
from suffice.statistics.results import Estimate, HypothesisTest, PairwiseTests
from suffice.statistics.summary import by_group, seed_spread
from suffice.statistics.thresholds import ThresholdCurve, correctness_curve, size_curve
from suffice.statistics.transfer import Transfer, transfer_matrix

__all__ = [
    "Auroc",
    "Comparison",
    "Estimate",
    "HypothesisTest",
    "MixedModel",
    "Multiplicity",
    "Overlap",
    "PairwiseTests",
    "Positions",
    "ReferenceSizes",
    "Sizes",
    "ThresholdCurve",
    "Transfer",
    "Unusual",
    "auroc",
    "blocked_permutation",
    "bonferroni",
    "bootstrap",
    "by_group",
    "compare",
    "compare_auroc",
    "correctness_curve",
    "detectors",
    "dunn",
    "fit_reference",
    "friedman",
    "holm",
    "kruskal_wallis",
    "mixed_model",
    "multiplicity",
    "nemenyi",
    "overlap",
    "overlap_tests",
    "positions",
    "rank_permutation",
    "seed_spread",
    "size_curve",
    "sizes_of",
    "spearman",
    "stratified_permutation",
    "transfer_matrix",
    "wilcoxon",
    "wilcoxon_pairs",
    "wilson",
    "within_correlation",
]
