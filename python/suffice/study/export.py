"""Exports: CSV, Parquet, and COCO run-length masks in the coordinates of the photos."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.errors import InputError, MissingDependencyError
from suffice.explanation import Explanation, on_original, write_atomically
from suffice.study.coco import box, encode

if TYPE_CHECKING:
    from suffice.study.result import StudyResult

LARGEST = 2**31
"""Pixels that a photo may have at most."""
KINDS = {".csv": "csv", ".parquet": "parquet", ".json": "coco"}


def write(result: StudyResult, path: Path, kind: str | None) -> Path:
    """Write a result in one of the kinds; see `StudyResult.export`."""
    kind = kind or KINDS.get(path.suffix.lower())
    if kind == "csv":
        return write_atomically(path, _csv(result).encode())
    if kind == "parquet":
        return write_atomically(path, _parquet(result))
    if kind == "coco":
        text = json.dumps(coco(result), ensure_ascii=False, allow_nan=False)
        return write_atomically(path, text.encode())
    raise InputError(
        f"{path}: give a name that ends in {', '.join(KINDS)}, or one of csv, parquet and coco"
    )


def _csv(result: StudyResult) -> str:
    from suffice.study.result import COLUMNS

    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in result.rows():
        writer.writerow({k: _plain(v) for k, v in row.items()})
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _parquet(result: StudyResult) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError(
            "Parquet needs pyarrow: pip install suffice[study]; or export to .csv"
        ) from None
    from suffice.study.result import BOOLEANS, COLUMNS, FLOATS, INTEGERS

    rows = result.rows()
    types = {
        **dict.fromkeys(INTEGERS, pa.int64()),
        **dict.fromkeys(BOOLEANS, pa.bool_()),
        **dict.fromkeys(FLOATS, pa.float64()),
    }
    columns = [pa.array([row[c] for row in rows], types.get(c, pa.string())) for c in COLUMNS]
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, names=list(COLUMNS)), buffer)
    return buffer.getvalue()


def coco(result: StudyResult) -> dict[str, Any]:
    """All sets as COCO annotations, scaled onto the upright photos.

    ``image_id`` and ``category_id`` (the class plus 1) are COCO's; further fields say which model,
    method and question it was, and which of its sets.
    """
    images: dict[str, dict[str, Any]] = {}
    categories: dict[int, str] = {}
    annotations: list[dict[str, Any]] = []
    rows = {row["key"]: row for row in result.rows()}
    for key, explanation in result.keyed_explanations(rows):
        row = rows[key]
        width, height = _size(explanation)
        image = images.setdefault(
            row["image_sha256"],
            {
                "id": len(images) + 1,
                "file_name": row["image"],
                "width": width,
                "height": height,
                "sha256": row["image_sha256"],
            },
        )
        label = explanation.target_label or str(explanation.target)
        categories.setdefault(explanation.target + 1, label)
        for made in _annotations(explanation, row):
            annotations.append({"id": len(annotations) + 1, "image_id": image["id"], **made})
    return {
        "info": {"description": "sets of pixels that suffice, found by suffice"},
        "images": list(images.values()),
        "categories": [{"id": k, "name": name} for k, name in sorted(categories.items())],
        "annotations": annotations,
    }


def _size(explanation: Explanation) -> tuple[int, int]:
    """Width and height of the photo."""
    size = explanation.record["image"]["size"]
    if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int for n in size)):
        raise InputError(f"{explanation.name}: its record has no size of the photo, got {size!r}")
    if min(size) < 1 or size[0] * size[1] > LARGEST:
        raise InputError(f"{explanation.name}: a photo of {size[0]} x {size[1]} is not exported")
    return size[0], size[1]


def _annotations(explanation: Explanation, row: dict[str, Any]) -> list[dict[str, Any]]:
    info = explanation.record["image"]
    width, height = _size(explanation)
    made = []
    for k, mask in enumerate(explanation.masks):
        scaled = on_original(mask, (height, width), info["crop_box"])
        made.append(
            {
                "category_id": explanation.target + 1,
                "segmentation": {"size": [height, width], "counts": encode(scaled)},
                "area": int(scaled.sum()),
                "bbox": box(scaled),
                "iscrowd": 0,
                "set": k,
                **{
                    c: row[c]
                    for c in ("model", "method", "criterion", "baseline", "grain", "seed", "key")
                },
            }
        )
    return made
