"""Random classifiers of nine patches, whose every set of patches can be asked."""

from __future__ import annotations

import numpy as np

SHAPE = (8, 7)  # cells of 2 to 3 pixels a side
GRID = 3
N_PATCHES = GRID * GRID
P_WHOLE = 0.9


class PatchToy:
    """Class 1 by a table over the 512 sets of patches; a patch counts as kept with all its pixels.

    Parameters
    ----------
    seed : int
    monotone : bool
        Whether keeping more never loses the class.
    levels : int
        How many confidences there are; few make many ties.
    """

    def __init__(self, seed: int, monotone: bool, levels: int = 1000) -> None:
        rng = np.random.default_rng(seed)
        sets = np.arange(2**N_PATCHES)
        kept = (sets[:, None] >> np.arange(N_PATCHES)) & 1
        terms = [
            rng.choice(N_PATCHES, rng.integers(1, 5), replace=False)
            for _ in range(rng.integers(1, 7))
        ]
        passes = np.any([kept[:, t].all(axis=1) for t in terms], axis=0)
        noise = rng.integers(0, levels, len(sets)) / levels
        strength = kept @ rng.integers(0, levels, N_PATCHES) / (levels * N_PATCHES)
        if not monotone:
            passes ^= rng.random(len(sets)) < 0.3
            strength = noise
        passes[0], passes[-1] = False, True
        strength[-1] = 0.8
        self.table = np.where(passes, 0.5 + 0.5 * (0.1 + 0.875 * strength), 0.4 * strength)

    def confidence(self, patches) -> float:
        """Of the target on a set of patches."""
        return float(self.table[sum(1 << p for p in patches)])

    def judge(self, patches) -> tuple[bool, float, float]:
        """Whether it passes top-1; twice the confidence, of which the margin is a function."""
        p = self.confidence(patches)
        return p > 0.5, p, p

    def ranking(self, by: str) -> list[int]:
        """Patches, best first, ranked alone or by what is left without them."""
        every = frozenset(range(N_PATCHES))
        if by == "alone":
            return sorted(range(N_PATCHES), key=lambda p: -self.confidence({p}))
        return sorted(range(N_PATCHES), key=lambda p: self.confidence(every - {p}))

    def composites(self, batch: np.ndarray) -> np.ndarray:
        """Composites of ones and zeros float32 [M, 1, H, W] -> log-probabilities [M, 2]."""
        p = np.clip(self.probabilities(batch[:, 0] > 0.5), 1e-6, 1.0)
        return np.log(p).astype(np.float32)

    def probabilities(self, masks: np.ndarray) -> np.ndarray:
        """Masks bool [M, H, W] -> float64 [M, 2]."""
        cells = cell_numbers()
        bits = np.stack([masks[:, cells == p].all(axis=1) for p in range(N_PATCHES)], axis=1)
        p = self.table[bits @ (1 << np.arange(N_PATCHES))]
        return np.stack([1.0 - p, p], axis=1)


def cell_numbers() -> np.ndarray:
    """Cell of every pixel, int [H, W], boundaries at floor(i * side / 3)."""
    down, across = (
        np.searchsorted([i * side // GRID for i in range(1, GRID)], np.arange(side), side="right")
        for side in SHAPE
    )
    return down[:, None] * GRID + across
