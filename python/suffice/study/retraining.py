"""Training on subsets of pixels, which asks whether they hold what a classifier needs to learn.

The experiment of *Overinterpretation reveals image classification model pathologies* (Carter, Jain,
Mueller and Gifford 2021): classifiers trained on 5 % of each training image, chosen by backward
selection, are as accurate on such subsets as others on whole images; on random 5 % they are not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError, SettingsError, StoreError
from suffice.models.torch_module import import_torch
from suffice.study.pixel_subsets import (
    Images,
    keep_only,
    random_subsets,
    study_subsets,
    subset_of,
)

__all__ = [
    "Recipe",
    "evaluate",
    "keep_only",
    "random_subsets",
    "study_subsets",
    "subset_of",
    "train",
]

Labels = npt.NDArray[np.int64]
CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a classifier is trained; the defaults are the paper's.

    Attributes
    ----------
    epochs, batch_size : int
    rate : float
        Of SGD with Nesterov momentum; divided by `divide` at the beginning of the epochs
        (counted from 0) in `milestones`.
    momentum, weight_decay : float
    milestones : tuple of int
    divide : float
    augment : bool
        Whether images are shifted by up to 4 pixels and mirrored at random. The paper does without
        for its main results, since the subsets belong to the images as they are.
    mean, std : tuple of float
        Of each channel, in units of 0-1.
    """

    epochs: int = 200
    batch_size: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    milestones: tuple[int, ...] = (60, 120, 160)
    divide: float = 5.0
    augment: bool = False
    mean: tuple[float, ...] = CIFAR10_MEAN
    std: tuple[float, ...] = CIFAR10_STD

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise SettingsError(
                f"a recipe needs at least 1 epoch and 2 images a batch, got {self.epochs} and "
                f"{self.batch_size}"
            )

    def rate_at(self, epoch: int) -> float:
        """The learning rate in an epoch, counted from 0.

        Examples
        --------
        >>> [round(Recipe().rate_at(epoch), 4) for epoch in (0, 59, 60, 160)]
        [0.1, 0.1, 0.02, 0.0008]
        """
        return self.rate / self.divide ** sum(epoch >= m for m in self.milestones)


def train(
    module: Any,
    images: Images,
    labels: npt.ArrayLike,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    on_epoch: Callable[[int, float], None] = lambda *_: None,
) -> list[float]:
    """Train a classifier, from where its checkpoint says it was.

    After every epoch the checkpoint is replaced. An interrupted training goes on from it to the
    same weights, bit for bit on one machine with one number of threads: what is random in an epoch
    depends on the seed and its number alone.

    Parameters
    ----------
    module : torch.nn.Module
        ``float32 [N, 3, H, W] -> [N, K]`` logits; trained in place, and left in evaluation mode.
    images : uint8 [N, H, W, 3]
        As they are to be seen; see `keep_only`.
    labels : int [N]
    recipe : Recipe, optional
    seed : int
        Of the order of the images, of augmentation, and of what the module itself draws.
    checkpoint : path, optional
    device : str
    on_epoch : callable
        Told each finished epoch, from 0, and its mean loss.

    Returns
    -------
    list of float
        The mean loss of every epoch.

    Raises
    ------
    InputError
        If images and labels disagree.
    StoreError
        If the checkpoint is of another training, or no checkpoint.
    """
    torch = import_torch()
    recipe = recipe or Recipe()
    targets = _labels(images, labels)
    module.to(device)
    optimiser = torch.optim.SGD(
        module.parameters(),
        lr=recipe.rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=True,
    )
    print_ = _fingerprint(module, images, targets, recipe, seed)
    path = None if checkpoint is None else Path(checkpoint)
    losses = _resume(path, print_, module, optimiser, device)
    with _repeatable(torch):
        for epoch in range(len(losses), recipe.epochs):
            losses.append(_epoch(module, optimiser, images, targets, recipe, (seed, epoch), device))
            if path is not None:
                state = {"of": print_, "module": module.state_dict()}
                _replace(path, {**state, "optimiser": optimiser.state_dict(), "losses": losses})
            on_epoch(epoch, losses[-1])
    module.eval()
    return losses


def evaluate(
    module: Any,
    images: Images,
    labels: npt.ArrayLike,
    recipe: Recipe | None = None,
    device: str = "cpu",
) -> float:
    """Accuracy of a classifier on images, as they are to be seen.

    Parameters
    ----------
    module : torch.nn.Module
    images : uint8 [N, H, W, 3]
    labels : int [N]
    recipe : Recipe, optional
        For its ``mean``, ``std`` and ``batch_size``.
    device : str
    """
    torch = import_torch()
    recipe = recipe or Recipe()
    targets = _labels(images, labels)
    module.to(device).eval()
    right = 0
    with torch.inference_mode():
        for at in range(0, len(images), recipe.batch_size):
            part = slice(at, at + recipe.batch_size)
            found = module(_tensor(torch, images[part], recipe, device)).argmax(1)
            right += int((found.cpu().numpy() == targets[part]).sum())
    return right / len(images)


def _epoch(
    module: Any,
    optimiser: Any,
    images: Images,
    targets: Labels,
    recipe: Recipe,
    key: tuple[int, int],
    device: str,
) -> float:
    """One pass over the images in a random order; the mean loss."""
    torch = import_torch()
    draw = np.random.Generator(np.random.Philox(key=list(key)))
    order = draw.permutation(len(images))
    torch.manual_seed(int(draw.integers(2**63)))  # for dropout and the like
    for group in optimiser.param_groups:
        group["lr"] = recipe.rate_at(key[1])
    module.train()
    total, seen = 0.0, 0
    for at in range(0, len(order), recipe.batch_size):
        part = order[at : at + recipe.batch_size]
        if len(part) < 2:  # normalisation over a batch needs two
            continue
        batch = _augment(images[part], draw) if recipe.augment else images[part]
        goal = torch.from_numpy(targets[part]).to(device)
        loss = torch.nn.functional.cross_entropy(
            module(_tensor(torch, batch, recipe, device)), goal
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total, seen = total + float(loss.detach()) * len(part), seen + len(part)
    return total / seen


def _augment(images: Images, draw: np.random.Generator) -> Images:
    """Shift by up to 4 pixels over black, and mirror every other one."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    made = np.empty_like(images)
    chosen = np.column_stack([draw.integers(0, 9, (n, 2)), draw.integers(0, 2, n)])
    for k, (dy, dx, flip) in enumerate(chosen.tolist()):
        crop = padded[k, dy : dy + height, dx : dx + width]
        made[k] = crop[:, ::-1] if flip else crop
    return made


def _tensor(torch: Any, images: Images, recipe: Recipe, device: str) -> Any:
    """``(rgb / 255 - mean) / std``, channels first."""
    mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
    x = (images.astype(np.float32) / np.float32(255) - mean) / std
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).to(device)


def _labels(images: Images, labels: npt.ArrayLike) -> Labels:
    targets = np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) < 2:
        raise InputError(
            f"expected uint8 images [N, H, W, 3], at least two, got {images.dtype} "
            f"{list(images.shape)}"
        )
    if targets.shape != (len(images),) or not np.issubdtype(targets.dtype, np.integer):
        raise InputError(
            f"expected {len(images)} class indices, one for each image, got {targets.dtype} "
            f"{list(targets.shape)}"
        )
    return targets.astype(np.int64)


def _fingerprint(module: Any, images: Images, targets: Labels, recipe: Recipe, seed: int) -> str:
    """What a checkpoint belongs to: images, labels, recipe, seed, and the weights at the start."""
    found = hashlib.sha256(json.dumps([asdict(recipe), seed, list(images.shape)]).encode())
    found.update(np.ascontiguousarray(images).tobytes())
    found.update(targets.tobytes())
    for name, value in module.state_dict().items():
        found.update(f"{name} {list(value.shape)}".encode())
        found.update(value.detach().cpu().numpy().tobytes())
    return found.hexdigest()


def _resume(
    path: Path | None, print_: str, module: Any, optimiser: Any, device: str
) -> list[float]:
    """Take up a checkpoint; the losses of the epochs that it has behind it."""
    if path is None or not path.exists():
        return []
    torch = import_torch()
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        belongs = state["of"] == print_
    except Exception as error:  # whatever torch finds wrong with the file
        raise StoreError(f"{path} is no checkpoint of a training: {error}") from None
    if not belongs:
        raise StoreError(
            f"{path} belongs to a training with another module, seed, recipe or images; give it "
            "another name, or remove it"
        )
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    return [float(loss) for loss in state["losses"]]


def _replace(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that there is always a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        import_torch().save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextlib.contextmanager
def _repeatable(torch: Any) -> Iterator[None]:
    """Convolutions whose sums have one order, and torch's own random state as it was."""
    with (
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield
