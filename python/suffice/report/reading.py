"""A study read once for a report: its rows by question, and the masks."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError, SufficeError
from suffice.models.images import Photo, load_image
from suffice.models.preprocess import Preprocess
from suffice.report.grids import Grid, common_grid, onto
from suffice.statistics import Sizes, sizes_of
from suffice.study.analyses import check_analysis
from suffice.study.blobs import decode
from suffice.study.result import StudyResult
from suffice.study.store import Store
from suffice.types import JsonObject, PixelMask, RGBImage

SETUP = ("method", "criterion", "baseline", "grain")
PLAIN_GREY = 160


class Reading:
    """A study, read for a report.

    Parameters
    ----------
    result : StudyResult
    analyses : sequence of str, optional
        Instead of those that the design asks for.

    Attributes
    ----------
    result : StudyResult
    frame : DataFrame
        Its rows, read once.
    questions : tuple of Question
        One for each method, criterion, baseline and grain that has rows, in the order of the
        design.
    name : str
        Of the study.
    analyses : tuple of str
        What the design asks for; empty: all that applies.
    design : str
        Its text; empty where it was made in Python.
    preset : str
        The preset the study was made from, if any.

    Raises
    ------
    InputError
        If nothing is finished yet, or there is no such analysis.
    """

    def __init__(self, result: StudyResult, analyses: Sequence[str] | None = None) -> None:
        self.result = result
        self.frame = result.to_pandas()
        if not len(self.frame):
            raise InputError(f"{result.path} has no finished job yet; there is nothing to report")
        with Store(result.path, "read") as store:
            meta = {key: store.meta(key) or "" for key in ("name", "design", "preset", "suffice")}
        self.name = meta["name"] or "study"
        self.design, self.preset, self.version = meta["design"], meta["preset"], meta["suffice"]
        wanted = result.analyses if analyses is None else analyses
        self.analyses = tuple(map(check_analysis, wanted))
        self.questions = self._split()

    def _split(self) -> tuple[Question, ...]:
        several = [name for name in SETUP[2:] if self.frame[name].nunique() > 1]
        made: list[Question] = []
        slugs: set[str] = set()
        for values, rows in self.frame.groupby(list(SETUP), sort=False, dropna=False):
            setup = dict(zip(SETUP, values, strict=True))
            parts = [setup["method"], setup["criterion"]]
            parts += [f"grain {setup[n]}" if n == "grain" else str(setup[n]) for n in several]
            slug = re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-") or "question"
            free = (f"{slug}{k}" for k in itertools.chain([""], (f"-{n}" for n in range(2, 10**6))))
            slug = next(s for s in free if s not in slugs)
            slugs.add(slug)
            made.append(Question(self, rows, setup, ", ".join(parts), slug))
        return tuple(made)

    @functools.cached_property
    def models(self) -> tuple[str, ...]:
        """Names in the order of the design."""
        return tuple(self.frame["model"].unique().tolist())

    @functools.cached_property
    def grids(self) -> dict[str, Grid]:
        """The part of the photo that the model's input shows, by key of the job."""
        fields = ("$.image.crop_box", "$.image.size", "$.input_shape")
        query = f"SELECT key, {', '.join(f'json_extract(record, {f!r})' for f in fields)} "
        with Store(self.result.path, "read") as store:
            rows = store.query(query + "FROM explanations")
        found = {}
        for key, box, size, shape in rows:
            _, height, width = json.loads(shape)
            photo = json.loads(size)
            corners = json.loads(box) if box else (0.0, 0.0, *map(float, photo))
            found[str(key)] = Grid(cast("Any", tuple(corners)), (height, width))
        return found

    def record(self, key: str) -> JsonObject:
        """The record of a finished job."""
        with Store(self.result.path, "read") as store:
            return store.record(key)

    def mask(self, store: Store, key: str) -> PixelMask | None:
        """The best set of a job; None where it has none."""
        blobs = store.blobs(key, "set:0")
        return cast("PixelMask", decode(blobs[0])) if blobs else None

    def picture(self, row: Any) -> tuple[RGBImage, bool]:
        """The photo of a row on the model's grid.

        Returns
        -------
        uint8 [H, W, 3]
        bool
            False where the file is gone or another than the one explained; the picture is plain
            grey then.
        """
        record = self.record(row.key)
        shape = tuple(record["input_shape"][1:])
        item = self.result.sources.get(row.image)
        try:
            if item is None or record["preprocess"] is None or item.sha256() != row.image_sha256:
                return np.full((*shape, 3), PLAIN_GREY, np.uint8), False
            image = item.load()
            photo = image if isinstance(image, Photo) else load_image(image)
            preprocess = Preprocess.from_dict(record["preprocess"])
            return preprocess.denormalise(preprocess.apply(photo)[0]), True
        except SufficeError:
            return np.full((*shape, 3), PLAIN_GREY, np.uint8), False


class Question:
    """The rows of one method, criterion, baseline and grain.

    Attributes
    ----------
    reading : Reading
    rows : DataFrame
        With the columns of `StudyResult.to_pandas`, failed ones too.
    setup : dict
        Method, criterion, baseline and grain.
    label : str
        For titles: method and criterion, and of the others what differs within the study.
    slug : str
        The same as small letters, digits and dashes, unique in the study.
    """

    def __init__(
        self, reading: Reading, rows: Any, setup: dict[str, Any], label: str, slug: str
    ) -> None:
        self.reading, self.rows, self.setup = reading, rows.reset_index(drop=True), setup
        self.label, self.slug = label, slug
        self._sizes: dict[tuple[str, ...], Sizes] = {}

    def __repr__(self) -> str:
        return f"Question({self.label!r}, {len(self.rows)} rows)"

    @functools.cached_property
    def models(self) -> tuple[str, ...]:
        """Names in the order of the design."""
        return tuple(self.rows["model"].unique().tolist())

    @functools.cached_property
    def architectures(self) -> dict[str, str]:
        """Of each model."""
        last = self.rows.drop_duplicates("model", keep="last")
        known = dict(zip(last["model"], last["architecture"], strict=True))
        return {model: known[model] for model in self.models}

    @functools.cached_property
    def seeds(self) -> tuple[int, ...]:
        """In the order of the design."""
        return tuple(int(seed) for seed in self.rows["seed"].unique())

    @functools.cached_property
    def first(self) -> Any:
        """The rows of the first seed of each model and photo, failed ones left out."""
        kept = self.rows[self.rows["status"] != "failed"]
        return kept.drop_duplicates(["model", "image", "image_sha256"]).reset_index(drop=True)

    def sizes(self, exclude: Iterable[str] = ()) -> Sizes:
        """As `suffice.statistics.sizes_of` of the rows.

        A search that its budget stopped before it had any set counts as unattained.
        """
        key = tuple(sorted(exclude))
        if key not in self._sizes:
            rows = self.rows.copy()
            rows.loc[(rows["status"] == "budget") & rows["area"].isna(), "status"] = "unattained"
            self._sizes[key] = sizes_of(rows, exclude=key)
        return self._sizes[key]

    def masks(self, model: str) -> npt.NDArray[np.bool_]:
        """The best sets of a model's photos that have one, ``bool [n, H, W]``, of the first seed."""
        rows = self.first
        rows = rows[(rows["model"] == model) & rows["area"].notna()]
        return self.reading.result.masks(rows)

    def each_mask(self, rows: Any) -> Iterator[PixelMask]:
        """As `masks` of some rows, one after the other: a model's masks may fill the memory."""
        return self.reading.result.each_mask(rows)

    def photos(self, models: Sequence[str] | None = None) -> Iterator[list[PixelMask | None]]:
        """One photo at a time, the sets of models (first seed) on a common grid of that photo.

        The grid covers what any of the models sees of the photo and is as fine as the finest of
        them (`common_grid`). None where a model has no set; only photos of which some model has
        a row are given.
        """
        names = self.models if models is None else models
        photos: dict[str, dict[str, str]] = {}
        names_of = ("image_sha256", "model", "key", "area")
        columns = (self.first[name].to_numpy(object) for name in names_of)
        for photo, model, key, area in zip(*columns, strict=True):
            if model not in names:
                continue
            keys = photos.setdefault(photo, {})
            if area == area:  # noqa: PLR0124  # not NaN
                keys[model] = key
        with Store(self.reading.result.path, "read") as store:
            for keys in photos.values():
                made = on_one_grid(self.reading, store, keys)
                yield [made.get(name) for name in names]

    def copies(self, model: str) -> Iterator[list[PixelMask]]:
        """One photo at a time, the sets of a model under its seeds; those with two or more."""
        rows = self.rows[(self.rows["model"] == model) & self.rows["area"].notna()]
        with Store(self.reading.result.path, "read") as store:
            for _, group in rows.groupby("image_sha256", sort=False):
                masks = [self.reading.mask(store, key) for key in group["key"]]
                known = [mask for mask in masks if mask is not None]
                if len(known) > 1:
                    yield known


def on_one_grid(reading: Reading, store: Store, keys: dict[str, str]) -> dict[str, PixelMask]:
    """The sets of jobs of one photo on their common grid, by name; jobs without a set are missing."""
    masks = {name: reading.mask(store, key) for name, key in keys.items()}
    known = {name: mask for name, mask in masks.items() if mask is not None}
    if not known:
        return {}
    grids = {name: reading.grids[keys[name]] for name in known}
    target = common_grid(list(grids.values()))
    return {name: onto(mask, grids[name], target) for name, mask in known.items()}
