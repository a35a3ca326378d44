"""The headline analyses of a study in one object."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.errors import InputError
from suffice.statistics.blocks import friedman, nemenyi, wilcoxon_pairs
from suffice.statistics.detector import auroc, compare_auroc
from suffice.statistics.frame import Sizes, import_pandas, sizes_of
from suffice.statistics.groups import dunn, kruskal_wallis
from suffice.statistics.mixed import mixed_model
from suffice.statistics.overlaps import Overlap, overlap_tests
from suffice.statistics.relations import multiplicity, within_correlation
from suffice.statistics.resample import blocked_permutation, stratified_permutation
from suffice.statistics.results import Floats, HypothesisTest, plain
from suffice.statistics.summary import by_group, seed_spread

if TYPE_CHECKING:
    import pandas as pd

_FEW_MODELS = "models are few: what differs between models (accuracy) rests on them, not on rows"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    sizes : Sizes
        The rows that everything was computed from, and ``sizes.counts``.
    excluded : tuple of str
    analyses : dict of str to result
        By name; ``docs/statistics.md`` explains each.
    skipped : dict of str to str
        Analyses that this study can't answer, and why.
    """

    sizes: Sizes
    excluded: tuple[str, ...]
    analyses: Mapping[str, Any]
    skipped: Mapping[str, str]

    def __getitem__(self, name: str) -> Any:
        """One analysis by name."""
        if name not in self.analyses:
            reason = self.skipped.get(name, f"there are {', '.join(self.analyses)}")
            raise InputError(f"no analysis {name!r}: {reason}")
        return self.analyses[name]

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; numbers that are not finite become null."""
        found = {
            name: value.to_dict() if hasattr(value, "to_dict") else value
            for name, value in self.analyses.items()
        }
        result: dict[str, Any] = plain(
            {
                "format": 1,
                "counts": self.sizes.counts,
                "excluded": list(self.excluded),
                "floor": self.sizes.floor,
                "analyses": found,
                "skipped": dict(self.skipped),
            }
        )
        return result

    def tables(self) -> dict[str, pd.DataFrame]:
        """As DataFrames by name: sizes, pairs, fixed effects, detectors, overlap, one of all tests.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        frame = import_pandas("tables").DataFrame
        tables: dict[str, pd.DataFrame] = {}
        tests = []
        for name, value in self.analyses.items():
            if isinstance(value, list):
                tables[name] = frame(value)
            elif hasattr(value, "rows"):
                tables[name] = frame(value.rows())
            elif isinstance(value, Overlap):
                for key in ("dice", "hausdorff", "n"):
                    square = getattr(value, key)
                    tables[f"overlap_{key}"] = frame(square, value.names, value.names)
            for label, test in _tests_in(name, value):
                tests.append({"analysis": label, **test, "notes": "; ".join(test["notes"])})
        tables["tests"] = frame(tests)
        return tables


def compare(
    data: Any,
    *,
    exclude: Iterable[str] = (),
    overlap: Overlap | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    **where: Any,
) -> Comparison:
    """Run the headline analyses of a study, and the published ones labelled with what they assume.

    Names starting with ``published_`` repeat tests of *I am big, you are little* as they were done.
    The headline treats photos as blocks and works on log areas; names ending in ``_raw`` have the
    area itself beside. An analysis that the data can't answer is in ``skipped`` with the reason.

    Parameters
    ----------
    data : StudyResult, DataFrame or dict of columns
        One row an explanation; see `sizes_of` for how statuses and seeds are treated.
    exclude : of {"empty", "unattained", "budget", "uncertified"}
        Repeat without these.
    overlap : Overlap or None
        Of the sets of the models, from `overlap`.
    n_resamples : int
        Of every bootstrap and permutation; that of correlations takes a quarter.
    level : float
        Of intervals.
    seed : int
    **where
        Values of columns to keep, such as ``method="minimal"``.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        As of `sizes_of`.
    """
    excluded = tuple(sorted(set(exclude)))
    sizes = sizes_of(data, exclude=excluded, **where)
    found: dict[str, Any] = {}
    skipped: dict[str, str] = {}

    def run(name: str, analysis: Callable[[], Any]) -> None:
        try:
            found[name] = analysis()
        except InputError as error:
            skipped[name] = str(error)

    resampling: Any = {"n_resamples": n_resamples, "level": level, "seed": seed}
    shuffling: Any = {"n_resamples": n_resamples, "seed": seed}
    run("sizes_by_model", lambda: by_group(sizes, sizes.model, **resampling))
    run("sizes_by_architecture", lambda: by_group(sizes, sizes.architecture, **resampling))
    run("sizes_overall", lambda: by_group(sizes, np.full(len(sizes.area), "all"), **resampling))
    run("seed_spread", lambda: seed_spread(sizes))

    blocks = sizes.blocks(sizes.log_area)
    run("models_friedman", lambda: friedman(blocks))
    run("models_nemenyi", lambda: nemenyi(blocks, sizes.models))
    run("models_wilcoxon", lambda: wilcoxon_pairs(blocks, sizes.models))
    run("models_permutation", lambda: blocked_permutation(blocks, **shuffling))
    raw = sizes.blocks(sizes.area)
    run("models_permutation_raw", lambda: blocked_permutation(raw, **shuffling))
    families = _families(sizes)
    run("architectures_friedman", lambda: friedman(families))
    run(
        "architectures_nemenyi",
        lambda: nemenyi(families, np.unique(sizes.architecture).tolist()),
    )

    run("correctness_mixed", lambda: _mixed(sizes, sizes.log_area, sizes.correct))
    run("correctness_mixed_raw", lambda: _mixed(sizes, sizes.area, sizes.correct))
    run("correctness_mixed_top5", lambda: _mixed(sizes, sizes.log_area, sizes.correct_top5))
    run("correctness_permutation", lambda: _correctness(sizes, sizes.correct, shuffling))
    run("correctness_permutation_top5", lambda: _correctness(sizes, sizes.correct_top5, shuffling))

    run("published_kruskal_wallis", lambda: kruskal_wallis(_groups(sizes, sizes.architecture)))
    run("published_dunn", lambda: dunn(_groups(sizes, sizes.architecture), correction="bonferroni"))
    run("published_kruskal_wallis_correct", lambda: kruskal_wallis(_answers(sizes)))
    for name in np.unique(sizes.architecture).tolist():
        run(f"published_friedman_{name}", lambda name=name: friedman(_family(sizes, name)))  # type: ignore[misc]

    run("detectors", lambda: detectors(sizes, level=level))
    run(
        "multiplicity",
        lambda: multiplicity(sizes.model, sizes.image, sizes.sets, sizes.correct, **resampling),
    )
    fewer: Any = resampling | {"n_resamples": max(1, n_resamples // 4)}
    run(
        "size_and_confidence",
        lambda: _named(
            within_correlation(
                sizes.area, sizes.confidence, sizes.model, clusters=sizes.image, **fewer
            )
        ),
    )
    if overlap is not None:
        found["overlap"] = overlap
        run("overlap_tests", lambda: overlap_tests(overlap))
    return Comparison(sizes, excluded, found, skipped)


def detectors(sizes: Sizes, *, level: float = 0.95) -> list[dict[str, Any]]:
    """Set size as a detector of misclassification, beside max-softmax, entropy and margin.

    Scores are turned so that high means suspicious. Areas are compared within models only: the
    overall row is the mean over models, with photos as clusters.

    Parameters
    ----------
    sizes : Sizes
    level : float

    Returns
    -------
    list of dict
        ``model`` (``all`` for the mean over models), ``score``, ``auroc`` with ``low`` and
        ``high``, ``log_p`` that it is one half, ``area_minus`` (AUROC of area less this one) with
        ``area_minus_log_p``, ``n_incorrect``, ``n_correct``. Rows whose answers are all right or
        all wrong are missing.

    Raises
    ------
    InputError
        If there is no model with right and wrong answers.
    """
    scores = {
        "area": sizes.area,
        "confidence": -sizes.confidence,
        "entropy": sizes.entropy,
        "margin": -sizes.lead,
    }
    known = ~np.isnan(sizes.correct)
    rows = []
    for model in ("all", *sizes.models):
        here = known & ((sizes.model == model) | (model == "all"))
        wrong = sizes.correct[here] == 0.0
        photo: Any = sizes.image[here] if model == "all" else None
        strata: Any = sizes.model[here] if model == "all" else None
        for name, values in scores.items():
            try:
                one = auroc(values[here], wrong, clusters=photo, strata=strata, level=level)
                gap = compare_auroc(
                    sizes.area[here], values[here], wrong, clusters=photo, strata=strata
                )
            except InputError:
                continue
            rows.append(
                {
                    "model": model, "score": name, "auroc": one.estimate.value,
                    "low": one.estimate.low, "high": one.estimate.high, "log_p": one.test.log_p,
                    "area_minus": gap.effect, "area_minus_log_p": gap.log_p,
                    "n_incorrect": one.n_positive, "n_correct": one.n_negative,
                }
            )  # fmt: skip
    if not rows:
        raise InputError("no model has right and wrong answers; there is nothing to detect")
    return rows


def _mixed(sizes: Sizes, y: Floats, correct: Floats) -> Any:
    fixed = {"incorrect": 1.0 - correct, "model_accuracy": sizes.accuracy}
    found = mixed_model(y, fixed, image=sizes.image, model=sizes.model)
    return dataclasses.replace(found, notes=(*found.notes, _FEW_MODELS))


def _correctness(sizes: Sizes, correct: Floats, shuffling: Any) -> Any:
    known = ~np.isnan(correct)
    if not known.any():
        raise InputError("no row has a label; right and wrong are unknown")
    place = np.unique(sizes.model[known], return_inverse=True)[1]
    y = sizes.log_area[known]
    y = y - (np.bincount(place, y) / np.bincount(place))[place]
    return stratified_permutation(y, correct[known] == 0.0, sizes.image[known], **shuffling)


def _groups(sizes: Sizes, groups: Any) -> dict[str, Floats]:
    return {name: sizes.area[groups == name] for name in np.unique(groups).tolist()}


def _answers(sizes: Sizes) -> dict[str, Floats]:
    return {
        "correct": sizes.area[sizes.correct == 1.0],
        "incorrect": sizes.area[sizes.correct == 0.0],
    }


def _families(sizes: Sizes) -> Floats:
    """Mean log area over the models of an architecture; NaN where one of them has none."""
    of_model = dict(zip(sizes.model.tolist(), sizes.architecture.tolist(), strict=True))
    groups = np.array([of_model[name] for name in sizes.models])
    blocks = sizes.blocks(sizes.log_area)
    return np.column_stack([blocks[:, groups == g].mean(axis=1) for g in np.unique(groups)])


def _family(sizes: Sizes, architecture: str) -> Floats:
    here = sizes.architecture == architecture
    images, i = np.unique(sizes.image[here], return_inverse=True)
    models, j = np.unique(sizes.model[here], return_inverse=True)
    cells = np.full((len(images), len(models)), np.nan)
    cells[i, j] = sizes.area[here]
    return cells


def _named(found: tuple[dict[str, float], Any]) -> dict[str, Any]:
    return {"by_model": found[0], "mean": found[1].to_dict()}


def _tests_in(name: str, value: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    if isinstance(value, HypothesisTest):
        yield name, value.to_dict()
    for test in getattr(value, "tests", ()):
        yield f"{name}: {test.name}", test.to_dict()
    if hasattr(value, "test"):
        yield name, value.test.to_dict()
