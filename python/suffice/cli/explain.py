"""``suffice explain``: explain images, writing each result as soon as it is ready."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from suffice.cli import options, results, sources
from suffice.cli.progress import Interrupt, Progress
from suffice.cli.sources import Item

if TYPE_CHECKING:
    from suffice.engine import Failure
    from suffice.explanation import Explanation

INTERRUPTED = 130


def build(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE|FOLDER", help="folders are searched recursively")
    options.add_model_options(parser)
    question = parser.add_argument_group("question")
    add = question.add_argument
    add("--method", default="minimal", help="see suffice methods")
    add(
        "--set",
        action="append",
        default=[],
        type=options.key_value,
        metavar="KEY=VALUE",
        help="a setting of the method; repeatable",
    )
    add("--target", type=options.whole_number, metavar="C", help="class index (default: top-1)")
    add(
        "--baseline",
        action="append",
        metavar="B",
        help="zero (default), black, grey, rgb:R,G,B, mean, image-mean, blur:SIGMA, "
        "inpaint[:SIDE], noise, constant:V or a file; repeatable: the set must suffice under each",
    )
    add("--criterion", default="top1", help="top1, confidence:T, relative:R or margin:M")
    add(
        "--contrastive",
        action="store_true",
        help="the rest of the image must not give the class",
    )
    add("--count", type=options.positive_int, default=1, metavar="K", help="sets to look for")
    add(
        "--overlap",
        type=float,
        default=0.0,
        metavar="D",
        help="largest Dice coefficient between two sets (default 0: disjoint)",
    )
    add("--prune", action="store_true", help="remove tiles of the sets until none can go")
    add("--grain", type=options.positive_int, default=8, metavar="G", help="tile side in pixels")
    add("--budget", type=options.positive_int, metavar="N", help="evaluations per image at most")
    add("--seed", type=options.whole_number, default=0, metavar="N", help="of the search")
    add("--batch-size", type=options.batch_size, default="auto", metavar="N", help="or auto")
    output = parser.add_argument_group("output")
    add = output.add_argument
    add("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    add(
        "--existing",
        choices=("error", "skip", "replace"),
        default="error",
        help="what to do about results that are there",
    )
    add("--json", action="store_true", help="print one JSON record per image")
    add("--no-plot", action="store_true", help="write no pictures")
    add(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="a progress bar on stderr (default: where it is a terminal)",
    )


def run(args: argparse.Namespace) -> int:
    """Explain the images."""
    items = sources.collect(args.images, args.out)
    to_do = results.pending(items, args.existing)
    results.prepare(args.out)
    if len(to_do) < len(items):
        print(f"{len(items) - len(to_do)} skipped, their results exist", file=sys.stderr)
    if not to_do:
        return 0
    run = _Run(args, to_do)
    run.explain()
    if run.failures:
        print(results.failure_table(run.failures, len(to_do)), file=sys.stderr)
    left = len(to_do) - run.written - len(run.failures)
    if left:
        print(f"interrupted: {run.written} written, {left} left. To go on:", file=sys.stderr)
        print(f"  {resume_command(args.argv)}", file=sys.stderr)
        return INTERRUPTED
    return 1 if run.failures else 0


class _Run:
    """One run over images: counts what was written and keeps what failed."""

    def __init__(self, args: argparse.Namespace, items: Sequence[Item]) -> None:
        self._args = args
        self._items = items
        self._width = max(len(item.name) for item in items)
        self._picture = not args.no_plot and _can_plot()
        self.written = 0
        self.failures: list[tuple[str, str]] = []

    def explain(self) -> None:
        """Explain and write one image after the other, until the end or Ctrl-C."""
        import suffice

        args = self._args
        load = functools.cache(functools.partial(options.classifier, args))
        method = options.method(args, load)
        classifier = load(gradients=method.differentiates)
        if classifier.fixed_batch == 1:
            print(
                f"{classifier.name} takes one image at a time: slower than a model with a dynamic "
                "batch size",
                file=sys.stderr,
            )
        with Interrupt() as interrupt, Progress(len(self._items), args.progress) as progress:

            def should_stop() -> bool:
                progress.tick()
                return interrupt.wished

            stream = suffice.explain_stream(
                classifier,
                [item.source for item in self._items],
                method=method,
                target=args.target,
                baseline=args.baseline or "zero",
                criterion=args.criterion,
                contrastive=args.contrastive,
                count=args.count,
                overlap=args.overlap,
                budget=args.budget,
                prune=args.prune,
                grain=args.grain,
                seed=args.seed,
                batch_size=args.batch_size,
                on_error="yield",
                on_evaluations=progress.evaluations,
                should_stop=should_stop,
            )
            for result in stream:  # after Ctrl-C some of the last items are left out
                self._take(self._items[result.index], result, progress)

    def _take(self, item: Item, result: Explanation | Failure, progress: Progress) -> None:
        """Write one result and say so, or note why there is none."""
        from suffice import Failure

        error: Exception
        if isinstance(result, Failure):
            error = result.error
            self._keep_composite(item, error)
        else:
            result = results.located(result, item)
            try:
                results.write(result, item, self._picture)
            except OSError as problem:  # a full disk: the next one may still fit
                error = problem
            else:
                self.written += 1
                progress.image()
                progress.result(self._line(item, result))
                return
        self.failures.append((item.name, results.one_line(error)))
        progress.image()
        progress.say("failed: " + "  ".join(self.failures[-1]))

    def _keep_composite(self, item: Item, error: Exception) -> None:
        with contextlib.suppress(OSError):  # the error itself is what must not get lost
            path = results.write_composite(error, item)
            if path is not None:
                error.add_note(f"the composite it was shown is in {path}")

    def _line(self, item: Item, result: Explanation) -> str:
        if self._args.json:
            return json.dumps(result.record, allow_nan=False)
        return results.line(f"{item.name:<{self._width}}", result)


def _can_plot() -> bool:
    """Whether pictures can be made; says once how to get them where not."""
    from suffice import plot
    from suffice.errors import MissingDependencyError

    try:
        plot.require_matplotlib()
    except MissingDependencyError as error:
        print(f"no pictures: {error}", file=sys.stderr)
        return False
    return True


def resume_command(argv: Sequence[str]) -> str:
    """Build the command that goes on after an interruption: the same with ``--existing skip``."""
    words = iter(argv)
    kept: list[str] = []
    for word in words:
        if word == "--existing":
            next(words, None)
        elif not word.startswith("--existing="):
            kept.append(word)
    return shlex.join(("suffice", *kept, "--existing", "skip"))
