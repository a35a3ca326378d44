"""``suffice check IMAGE...`` and ``suffice check fit STORE``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.cli import options, results, sources
from suffice.cli.progress import Interrupt, Progress
from suffice.cli.study import columns

if TYPE_CHECKING:
    from suffice.engine import Failure
    from suffice.study import Checked, Checker

INTERRUPTED = 130
COLUMNS = (
    *("image", "class", "confidence", "area", "usual range", "p larger", "p smaller"),
    *("entropy", "margin", "verdict"),
)


def build(parser: Any) -> None:
    """Add the options of both."""
    _build_fit(parser.branch("fit", "learn from a study's store which sizes are usual"))
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE|FOLDER", help="folders are searched recursively")
    add("--reference", required=True, metavar="FILE", help="what suffice check fit has written")
    add(
        "--alpha",
        type=share,
        default=0.05,
        metavar="A",
        help="share of usual images that may be called unusual",
    )
    options.add_model_options(parser)
    output = parser.add_argument_group("output")
    add = output.add_argument
    add("--batch-size", type=options.batch_size, default="auto", metavar="N", help="or auto")
    add("--json", action="store_true", help="print one JSON object per image")
    add(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="a progress bar on stderr (default: where it is a terminal)",
    )
    parser.set_defaults(does=_check)


def _build_fit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("store", metavar="STORE", help="of suffice study run")
    add("--out", required=True, type=Path, metavar="FILE.json", help="where the reference goes")
    add(
        "--existing",
        choices=("error", "replace"),
        default="error",
        help="what to do about a file that is there",
    )
    choose = parser.add_argument_group(
        "results", "Which results of the store: needed where it holds those of several questions."
    )
    add = choose.add_argument
    add("--models", metavar="M,..", help="names in the design (default: all)")
    add("--method", help="name in the design")
    add("--criterion", help="as in the design")
    add("--baseline", help="as in the design; several at once are joined by +")
    add("--grain", type=options.positive_int, metavar="G")
    add(
        "--seed",
        type=options.whole_number,
        metavar="N",
        help="this one only (default: the median over all, for new images too)",
    )
    add("--wrong", action="store_true", help="use photos that are classified wrongly, too")
    parser.set_defaults(run=run, does=_fit, command="check fit")


def run(args: argparse.Namespace) -> int:
    """Run one of the two."""
    code: int = args.does(args)
    return code


def share(text: str) -> float:
    """Read a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, got {text!r}")
    return value


def _fit(args: argparse.Namespace) -> int:
    args.command = "check fit"
    from suffice.errors import ExistingResultError
    from suffice.study import CheckReference

    if args.out.exists() and args.existing == "error":
        raise ExistingResultError(f"{args.out} exists; say --existing replace, or another name")
    chosen = {n: getattr(args, n) for n in ("method", "criterion", "baseline", "grain", "seed")}
    if args.models is not None:
        chosen["model"] = args.models.split(",")
    chosen = {name: value for name, value in chosen.items() if value is not None}
    reference = CheckReference.fit(args.store, wrong=args.wrong, **chosen)
    reference.save(args.out)
    names = ("used", "wrong", "failed", "incomplete", "unlabelled", "without_set")
    rows = [("model", *(name.replace("_", " ") for name in names))]
    for model, entry in reference.models.items():
        rows.append((model, *(str(entry["counts"][name]) for name in names)))
    print(columns(rows), file=sys.stderr)
    print(f"written: {args.out}", file=sys.stderr)
    return 0


def _check(args: argparse.Namespace) -> int:
    from suffice.study import Checker

    items = sources.find(args.images)
    given = {
        "preprocess": options.preprocess(args),
        "output": args.output_kind,
        "threads": args.threads,
        "labels": args.labels,
    }
    given = {name: value for name, value in given.items() if value is not None}
    checker = Checker(args.reference, args.model, alpha=args.alpha, device=args.device, **given)
    for note in (*checker.notes, *_chance(len(items), args.alpha)):
        print(f"note: {note}", file=sys.stderr)
    run = _Run(args, checker, items)
    run.check()
    if run.failures:
        print(results.failure_table(run.failures, len(items)), file=sys.stderr)
    left = len(items) - run.done - len(run.failures)
    if left:
        print(f"interrupted: {run.done} checked, {left} left", file=sys.stderr)
        return INTERRUPTED
    if run.unusual:
        print(f"{run.unusual} of {len(items)} unusual", file=sys.stderr)
    return 1 if run.failures or run.unusual else 0


def _chance(images: int, alpha: float) -> tuple[str, ...]:
    """What many images mean for the verdicts."""
    if images == 1:
        return ()
    note = (
        f"of {images} usual images about {images * alpha:.1f} are called unusual by chance at "
        f"alpha {alpha:g}; --alpha {alpha / images:.2g} (Bonferroni) holds for all of them together"
    )
    return (note,)


class _Run:
    """One run over images: prints each as it is done."""

    def __init__(self, args: argparse.Namespace, checker: Checker, items: dict[Path, Path]) -> None:
        self._args, self._checker = args, checker
        self._paths = list(items)
        self._names = [place.as_posix() for place in items.values()]
        self._widths = [max(map(len, (COLUMNS[0], *self._names)))]
        self._widths += [len(name) for name in COLUMNS[1:]]
        classes = [len(n) + 6 for n in self._checker.labels or ("",)]
        self._widths[1] = min(28, max(self._widths[1], *classes))
        self._widths[4] = 16
        self.done = self.unusual = 0
        self.failures: list[tuple[str, str]] = []

    def check(self) -> None:
        """Compare one image after the other, until the end or Ctrl-C."""
        with Interrupt() as interrupt, Progress(len(self._paths), self._args.progress) as bar:

            def should_stop() -> bool:
                bar.tick()
                return interrupt.wished

            if not self._args.json:
                bar.result(self._columns(COLUMNS))
            for result in self._checker.stream(
                self._paths,
                batch_size=self._args.batch_size,
                on_error="yield",
                on_evaluations=bar.evaluations,
                should_stop=should_stop,
            ):
                self._take(result, bar)
                bar.image()

    def _take(self, result: Checked | Failure, bar: Progress) -> None:
        from suffice import Failure

        name = self._names[result.index]
        if isinstance(result, Failure):
            why = results.one_line(result.error)
            self.failures.append((name, why))
            if self._args.json:
                bar.result(json.dumps({"name": name, "error": why}))
            else:
                bar.say(f"failed: {name}  {why}")
            return
        self.done += 1
        self.unusual += not result.usual
        if self._args.json:
            bar.result(json.dumps({**result.to_dict(), "name": name}, allow_nan=False))
        else:
            bar.result(self._columns(_cells(name, result, self._checker.reference.sizes.floor)))

    def _columns(self, cells: tuple[str, ...]) -> str:
        pairs = zip(cells, self._widths, strict=True)
        padded = [c.ljust(w) if k in (0, 1, 9) else c.rjust(w) for k, (c, w) in enumerate(pairs)]
        return "  ".join(padded).rstrip()


def _cells(name: str, result: Checked, floor: float) -> tuple[str, ...]:
    label = f"{result.target}" + (f" {result.target_label}" if result.target_label else "")
    found = result.comparison
    verdict: str = result.verdict
    if result.status != "found":
        verdict += f" ({result.status})"
    if not found.n_class:
        verdict += " (class not in the reference: compared with all)"
    return (
        name,
        label,
        f"{result.confidence:.4f}",
        f"{100 * result.area:.2f} %",
        _range(result, floor),
        f"{found.p_larger:.4f}",
        f"{found.p_smaller:.4f}",
        f"{result.entropy:.3f}",
        f"{result.lead:.2f}",
        verdict,
    )


def _range(result: Checked, floor: float) -> str:
    """What such sets measure; the floor of the log scale stands for empty ones."""
    low, high = (
        0.0 if end <= floor * 1.001 else end
        for end in (result.comparison.low, result.comparison.high)
    )
    return f"{100 * low:.2f} - {100 * high:.2f} %"
