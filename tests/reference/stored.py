"""Stores of studies with results of our choosing, written without a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from suffice.certificate import Certificate
from suffice.study.blobs import encode_array, encode_mask
from suffice.study.keys import Job
from suffice.study.store import Store

DEFAULTS: dict[str, Any] = {
    "model": "a",
    "architecture": None,
    "image": "0",
    "label": None,
    "method": "minimal",
    "criterion": "top1",
    "baseline": "grey",
    "grain": 4,
    "seed": 0,
    "status": None,
    "reason": "",
    "certified": True,
    "target": 0,
    "top1": None,
    "top5": None,
    "confidence": 0.8,
    "entropy": 0.5,
    "lead": 1.0,
    "sets": None,
    "evaluations": 10,
    "seconds": 0.5,
    "shape": (8, 8),
    "size": None,
    "box": None,
    "mask": None,
    "arrays": None,
    "error": None,
    "preprocess": None,
    "sha256": None,
    "finished": 1.0e9,
}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def block(share: float, shape: tuple[int, int] = (8, 8), at: int = 0) -> np.ndarray:
    """A mask of the share's pixels, taken in reading order from a place on."""
    mask = np.zeros(shape[0] * shape[1], bool)
    mask[(np.arange(round(share * mask.size)) + at) % mask.size] = True
    return mask.reshape(shape)


def write_store(path: Path, rows: Iterable[dict[str, Any]], **meta: str) -> Path:
    """Write one finished or failed job for each dict; what it lacks is of `DEFAULTS`.

    Without ``status`` a row is ``unattained`` where it has no mask, ``empty`` where that has no
    pixel, else ``found``; with an ``error`` it has failed.
    """
    full = [DEFAULTS | row for row in rows]
    jobs = [_job(k, row) for k, row in enumerate(full)]
    with Store(path, "create") as store:
        store.set_jobs(jobs)
        store.set_meta(**({"name": "made", "design": "", "analyses": "[]", "suffice": "1"} | meta))
        for job, row in zip(jobs, full, strict=True):
            if row["error"] is not None:
                with store.transaction():
                    store.db.execute(
                        "UPDATE jobs SET state = 'failed', error = ? WHERE key = ?",
                        (row["error"], job.key),
                    )
            else:
                store.put(job.key, _result(row), _blobs(row))
    return path


def _job(k: int, row: dict[str, Any]) -> Job:
    return Job(
        f"key{k}", "{}", "g", row["model"], row["architecture"] or row["model"], row["image"],
        row["sha256"] or sha(row["image"]), row["label"], row["method"], row["criterion"],
        row["baseline"], row["grain"], row["seed"], None,
    )  # fmt: skip


def _result(row: dict[str, Any]) -> dict[str, Any]:
    mask = row["mask"]
    shape = row["shape"] if mask is None else mask.shape
    pixels = 0 if mask is None else int(mask.sum())
    status = row["status"] or ("unattained" if mask is None else "found" if pixels else "empty")
    area = None if mask is None else pixels / mask.size
    size = row["size"] or [shape[1], shape[0]]
    top1 = row["target"] if row["top1"] is None else row["top1"]
    certified = bool(row["certified"]) and mask is not None
    certificate = None
    if mask is not None:
        certificate = Certificate(
            sufficient=certified,
            confidence=0.7,
            margin=0.5,
            irreducible_at=None,
            checked_evaluations=1,
            baselines=[],
            reference={},
            backend="numpy",
            versions={"numpy": "2"},
        ).to_dict()
    record = {
        "status": status,
        "reason": row["reason"],
        "image": {
            "name": row["image"],
            "sha256": row["sha256"] or sha(row["image"]),
            "size": size,
            "crop_box": row["box"],
        },
        "model": {"name": row["model"], "sha256": sha(row["model"])},
        "input_shape": [3, *shape],
        "preprocess": row["preprocess"],
        "target": row["target"],
        "target_label": None,
        "reference": {"confidence": row["confidence"], "baselines": []},
        "method": {"name": row["method"], "version": "1", "settings": {}},
        "criterion": row["criterion"],
        "grain": row["grain"],
        "seed": row["seed"],
        "pixels": pixels,
        "area": area,
        "evaluations": row["evaluations"],
        **dict.fromkeys(("recheck_evaluations", "gradients", "model_calls", "marginal"), 0),
        "seconds": {"total": row["seconds"], "model": 0.0},
        "certificate": certificate,
        "sets": []
        if mask is None
        else [{"pixels": pixels, "area": area, "certificate": certificate}],
        "trace": [],
    }
    sets = row["sets"]
    return {
        "status": status,
        "reason": row["reason"],
        "certified": int(certified),
        "irreducible_at": None,
        "target": row["target"],
        "top1": top1,
        "top5": json.dumps(row["top5"] or [top1]),
        "confidence": row["confidence"],
        "entropy": row["entropy"],
        "lead": row["lead"],
        "pixels": pixels,
        "area": area,
        "sets": (mask is not None) if sets is None else sets,
        "set_confidence": None,
        "evaluations": row["evaluations"],
        "seconds": row["seconds"],
        "multilabel": 0,
        "finished": row["finished"],
        "record": json.dumps(record),
    }


def _blobs(row: dict[str, Any]) -> list[Any]:
    blobs = [] if row["mask"] is None else [encode_mask("set:0", row["mask"])]
    return blobs + [encode_array(f"array:{n}", a) for n, a in (row["arrays"] or {}).items()]
