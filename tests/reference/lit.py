"""A LightningModule that tells which quadrant is bright, for tests of the callback."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from reference.photos import SIDE


class Quadrants(nn.Module):
    """Logits: a learnt factor times the mean of each quadrant."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(8.0))

    def forward(self, x: Any) -> Any:
        means = nn.functional.adaptive_avg_pool2d(x.mean(1, keepdim=True), 2)
        return self.scale * means.flatten(1)


class LitQuadrants(LightningModule):
    """The same, trained by cross-entropy."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Quadrants()

    def forward(self, x: Any) -> Any:
        return self.net(x)

    def training_step(self, batch: Any, _: int) -> Any:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Any, _: int) -> None:
        self.log("accuracy", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def loader(n: int = 6) -> Any:
    """Batches of two images, each bright in one quadrant of 1 to 3, with that as class."""
    images, classes, half = torch.full((n, 3, SIDE, SIDE), 0.1), [], SIDE // 2
    for i in range(n):
        classes.append(1 + i % 3)
        row, column = divmod(classes[-1], 2)
        images[i, :, row * half : (row + 1) * half, column * half : (column + 1) * half] = 1
    data = torch.utils.data.TensorDataset(images, torch.tensor(classes))
    return torch.utils.data.DataLoader(data, batch_size=2)
