"""Composites: what `numpy.where` says."""

from __future__ import annotations

import numpy as np


def compose(image: np.ndarray, baseline: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """``float32 [C, H, W]`` twice and ``bool [M, H, W]`` -> ``float32 [M, C, H, W]``."""
    return np.where(keep[:, None], image, baseline)
