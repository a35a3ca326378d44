"""``suffice verify``: prove the certificates of saved explanations again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from suffice.cli import options, results
from suffice.errors import ImageError, InputError, ModelError, SettingsError
from suffice.reading import parse_json

if TYPE_CHECKING:
    from suffice.explanation import Explanation
    from suffice.models.base import Classifier
    from suffice.types import JsonObject

NOTHING = "no set to verify"
VERDICTS = ("holds", "holds marginally", "fails")


def build(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("results", metavar="DIR|FILE", type=Path, help="records (NAME.json)")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="where the images are (default: where the records say)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per record")
    options.add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Re-prove every set of every record; 1 if one fails."""
    records = list(find_records(args.results))
    verifier = _Verifier(args)
    root = args.results if args.results.is_dir() else args.results.parent
    failures: list[tuple[str, str]] = []
    for path in records:
        name = path.relative_to(root).as_posix()
        try:
            said = verifier.check(path, root)
        except ModelError:
            raise  # it would fail every record alike
        except (InputError, OSError) as error:
            failures.append((name, results.one_line(error)))
            print(f"failed: {name}  {failures[-1][1]}", file=sys.stderr)
            continue
        lines = [json.dumps({"record": name, **said})] if args.json else _lines(name, said)
        print("\n".join(lines), flush=True)
        if said["verdict"] == "fails":
            failures.append((name, _why(said)))
    if failures:
        print(results.failure_table(failures, len(records)), file=sys.stderr)
    return 1 if failures else 0


def find_records(path: Path) -> Iterable[Path]:
    """List the records of a folder, recursively and sorted, or the one record named.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if path.is_file():
        return [path]
    found = [file for file in sorted(path.rglob("*.json")) if _is_record(file)]
    if not found:
        raise SettingsError(f"{path}: no record here; expected NAME.json beside NAME.npz")
    return found


def _is_record(file: Path) -> bool:
    """Tell records from other JSON files; damaged ones count, so that they are noticed."""
    if file.with_suffix(".npz").exists():
        return True
    try:
        content = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "certificate" in content


def _lines(name: str, said: JsonObject) -> list[str]:
    """One line for each set."""
    if said["verdict"] == NOTHING:
        return [f"{name}  {NOTHING}: {said['status']}"]
    sets = said["sets"]
    return ["  ".join((name, *_which(k, sets), _proved(one))) for k, one in enumerate(sets)]


def _which(k: int, sets: list[JsonObject]) -> tuple[str, ...]:
    """Name a set, where there are several."""
    return (f"set {k + 1} of {len(sets)}",) if len(sets) > 1 else ()


def _proved(one: JsonObject) -> str:
    grain = one["irreducible_at"]
    irreducible = "" if grain is None else f"  irreducible at grain {grain}"
    notes = "".join(f"  ({note})" for note in (*one["disproved"], *one["notes"]))
    return (
        f"{one['verdict']}  confidence {one['confidence']:.4f}  "
        f"margin {one['margin']:.4f}{irreducible}{notes}"
    )


def _why(said: JsonObject) -> str:
    """Say of each set that fails what does not hold."""
    reasons = []
    for k, one in enumerate(said["sets"]):
        if one["verdict"] == "fails":
            false = ["not sufficient"] if not one["sufficient"] else one["disproved"]
            words = ("the certificate", *(f"of {w}" for w in _which(k, said["sets"])), "fails")
            reasons.append(f"{' '.join(words)}: {'; '.join(false)}")
    return "; ".join(reasons)


class _Verifier:
    """Re-proves records, loading the model once for each preprocessing that they name."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._classifiers: dict[str, Classifier] = {}
        self._given = options.preprocess(args)  # for all records; else each states its own

    def check(self, path: Path, root: Path) -> JsonObject:
        """Re-prove every set of one record.

        Returns
        -------
        dict
            The certificate of the best set, the least ``verdict`` of all of them and, as
            ``sets``, each one's certificate with its own verdict.
        """
        import suffice

        explanation = suffice.load(path)
        if not len(explanation.masks):
            return {"verdict": NOTHING, "status": explanation.status}
        classifier = self._classifier(explanation.record)
        image = find_image(explanation, path, root, self._args.images)
        sets = []
        for k in range(len(explanation.masks)):
            certificate = suffice.verify(explanation, classifier, image, index=k)
            sets.append({"verdict": certificate.verdict, **certificate.to_dict()})
        least = max((one["verdict"] for one in sets), key=VERDICTS.index)
        return {**sets[0], "verdict": least, "sets": sets}

    def _classifier(self, record: JsonObject) -> Classifier:
        """Load the model as the record used it, unless options say otherwise."""
        import suffice

        stated = None if self._given is not None else record.get("preprocess")
        args = argparse.Namespace(**vars(self._args))
        args.output_kind = args.output_kind or record.get("output_kind")
        key = json.dumps([stated, args.output_kind], sort_keys=True)
        if key not in self._classifiers:
            made = self._given if stated is None else suffice.Preprocess.from_dict(stated)
            self._classifiers[key] = options.classifier(args, made)
        return self._classifiers[key]


def find_image(explanation: Explanation, path: Path, root: Path, images: Path | None) -> Path:
    """Find the image of a record.

    With ``images`` it is looked for there, below the same sub-folder as the record; without, at
    the path in the record, which is relative to the record's folder, then beside the record and in
    the working folder.

    Raises
    ------
    ImageError
        If it is in none of these places.
    """
    image: JsonObject = explanation.record["image"]
    name = Path(image["name"])
    places: list[Path]
    if images is None:
        places = [path.parent / str(image.get("path", name)), path.parent / name, name]
    else:
        places = [images / path.parent.relative_to(root) / name, images / name]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in dict.fromkeys(places))
    raise ImageError(f"the image {name} is not at {looked}; say where with --images DIR")
