"""Checking a record that comes from a file or a store (docs/record.md)."""

from __future__ import annotations

from typing import Any

from suffice.certificate import Certificate
from suffice.reading import NONE, NUMBER, Kinds, check_kinds
from suffice.types import JsonObject

_RECORD: Kinds = {
    "status": (str,),
    "reason": (str,),
    "image": (dict,),
    "model": (dict,),
    "input_shape": (list,),
    "target": (int,),
    "target_label": (str, NONE),
    "reference": (dict,),
    "method": (dict,),
    "criterion": (str,),
    "grain": (int,),
    "seed": (int,),
    "pixels": (int,),
    "area": (*NUMBER, NONE),
    "sets": (list,),
    "evaluations": (int,),
    "recheck_evaluations": (int,),
    "gradients": (int,),
    "model_calls": (int,),
    "marginal": (int,),
    "seconds": (dict,),
    "certificate": (dict, NONE),
    "trace": (list,),
}
_PARTS: dict[str, Kinds] = {
    "image": {"name": (str,), "sha256": (str,), "size": (list, NONE), "crop_box": (list, NONE)},
    "model": {"name": (str,), "sha256": (str,)},
    "reference": {"confidence": NUMBER, "baselines": (list,)},
    "method": {"name": (str,), "version": (str,), "settings": (dict,)},
    "seconds": {"total": NUMBER, "model": NUMBER},
}
_SET: Kinds = {"pixels": (int,), "area": NUMBER, "certificate": (dict, NONE)}
_OPTIONAL: Kinds = {"rounds": (int,), "contrastive": (bool,)}
_SET_OPTIONAL: Kinds = {"criterion": (str,), "grain": (int,)}


def check_record(record: Any) -> JsonObject:
    """Check that a record has what an `Explanation` reads from it.

    Parameters
    ----------
    record : object
        As JSON gave it, of a format that is known.

    Returns
    -------
    dict
        The record itself.

    Raises
    ------
    ValueError
        If a name is missing or its value is not what it should be.
    """
    if not isinstance(record, dict):
        raise ValueError(f"the record should be an object, got {type(record).__name__}")  # noqa: TRY004
    check_kinds(record, _RECORD, "record")
    check_kinds(record, _OPTIONAL, "record", needed=False)
    for name, kinds in _PARTS.items():
        check_kinds(record[name], kinds, name)
    shape = record["input_shape"]
    if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(f"input_shape should be [C, H, W], got {shape!r}")
    _check_box(record["image"]["crop_box"])
    _check_certificate(record["certificate"])
    for entry in record["sets"]:
        if not isinstance(entry, dict):
            raise ValueError(f"sets should be objects, got {entry!r:.40}")  # noqa: TRY004
        check_kinds(entry, _SET, "set")
        check_kinds(entry, _SET_OPTIONAL, "set", needed=False)
        _check_certificate(entry["certificate"])
    if record["method"]["name"] == "curve":
        levels = str(record["method"]["settings"].get("levels")).split(",")
        if any(entry.get("criterion") not in levels for entry in record["sets"]):
            raise ValueError("a set has a criterion that is none of the levels of the curve")
    return record


def _check_box(box: Any) -> None:
    if box is None:
        return
    whole = len(box) == 4 and all(isinstance(v, NUMBER) and abs(v) < 2**31 for v in box)
    if not whole or box[2] - box[0] < 1e-6 or box[3] - box[1] < 1e-6:
        raise ValueError(f"crop_box should be left, top, right, bottom, got {box!r:.60}")


def _check_certificate(data: JsonObject | None) -> None:
    if data is None:
        return
    try:
        certificate = Certificate.from_dict(data)
    except TypeError as error:
        raise ValueError(f"a certificate is not complete: {error}") from None
    numbers = (certificate.margin, certificate.confidence, certificate.eps)
    lists = (certificate.baselines, certificate.notes, certificate.disproved)
    if not all(isinstance(v, NUMBER) for v in numbers) or not all(
        isinstance(v, list) for v in lists
    ):
        raise ValueError("a certificate has a value of another kind than it should")
