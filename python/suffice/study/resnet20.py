"""ResNet for CIFAR images (20, 32, 44, 56 layers) as a torch module, for `suffice.study.retraining`.

Importing this module needs torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 64)


class Block(nn.Module):  # type: ignore[misc]
    """Two convolutions and a shortcut without parameters ("option A"): subsampled, zeros added."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, after - before
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)

    def forward(self, x: Any) -> Any:
        """One block; ``[N, before, H, W] -> [N, after, H / stride, W / stride]``."""
        out = torch.relu(self.first_norm(self.first(x)))
        out = self.second_norm(self.second(out))
        short = x[:, :, :: self.stride, :: self.stride]
        half = self.more // 2
        return torch.relu(out + functional.pad(short, (0, 0, 0, 0, half, self.more - half)))


class ResNet(nn.Module):  # type: ignore[misc]
    """``6 * blocks + 2`` layers: three stages of 16, 32 and 64 channels, global mean, linear.

    Parameters
    ----------
    blocks : int
        In each stage; 3 for ResNet20.
    n_classes : int
    seed : int
        Of the weights: He's initialisation.

    Source
    ------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016), section 4.2.
    """

    def __init__(self, blocks: int = 3, n_classes: int = 10, seed: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(WIDTHS[0])
        stages: list[Any] = []
        before = WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for k in range(blocks):
                stages.append(Block(before, width, 2 if stage and not k else 1))
                before = width
        self.stages = nn.Sequential(*stages)
        self.last = nn.Linear(before, n_classes)
        generator = torch.Generator().manual_seed(seed)
        for part in self.modules():
            if isinstance(part, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Any) -> Any:
        """``float32 [N, 3, H, W] -> [N, K]`` logits."""
        x = self.stages(torch.relu(self.first_norm(self.first(x))))
        return self.last(x.mean((2, 3)))
