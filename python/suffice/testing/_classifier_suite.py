"""What checks of classifiers share: inputs, and scores read as values."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.models.base import Classifier
from suffice.models.images import load_image
from suffice.testing.results import Checks, require
from suffice.types import Batch, FloatImage, Scores

ROWS = 5


class ClassifierBench:
    """One classifier and inputs for it.

    Parameters
    ----------
    classifier : Classifier
    image : float32 [C, H, W] or None
        An image in model space; None: a random one, preprocessed where the classifier says how.
    """

    def __init__(self, classifier: Any, image: FloatImage | None = None) -> None:
        self.classifier: Classifier = classifier
        self._image = image

    @cached_property
    def image(self) -> FloatImage:
        """An image in model space."""
        if self._image is not None:
            return np.ascontiguousarray(self._image, np.float32)
        clf = self.classifier
        if clf.preprocess is not None:
            photo = load_image(random_photo())
            return clf.preprocess.apply(photo)[0]
        rng = np.random.default_rng(0)
        return rng.random(clf.input_shape).astype(np.float32)

    @cached_property
    def batch(self) -> Batch:
        """Composites of the image and zeros in random tiles, ``float32 [5, C, H, W]``; fresh."""
        return self.composites(ROWS)

    def composites(self, n: int, seed: int = 0) -> Batch:
        """Composites of the image and zeros in random tiles; the first is the image itself."""
        rng = np.random.default_rng(seed)
        _, height, width = self.image.shape
        side = max(1, min(height, width) // 4)
        tiles = rng.random((n, -(-height // side), -(-width // side))) < 0.6
        tiles[:1] = True
        kept = tiles.repeat(side, axis=1).repeat(side, axis=2)[:, None, :height, :width]
        return np.where(kept, self.image, np.float32(0.0))

    def scores(self, batch: Batch) -> Scores:
        """Scores of a batch, checked for their form."""
        given = self.classifier(batch)
        form = f"float32 [{len(batch)}, {self.classifier.n_classes}]"
        got = f"{getattr(given, 'dtype', type(given).__name__)} {list(np.shape(given))}"
        shape = (len(batch), self.classifier.n_classes)
        right = getattr(given, "dtype", None) == np.float32 and np.shape(given) == shape
        require(right, form, got)
        return np.array(given)


classifier_checks: Checks[ClassifierBench] = Checks()


def random_photo() -> npt.NDArray[np.uint8]:
    """A blocky picture ``uint8 [71, 93, 3]``."""
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (9, 12, 3), np.uint8)
    return small.repeat(8, axis=0).repeat(8, axis=1)[:71, :93]
