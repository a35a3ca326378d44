"""Names of what a report can show; designs ask for them, `suffice.report` makes them."""

from __future__ import annotations

from dataclasses import dataclass

from suffice.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Analysis:
    """One part of a report.

    Attributes
    ----------
    title : str
        One line.
    probes : bool
        Whether it needs measurements with the models, after the jobs.
    """

    title: str
    probes: bool = False


ANALYSES: dict[str, Analysis] = {
    "sizes": Analysis("Sizes of sets"),
    "groups": Analysis("Sizes between groups taken as independent"),
    "blocks": Analysis("Sizes between models on the same photos"),
    "mixed": Analysis("Size and wrong answers, photos and models at random"),
    "correctness": Analysis("Right less wrong answers"),
    "overlap": Analysis("Overlap of the sets of models"),
    "positions": Analysis("Where sets lie"),
    "detector": Analysis("Size as a sign of misclassification"),
    "reference": Analysis("Sizes to expect"),
    "confidence": Analysis("Size and confidence"),
    "multiplicity": Analysis("Number of disjoint sets"),
    "costs": Analysis("What the sets cost"),
    "examples": Analysis("Examples"),
    "failures": Analysis("What has no set"),
    "thresholds": Analysis("Size along thresholds"),
    "baselines": Analysis("Sensitivity to the baseline"),
    "transfer": Analysis("Whether sets convince other models", probes=True),
    "subsets": Analysis("Subsets of pixels of fixed size", probes=True),
    "curves": Analysis("Insertion and deletion curves", probes=True),
    "robustness": Analysis("Sets under noise and corruptions", probes=True),
    "published": Analysis("Published numbers beside these"),
}
"""In the order in which a report shows them."""


def check_analysis(name: str) -> str:
    """The name itself, if there is such an analysis.

    Raises
    ------
    SettingsError
        If there is none; the message lists all.
    """
    if name not in ANALYSES:
        raise SettingsError(f"no analysis {name!r}; there are {', '.join(ANALYSES)}")
    return name
