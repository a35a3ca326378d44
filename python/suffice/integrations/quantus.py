"""suffice as an ``explain_func`` of quantus."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.integrations._batch import Content, as_images, as_targets, explain_batch, maps
from suffice.models.factory import as_classifier


def explain_func(
    model: Any,
    inputs: Any,
    targets: Any,
    *,
    content: Content = "responsibility",
    baseline: Any = "zero",
    device: Any = "auto",
    output: str | None = None,
    **settings: Any,
) -> npt.NDArray[np.float32]:
    """Attribute a batch, with the signature that quantus' metrics call.

    quantus itself isn't needed: it is the caller. Give settings by ``explain_func_kwargs``.

    Parameters
    ----------
    model : torch.nn.Module or anything `suffice.as_classifier` takes
    inputs : array or tensor, float ``[N, C, H, W]``, in the model's input space
    targets : array or tensor of int ``[N]``, or None
        The class of each image; None: the model's own.
    content : {"responsibility", "mask"}
        The map of the method, or 1 on the pixels that suffice and 0 elsewhere. A method that has no
        map gives the mask.
    baseline : specification
        What replaces removed pixels.
    device : str or torch.device
        Where the model runs.
    output : str, optional
        What the model gives, as in `suffice.as_classifier`.
    **settings
        Further ones of `suffice.explain`, such as ``method``, ``criterion``, ``budget``.

    Returns
    -------
    float32 [N, 1, H, W]

    Raises
    ------
    InputError
        If the inputs are no batch of images or there isn't one target for each.
    """
    images = as_images(_on_cpu(inputs), "quantus' inputs")
    options: dict[str, Any] = {"device": str(device), "output": output}
    if not hasattr(model, "fingerprint"):
        options["input_shape"] = images.shape[1:]
        if hasattr(model, "state_dict"):
            options["fingerprint"] = "not recorded"  # hashing the weights at every call is slow
    clf = as_classifier(model, **{k: v for k, v in options.items() if v is not None})
    chosen = as_targets(None if targets is None else _on_cpu(targets), len(images))
    found = explain_batch(clf, images, chosen, [baseline] * len(images), settings)
    return maps(found, content)


def _on_cpu(values: Any) -> Any:
    """Tensors as arrays; anything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values
