"""Image classifiers of Hugging Face's transformers, with their image processors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from suffice.errors import MissingDependencyError, ModelError
from suffice.models.images import Photo
from suffice.models.preprocess import INTERPOLATIONS, Preprocess
from suffice.models.torch_module import import_torch
from suffice.models.torch_runner import first_line

PREFIX = "hf:"
_GIVE = "give preprocess= (--preprocess FILE.json)"
_PIXELS = 1.0 / 255.0
_LEVELS = 4.0  # of 255: resizing by torchvision and by Pillow differ by one or two
_CONVNEXT_WARPS = 384  # from this side on ConvNeXT's processors don't crop


def load_hf(source: str, preprocess: Preprocess | None) -> tuple[Any, dict[str, Any]]:
    """Load a pretrained image classifier.

    Parameters
    ----------
    source : str
        ``hf:ID`` of a model on the Hugging Face Hub, or ``hf:FOLDER`` that `save_pretrained` wrote,
        which needs no network.
    preprocess : Preprocess or None
        What the user gave; the model's own processor is read only where it is None.

    Returns
    -------
    module : torch.nn.Module
    stated : dict
        ``name``, ``preprocess``, and ``labels`` and ``output`` where the model states them.

    Raises
    ------
    MissingDependencyError
        If transformers is missing or can't be imported.
    ModelError
        If there is no such model, or its image processor is missing or does what `Preprocess`
        can't do exactly.
    """
    name = source.removeprefix(PREFIX)
    if not name:
        raise ModelError(f"{source} names no model; use hf:ID or hf:FOLDER")
    models, processors = _classes()
    try:
        module = models.from_pretrained(name)
    except Exception as error:  # unknown names, failed downloads, folders of something else
        raise ModelError(
            f"{source} can't be loaded by transformers: {first_line(error)}"
        ) from error
    stated: dict[str, Any] = {"name": source, **_of_config(module.config)}
    if preprocess is not None:
        return module, {**stated, "preprocess": preprocess}
    try:
        processor = processors.from_pretrained(name)
    except Exception as error:
        raise ModelError(
            f"{source} has no image processor that says how photos become its inputs "
            f"({first_line(error)}); {_GIVE}"
        ) from error
    try:
        read = from_processor(processor)
        _compare(processor, read)
        return module, {**stated, "preprocess": read}
    except ModelError as error:
        raise ModelError(f"{source}: {error}; {_GIVE}") from None


def _classes() -> tuple[Any, Any]:
    import_torch()
    try:
        import transformers

        # Names are looked up on first use, and fail there if what they need is broken.
        return transformers.AutoModelForImageClassification, transformers.AutoImageProcessor
    except Exception as error:  # a torchvision for another build of torch is a RuntimeError
        installed = not (isinstance(error, ImportError) and error.name == "transformers")
        raise MissingDependencyError(
            f"hf: models need transformers ({first_line(error)}); "
            + (
                "it is installed but broken: look for a torchvision that does not fit this torch"
                if installed
                else "run `pip install suffice[hf]`"
            )
        ) from None


def _of_config(config: Any) -> dict[str, Any]:
    """Labels and kind of output, where a model's configuration states them."""
    stated: dict[str, Any] = {}
    labels = getattr(config, "id2label", None) or {}
    names = [labels.get(k) for k in range(len(labels))]
    if names and None not in names and names != [f"LABEL_{k}" for k in range(len(names))]:
        stated["labels"] = names
    if getattr(config, "problem_type", None) == "multi_label_classification":
        stated["output"] = "multilabel"
    return stated


def from_processor(processor: Any) -> Preprocess:
    """Read an image processor: resize, crop and normalisation.

    transformers may resize with torchvision, we resize with Pillow, and it cuts the longer side to
    whole pixels where we round: scores agree closely, not bit for bit.

    Parameters
    ----------
    processor : transformers.BaseImageProcessor

    Returns
    -------
    Preprocess

    Raises
    ------
    ModelError
        If it does what `Preprocess` can't.
    """
    kind = type(processor).__name__
    if kind.startswith("TimmWrapper"):
        raise ModelError("it is a model of timm, which says how: use timm:hf-hub:ID")
    if not _on(processor, "do_resize"):
        raise ModelError(f"its {kind} does not resize, so the input's size is not stated")
    if _on(processor, "do_pad"):
        raise ModelError(f"its {kind} pads, which Preprocess does not do")
    if not _on(processor, "do_rescale") or (
        abs(float(getattr(processor, "rescale_factor", _PIXELS)) - _PIXELS) > 1e-9
    ):
        raise ModelError(f"its {kind} does not scale pixels by 1/255")
    if getattr(processor, "rescale_offset", False):
        raise ModelError(f"its {kind} shifts pixels besides scaling them")
    size, shorter = _geometry(processor, kind)
    names = {int(filter_): name for name, filter_ in INTERPOLATIONS.items()}
    resample = getattr(processor, "resample", None)
    if resample is None or int(resample) not in names:
        raise ModelError(f"its {kind} resizes by the filter {resample!r}, which is unknown")
    normalises = _on(processor, "do_normalize")
    mean, std = (
        (getattr(processor, f"image_{what}", None) if normalises else otherwise)
        for what, otherwise in (("mean", 0.0), ("std", 1.0))
    )
    if mean is None or std is None:
        raise ModelError(f"its {kind} states no mean and std")
    return Preprocess(
        size=size,
        resize_shorter_side=shorter,
        interpolation=names[int(resample)],
        mean=mean,
        std=std,
        # Where nothing is normalised, one number stands for the three channels.
        channels=None if normalises else "RGB",
    )


def _compare(processor: Any, preprocess: Preprocess) -> None:
    """Try both on a picture: some processors do more than their fields say."""
    kind, (channels, height, width) = type(processor).__name__, preprocess.shape
    shorter = preprocess.resize_shorter_side
    # Halved exactly, so that no side is rounded: libraries differ in that by a pixel.
    high, wide = (2 * height, 2 * width) if shorter is None else (2 * shorter, 2 * shorter + 64)
    coarse = np.random.default_rng(0).integers(0, 256, (-(-high // 9), -(-wide // 9), 3), np.uint8)
    pixels = np.repeat(np.repeat(coarse, 9, axis=0), 9, axis=1)[:high, :wide].copy()
    photo = Photo(pixels, "probe", "")
    given = pixels if channels == 3 else photo.grey()
    try:
        made = np.asarray(processor(given, return_tensors="np")["pixel_values"][0], np.float64)
    except Exception as error:
        raise ModelError(f"its {kind} fails on a picture ({first_line(error)})") from error
    ours, _ = preprocess.apply(photo)
    scale = np.reshape(preprocess.std, (-1, 1, 1)) * 255.0
    if made.shape != ours.shape or np.abs((made - ours) * scale).max() > _LEVELS:
        raise ModelError(f"its {kind} makes other inputs than its fields say")


def _geometry(processor: Any, kind: str) -> tuple[tuple[int, int], int | None]:
    """Input size, and the shorter side before the crop; None where photos are resized to it."""
    size = _sides(getattr(processor, "size", None))
    edge, crops = size.get("shortest_edge"), _on(processor, "do_center_crop")
    if "ConvNext" in kind and edge is not None and not crops:
        if edge >= _CONVNEXT_WARPS:
            return (edge, edge), None
        return (edge, edge), int(edge / float(processor.crop_pct))
    if not crops:
        if set(size) != {"height", "width"}:
            raise ModelError(
                f"its {kind} resizes to {size} without a crop, which leaves the input's size open"
            )
        return (size["height"], size["width"]), None
    crop = _sides(getattr(processor, "crop_size", None))
    if set(crop) != {"height", "width"}:
        raise ModelError(f"its {kind} states no height and width of its crop")
    wanted = crop["height"], crop["width"]
    if set(size) == {"shortest_edge"} and edge is not None and edge >= max(wanted):
        return wanted, edge
    if set(size) == {"height", "width"} and (size["height"], size["width"]) == wanted:
        return wanted, None
    raise ModelError(
        f"its {kind} resizes to {size} and crops {wanted[0]} x {wanted[1]} from that, which "
        "Preprocess does not do"
    )


def _sides(given: Any) -> dict[str, int]:
    """The sides that are stated; one number, as older files have it, is a square."""
    if isinstance(given, int):
        return {"height": given, "width": given}
    names = ("height", "width", "shortest_edge", "longest_edge", "max_height", "max_width")
    known: Mapping[str, Any] = (
        given if isinstance(given, Mapping) else {n: getattr(given, n, None) for n in names}
    )
    return {name: int(known[name]) for name in names if known.get(name) is not None}


def _on(processor: Any, field: str) -> bool:
    return bool(getattr(processor, field, False))
