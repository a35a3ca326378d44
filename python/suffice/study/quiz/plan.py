"""Which photos a quiz shows, and to whom at which share: classes, models and shares in balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.types import JsonObject


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One photo of a quiz.

    Attributes
    ----------
    row : dict
        Of the study: what the photo is, and the model whose order of pixels is shown.
    first : int
        The share, by its position, at which viewers of the first group see it; those of group g
        see it at ``(first + g) % shares``.
    content : object
        What `usable` gave for the row.
    """

    row: JsonObject
    first: int
    content: Any


def deal(
    rows: Sequence[JsonObject],
    shares: int,
    per_share: int,
    seed: int,
    usable: Callable[[JsonObject], Any],
) -> tuple[list[Slot], Any]:
    """Draw photos and deal shares and models to them.

    Photos are drawn class by class in turn. The drawn ones, sorted by class, get shares in turn and
    models in turn after each round of shares, so that each share has `per_share` photos, and
    classes and models are spread over shares as evenly as the numbers allow. Viewers are in as many
    groups as there are shares: a Latin square. Each photo is seen once by each viewer, and over all
    groups at every share.

    Parameters
    ----------
    rows : sequence of dict
        Of the study; several of one photo are those of several models.
    shares, per_share : int
    seed : int
    usable : callable
        Gives what is to be shown of a row, or None where the row can't be used.

    Returns
    -------
    slots : list of Slot
        In an order that tells nothing, ``shares * per_share``.
    practice : object
        The content of one more photo.

    Raises
    ------
    InputError
        If there are too few photos.
    """
    rng = np.random.default_rng(seed)
    photos: dict[str, list[JsonObject]] = {}
    for row in rows:
        photos.setdefault(row["image_sha256"], []).append(row)
    models = list(dict.fromkeys(row["model"] for row in rows))
    total = shares * per_share
    drawn: list[list[JsonObject]] = []
    contents: dict[str, Any] = {}
    for photo in _by_turns(list(photos.values()), rng):
        able = []
        for row in photo:
            contents[row["key"]] = usable(row)
            if contents[row["key"]] is not None:
                able.append(row)
        if able:
            drawn.append(able)
        if len(drawn) == total + 1:
            break
    if len(drawn) < total + 1:
        raise InputError(
            f"{total + 1} photos are needed ({shares} shares, {per_share} each, and one for "
            f"practice), {len(drawn)} can be used: give a smaller --per-share, or run more"
        )
    practice = contents[drawn.pop()[0]["key"]]
    drawn.sort(key=lambda photo: photo[0]["label"])  # stable: as they were drawn within a class
    slots = []
    for k, photo in enumerate(drawn):
        own = [m for m in models if any(row["model"] == m for row in photo)]
        model = own[k // shares % len(own)]
        row = next(row for row in photo if row["model"] == model)
        slots.append(Slot(row, k % shares, contents[row["key"]]))
    return [slots[k] for k in rng.permutation(len(slots))], practice


def _by_turns(
    photos: list[list[JsonObject]], rng: np.random.Generator
) -> Iterator[list[JsonObject]]:
    """Photos in random order, one of each class after the other."""
    classes: dict[int, list[list[JsonObject]]] = {}
    for k in rng.permutation(len(photos)):
        classes.setdefault(photos[k][0]["label"], []).append(photos[k])
    order = sorted(classes)
    for turn in range(max(map(len, classes.values()), default=0)):
        for k in rng.permutation(len(order)):
            if turn < len(classes[order[k]]):
                yield classes[order[k]][turn]
