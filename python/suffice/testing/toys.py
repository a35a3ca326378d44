"""Toy classifiers whose minimal sufficient sets are known exactly. NumPy only.

A toy looks at a few pixels of a one-channel image. Its image is all ones and its baseline all
zeros, so that a composite *is* its mask; class 1 is the one to keep, class 0 stands at zero.

Monotone toys (`all_of`, `any_of`, `at_least`, `majority`, `weighted`) never lose class 1 when more
is kept; `odd` (XOR) is not monotone: there a set that no pixel can be taken from need not be
minimal.

Examples
--------
>>> toy = at_least(2, [(0, 0), (0, 3), (4, 1)], shape=(5, 6))
>>> sorted(sorted(s) for s in toy.minimal_sets())
[[(0, 0), (0, 3)], [(0, 0), (4, 1)], [(0, 3), (4, 1)]]
>>> import suffice
>>> found = suffice.explain(toy.classifier(), toy.image, grain=1)
>>> found.pixels, found.certificate.irreducible_at
(2, 1)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from suffice.errors import SettingsError
from suffice.testing._toy_classifier import Floats, ToyClassifier
from suffice.types import Batch, FloatImage, Scores

Pixel = tuple[int, int]
Sets = frozenset[frozenset[Pixel]]
"""Sets of pixels, each pixel as (row, column)."""

MAX_PIXELS = 16


@dataclass(frozen=True)
class Toy(ABC):
    """A classifier of two classes that looks at some pixels of an image.

    Attributes
    ----------
    name : str
    shape : (int, int)
        Height and width.
    pixels : tuple of (int, int)
        What it looks at, (row, column); at most `MAX_PIXELS`.
    """

    name: str
    shape: tuple[int, int]
    pixels: tuple[Pixel, ...]

    def __post_init__(self) -> None:
        height, width = self.shape
        inside = all(0 <= r < height and 0 <= c < width for r, c in self.pixels)
        n_pixels = len(self.pixels)
        if not inside or not 1 <= n_pixels <= MAX_PIXELS or len(set(self.pixels)) != n_pixels:
            raise SettingsError(
                f"toy {self.name}: expected 1 to {MAX_PIXELS} different pixels inside "
                f"{height} x {width}, got {list(self.pixels)}"
            )

    # -- what it asks of each kind --------------------------------------------------------------

    @abstractmethod
    def accepts(self, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Whether class 1 wins, by definition: ``kept`` bool [N, n] over `pixels` -> bool [N]."""

    @abstractmethod
    def leads(self, values: Floats) -> Floats:
        """The score of class 1: float64 [N, n] of the pixels' values -> float64 [N]."""

    @abstractmethod
    def slopes(self, values: Floats) -> Floats:
        """The derivative of `leads` by the values, float64 [N, n]."""

    # -- as a model -----------------------------------------------------------------------------

    def __call__(self, batch: Batch) -> Scores:
        """Logits ``float32 [N, 2]`` of composites ``float32 [N, 1, H, W]``."""
        return self.scores(batch).astype(np.float32)

    def scores(self, batch: Batch) -> Floats:
        """Logits in float64."""
        lead = self.leads(self._seen(batch))
        return np.stack([np.zeros_like(lead), lead], axis=1)

    def pull_back(self, batch: Batch, weights: Floats) -> Floats:
        """The derivative of ``sum_k weights[:, k] z_k`` by the batch, float64 [N, 1, H, W]."""
        out = np.zeros(batch.shape)
        rows, columns = self._places()
        out[:, 0, rows, columns] = weights[:, 1:] * self.slopes(self._seen(batch))
        return out

    def classifier(self, *, workers: int = 1, batch_size: int = 16) -> ToyClassifier:
        """A classifier of the toy; it also gives gradients."""
        return ToyClassifier(
            self, (1, *self.shape), 2, name=self.name, workers=workers, batch_size=batch_size
        )

    @property
    def image(self) -> FloatImage:
        """``float32 [1, H, W]``, all ones."""
        return np.ones((1, *self.shape), np.float32)

    @property
    def baseline(self) -> FloatImage:
        """``float32 [1, H, W]``, all zeros; ``explain``'s default."""
        return np.zeros((1, *self.shape), np.float32)

    # -- what is known of it --------------------------------------------------------------------

    def sufficient_sets(self) -> Sets:
        """All sets of its own pixels that suffice; pixels it doesn't look at change nothing."""
        kept = self._every_set()
        return self._named(kept[self.accepts(kept)])

    def irreducible_sets(self) -> Sets:
        """All sets that suffice and no single pixel can be taken from."""
        every = self._every_set()
        fails = ~self.accepts(every)
        numbers = np.arange(len(every))
        needed = [~every[:, i] | fails[numbers & ~(1 << i)] for i in range(len(self.pixels))]
        return self._named(every[~fails & np.all(needed, axis=0)])

    def minimal_sets(self) -> Sets:
        """All sets that suffice and have no smaller sufficient set inside."""
        # Every sufficient set holds a minimal one, and minimal sets are irreducible.
        candidates = self.irreducible_sets()
        return frozenset(s for s in candidates if not any(other < s for other in candidates))

    def _every_set(self) -> npt.NDArray[np.bool_]:
        n_pixels = len(self.pixels)
        return (np.arange(2**n_pixels)[:, None] >> np.arange(n_pixels) & 1).astype(np.bool_)

    def _named(self, kept: npt.NDArray[np.bool_]) -> Sets:
        return frozenset(
            frozenset(p for p, k in zip(self.pixels, row, strict=True) if k) for row in kept
        )

    def _places(self) -> tuple[list[int], list[int]]:
        return [r for r, _ in self.pixels], [c for _, c in self.pixels]

    def _seen(self, batch: Batch) -> Floats:
        rows, columns = self._places()
        return batch[:, 0, rows, columns].astype(np.float64)


@dataclass(frozen=True)
class Threshold(Toy):
    """Class 1 where the weights of the kept pixels reach a bound.

    Its lead is ``strength * (sum - bound + 1/2)`` with whole weights and bound: never a tie.

    Attributes
    ----------
    weights : tuple of int
        Per pixel, at least 1.
    bound : int
    strength : float
    """

    weights: tuple[int, ...]
    bound: int
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != len(self.pixels) or min(self.weights) < 1:
            raise SettingsError(
                f"toy {self.name}: expected a weight of at least 1 for each of "
                f"{len(self.pixels)} pixels, got {list(self.weights)}"
            )

    def accepts(self, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Whether the weights of the kept pixels reach the bound."""
        enough: npt.NDArray[np.bool_] = (kept * np.array(self.weights)).sum(axis=1) >= self.bound
        return enough

    def leads(self, values: Floats) -> Floats:
        """The weighted sum, from the bound."""
        found: Floats = (values * np.array(self.weights)).sum(axis=1) - self.bound + 0.5
        return self.strength * found

    def slopes(self, values: Floats) -> Floats:
        """The weights themselves."""
        return np.broadcast_to(self.strength * np.array(self.weights, np.float64), values.shape)


@dataclass(frozen=True)
class Odd(Toy):
    """Class 1 where an odd number of pixels is kept (XOR); its lead is plus or minus `strength`.

    Attributes
    ----------
    strength : float
    """

    strength: float = 1.0

    def accepts(self, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Whether an odd number is kept."""
        odd: npt.NDArray[np.bool_] = kept.sum(axis=1) % 2 == 1
        return odd

    def leads(self, values: Floats) -> Floats:
        """Minus the product of ``1 - 2 v``: the only function linear in every pixel that fits."""
        product: Floats = np.prod(1.0 - 2.0 * values, axis=1)
        return -self.strength * product

    def slopes(self, values: Floats) -> Floats:
        """Twice the product over the other pixels."""
        others = [
            np.prod(np.delete(1.0 - 2.0 * values, i, 1), axis=1) for i in range(values.shape[1])
        ]
        return 2.0 * self.strength * np.stack(others, axis=1)


def all_of(pixels: Sequence[Pixel], shape: tuple[int, int]) -> Threshold:
    """Class 1 exactly where all the pixels are kept (AND): they are the one minimal set."""
    return at_least(len(pixels), pixels, shape, name=f"all of {len(pixels)}")


def any_of(pixels: Sequence[Pixel], shape: tuple[int, int]) -> Threshold:
    """Class 1 exactly where one of the pixels is kept (OR): each is a minimal set."""
    return at_least(1, pixels, shape, name=f"any of {len(pixels)}")


def majority(pixels: Sequence[Pixel], shape: tuple[int, int]) -> Threshold:
    """Class 1 exactly where more than half of the pixels are kept."""
    return at_least(len(pixels) // 2 + 1, pixels, shape, name=f"majority of {len(pixels)}")


def at_least(
    k: int, pixels: Sequence[Pixel], shape: tuple[int, int], *, name: str | None = None
) -> Threshold:
    """Class 1 exactly where at least ``k`` of the pixels are kept: any ``k`` are a minimal set."""
    label = name or f"at least {k} of {len(pixels)}"
    return Threshold(label, shape, tuple(pixels), (1,) * len(pixels), k)


def weighted(weights: Mapping[Pixel, int], bound: int, shape: tuple[int, int]) -> Threshold:
    """Class 1 exactly where the weights of the kept pixels, whole numbers, reach ``bound``."""
    label = f"weights of {len(weights)} reach {bound}"
    return Threshold(label, shape, tuple(weights), tuple(weights.values()), bound)


def odd(pixels: Sequence[Pixel], shape: tuple[int, int]) -> Odd:
    """Class 1 exactly where an odd number of the pixels is kept (XOR), which is not monotone.

    Single pixels are the minimal sets; every odd number of pixels is irreducible.
    """
    return Odd(f"odd of {len(pixels)}", shape, tuple(pixels))


def choose(k: int, pixels: Sequence[Pixel]) -> Sets:
    """All sets of ``k`` of the pixels."""
    return frozenset(frozenset(s) for s in combinations(pixels, k))


class Sums:
    """Several classes whose scores are sums of weighted pixels of any image, exact in float32.

    Values are rounded to 1/256 and clipped to -8 .. 8 and weights are small whole numbers, so the
    scores of a composite don't depend on the batch around it. A zero baseline gives class 0, by a
    tie; class 1 gains from every pixel that is bright.

    Parameters
    ----------
    input_shape : (int, int, int)
        ``(C, H, W)``.
    n_classes : int
    seed : int
        Of the weights.
    """

    def __init__(
        self, input_shape: tuple[int, int, int], n_classes: int = 4, seed: int = 0
    ) -> None:
        rng = np.random.default_rng([seed, *input_shape, n_classes])
        self.input_shape, self.n_classes = input_shape, n_classes
        weights = rng.integers(-3, 4, (n_classes, *input_shape))
        weights[0] = np.minimum(weights[0], 0)
        weights[1 % n_classes] = np.abs(weights[1 % n_classes]) + 1
        self.weights = weights.astype(np.float64)

    def scores(self, batch: Batch) -> Floats:
        """Logits float64 [N, K]."""
        whole = np.rint(np.clip(batch, -8.0, 8.0).astype(np.float64) * 256.0)
        found: Floats = whole.reshape(len(batch), -1) @ self.weights.reshape(self.n_classes, -1).T
        return found / 1024.0

    def __call__(self, batch: Batch) -> Scores:
        """Logits ``float32 [N, K]`` of composites ``float32 [N, C, H, W]``."""
        return self.scores(batch).astype(np.float32)

    def pull_back(self, batch: Batch, weights: Floats) -> Floats:
        """The derivative of ``sum_k weights[:, k] z_k`` by the batch, but for the rounding."""
        inside = np.abs(batch) <= 8.0
        found: Floats = np.tensordot(weights, self.weights, axes=1) / 4.0
        return found * inside

    def classifier(
        self, output: str = "logits", *, workers: int = 1, batch_size: int = 16
    ) -> ToyClassifier:
        """A classifier of it; its name tells its shape."""
        return ToyClassifier(
            self,
            self.input_shape,
            self.n_classes,
            output=output,
            name="sums " + "x".join(map(str, self.input_shape)),
            workers=workers,
            batch_size=batch_size,
        )
