"""A plain vision transformer with the parts and names of timm's, for token dropping."""

from __future__ import annotations

import torch
from torch import nn


class PatchEmbed(nn.Module):
    """Patches to tokens ``[N, T, D]``."""

    def __init__(self, channels: int, patch: int, width: int) -> None:
        super().__init__()
        self.patch_size = (patch, patch)
        self.proj = nn.Conv2d(channels, width, patch, patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Every token looks at every other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(seen.transpose(1, 2).reshape(n, t, d))


class Mlp(nn.Module):
    """Two layers on each token."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and layers, each beside a way straight through."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn, self.mlp = Attention(width, heads), Mlp(width, 4 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Decides by its class token.

    Parameters
    ----------
    side, patch : int
        Of the image and of a patch, in pixels.
    width, depth, heads, classes, registers : int
    seed : int
        Of its random weights.
    """

    def __init__(
        self,
        side: int = 8,
        patch: int = 2,
        width: int = 8,
        depth: int = 2,
        heads: int = 2,
        classes: int = 5,
        registers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        tokens = (side // patch) ** 2
        self.patch_embed = PatchEmbed(3, patch, width)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.reg_token = nn.Parameter(torch.randn(1, registers, width)) if registers else None
        before = 0 if registers else 1  # with registers, positions are the patches' alone
        self.pos_embed = nn.Parameter(torch.randn(1, before + tokens, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Scores; ``keep`` are indices of the patches whose tokens go on."""
        tokens = self.patch_embed(x)
        first = self.cls_token
        if self.reg_token is None:
            first = first + self.pos_embed[:, :1]
        tokens = tokens + self.pos_embed[:, -tokens.shape[1] :]
        if keep is not None:
            tokens = tokens[:, keep]
        prefix = [first] if self.reg_token is None else [first, self.reg_token]
        x = torch.cat([*(p.expand(len(x), -1, -1) for p in prefix), tokens], dim=1)
        return self.head(self.norm(self.blocks(x))[:, 0])
