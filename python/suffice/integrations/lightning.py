"""A callback of PyTorch Lightning that explains a few images after every validation."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from suffice.api import explain
from suffice.errors import InputError, SettingsError
from suffice.explanation import Explanation, Explanations
from suffice.integrations._batch import as_images, missing
from suffice.models.torch_model import TorchClassifier

if importlib.util.find_spec("lightning"):
    from lightning.pytorch.callbacks import Callback
elif importlib.util.find_spec("pytorch_lightning"):
    from pytorch_lightning.callbacks import Callback
else:
    Callback = object


class ExplainImages(Callback):  # type: ignore[misc]  # the library is optional
    """Explain the first images of the validation data and log how much of them suffices.

    After every validation epoch but the sanity check, these are logged: ``suffice/area_mean`` and
    ``suffice/area_median`` over the images that have a set (as fractions of the image), and
    ``suffice/found``, the share of images that have one. A set that grows smaller while accuracy
    rises shows that the model comes to rest on less of the image.

    Parameters
    ----------
    n : int
        How many images, the first of the first validation loader.
    every : int
        Explain after every so many epochs.
    budget : int
        Evaluations for each image; it bounds what a validation takes longer.
    output : str
        What the module gives: ``logits``, ``probabilities`` or ``multilabel``.
    **settings
        Further ones of `suffice.explain`, such as ``method``, ``criterion``, ``baseline``.

    Attributes
    ----------
    explanations : list of Explanation
        Those of the last epoch.

    Raises
    ------
    MissingDependencyError
        If neither ``lightning`` nor ``pytorch_lightning`` is installed.
    SettingsError
        If a number is not positive.
    """

    def __init__(
        self,
        n: int = 8,
        *,
        every: int = 1,
        budget: int = 200,
        output: str = "logits",
        **settings: Any,
    ) -> None:
        if Callback is object:
            raise missing("lightning", "suffice.integrations.lightning")
        if n < 1 or every < 1:
            raise SettingsError(f"n and every must be at least 1, got {n} and {every}")
        super().__init__()
        self.n, self.every = n, every
        self.output = output
        self.settings = {"budget": budget, **settings}
        self.explanations: list[Explanation] = []
        self._images: list[Any] = []

    def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Forget the images of the epoch before."""
        self._images = []

    def on_validation_batch_end(
        self,
        trainer: Any,
        pl_module: Any,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,
    ) -> None:
        """Keep images until there are enough."""
        if self._due(trainer) and dataloader_idx == 0 and len(self._images) < self.n:
            images = _images_of(batch).detach().float().cpu().numpy()
            self._images.extend(as_images(images, "a validation batch's images"))

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Explain and log."""
        if not (self._due(trainer) and self._images):
            return
        images = np.stack(self._images[: self.n])
        clf = TorchClassifier(
            pl_module,
            output=self.output,
            device=str(pl_module.device),
            input_shape=images.shape[1:],
            fingerprint="in training",
        )
        self.explanations = list(cast(Explanations, explain(clf, images, **self.settings)))
        areas = np.array([exp.area for exp in self.explanations if len(exp.masks)])
        values = {"suffice/found": len(areas) / len(images)}
        if len(areas):
            values["suffice/area_mean"] = float(areas.mean())
            values["suffice/area_median"] = float(np.median(areas))
        pl_module.log_dict(values, batch_size=len(images), rank_zero_only=True)

    def _due(self, trainer: Any) -> bool:
        """Whether this epoch is one to explain, in this process."""
        return (
            bool(trainer.is_global_zero)
            and not trainer.sanity_checking
            and trainer.current_epoch % self.every == 0
        )


def _images_of(batch: Any) -> Any:
    """The images of a batch: itself, its first part, or what it holds under a usual name."""
    if isinstance(batch, Mapping):
        for name in ("image", "images", "x", "pixel_values", "input"):
            if name in batch:
                return batch[name]
        raise InputError(f"no images among {sorted(batch)}; expected them under 'image'")
    return batch[0] if isinstance(batch, (list, tuple)) else batch
