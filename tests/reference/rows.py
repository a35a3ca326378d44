"""Rows of a study as statistics take them, with differences that are known."""

from __future__ import annotations

from typing import Any

import numpy as np


def rows_of_a_study(seed: int = 0, images: int = 60, seeds: int = 1) -> dict[str, Any]:
    """Five models of two architectures; wrong answers have sets larger by half."""
    rng = np.random.default_rng(seed)
    names = ["a1", "a2", "a3", "b1", "b2"]
    skill = np.array([0.6, 0.7, 0.75, 0.8, 0.9])
    hard, size = rng.normal(0, 0.3, images), np.array([0.6, 0.5, 0.4, 0.0, -0.1])
    rows: dict[str, list[Any]] = {}
    for i in range(images):
        for j, name in enumerate(names):
            correct = bool(rng.random() < skill[j])
            centre = -3.0 + hard[i] + size[j] + 0.4 * (not correct) + rng.normal(0, 0.2)
            for s in range(seeds):
                area = round(50176 * np.exp(centre + rng.normal(0, 0.05 * s))) / 50176
                row = {
                    "model": name, "architecture": name[0], "image": f"photo{i}", "seed": s,
                    "method": "minimal", "criterion": "top1", "status": "found", "certified": True,
                    "correct": correct, "correct_top5": correct or bool(i % 2),
                    "confidence": rng.beta(5, 2) - 0.2 * (not correct), "entropy": rng.random(),
                    "lead": rng.random(), "pixels": round(50176 * area), "area": area,
                    "sets": int(rng.poisson(6 * skill[j])),
                }  # fmt: skip
                for key, value in row.items():
                    rows.setdefault(key, []).append(value)
    return {key: np.array(value) for key, value in rows.items()}
