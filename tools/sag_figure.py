"""Draw three diverse roots of the demo photo: ``python tools/sag_figure.py``.

Writes ``docs/images/sag.png`` and the part of ``docs/methods/sag.md`` between its marks. Needs the
demo extra.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import suffice
from suffice.models.demo import demo_photo

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "sag.png"
PAGE = ROOT / "docs" / "methods" / "sag.md"
BEGIN, END = "<!-- roots: made by tools/sag_figure.py -->\n", "<!-- end of roots -->\n"
CRITERION = "relative:0.9"  # the paper's
LINE = "#00d5ff"


def main() -> None:
    """Explain the demo photo, draw its roots and write down its formula."""
    clf = suffice.as_classifier("demo")
    exp = suffice.explain(clf, demo_photo(), method="sag", criterion=CRITERION)
    draw(exp)
    put_in_page(exp)


def draw(exp: suffice.Explanation) -> None:
    """The photo in the cells of the grid, then every shown root alone."""
    from matplotlib.figure import Figure

    photo: Any = exp.image
    height, width = photo.shape[:2]
    figure = Figure(figsize=(3.0 * (1 + len(exp.sets)), 3.5), layout="constrained")
    axes = figure.subplots(1, 1 + len(exp.sets))
    axes[0].imshow(photo)
    for i in range(1, 7):
        axes[0].axhline(i * height // 7 - 0.5, color="white", linewidth=0.6)
        axes[0].axvline(i * width // 7 - 0.5, color="white", linewidth=0.6)
    whole = exp.record["reference"]["confidence"]
    axes[0].set_title(f"{exp.target_label}, {whole:.0%}", fontsize=9)
    for axis, one, node in zip(
        axes[1:], exp.sets, exp.record["details"]["graph"]["nodes"], strict=False
    ):
        axis.imshow(photo * one.mask[..., None] + (~one.mask[..., None] * 214).astype("uint8"))
        axis.contour(one.mask, levels=[0.5], colors=LINE, linewidths=1.2)
        names = node["patches"]
        lines = [" & ".join(names[i : i + 4]) for i in range(0, len(names), 4)]
        axis.set_title(f"{node['confidence']:.0%}: " + "\n& ".join(lines), fontsize=9)
    for axis in axes:
        axis.set_axis_off()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def put_in_page(exp: suffice.Explanation) -> None:
    """Replace what stands between the two marks of the page."""
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise SystemExit(f"{PAGE.name} lacks the lines {BEGIN!r} and {END!r}")
    details = exp.record["details"]
    roots = details["dnf"].split(" | ")
    text = (
        f"{len(roots)} roots were found with {exp.evaluations:,} evaluations, "
        f"{details['diverse']} of them diverse:\n\n"
        "```text\n" + "\n| ".join(roots) + "\n```\n"
    )
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
