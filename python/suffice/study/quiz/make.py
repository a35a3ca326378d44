"""Make a quiz from a study: the page to give out, and the key that stays."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from suffice import __version__
from suffice.errors import InputError, SettingsError
from suffice.explanation import Explanation, write_atomically
from suffice.models.baselines import make_baseline
from suffice.models.images import Photo, load_image
from suffice.models.labels import read_labels
from suffice.models.preprocess import Preprocess
from suffice.study.check_reference import choose_rows
from suffice.study.images import Item
from suffice.study.keys import canonical
from suffice.study.pictures import find_photos
from suffice.study.quiz.page import make_page
from suffice.study.quiz.plan import Slot, deal
from suffice.study.result import StudyResult
from suffice.types import JsonObject

FORMAT = 1
SHARES = (0.05, 0.3, 0.5)
PER_SHARE = 20
FEW_CLASSES = 20
SETUP = ("method", "criterion", "baseline", "grain")
ORDER = "order"


@dataclass(frozen=True, slots=True, eq=False)
class Quiz:
    """A quiz.

    Attributes
    ----------
    page : str
        The web page. What is right is not in it.
    key : dict
        What every item of the page is; needed to score answers.
    """

    page: str
    key: JsonObject

    def save(self, path: str | Path) -> tuple[Path, Path]:
        """Write the page, and beside it the key as ``NAME-key.json``.

        Returns
        -------
        page, key : Path
        """
        page = Path(path)
        text = json.dumps(self.key, indent=1, allow_nan=False) + "\n"
        key = write_atomically(key_path(page), text.encode())
        return write_atomically(page, self.page.encode()), key


def key_path(page: str | Path) -> Path:
    """Where the key of a page goes."""
    return Path(page).with_name(f"{Path(page).stem}-key.json")


def make_quiz(
    result: StudyResult | str | Path,
    *,
    shares: Sequence[float] = SHARES,
    per_share: int = PER_SHARE,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    seed: int = 0,
    right: bool = False,
    design: str | Path | None = None,
    images: str | Path | None = None,
    title: str = "What do you see?",
    **choose: Any,
) -> Quiz:
    """Make a quiz of what a model goes by: the most important pixels of photos, for people.

    Of each photo the first pixels of a model's order are shown, on the baseline's colour: the last
    of ``order`` where the method keeps one (``sis``), otherwise those of the largest
    responsibility, ties broken at random by the seed.

    Parameters
    ----------
    result : StudyResult or path of a store
        Kept with ``responsibility = "ranks"`` or ``"float32"``, or of a method with an order. Its
        photos need labels.
    shares : sequence of float
        Shares of the pixels to show.
    per_share : int
        Photos that each viewer sees at each share.
    labels : sequence of str, path or None
        Class names. Up to 20 classes are all there to choose from; of more, those that are labels
        or answers in the study.
    seed : int
        Same store and seed, same quiz.
    right : bool
        Whether only photos are shown that their model classifies rightly.
    design, images : path, optional
        Where the photos are; see `suffice.study.pictures.find_photos`.
    title : str
    **choose
        ``model``, ``method``, ``criterion``, ``baseline``, ``grain``, ``seed``: a value or
        several, which rows must have.

    Returns
    -------
    Quiz

    Raises
    ------
    InputError
        If photos, orders or labels are missing, rows are of several questions, inputs differ in
        size, or the baseline is not one colour.
    """
    given = tuple(sorted(shares))
    if not given or len(set(given)) < len(given) or not 0.0 < given[0] <= given[-1] <= 1.0:
        raise SettingsError(f"shares should be different numbers from 0 to 1, got {list(shares)}")
    if per_share < 1:
        raise SettingsError(f"per_share should be at least 1, got {per_share}")
    if isinstance(labels, (str, os.PathLike)):
        labels = read_labels(labels)
    found = result if isinstance(result, StudyResult) else StudyResult(result)
    rows = _rows(found, right, choose)
    photos = find_photos(
        found, {row["image_sha256"]: row["image"] for row in rows}, design=design, images=images
    )
    maker = _Maker(found, photos, given, seed)
    slots, practice = deal(rows, len(given), per_share, seed, maker.composites)
    choices = _choices(rows, labels, maker.names)
    return _put_together(found, slots, practice, choices, given, seed, title)


def _rows(result: StudyResult, right: bool, choose: Mapping[str, Any]) -> list[JsonObject]:
    rows = [row for row in choose_rows(result.rows(), choose) if row["status"] != "failed"]
    for name in SETUP:
        if len(several := list(dict.fromkeys(str(row[name]) for row in rows))) > 1:
            raise InputError(
                f"the results differ in {name}: {', '.join(several)}; choose one with --{name}"
            )
    lowest = min(row["seed"] for row in rows)
    rows = [row for row in rows if row["seed"] == lowest and row["label"] is not None]
    if not rows:
        raise InputError("none of the photos has a label, and without one no answer is right")
    if right:
        rows = [row for row in rows if row["correct"]]
    return rows


class _Maker:
    """Makes the pictures of a photo, and notes the names of classes that records state."""

    def __init__(
        self,
        result: StudyResult,
        photos: Mapping[str, Item],
        shares: tuple[float, ...],
        seed: int,
    ) -> None:
        self._result, self._photos, self._shares, self._seed = result, photos, shares, seed
        self._size: tuple[int, int] | None = None
        self.names: dict[int, str] = {}

    def composites(self, row: JsonObject) -> list[tuple[str, int]] | None:
        """The picture and number of pixels at each share; None without a photo or an order."""
        item = self._photos.get(row["image_sha256"])
        explanation = next(self._result.explanations([row["key"]]))
        if explanation.target_label:
            self.names[explanation.target] = explanation.target_label
        order = pixel_order(explanation, self._seed)
        if item is None or order is None:
            return None
        picture, fill = _picture(explanation, item)
        size = picture.shape[:2]
        if self._size not in (None, size):
            raise InputError(
                f"inputs differ in size: {self._size} and {size}; choose models with --models"
            )
        self._size = size
        made = []
        for share in self._shares:
            n = math.ceil(round(share * len(order), 9))
            shown = np.zeros(len(order), np.bool_)
            shown[order[:n]] = True
            made.append((_png(np.where(shown.reshape(*size, 1), picture, fill)), n))
        return made


def pixel_order(explanation: Explanation, seed: int) -> npt.NDArray[np.int64] | None:
    """All pixels, the most important first; None where nothing says so.

    Parameters
    ----------
    explanation : Explanation
    seed : int
        Breaks ties of responsibility.

    Returns
    -------
    int64 [H * W]
    """
    height, width = explanation.record["input_shape"][1:]
    stated = (explanation.arrays or {}).get(ORDER)
    if stated is not None and np.array_equal(np.sort(stated), np.arange(height * width)):
        return np.asarray(stated, np.int64)[::-1]
    values = explanation.responsibility
    if values is None or values.size < 2 or values.min() == values.max():
        return None
    mixed = np.random.default_rng(seed).permutation(values.size)
    return mixed[np.argsort(-values.reshape(-1)[mixed], kind="stable")]


def _picture(
    explanation: Explanation, item: Item
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The photo as the model sees it, ``uint8 [H, W, 3]``, and the colour of its baseline."""
    record = explanation.record
    if record["preprocess"] is None:
        raise InputError(
            f"{record['model']['name']} states no preprocessing, so its inputs can't be shown"
        )
    preprocess = Preprocess.from_dict(record["preprocess"])
    source = item.load()
    if isinstance(source, np.ndarray) and source.dtype == np.float32:
        x, key = source, 0
    else:
        photo = source if isinstance(source, Photo) else load_image(source)
        x, key = preprocess.apply(photo)[0], photo.key
    stored = record["reference"]["baselines"][0]
    spec = stored["parameters"].get("spec", stored["kind"])
    baseline = preprocess.denormalise(
        make_baseline(spec, x, preprocess, explanation.seed, key).array
    )
    if (baseline != baseline[:1, :1]).any():
        raise InputError(
            f"the baseline {spec} is not one colour, so it would show more than the pixels; "
            "choose results with another one"
        )
    return preprocess.denormalise(x), baseline[:1, :1]


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _choices(
    rows: Sequence[JsonObject], labels: Sequence[str] | None, stated: Mapping[int, str]
) -> list[JsonObject]:
    """The classes to choose from, in the order of the model's classes."""
    occurring = {row["label"] for row in rows} | {row["target"] for row in rows}
    if labels is not None and (high := max(occurring)) >= len(labels):
        raise InputError(f"there are {len(labels)} class names, and class {high} occurs")
    if labels is not None and len(labels) <= FEW_CLASSES:
        occurring = set(range(len(labels)))
    named = dict(enumerate(labels)) if labels is not None else stated
    names = [(c, named.get(c, f"class {c}")) for c in sorted(occurring)]
    return [{"class": int(c), "name": name} for c, name in names]


def _put_together(
    result: StudyResult,
    slots: Sequence[Slot],
    practice: list[tuple[str, int]],
    choices: list[JsonObject],
    shares: tuple[float, ...],
    seed: int,
    title: str,
) -> Quiz:
    items: JsonObject = {}
    shown = []
    for slot in slots:
        groups = []
        for group in range(len(shares)):
            k = (slot.first + group) % len(shares)
            png, pixels = slot.content[k]
            what = canonical([seed, slot.row["key"], shares[k], png])
            item = hashlib.sha256(what.encode()).hexdigest()[:16]
            items[item] = {
                **{n: slot.row[n] for n in ("image", "image_sha256", "model", "label", "target")},
                "confidence": slot.row["confidence"],
                "share": shares[k],
                "pixels": pixels,
                "group": group + 1,
            }
            groups.append({"id": item, "png": png})
        shown.append(groups)
    number = hashlib.sha256(canonical([sorted(items), choices]).encode()).hexdigest()[:16]
    row = slots[0].row
    key = {
        "kind": "suffice quiz key",
        "format": FORMAT,
        "suffice": __version__,
        "quiz": number,
        "store": result.path.name,
        **{name: row[name] for name in SETUP},
        "seed": seed,
        "shares": list(shares),
        "choices": choices,
        "items": items,
    }
    with Image.open(io.BytesIO(base64.b64decode(practice[-1][0]))) as image:
        size = [image.height, image.width]
    page = {
        "id": number,
        "size": size,
        "groups": len(shares),
        "choices": choices,
        "practice": practice[-1][0],
        "slots": shown,
    }
    return Quiz(make_page(cast("dict[str, Any]", page), title), key)
