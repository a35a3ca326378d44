"""Draw the pictures of the methods' pages: ``python tools/method_figures.py [NAME ...]``.

One picture a method, all of the demo's photo and classifier: ``docs/images/NAME.png`` for rex, msv,
from_ranking, prune and curve; minimal, sis, gradient-sis, moxi and sag have scripts of their own.
Needs the demo extra.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import suffice
from suffice import plot
from suffice.models import demo

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SETTINGS = {"criterion": "relative:0.9", "seed": 0}


def panels(parts: list[tuple[str, Any]]) -> Any:
    """Pictures side by side, each with its title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.0 * len(parts), 3.4), layout="constrained")
    for axis, (title, picture) in zip(
        np.atleast_1d(figure.subplots(1, len(parts))), parts, strict=True
    ):
        axis.imshow(picture, **({} if picture.ndim == 3 else {"cmap": "magma"}))
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
    return figure


def shown(exp: suffice.Explanation, mask: Any) -> Any:
    """The photo with everything but a set in grey."""
    return np.where(mask[..., None], exp.image, np.uint8(214))


def rex(clf: Any) -> Any:
    """Responsibility, and the set read from it."""
    exp = suffice.explain(clf, demo.demo_photo(), method="rex", **SETTINGS)
    return panels(
        [
            (exp.target_label, exp.image),
            ("responsibility", exp.responsibility),
            (f"{exp.area:.1%} suffice, {exp.evaluations:,} evaluations", shown(exp, exp.mask)),
        ]
    )


def msv(clf: Any) -> Any:
    """The first views."""
    method = suffice.Msv(max_views=3)
    exp = suffice.explain(clf, demo.demo_photo(), method=method, criterion="top1", seed=0)
    views = [(f"{one.area:.1%}", shown(exp, one.mask)) for one in exp.sets]
    return panels([(exp.target_label, exp.image), *views])


def from_ranking(clf: Any) -> Any:
    """A map made elsewhere, gradient times input over cells, and its shortest passing prefix."""
    torch_clf = suffice.TorchClassifier(demo._torch_model(), demo.demo_preprocess())

    def gradient_x_input(subject: Any) -> tuple[Any, int]:
        _, slope = torch_clf.gradient(subject.image[None], np.array([subject.target]))
        cells = np.abs((slope[0] * subject.image).sum(axis=0)).reshape(14, 16, 14, 16)
        return cells.mean(axis=(1, 3)).repeat(16, axis=0).repeat(16, axis=1), 3

    method = suffice.FromRanking(gradient_x_input)
    exp = suffice.explain(clf, demo.demo_photo(), method=method, **SETTINGS)
    return panels(
        [
            (exp.target_label, exp.image),
            ("gradient x input", exp.responsibility),
            (f"its first {exp.area:.1%} suffice", shown(exp, exp.mask)),
        ]
    )


def prune(clf: Any) -> Any:
    """A set of rex before and after."""
    exp = suffice.explain(clf, demo.demo_photo(), method="rex", **SETTINGS)
    pruned = suffice.prune(exp, clf, demo.demo_photo())
    return panels(
        [
            (exp.target_label, exp.image),
            (f"rex: {exp.area:.1%}", shown(exp, exp.mask)),
            (f"pruned: {pruned.area:.1%}", shown(exp, pruned.mask)),
        ]
    )


def curve(clf: Any) -> Any:
    """Area against criterion and grain."""
    exp = suffice.explain(clf, demo.demo_photo(), method="curve", seed=0)
    return plot.curve(exp).figure


DRAWN: dict[str, Callable[[Any], Any]] = {
    "rex": rex,
    "msv": msv,
    "from_ranking": from_ranking,
    "prune": prune,
    "curve": curve,
}


def main() -> None:
    """Draw what is asked for, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(DRAWN)}; default: all")
    clf = suffice.as_classifier("demo")
    for name in parser.parse_args().names or DRAWN:
        DRAWN[name](clf).savefig(IMAGES / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
