"""Explanations: frozen results that carry everything needed to prove them again."""

from __future__ import annotations

import copy
import io
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, overload

import numpy as np
import numpy.typing as npt

from suffice.certificate import Certificate
from suffice.errors import InputError
from suffice.reading import parse_json, read_arrays
from suffice.stored import check_record
from suffice.types import JsonObject, PixelMask, Responsibility, Status

FORMAT = 1
REMOVED_GREY = 127


@dataclass(frozen=True, slots=True, eq=False)
class SufficientSet:
    """One set of an explanation.

    Attributes
    ----------
    mask : bool [H, W]
        True = pixel kept, on the model's input grid.
    pixels : int
    area : float
        Fraction of all pixels.
    certificate : Certificate or None
        None only where the run was told not to verify.
    criterion : str
        What this set passes.
    """

    mask: PixelMask
    pixels: int
    area: float
    certificate: Certificate | None
    criterion: str


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What suffices for one decision.

    Attributes
    ----------
    record : dict
        The record of DESIGN.md 6, a public format; the properties below read it.
    masks : bool [K, H, W]
        The sets found, best first; K is 0 when there is none.
    responsibility : float32 [H, W] or None
        How far each pixel is a cause, where the method says so.
    extra_masks : dict of str to bool [H, W]
        Further named sets, such as ``necessary`` or ``complete``.
    image : uint8 [H, W, 3] or None
        The photo on the model's grid, for pictures; not saved.
    index : int
        Position of the image in the run's input; not saved.
    arrays : dict of str to array or None
        Named arrays of the method, such as the ``order`` and ``values`` of ``sis``.
    """

    record: JsonObject
    masks: npt.NDArray[np.bool_]
    responsibility: Responsibility | None = None
    extra_masks: dict[str, PixelMask] | None = None
    image: npt.NDArray[np.uint8] | None = None
    index: int = 0
    arrays: dict[str, npt.NDArray[np.generic]] | None = None

    @property
    def mask(self) -> PixelMask:
        """``bool [H, W]``: the best set; all false where there is none or it is empty."""
        if len(self.masks):
            return cast(PixelMask, self.masks[0])
        return np.zeros(self.masks.shape[1:], dtype=np.bool_)

    @property
    def sets(self) -> list[SufficientSet]:
        """All sets with their certificates, best first."""
        entries = self.record["sets"]
        return [
            SufficientSet(
                mask,
                entry["pixels"],
                entry["area"],
                _certificate(entry["certificate"]),
                entry.get("criterion", self.criterion),  # older records have one for all
            )
            for mask, entry in zip(self.masks, entries, strict=True)
        ]

    @property
    def curve(self) -> list[JsonObject]:
        """The points of a run of the method ``curve``; empty for every other method.

        Each is a dict of ``criterion``, ``grain``, ``pixels``, ``area``, ``irreducible_at`` and
        ``sufficient`` (of its certificate; None where the run was told not to verify), and
        ``set``, its place in `sets` and `masks`. Level by level as they were asked for, each from
        the coarsest grain to the finest.
        """
        if self.method["name"] != "curve":
            return []
        levels = self.method["settings"]["levels"].split(",")
        points = []
        for k, entry in enumerate(self.record["sets"]):
            certificate = entry["certificate"] or {}
            points.append(
                {
                    "criterion": entry["criterion"],
                    "grain": entry.get("grain", self.grain),
                    "pixels": entry["pixels"],
                    "area": entry["area"],
                    "irreducible_at": certificate.get("irreducible_at"),
                    "sufficient": certificate.get("sufficient"),
                    "set": k,
                }
            )
        return sorted(points, key=lambda p: (levels.index(p["criterion"]), -p["grain"]))

    @property
    def status(self) -> Status:
        """``found``, ``empty``, ``unattained`` or ``budget`` (DESIGN.md 1)."""
        return cast(Status, self.record["status"])

    @property
    def reason(self) -> str:
        """Why there is no set, or why the search stopped; may be empty."""
        return cast(str, self.record["reason"])

    @property
    def name(self) -> str:
        """Name of the image."""
        return cast(str, self.record["image"]["name"])

    @property
    def target(self) -> int:
        """The explained class."""
        return cast(int, self.record["target"])

    @property
    def target_label(self) -> str | None:
        """Its label, where labels were given."""
        return cast("str | None", self.record["target_label"])

    @property
    def criterion(self) -> str:
        """The criterion that was asked for; ``sets`` say which one each of them passes."""
        return cast(str, self.record["criterion"])

    @property
    def contrastive(self) -> bool:
        """Whether the image without a set gives another class, for every set."""
        return bool(self.record.get("contrastive", False))

    @property
    def grain(self) -> int:
        """Side of the tiles irreducibility is about, in pixels."""
        return cast(int, self.record["grain"])

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return cast(int, self.record["seed"])

    @property
    def method(self) -> JsonObject:
        """Name, version and all settings of the method."""
        return cast(JsonObject, self.record["method"])

    @property
    def pixels(self) -> int:
        """Pixels in the best set."""
        return cast(int, self.record["pixels"])

    @property
    def area(self) -> float:
        """Fraction of pixels in the best set; NaN where no set was found."""
        area = self.record["area"]
        return float("nan") if area is None else float(area)

    @property
    def evaluations(self) -> int:
        """Distinct composites through the model, the image and baselines included."""
        return cast(int, self.record["evaluations"])

    @property
    def rounds(self) -> int:
        """Rounds of the search that needed the model, one waiting for the other; what a GPU pays."""
        return int(self.record.get("rounds", 0))

    @property
    def recheck_evaluations(self) -> int:
        """Extra evaluations of narrow decisions."""
        return cast(int, self.record["recheck_evaluations"])

    @property
    def gradients(self) -> int:
        """Gradients taken; each counts as 3 evaluations."""
        return cast(int, self.record["gradients"])

    @property
    def model_calls(self) -> int:
        """Batches that held composites of this image."""
        return cast(int, self.record["model_calls"])

    @property
    def marginal(self) -> int:
        """Decisions that were narrow enough to be re-checked."""
        return cast(int, self.record["marginal"])

    @property
    def seconds(self) -> dict[str, float]:
        """``total`` wall time from start to certificate, and this image's share of ``model``."""
        return cast("dict[str, float]", self.record["seconds"])

    @property
    def certificate(self) -> Certificate | None:
        """Certificate of the best set; None where there is no set or verifying was off."""
        return _certificate(self.record["certificate"])

    @property
    def trace(self) -> list[list[float]]:
        """``[evaluations, best area so far]`` of every improvement among the masks evaluated."""
        return cast("list[list[float]]", self.record["trace"])

    def at(self, threshold: float) -> PixelMask:
        """The set of another confidence threshold, read from the order that ``sis`` kept.

        Parameters
        ----------
        threshold : float
            Probability of the target that the set must reach, above 0 and below 1.

        Returns
        -------
        bool [H, W]
            What the same search would have found first under ``confidence:threshold``; all false
            where the baselines alone reach it.

        Raises
        ------
        InputError
            If there is no complete order, or the whole image does not reach the threshold.
        """
        return suffix_at(self.arrays or {}, self.masks.shape[1:], self.record, threshold)

    def to_dict(self) -> JsonObject:
        """A copy of the record."""
        return copy.deepcopy(self.record)

    def mask_on(self, image: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The photo with all other pixels grey.

        Parameters
        ----------
        image : uint8 [h, w, 3] or None
            The photo in its original size (the mask is scaled onto it) or on the model's grid.
            None: the picture kept from explaining.

        Returns
        -------
        uint8 [h, w, 3]

        Raises
        ------
        InputError
            If no image is given and none was kept.
        """
        picture = self.image if image is None else np.asarray(image)
        if picture is None:
            raise InputError("mask_on needs the photo: pass it as uint8 [H, W, 3]")
        keep = self.mask
        if picture.shape[:2] != keep.shape:
            keep = on_original(keep, picture.shape[:2], self.record["image"]["crop_box"])
        return np.where(keep[..., None], picture, np.uint8(REMOVED_GREY))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``PATH.json`` (the record) and ``PATH.npz`` (the arrays), each atomically.

        Returns
        -------
        Path
            The JSON file.
        """
        stem = Path(path)
        if stem.suffix in (".json", ".npz"):
            stem = stem.with_suffix("")
        arrays: dict[str, npt.NDArray[np.generic]] = {"mask": self.mask.astype(np.uint8)}
        if self.responsibility is not None:
            arrays["responsibility"] = self.responsibility
        if len(self.masks) != 1:
            arrays["sets"] = self.masks.astype(np.uint8)
        for key, mask in (self.extra_masks or {}).items():
            arrays[f"extra_{key}"] = mask.astype(np.uint8)
        for key, array in (self.arrays or {}).items():
            arrays[f"array_{key}"] = array
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # names are no keywords of it
        write_atomically(_with_suffix(stem, ".npz"), buffer.getvalue())
        text = json.dumps(self.record, indent=1, ensure_ascii=False, allow_nan=False)
        return write_atomically(_with_suffix(stem, ".json"), text.encode())


def load(path: str | os.PathLike[str]) -> Explanation:
    """Read an explanation that `Explanation.save` wrote.

    Parameters
    ----------
    path : path
        The JSON file, the NPZ file beside it, or their common stem.

    Raises
    ------
    InputError
        If a file is missing, damaged or of a later format.
    """
    stem = Path(path)
    if stem.suffix in (".json", ".npz"):
        stem = stem.with_suffix("")
    try:
        record = parse_json(_with_suffix(stem, ".json").read_text(encoding="utf-8"))
        with _with_suffix(stem, ".npz").open("rb") as file:
            arrays = read_arrays(file)
        if record["format"] > FORMAT:
            raise InputError(
                f"{stem}.json has format {record['format']}, this version reads {FORMAT}"
            )
        check_record(record)
        masks = arrays["sets"] if "sets" in arrays else arrays["mask"][None]
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"no explanation at {stem}: {error.filename} is missing") from None
    except Exception as error:
        raise InputError(f"{stem}.json and .npz are no readable explanation: {error}") from None
    try:
        return assemble(
            record,
            masks,
            arrays.get("responsibility"),
            {k[len("extra_") :]: v for k, v in arrays.items() if k.startswith("extra_")},
            {k[len("array_") :]: v for k, v in arrays.items() if k.startswith("array_")},
        )
    except ValueError as error:
        raise InputError(f"{stem}.json and .npz are no readable explanation: {error}") from None


def assemble(
    record: JsonObject,
    masks: npt.NDArray[np.generic],
    responsibility: npt.NDArray[np.generic] | None,
    extra: dict[str, npt.NDArray[np.generic]],
    arrays: dict[str, npt.NDArray[np.generic]],
) -> Explanation:
    """Put an explanation together from what was kept of it.

    Parameters
    ----------
    record : dict
        That `suffice.stored.check_record` has seen.
    masks : numbers [K, H, W]
    responsibility : numbers [H, W] or None
    extra : dict of str to numbers [H, W]
    arrays : dict of str to array

    Raises
    ------
    ValueError
        If an array does not have the shape that the record says.
    """
    shape = tuple(record["input_shape"][1:])
    maps = {"masks": masks, **extra}
    if responsibility is not None:
        maps["responsibility"] = responsibility
    for name, array in maps.items():
        ahead = (len(record["sets"]),) if array is masks else ()
        if array.shape != (*ahead, *shape) or array.dtype.kind not in "biuf":
            raise ValueError(
                f"record and arrays disagree: {name} should be {[*ahead, *shape]}, got "
                f"{array.dtype} {list(array.shape)}"
            )
    return Explanation(
        record,
        masks.astype(np.bool_),
        None if responsibility is None else responsibility.astype(np.float32),
        {name: mask.astype(np.bool_) for name, mask in extra.items()} or None,
        arrays=arrays or None,
    )


class Explanations(Sequence[Explanation]):
    """Several explanations in input order; slices are Explanations too."""

    def __init__(self, items: Sequence[Explanation]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> Explanation: ...
    @overload
    def __getitem__(self, index: slice) -> Explanations: ...
    def __getitem__(self, index: int | slice) -> Explanation | Explanations:
        """One explanation, or a slice of them."""
        return Explanations(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"Explanations({len(self)})"

    @property
    def areas(self) -> npt.NDArray[np.float64]:
        """``float64 [N]``, NaN where no set was found."""
        return np.array([e.area for e in self._items])

    def to_dicts(self) -> list[JsonObject]:
        """The records."""
        return [e.to_dict() for e in self._items]


def suffix_at(
    arrays: dict[str, npt.NDArray[np.generic]],
    shape: tuple[int, ...],
    record: JsonObject,
    threshold: float,
) -> PixelMask:
    """The shortest end of a kept order that reaches a threshold; see `Explanation.at`."""
    if not 0.0 < threshold < 1.0:
        raise InputError(f"expected a threshold above 0 and below 1, got {threshold!r}")
    name, whole = record["image"]["name"], record["reference"]["confidence"]
    order, values = arrays.get("order"), arrays.get("values")
    if order is None or values is None or len(order) != int(np.prod(shape)):
        raise InputError(
            f"{name}: at() needs the order of all pixels, which only a finished search of the "
            f"method sis keeps; this is {record['method']['name']}, status {record['status']}"
        )
    if whole < threshold:
        raise InputError(
            f"{name}: the whole image has confidence {whole:g}, so it has no set at {threshold:g}"
        )
    pixels = np.arange(len(order))
    if values.shape != order.shape or not np.array_equal(np.sort(order, axis=None), pixels):
        raise InputError(f"{name}: its order is damaged, it should name each pixel once")
    reached = np.flatnonzero(np.asarray(values) >= threshold)
    mask = np.zeros(order.shape, np.bool_)
    mask[order[reached[-1] + 1 if len(reached) else 0 :]] = True
    return mask.reshape(shape)


def write_atomically(path: Path, data: bytes) -> Path:
    """Write a file so that readers see the old content or the new, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _with_suffix(stem: Path, suffix: str) -> Path:
    """Append a suffix; unlike Path.with_suffix, dots in the name survive."""
    return stem.with_name(stem.name + suffix)


def _certificate(data: JsonObject | None) -> Certificate | None:
    return None if data is None else Certificate.from_dict(data)


def on_original(
    keep: PixelMask, size: tuple[int, ...], crop_box: Sequence[float] | None
) -> PixelMask:
    """Scale a mask on the model's grid onto the original photo (nearest pixel).

    Parameters
    ----------
    keep : bool [h, w]
    size : (int, int)
        Height and width of the upright photo.
    crop_box : (left, top, right, bottom) or None
        What the model's grid shows of it, in its pixels; None: all of it.

    Returns
    -------
    bool [H, W]
    """
    height, width = size
    left, top, right, bottom = crop_box or (0.0, 0.0, float(width), float(height))
    rows = np.floor((np.arange(height) + 0.5 - top) / (bottom - top) * keep.shape[0]).astype(int)
    cols = np.floor((np.arange(width) + 0.5 - left) / (right - left) * keep.shape[1]).astype(int)
    inside = np.outer((rows >= 0) & (rows < keep.shape[0]), (cols >= 0) & (cols < keep.shape[1]))
    scaled = keep[np.clip(rows, 0, keep.shape[0] - 1)][:, np.clip(cols, 0, keep.shape[1] - 1)]
    return cast(PixelMask, scaled & inside)
