from __future__ import annotations

import sys

import numpy as np
import pytest

from suffice import _native, regions
from suffice.errors import InputError, MissingDependencyError


def photo() -> np.ndarray:
    """Four flat quarters of different colours: superpixels must not cross them."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30] = (255, 0, 0)
    picture[:20, 30:] = (0, 255, 0)
    picture[20:, :30] = (0, 0, 255)
    return picture


def test_superpixels_follow_the_picture_and_become_masks() -> None:
    labels = regions.slic(photo(), n_segments=24)
    n = int(labels.max()) + 1
    assert labels.dtype == np.int32
    assert sorted(np.unique(labels)) == list(range(n))
    assert n >= 4
    for label in range(n):
        assert len(np.unique(photo()[labels == label], axis=0)) == 1
    choices = np.zeros((n, (n + 63) // 64), np.uint64)
    for label in range(n):
        choices[label, label // 64] = np.uint64(1) << np.uint64(label % 64)
    masks = _native.unpack(_native.masks_from_labels(labels, choices, n), labels.shape)
    assert (masks.sum(axis=0) == 1).all()
    assert all(np.array_equal(masks[label], labels == label) for label in range(n))


def test_grey_photos_work_too() -> None:
    assert regions.slic(photo()[..., 0], n_segments=10).shape == (40, 60)


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="uint8"):
        regions.slic(photo().astype(np.float32))
    with pytest.raises(InputError, match="at least 1"):
        regions.slic(photo(), n_segments=0)


def test_missing_scikit_image_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(MissingDependencyError, match=r"suffice\[slic\]"):
        regions.slic(photo())


def test_grids_and_tiles() -> None:
    assert regions.grid((5, 6), 2).tolist()[0] == [0, 0, 0, 1, 1, 1]
    assert regions.grid((5, 6), 2, 3).max() == 5
    assert regions.tiles((5, 6), 4).max() == 3
