"""Robustness: whether a set still gives the class when what is around it or the photo changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from suffice.errors import SettingsError, SufficeError
from suffice.models.baselines import make_baseline
from suffice.models.preprocess import Preprocess
from suffice.study.probes.base import Asking, Look, Scene, Task, kept
from suffice.study.probes.checks import check_numbers
from suffice.types import FloatImage, JsonObject, PixelMask

DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Of shifts: up, down, left, right."""

_Changes = list[tuple[str, tuple[object, ...], Look]]
"""Name, what tells it from the others, and the look at the set."""


@dataclass(frozen=True, slots=True)
class RobustnessProbe:
    """Shows the set before other baselines, shifted with its photo, and under noise.

    A shift moves photo, mask and baseline together by so many pixels of the model's grid; edge
    pixels are repeated, and what comes in is not in the set. Noise is Gaussian, added to and
    subtracted from the photo only, and clipped to the range of colours where the model states one.
    Both are made of the whole photo too, for comparison.

    Attributes
    ----------
    baselines : tuple of str
    shifts : tuple of int
        Pixels.
    noise : tuple of float
        Standard deviations in levels of 255.
    """

    name: ClassVar[str] = "robustness"
    version: ClassVar[str] = "1"
    others: ClassVar[bool] = False

    baselines: tuple[str, ...] = ("black", "grey", "rgb:255,255,255", "blur:10", "noise")
    shifts: tuple[int, ...] = (1, 2, 4)
    noise: tuple[float, ...] = (8.0,)

    def __post_init__(self) -> None:
        if self.shifts != ():
            check_numbers(self.name, "shifts", self.shifts, 0, float("inf"))
        if self.noise != ():
            check_numbers(self.name, "noise", self.noise, 0.0, 255.0)
        if not all(type(s) is int for s in self.shifts):
            raise SettingsError(f"probe robustness: shifts should be whole, got {self.shifts!r}")
        if not isinstance(self.baselines, tuple):
            raise SettingsError(
                f"probe robustness: baselines should be a list of texts, got {self.baselines!r}"
            )
        tiny = np.zeros((3, 8, 8), np.float32)
        for spec in self.baselines:
            if not isinstance(spec, str):
                raise SettingsError(f"probe robustness: baselines are texts, got {spec!r}")
            make_baseline(spec, tiny, Preprocess(size=8, mean=(0.5,) * 3, std=(0.25,) * 3))

    def settings(self) -> JsonObject:
        """All of them."""
        return {
            "baselines": list(self.baselines),
            "shifts": list(self.shifts),
            "noise": list(self.noise),
        }

    def cost(self, own: bool) -> int:  # noqa: ARG002
        """Baselines, the set itself, shifts and noise of set and photo."""
        twice = len(DIRECTIONS) * len(self.shifts) + 2 * len(self.noise)
        return len(self.baselines) + 2 + 2 * twice

    def ask(self, task: Task, scene: Scene) -> Asking:
        """Show the set in all these ways."""
        mask = task.mask
        if mask is None or not mask.any():
            return {"skipped": f"there is no set: {task.explanation.status}"}
        known, refused = self._known(scene, task.job.seed)
        behind = scene.baselines(task.baselines, task.job.seed)
        changes = [*self._shifts(mask, scene, behind), *self._noises(mask, scene, behind)]
        seen = yield [
            Look(mask, scene.x, behind),
            scene.whole(),
            *(Look(mask, scene.x, (b,)) for b in known.values()),
            *(look for _, _, look in changes),
            *(_whole(same, look) for _, same, look in changes),
        ]
        at = 2 + len(known)
        n = len(changes)
        names = [name for name, _, _ in changes]
        return {
            "set": kept(seen[:1]),
            "whole": kept(seen[1:2]),
            "baselines": {"names": list(known), **kept(seen[2:at])},
            "refused": refused,
            "changes": {"names": names, **kept(seen[at : at + n])},
            "whole_changes": {"names": names, **kept(seen[at + n :])},
        }

    def _known(self, scene: Scene, seed: int) -> tuple[dict[str, FloatImage], dict[str, str]]:
        """The baselines that the model has, and why not the others."""
        known, refused = {}, {}
        for spec in self.baselines:
            try:
                (known[spec],) = scene.baselines([spec], seed)
            except SufficeError as error:
                refused[spec] = str(error)
        return known, refused

    def _shifts(self, mask: PixelMask, scene: Scene, behind: tuple[FloatImage, ...]) -> _Changes:
        found: _Changes = []
        for pixels in self.shifts:
            for down, right in DIRECTIONS:
                dy, dx = down * pixels, right * pixels
                look = Look(
                    _moved_mask(mask, dy, dx),
                    _moved(scene.x, dy, dx),
                    tuple(_moved(b, dy, dx) for b in behind),
                )
                found.append((f"shift:{pixels}", ("shift", dy, dx), look))
        return found

    def _noises(self, mask: PixelMask, scene: Scene, behind: tuple[FloatImage, ...]) -> _Changes:
        found: _Changes = []
        for level in self.noise:
            drawn = scene.random("noise").standard_normal(scene.colours.shape)
            for sign in (1.0, -1.0):
                noisy = _noisy(scene, sign * level / 255.0 * drawn)
                found.append(
                    (f"noise:{level:g}", ("noise", level, sign), Look(mask, noisy, behind))
                )
        return found


def _whole(same: tuple[object, ...], look: Look) -> Look:
    """The whole photo, changed in the same way."""
    return Look(np.ones_like(look.mask), look.image, (look.image,), ("whole", *same))


def _moved(array: FloatImage, dy: int, dx: int) -> FloatImage:
    """Move by rows and columns; edges repeat."""
    height, width = array.shape[1:]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return np.ascontiguousarray(array[:, rows][:, :, columns])


def _moved_mask(mask: PixelMask, dy: int, dx: int) -> PixelMask:
    """Move by rows and columns; what comes in is false."""
    height, width = mask.shape
    rows, columns = np.arange(height) - dy, np.arange(width) - dx
    inside = np.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    near = mask[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    return np.asarray(near & inside, np.bool_)


def _noisy(scene: Scene, noise: npt.NDArray[np.float64]) -> FloatImage:
    """Noise in units of the colour range, added to the photo."""
    colours, preprocess = scene.colours.astype(np.float64), scene.classifier.preprocess
    if preprocess is None:
        low, high = float(colours.min()), float(colours.max())
        made = colours + noise * (high - low)
    else:
        mean, std = (np.reshape(v, (-1, 1, 1)) for v in (preprocess.mean, preprocess.std))
        made = np.clip(colours + noise / std, (0.0 - mean) / std, (1.0 - mean) / std)
    noisy = scene.x.copy()
    noisy[: len(colours)] = made
    return noisy
