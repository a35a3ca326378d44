"""Deterministic toy classifiers of masks in whole numbers: exact on every machine and NumPy.

Used by the parity script too, which runs in rex-xai's environment without suffice. Images are all
ones and the baseline zero, so that a composite is its mask.
"""

from __future__ import annotations

import hashlib

import numpy as np


class Toy:
    """Scores are positive integers; confidence is a class's share of their sum.

    Parameters
    ----------
    seed : int
        Everything about the classifier follows from it.
    height, width : int
    n_classes : int
    bonus : int
        Strength of the nonlinear part: each class gets this for each of its small pixel pairs
        that is kept as a whole.
    """

    def __init__(self, seed, height, width, n_classes=3, bonus=40):
        rng = np.random.default_rng([seed, height, width, n_classes])
        self.shape = (height, width)
        self.n_classes = n_classes
        self.weights = rng.integers(0, 4, (n_classes, height * width))
        rows, columns = np.mgrid[:height, :width]
        for k in range(n_classes):  # a blob each, so that boxes matter
            r, c = rng.integers(0, height), rng.integers(0, width)
            near = (rows - r) ** 2 + (columns - c) ** 2 <= max(2, min(height, width) // 4) ** 2
            self.weights[k] += 6 * near.ravel()
        # One class needs to be seen; the others live on a constant that it has to beat.
        strong = rng.integers(0, n_classes)
        others = np.arange(n_classes) != strong
        self.weights[others] //= 3
        share = rng.integers(15, 60, n_classes) * others
        self.bias = int(self.weights[strong].sum()) * share // 100
        self.pairs = rng.integers(0, height * width, (n_classes, 4, 2))
        self.bonus = bonus

    def scores(self, masks):
        """Masks bool [M, H, W] -> int64 [M, K], positive and all different."""
        flat = np.asarray(masks, dtype=np.int64).reshape(len(masks), -1)
        whole = flat @ self.weights.T
        both = flat[:, self.pairs[..., 0]] * flat[:, self.pairs[..., 1]]  # [M, K, 4]
        scores = 10 + self.bias + whole + self.bonus * both.sum(axis=2)
        # Multiples of K plus a different remainder each: no ties, ever.
        return scores * self.n_classes + np.arange(self.n_classes)[::-1]

    def probabilities(self, masks):
        """Masks bool [M, H, W] -> float64 [M, K], each entry one correctly rounded division."""
        scores = self.scores(masks)
        return scores / scores.sum(axis=1, keepdims=True)

    def predict(self, masks):
        """Masks bool [M, H, W] -> list of (class, confidence)."""
        p = self.probabilities(masks)
        return [(int(k), float(row[k])) for row, k in zip(p, p.argmax(axis=1))]  # noqa: B905

    def fingerprint(self):
        """Hex digest of all its numbers: equal toys on both sides or none."""
        digest = hashlib.sha256()
        for array in (self.weights, self.bias, self.pairs):
            digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
        return digest.hexdigest()
