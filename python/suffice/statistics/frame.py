"""Rows of a study as arrays: what is kept, what counts as which size, seeds joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError, MissingDependencyError
from suffice.statistics.results import Floats

Columns = dict[str, npt.NDArray[Any]]
EXCLUDABLE = ("empty", "unattained", "budget", "uncertified")
_SETUP = ("method", "criterion", "baseline", "grain")
_TRUTH = ("correct", "correct_top5", "certified")
_OF_MODEL = ("correct", "correct_top5", "accuracy")  # the same for every seed
_NUMBERS = ("area", "pixels", "confidence", "entropy", "lead", "sets", "set_confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """One row for each model and photo, seeds joined; arrays of one length.

    Attributes
    ----------
    model, architecture, image : str [n]
    area : float64 [n]
        Fraction of the image; median over seeds. 0 where empty, 1 where no set was found.
    log_area : float64 [n]
        ``ln max(area, floor)``.
    floor : float
        Half a pixel as a fraction: what an empty set counts as on the log scale.
    correct, correct_top5 : float64 [n]
        1, 0 or NaN where there is no label.
    confidence, entropy, lead, sets : float64 [n]
        As in the study, median over seeds; NaN where it has no such column.
    accuracy : float64 [n]
        Of the model of each row: share of right answers over all photos with a label, those of
        excluded and failed rows too, for it describes the model and not what is left.
    seed_range : float64 [n]
        Largest less smallest area over the seeds; NaN for one seed.
    counts : dict
        Rows by what became of them; see `sizes_of`.
    """

    model: npt.NDArray[np.str_]
    architecture: npt.NDArray[np.str_]
    image: npt.NDArray[np.str_]
    area: Floats
    log_area: Floats
    floor: float
    correct: Floats
    correct_top5: Floats
    confidence: Floats
    entropy: Floats
    lead: Floats
    sets: Floats
    accuracy: Floats
    seed_range: Floats
    counts: dict[str, Any]

    @property
    def models(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(np.unique(self.model).tolist())

    def blocks(self, values: npt.ArrayLike) -> Floats:
        """Photos by models, both sorted by name, ``float64 [n_images, k]``; NaN where none."""
        images, i = np.unique(self.image, return_inverse=True)
        names, j = np.unique(self.model, return_inverse=True)
        cells = np.full((len(images), len(names)), np.nan)
        cells[i, j] = np.asarray(values, np.float64)
        return cells


def columns_of(data: Any) -> Columns:
    """Take a study result, DataFrame or mapping of columns apart; missing numbers become NaN.

    Raises
    ------
    InputError
        If it is none of these, or lengths differ.
    """
    if hasattr(data, "to_pandas"):
        data = data.to_pandas()
    if isinstance(data, Mapping):
        named = {str(name): np.asarray(data[name]) for name in data}
    elif hasattr(data, "columns") and hasattr(data, "__getitem__"):
        named = {str(name): np.asarray(data[name], dtype=object) for name in data.columns}
    else:
        raise InputError(
            f"expected a StudyResult, a DataFrame or a dict of columns, got {type(data).__name__}"
        )
    if len({len(column) for column in named.values()}) > 1:
        raise InputError("expected columns of one length")
    for name, column in named.items():
        if name in _NUMBERS or name in _TRUTH:
            plain = column.dtype.kind in "biuf"
            numbers = column if plain else [_number(value) for value in column.tolist()]
            named[name] = np.array(numbers, np.float64)
    return named


def select(columns: Columns, **where: Any) -> Columns:
    """Keep rows whose columns have the given value, or one of several."""
    keep = np.ones(_length(columns), np.bool_)
    for name, wanted in where.items():
        values = wanted if isinstance(wanted, (list, tuple, set)) else [wanted]
        keep &= np.array([value in values for value in _need(columns, name)], np.bool_)
    return {name: column[keep] for name, column in columns.items()}


def sizes_of(data: Any, *, exclude: Iterable[str] = (), **where: Any) -> Sizes:
    """Join the seeds of a study into one size for each model and photo.

    Rows of status ``failed`` hold no measurement and are left out and counted. All others stay
    unless excluded: an ``empty`` set has area 0, half a pixel on the log scale; where no set was
    found (``unattained``, or ``budget`` without one) the whole image counts, area 1, for it is the
    only set known to suffice; an uncertified set has the size it was reported with. Excluding
    comes before seeds are joined by the median.

    Parameters
    ----------
    data : StudyResult, DataFrame or dict of columns
        Needs ``model``, ``image``, ``area``, ``status``; others are used where present. Photos of
        one name are told apart by ``image_sha256``.
    exclude : of {"empty", "unattained", "budget", "uncertified"}
    **where
        Values of columns to keep, such as ``method="minimal"``.

    Returns
    -------
    Sizes
        ``counts``: ``rows``, ``failed``, ``excluded``, ``used``, ``cells`` (models x photos), and
        of the used rows ``empty``, ``unattained``, ``budget``, ``uncertified``, ``seeds``.

    Raises
    ------
    InputError
        If a column is missing, an area is no fraction, rows repeat, nothing is left, more than one
        method, criterion, baseline or grain is, or `exclude` names something else.
    """
    unknown = sorted(set(exclude) - set(EXCLUDABLE))
    if unknown:
        raise InputError(f"expected exclude of {', '.join(EXCLUDABLE)}, got {', '.join(unknown)}")
    columns = _tell_apart(select(columns_of(data), **where))
    n = _length(columns)
    status = _need(columns, "status").astype(str)
    area = _need(columns, "area").copy()
    _check_rows(columns, status, area)
    uncertified = _numbers(columns, "certified", n) == 0.0
    kinds = {name: status == name for name in EXCLUDABLE[:3]} | {"uncertified": uncertified}
    failed = status == "failed"
    out = np.zeros(n, np.bool_)
    for name in set(exclude):
        out |= kinds[name]
    use = ~failed & ~out
    counts: dict[str, Any] = {
        "rows": n, "failed": int(failed.sum()), "excluded": int((out & ~failed).sum()),
        "used": int(use.sum()), **{name: int((kind & use).sum()) for name, kind in kinds.items()},
    }  # fmt: skip
    if not use.any():
        raise InputError(f"no row is left to compare: {counts}")
    floor = _half_pixel(columns, area)
    columns = columns | {"accuracy": _accuracy(columns)}
    area[np.isnan(area)] = 1.0
    area[status == "empty"] = 0.0
    columns = {name: column[use] for name, column in columns.items()} | {"area": area[use]}
    _one_setup(columns)
    return _join(columns, floor, counts)


def _tell_apart(columns: Columns) -> Columns:
    """Add part of the hash to image names that stand for several photos."""
    if "image_sha256" not in columns:
        return columns
    image = [str(name) for name in _need(columns, "image").tolist()]
    photos = list(zip(image, map(str, columns["image_sha256"].tolist()), strict=True))
    shared = {name for name, n in Counter(name for name, _ in set(photos)).items() if n > 1}
    if shared:
        image = [f"{name} {sha[:12]}" if name in shared else name for name, sha in photos]
    return columns | {"image": np.array(image, dtype=str)}


def _check_rows(columns: Columns, status: npt.NDArray[Any], area: Floats) -> None:
    with np.errstate(invalid="ignore"):
        wrong = (area < 0.0) | (area > 1.0) | (np.isnan(area) & (status == "found"))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"expected areas from 0 to 1, NaN only where no set was found; row {row} is "
            f"{status[row]} with area {area[row]}"
        )
    if "seed" in columns:
        names = ("model", "image", "seed", *(name for name in _SETUP if name in columns))
        if len(np.unique(_codes(*(_need(columns, name) for name in names)))) < len(area):
            raise InputError(
                "several rows have one model, image and seed; a study has one explanation for each"
            )


def _join(columns: Columns, floor: float, counts: dict[str, Any]) -> Sizes:
    n = _length(columns)
    model, image = (_need(columns, name).astype(str) for name in ("model", "image"))
    _, first, place = np.unique(_codes(model, image), return_index=True, return_inverse=True)
    order = np.argsort(place, kind="stable")
    sizes = np.bincount(place)
    several = len(sizes) < n
    parts = np.split(order, np.cumsum(sizes)[:-1]) if several else []

    def median(name: str) -> Floats:
        values = _numbers(columns, name, n)
        if not several:
            return np.asarray(values[first], np.float64)
        return np.array([_median(values[rows]) for rows in parts])

    area = median("area")
    spread = np.full(len(sizes), np.nan)
    for cell in np.flatnonzero(sizes > 1).tolist():
        spread[cell] = np.ptp(columns["area"][parts[cell]])
    groups = columns.get("architecture", model).astype(str)
    counts = counts | {"cells": len(sizes), "seeds": int(sizes.max())}
    return Sizes(
        model=model[first], architecture=groups[first], image=image[first], area=area,
        log_area=np.log(np.maximum(area, floor)), floor=floor, seed_range=spread, counts=counts,
        **{name: _numbers(columns, name, n)[first] for name in _OF_MODEL},
        **{name: median(name) for name in ("confidence", "entropy", "lead", "sets")},
    )  # fmt: skip


def _accuracy(columns: Columns) -> Floats:
    """Accuracy of the model of each row; every photo counts once, whatever its seeds."""
    n = _length(columns)
    model, image = (_need(columns, name).astype(str) for name in ("model", "image"))
    correct = _numbers(columns, "correct", n)
    place = _codes(model)
    rows = np.flatnonzero(~np.isnan(correct))
    known = rows[np.unique(_codes(model[rows], image[rows]), return_index=True)[1]]
    right, labelled = np.zeros((2, int(place.max()) + 1))
    np.add.at(right, place[known], correct[known])
    np.add.at(labelled, place[known], 1.0)
    share = np.divide(right, labelled, out=np.full(len(right), np.nan), where=labelled > 0)
    return np.asarray(share[place], np.float64)


def _codes(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """One number for each row, ordered as rows of text are: what sorting text itself gives, sooner."""
    found = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        names = [str(value) for value in column.tolist()]
        place = {name: k for k, name in enumerate(sorted(set(names)))}
        found = found * len(place) + np.array([place[name] for name in names], np.int64)
        # Numbered anew where the next product might not fit.
        if len(found) and int(found.max()) >= 2**31:
            found = np.unique(found, return_inverse=True)[1]
    return found


def _half_pixel(columns: Columns, area: Floats) -> float:
    """Half a pixel as a fraction of the image, from the rows that say both."""
    if "pixels" in columns:
        pixels = columns["pixels"]
        with np.errstate(invalid="ignore"):
            known = (area > 0) & (pixels > 0)
        if known.any():
            return 0.5 / float(np.median(pixels[known] / area[known]))
    with np.errstate(invalid="ignore"):
        positive = area[area > 0]
    # Without pixels: half of the smallest set there is.
    return float(positive.min()) / 2.0 if len(positive) else 1e-6


def _one_setup(columns: Columns) -> None:
    for name in _SETUP:
        if name in columns:
            values = sorted({str(value) for value in columns[name]})
            if len(values) > 1:
                raise InputError(
                    f"the rows have {len(values)} values of {name} ({', '.join(values)}); choose "
                    f"one, as {name}={values[0]!r}"
                )


def _need(columns: Columns, name: str) -> npt.NDArray[Any]:
    if name not in columns:
        raise InputError(f"expected a column {name!r}, got {', '.join(columns)}")
    return columns[name]


def _numbers(columns: Columns, name: str, n: int) -> Floats:
    return np.asarray(columns.get(name, np.full(n, np.nan)), np.float64)


def _length(columns: Columns) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _number(value: Any) -> float:
    """A number or truth value; None and the NA of pandas, which has no truth, become NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def import_pandas(what: str) -> Any:
    """Pandas, or an error that says what needs it and how to get it.

    Parameters
    ----------
    what : str
        The start of the message, such as ``"tables"``.

    Returns
    -------
    module

    Raises
    ------
    MissingDependencyError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingDependencyError(
            f"{what}: install pandas by pip install suffice[study]"
        ) from None
    return pd
