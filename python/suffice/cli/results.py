"""Results of the command line: files, the line on stdout, the table of failures."""

from __future__ import annotations

import dataclasses
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from suffice.cli.sources import Item
from suffice.errors import ExistingResultError, SettingsError, SufficeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from suffice.explanation import Explanation

PICTURE_DPI = 120


def prepare(out: Path) -> None:
    """Make the folder for results and prove that it can be written to.

    Raises
    ------
    SettingsError
        If it can't.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise SettingsError(f"--out {out} can't be written to: {error.strerror}") from error


def pending(items: Sequence[Item], existing: str) -> list[Item]:
    """Items still to do, given what is to happen to results that are there.

    Raises
    ------
    ExistingResultError
        If results are there and ``existing`` is ``error``.
    """
    if existing == "replace":
        return list(items)
    if existing == "skip":
        return [item for item in items if not item.complete()]
    there = [item for item in items if item.exists()]
    if there:
        more = f" and those of {len(there) - 1} more" if len(there) > 1 else ""
        raise ExistingResultError(
            f"results of {there[0].name}{more} are in {there[0].stem.parent} already; "
            "say --existing skip to keep them or --existing replace to write them anew"
        )
    return list(items)


def located(explanation: Explanation, item: Item) -> Explanation:
    """Note in the record where the image is, seen from the record's folder, for ``verify``."""
    try:
        path = os.path.relpath(item.source.resolve(), item.stem.parent.resolve())
    except ValueError:  # another drive
        path = str(item.source.resolve())
    image = {**explanation.record["image"], "path": Path(path).as_posix()}
    return dataclasses.replace(explanation, record={**explanation.record, "image": image})


def write(explanation: Explanation, item: Item, picture: bool) -> None:
    """Write the files of one result; the record comes last and says that it is complete."""
    item.stem.parent.mkdir(parents=True, exist_ok=True)
    if picture:
        _write_picture(explanation, item.result(".png"))
    if explanation.record["details"].get("graph", {}).get("nodes"):
        _write_graph(explanation, item.result(".dot"))
    explanation.save(item.result(".json"))


def write_composite(error: Exception, item: Item) -> Path | None:
    """Keep what the model was shown when its scores were not finite, for a report of the fault."""
    composite = getattr(error, "composite", None)
    if composite is None:
        return None
    import numpy as np

    from suffice.explanation import write_atomically

    buffer = io.BytesIO()
    np.savez_compressed(buffer, composite=composite)
    item.stem.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(item.result(".failed.npz"), buffer.getvalue())


def _write_picture(explanation: Explanation, path: Path) -> None:
    from suffice import plot
    from suffice.explanation import write_atomically

    buffer = io.BytesIO()
    if explanation.curve:
        made = cast("Figure", plot.curve(explanation).figure)
    else:
        made = plot.figure(explanation)
    made.savefig(buffer, format="png", dpi=PICTURE_DPI)
    write_atomically(path, buffer.getvalue())


def _write_graph(explanation: Explanation, path: Path) -> None:
    from suffice import plot
    from suffice.explanation import write_atomically

    write_atomically(path, plot.graph(explanation).encode())


def line(name: str, explanation: Explanation) -> str:
    """One result for people, columns apart by two spaces."""
    return "  ".join(
        (
            name,
            target(explanation),
            *_found(explanation),
            f"evaluations {explanation.evaluations:,}",
            f"{explanation.seconds['total']:.1f} s",
            verdict(explanation),
        )
    )


def _found(explanation: Explanation) -> tuple[str, ...]:
    n_sets = len(explanation.sets)
    if not n_sets:
        return ()
    several = (f"{n_sets} sets",) if n_sets > 1 else ()
    return (
        *several,
        f"area {100 * explanation.area:.2f} % ({explanation.pixels:,} px)",
    )


def target(explanation: Explanation) -> str:
    """Index and name of the class that was explained."""
    label = explanation.target_label
    return f"{explanation.target} {label}" if label else f"class {explanation.target}"


def verdict(explanation: Explanation) -> str:
    """Say what the certificates of all sets say, or why there is none."""
    if not explanation.sets:
        return f"no sufficient set: {explanation.reason}"
    certificates = [one.certificate for one in explanation.sets if one.certificate is not None]
    verdicts = {certificate.verdict for certificate in certificates}
    if not certificates:
        said = "no certificate"
    elif "fails" in verdicts:
        said = "NOT SUFFICIENT"
    elif "holds marginally" in verdicts:
        said = "verified, marginally"
    else:
        said = "verified"
    grains = {certificate.irreducible_at for certificate in certificates}
    if len(grains) == 1 and (grain := grains.pop()) is not None:
        said += f", irreducible at grain {grain}"
    notes = {"empty": ", the baseline alone suffices", "budget": ", stopped at the budget"}
    return said + notes.get(explanation.status, "")


def failure_table(failures: Sequence[tuple[str, str]], total: int) -> str:
    """Make the closing table: which items failed and why."""
    width = max(len("item"), *(len(name) for name, _ in failures))
    rows = [f"  {name:<{width}}  {why}" for name, why in (("item", "why"), *failures)]
    return "\n".join((f"{len(failures)} of {total} failed:", *rows))


def one_line(error: Exception) -> str:
    """Put the message of an error on one line, with its type where it is not one of ours."""
    text = " ".join("; ".join([str(error), *getattr(error, "__notes__", [])]).split())
    return text if text and isinstance(error, SufficeError) else f"{type(error).__name__}: {text}"
