"""Dropping the tokens of a torch vision transformer built as timm builds them."""

from __future__ import annotations

from typing import Any

from suffice.errors import ModelError
from suffice.models.torch_module import import_torch, set_eval

_PARTS = ("patch_embed", "cls_token", "pos_embed", "blocks", "norm", "head")
_TOLERANCE = 1e-3  # of the largest score: rounding leaves 1e-6, another architecture far more


def token_module(vit: Any, shape: tuple[int, ...], together: int | None, name: str) -> Any:
    """Wrap a transformer so that it takes the keep channel and drops tokens.

    Parameters
    ----------
    vit : torch.nn.Module
    shape : (C, H, W)
        Of its input, without the keep channel.
    together : int or None
        Rows that always go through the blocks at once.
    name : str
        For messages.

    Returns
    -------
    torch.nn.Module
        Takes ``[N, C + 1, H, W]``.

    Raises
    ------
    ModelError
        If it isn't built so, or gives other scores with all its tokens than it should.
    """
    torch = import_torch()
    _refuse_others(vit, name)
    set_eval(vit)
    weight = next(vit.parameters())
    probe = torch.linspace(-1.0, 1.0, 2 * shape[0] * shape[1] * shape[2], device=weight.device)
    probe = torch.sin(97.0 * probe).reshape(2, *shape).to(weight.dtype)
    with torch.inference_mode():
        try:
            embedded = vit.patch_embed(probe)
            expected = vit(probe)
        except Exception as error:
            raise ModelError(f"{name} failed on an input [2, {_sizes(shape)}]: {error}") from error
        if embedded.ndim != 3:
            raise ModelError(
                f"{name}: patch_embed gives {list(embedded.shape)}, expected [N, tokens, D]; is "
                "its image size dynamic?"
            )
        wrapped = _wrapper(vit, _patch(shape, embedded.shape[1], vit, name), together)
        found = wrapped(torch.cat([probe, torch.ones_like(probe[:, :1])], dim=1))
    scale = max(1.0, float(expected.abs().max()))
    if found.shape != expected.shape or float((found - expected).abs().max()) > _TOLERANCE * scale:
        raise ModelError(
            f"{name} gives other scores when its tokens are put through its parts one after the "
            "other: it is no vision transformer of the plain kind, so its tokens can't be dropped"
        )
    return wrapped


def _refuse_others(vit: Any, name: str) -> None:
    missing = [part for part in _PARTS if getattr(vit, part, None) is None]
    if missing:
        raise ModelError(
            f"{name} has no {', '.join(missing)}: tokens can be dropped of vision transformers "
            f"built as in timm, with {', '.join(_PARTS)}"
        )
    pool = getattr(vit, "global_pool", "token")
    if pool != "token" or getattr(vit, "attn_pool", None) is not None:
        raise ModelError(
            f"{name} pools its tokens ({pool!r}); only transformers that decide by their class "
            "token can drop others"
        )
    if getattr(vit, "dist_token", None) is not None:
        raise ModelError(f"{name} has a distillation token, which is not supported")


def _patch(shape: tuple[int, ...], tokens: int, vit: Any, name: str) -> tuple[int, int]:
    """Height and width of a patch in pixels."""
    size = getattr(vit.patch_embed, "patch_size", None)
    size = (size, size) if isinstance(size, int) else size
    if size is None:
        side = round(float((shape[1] * shape[2] / tokens) ** 0.5))
        size = (side, side)
    height, width = int(size[0]), int(size[1])
    whole = shape[1] % height == 0 and shape[2] % width == 0
    if not whole or (shape[1] // height) * (shape[2] // width) != tokens:
        raise ModelError(
            f"{name}: {tokens} tokens are no grid of {height} x {width} pixel patches of "
            f"{shape[1]} x {shape[2]} pixels"
        )
    return height, width


def _sizes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _wrapper(vit: Any, patch: tuple[int, int], together: int | None) -> Any:
    """Make the module; a function, since torch is imported only where it is used."""
    torch = import_torch()
    base: Any = torch.nn.Module

    class TokenDropping(base):  # type: ignore[misc]  # torch is not seen by the type checker
        """A vision transformer on the tokens that are kept."""

        def __init__(self) -> None:
            super().__init__()
            self.vit = vit

        def forward(self, x: Any) -> Any:
            """Scores ``[N, K]`` of composites with the keep channel, ``[N, C + 1, H, W]``."""
            images = x[:, :-1]
            kept = torch.nn.functional.max_pool2d((x[:, -1:] > 0).float(), patch, patch)
            kept = kept.flatten(1) > 0
            counts = kept.sum(dim=1)
            rows, scores = [], []
            for count in torch.unique(counts).tolist():
                alike = torch.nonzero(counts == count)[:, 0]
                step = together or len(alike)
                for some in alike.split(step):
                    rows.append(some)
                    scores.append(self._group(images, kept, some, count, step))
            return torch.cat(scores)[torch.argsort(torch.cat(rows))]

        def _group(self, images: Any, kept: Any, rows: Any, count: int, step: int) -> Any:
            """Scores of rows that keep equally many tokens, filled up to `step` rows.

            Everything is done in groups, the embedding too: what else is in the batch then
            changes no bit where `step` is fixed.
            """
            filled = torch.cat([rows, rows[-1:].expand(step - len(rows))])
            prefix, tokens = _embed(self.vit, images[filled])
            chosen = tokens[kept[filled]].reshape(step, count, tokens.shape[2])
            return _classify(self.vit, torch.cat([prefix, chosen], dim=1))[: len(rows)]

    return TokenDropping()


def _embed(vit: Any, images: Any) -> tuple[Any, Any]:
    """Class and register tokens, and those of the patches, with their positions."""
    torch = import_torch()
    tokens = vit.patch_embed(images)
    own = [vit.cls_token, getattr(vit, "reg_token", None)]
    prefix = torch.cat([t for t in own if t is not None], dim=1)
    position = vit.pos_embed
    before = position.shape[1] - tokens.shape[1]
    if before == prefix.shape[1]:  # positions of the prefix too
        prefix, position = prefix + position[:, :before], position[:, before:]
    return prefix.expand(len(images), -1, -1), tokens + position


def _classify(vit: Any, x: Any) -> Any:
    """Scores of token sequences whose first is the class token."""
    if getattr(vit, "norm_pre", None) is not None:
        x = vit.norm_pre(x)
    for block in vit.blocks:
        x = block(x)
    x = vit.norm(x)[:, 0]
    if getattr(vit, "fc_norm", None) is not None:
        x = vit.fc_norm(x)
    return vit.head(x)
