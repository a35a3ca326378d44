"""The graph of a structured attention graph as DOT text, for Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suffice.errors import InputError

if TYPE_CHECKING:
    from suffice.explanation import Explanation

ALL = 9  # of Graphviz' colours of that name; the shade is the confidence relative to the photo's


def graph(exp: Explanation) -> str:
    """Write the graph of a run of the method ``sag`` in Graphviz' language, DOT.

    Roots have a double frame. A node says which patches are kept and how confident the model is of
    the target then; an edge says which patch is left out. It reads the record only, so it needs
    neither the model nor the photo, nor Graphviz.

    Parameters
    ----------
    exp : Explanation
        Made by the method ``sag``, saved and loaded or not.

    Returns
    -------
    str
        A directed graph; ``dot -Tsvg NAME.dot`` draws it.

    Raises
    ------
    InputError
        If the explanation has no such graph.
    """
    drawn = exp.record.get("details", {}).get("graph")
    if drawn is None:
        raise InputError(
            f"{exp.name}: no attention graph, which only the method sag makes; this is a run of "
            f"{exp.method['name']} with status {exp.status}"
        )
    whole = exp.record["reference"]["confidence"]
    roots = len(exp.record["details"]["shown"])
    title = f"{exp.name}: {exp.target_label or f'class {exp.target}'}, {whole:.0%} on the photo"
    lines = [
        "digraph sag {",
        f"  label={_quoted(title)}; labelloc=t;",
        f'  node [shape=box, style=filled, colorscheme=greens{ALL}, fontname="sans-serif"];',
    ]
    for k, node in enumerate(drawn["nodes"]):
        text = f"{' & '.join(node['patches'])}\n{node['confidence']:.1%}"
        shade = 1 + min(ALL // 2, int(ALL // 2 * node["confidence"] / max(whole, 1e-300)))
        frame = ", peripheries=2" if k < roots else ""
        lines.append(f"  n{k} [label={_quoted(text)}, fillcolor={shade}{frame}];")
    for parent, child in drawn["edges"]:
        kept = set(drawn["nodes"][child]["patches"])
        (left_out,) = (name for name in drawn["nodes"][parent]["patches"] if name not in kept)
        lines.append(f"  n{parent} -> n{child} [label={_quoted(f'- {left_out}')}];")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    """A DOT string; line breaks stay."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
