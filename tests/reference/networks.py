"""Small torch networks with random weights, for tests of what needs a module."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
nn = torch.nn


def convolutional(channels: int = 3, classes: int = 3, seed: int = 0) -> Any:
    """Two convolutions and a linear head, for any size from 8 pixels."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(4, 5, 3, stride=2),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(5, 5, 1),
        nn.Flatten(),
        nn.Linear(5, classes),
    )


class Attention(nn.Module):
    """Self-attention as timm writes it: a fused kernel, or softmax and drop-out by hand."""

    def __init__(self, width: int, heads: int, window: int | None = None) -> None:
        super().__init__()
        self.window = window
        self.heads, self.fused_attn = heads, True
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attn_drop = nn.Dropout(0.0)

    def forward(self, x: Any) -> Any:
        whole = x.shape
        if self.window is not None:  # tokens see those of their window alone
            x = x.reshape(-1, self.window, whole[-1])
        n, tokens, width = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if self.fused_attn:
            x = nn.functional.scaled_dot_product_attention(q, k, v)
        else:
            scores = q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5
            x = self.attn_drop(scores.softmax(dim=-1)) @ v
        return self.proj(x.transpose(1, 2).reshape(whole))


class Transformer(nn.Module):
    """A vision transformer of two layers with square patches and a class token."""

    def __init__(self, shape: tuple[int, int, int], patch: int, prefix: int = 1) -> None:
        super().__init__()
        torch.manual_seed(1)
        width = 16
        count = shape[1] // patch * (shape[2] // patch)
        self.num_prefix_tokens = prefix
        self.patches = nn.Conv2d(shape[0], width, patch, stride=patch)
        self.token = nn.Parameter(torch.randn(1, prefix, width))
        self.position = nn.Parameter(torch.randn(1, count + prefix, width))
        self.layers = nn.ModuleList([Attention(width, 4) for _ in range(2)])
        self.head = nn.Linear(width, 3)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.position
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x[:, 0] if self.num_prefix_tokens else x.mean(dim=1))
