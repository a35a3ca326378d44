"""The image input of an ONNX model: layout, element type, sizes left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import ModelError, SettingsError
from suffice.models.preprocess import Preprocess
from suffice.types import Batch

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_IMAGE_CHANNELS = (1, 3, 4)
# Where each of C, H, W stands among the four dimensions.
_AXES = {"NCHW": (1, 2, 3), "NHWC": (3, 1, 2)}

Dimension = int | None  # None where the model leaves it open


@dataclass(frozen=True, slots=True)
class ImageInput:
    """How composites ``float32 [N, C, H, W]`` are handed to the model.

    Attributes
    ----------
    name : str
        Of the graph's input.
    shape : (C, H, W)
        In model space.
    batch : int or None
        The only batch size, or None.
    layout : {"NCHW", "NHWC"}
        Order the model wants.
    dtype : NumPy type
        Element type the model wants.
    """

    name: str
    shape: tuple[int, int, int]
    batch: int | None
    layout: str
    dtype: type[np.generic]

    def convert(self, batch: Batch) -> npt.NDArray[np.generic]:
        """Transpose and convert; the same array where nothing needs to be done."""
        if self.layout == "NHWC":
            batch = batch.transpose(0, 2, 3, 1)
        if self.dtype is np.uint8:
            return np.ascontiguousarray(np.clip(np.rint(batch), 0, 255).astype(np.uint8))
        with np.errstate(over="ignore"):  # infinite in float16: the scores will tell
            return np.ascontiguousarray(batch, dtype=self.dtype)


def read_input(
    inputs: Sequence[Any],
    model: str,
    layout: str | None,
    preprocess: Preprocess | None,
    input_shape: Sequence[int] | None,
) -> ImageInput:
    """Find the image input.

    Raises
    ------
    ModelError
        If there is not exactly one input, or it is no image, or its size stays open, or the
        preprocessing makes another shape.
    """
    if len(inputs) != 1:
        names = ", ".join(str(i.name) for i in inputs)
        raise ModelError(f"{model} has {len(inputs)} inputs ({names}), expected one image input")
    only = inputs[0]
    dims: list[Dimension] = [d if isinstance(d, int) and d > 0 else None for d in only.shape]
    shown = ", ".join(map(str, only.shape))
    if len(dims) != 4:
        raise ModelError(f"{model}: its input {only.name} [{shown}] is no image batch [N, C, H, W]")
    if only.type not in _TYPES:
        raise ModelError(f"{model}: its input is {only.type}; use {', '.join(_TYPES)}")
    if layout is not None and layout not in _AXES:
        raise SettingsError(f"layout {layout!r} is unknown; use {', '.join(_AXES)}")
    layout = layout or _find_layout(dims)
    if layout is None:
        raise ModelError(
            f"{model}: its input {only.name} [{shown}] has no fixed dimension of 1, 3 or 4 "
            "channels; give layout='NCHW' or 'NHWC'"
        )
    made = preprocess.shape if preprocess else None
    ordered = [dims[a] for a in _AXES[layout]]
    if made is not None and made[0] == 1 and ordered[0] == 3:
        raise ModelError(
            f"{model} takes RGB, the preprocessing makes grey; give three numbers for mean and std"
        )
    shape = _complete(ordered, input_shape or made, f"{model}: its input [{shown}]")
    if made is not None and made != shape:
        raise ModelError(
            f"{model} takes [C, H, W] = {list(shape)}, the preprocessing makes {list(made)}"
        )
    dtype = _TYPES[only.type]
    if dtype is np.uint8 and preprocess is not None:
        _check_raw_range(preprocess, model)
    return ImageInput(str(only.name), shape, dims[0], layout, dtype)


def _find_layout(dims: Sequence[Dimension]) -> str | None:
    """Tell the layout by the dimension of 1, 3 or 4; of two, take the square image, then NCHW."""
    fitting = [name for name, axes in _AXES.items() if dims[axes[0]] in _IMAGE_CHANNELS]
    if len(fitting) == 2:
        square = [name for name in fitting if dims[_AXES[name][1]] == dims[_AXES[name][2]]]
        fitting = square or fitting
    return fitting[0] if fitting else None


def _complete(
    dims: Sequence[Dimension], given: Sequence[int] | None, what: str
) -> tuple[int, int, int]:
    if given is not None and len(given) != 3:
        raise SettingsError(f"input_shape must be (C, H, W), got {tuple(given)}")
    if given is None and None in dims:
        raise ModelError(
            f"{what} leaves its size open; give a preprocess with its size, or input_shape=(C, H, W)"
        )
    full = [d if d is not None else int(g) for d, g in zip(dims, given or (1, 1, 1), strict=True)]
    if given is not None and full != [int(g) for g in given]:
        raise ModelError(f"{what} does not fit [C, H, W] = {list(given)}")
    if min(full) < 1:
        raise SettingsError(f"input_shape must be positive, got {tuple(full)}")
    return full[0], full[1], full[2]


def _check_raw_range(preprocess: Preprocess, model: str) -> None:
    black, white = preprocess.colour((0, 0, 0)), preprocess.colour((255, 255, 255))
    if np.abs(black).max() > 0.5 or np.abs(white - 255).max() > 0.5:
        raise ModelError(
            f"{model} takes uint8 pixels from 0 to 255, the preprocessing makes {black.min():g} to "
            f"{white.max():g}; use mean 0 and std 1/255"
        )
