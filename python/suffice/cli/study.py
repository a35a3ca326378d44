"""``suffice study preset | run | status | export | report | plan | merge``."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from suffice.cli import options, study_preset
from suffice.cli.progress import Interrupt

INTERRUPTED = 130
STATES = ("done", "failed", "open", "leased")
SHOWN_FAILURES = 20


def build(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    parts = parser.add_subparsers(
        dest="part", required=True, metavar="COMMAND", parser_class=type(parser)
    )

    def part(name: str, does: Callable[[argparse.Namespace], int], meaning: str) -> Any:
        made = parts.add_parser(
            name,
            help=meaning,
            description=meaning[0].upper() + meaning[1:] + ".",
            allow_abbrev=False,
            formatter_class=parser.formatter_class,
        )
        made.set_defaults(does=does)
        return made.add_argument

    study_preset.build(
        part("preset", study_preset.run, "write a published study as a design to run")
    )
    add = part("run", _run, "do what a design asks and its store doesn't have yet")
    add("design", metavar="DESIGN.toml")
    add("--store", required=True, type=Path, metavar="FILE", help="made where there is none")
    add("--workers", type=options.whole_number, metavar="N", help="processes; 0: this one only")
    add("--executor", choices=("local", "ray"), default="local", help="who works")
    add("--shard", type=shard, metavar="I/N", help="do part I of N, with a store of its own")
    add("--devices", metavar="D,..", help="such as cuda:0,cuda:1, for the workers in turn")
    add(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="kill a worker that finishes no image in this time (instead of the design's)",
    )
    add("--no-resume", action="store_true", help="refuse a store that exists")
    add("--retry-failed", action="store_true", help="try again what has failed")
    add(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="bars on stderr (default: where it is a terminal)",
    )
    add = part("status", _status, "what is done, failed and left, by model")
    add("store", metavar="STORE")
    add("--json", action="store_true", help="one JSON object instead of the table")
    add = part("export", _export, "write the table or the masks of a store to a file")
    add("store", metavar="STORE")
    add("--out", required=True, metavar="FILE", help=".csv, .parquet, or .json for COCO masks")
    add("--format", choices=("csv", "parquet", "coco"), help="instead of what the name ends in")
    add = part("report", _report, "write tables, tests and pictures of a store as a report")
    add("store", metavar="STORE")
    add("--out", required=True, metavar="PATH", help=".html, .md, .tex, or a folder for all")
    add(
        "--format",
        action="append",
        choices=("html", "markdown", "latex", "figures", "tables"),
        help="instead of what the name says; several times for parts of a folder",
    )
    add("--only", type=names, metavar="PART,..", help="instead of what the design asks for")
    add("--without", type=names, default=(), metavar="PART,..", help="such as examples: no photos")
    add = part("plan", _plan, "predict evaluations, time and storage by trying a few jobs")
    add("design", metavar="DESIGN.toml")
    add(
        "--probe",
        type=options.whole_number,
        default=2,
        metavar="N",
        help="jobs to try for each model and method; 0: count only",
    )
    add("--workers", type=options.positive_int, default=1, metavar="N", help="to share the time")
    add("--json", action="store_true", help="one JSON object instead of the table")
    add = part("merge", _merge, "join the stores of shards; a second time changes nothing")
    add("target", metavar="STORE", help="where to; made where there is none")
    add("sources", nargs="+", metavar="SHARD", help="stores to read")


def run(args: argparse.Namespace) -> int:
    """Run one of the subcommands."""
    args.command = f"study {args.part}"
    code: int = args.does(args)
    return code


def shard(text: str) -> tuple[int, int]:
    """Read I/N."""
    first, slash, second = text.partition("/")
    if not (slash and first.isdigit() and second.isdigit() and 1 <= int(first) <= int(second)):
        raise argparse.ArgumentTypeError(f"expected I/N such as 1/4, got {text!r}")
    return int(first), int(second)


def names(text: str) -> tuple[str, ...]:
    """Read NAME,.. ."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _run(args: argparse.Namespace) -> int:
    from suffice.errors import StoreError
    from suffice.study import Study

    study = Study.from_toml(args.design)
    prepared = study.prepare()
    for note in prepared.notes:
        _say(f"warning: {note}")
    begun = False

    def note_begin(_: object) -> None:
        nonlocal begun
        begun = True

    with Interrupt() as interrupt:
        try:
            result = study.run(
                args.store,
                resume=not args.no_resume,
                workers=args.workers,
                executor=args.executor,
                shard=args.shard,
                devices=args.devices.split(",") if args.devices else (),
                retry=args.retry_failed,
                timeout=args.timeout,
                should_stop=lambda: interrupt.wished,
                on_progress=note_begin,
                show_progress=args.progress,
                warn=False,
            )
        except StoreError as problem:
            if not begun:
                raise
            _say(f"suffice study run: error: {problem}")
            _say(f"What was finished is in the store. To go on:\n  {_again(args.argv)}")
            return 1
    states, failures, probes = result.states(), result.failures, result.probe_states()
    _say(_table(states))
    if probes:
        _say(_probe_table(probes))
    for name, error in failures[:SHOWN_FAILURES]:
        _say(f"failed: {name}: {error}")
    if len(failures) > SHOWN_FAILURES:
        _say(f"... and {len(failures) - SHOWN_FAILURES} more")
    left = sum(s.get("open", 0) + s.get("leased", 0) for s in states.values())
    left += sum(s["open"] for models in probes.values() for s in models.values())
    if left:
        _say(f"interrupted: {left} left. To go on:\n  {_again(args.argv)}")
        return INTERRUPTED
    return 1 if failures else 0


def _again(argv: Sequence[str]) -> str:
    """The command that goes on."""
    return shlex.join(["suffice", *(w for w in argv if w not in ("--no-resume", "--retry-failed"))])


def _status(args: argparse.Namespace) -> int:
    from suffice.study import StudyResult

    result = StudyResult(args.store)
    states, failures, probes = result.counts, result.failures, result.probe_states()
    if args.json:
        made = [{"job": name, "error": error} for name, error in failures]
        print(json.dumps({"models": states, "failures": made, "probes": probes}))
        return 0
    print(_table(states))
    if probes:
        print(_probe_table(probes))
    for name, error in failures:
        print(f"failed: {name}: {error}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from suffice.study import StudyResult

    path = StudyResult(args.store).export(args.out, args.format)
    _say(f"written: {path}")
    return 0


def _report(args: argparse.Namespace) -> int:
    from suffice.report import write

    report, *others = write(
        args.store, args.out, formats=args.format, analyses=args.only, without=args.without
    )
    _say(f"written: {report}" + (f" and {len(others)} more files" if others else ""))
    return 0


def _merge(args: argparse.Namespace) -> int:
    from suffice.study import merge

    new = merge(args.target, args.sources)
    _say(f"{new} results are new in {args.target}")
    return 0


def _plan(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from suffice.study import Study, plan

    study = Study.from_toml(args.design)
    for note in study.prepare().notes:
        _say(f"warning: {note}")
    costs = plan(study, args.probe, lambda what: _say(f"trying {what}"))
    if args.json:
        plain = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(c).items()}
            for c in costs
        ]
        print(json.dumps({"workers": args.workers, "costs": plain}))
        return 0
    rows = [("model", "method", "jobs", "evaluations", "time", "storage", "tried")]
    for c in costs:
        rows.append(
            (
                c.model,
                c.method,
                f"{c.jobs:,}",
                *_figures(c.evaluations, c.seconds, c.bytes),
                str(c.probed),
            )
        )
    total = [sum(getattr(c, k) for c in costs) for k in ("evaluations", "seconds", "bytes")]
    rows.append(
        ("all", "", f"{sum(c.jobs for c in costs):,}", *_figures(total[0], total[1], total[2]), "")
    )
    print(columns(rows))
    if not math.isnan(total[1]):
        print(f"about {_duration(total[1] / args.workers)} with {args.workers} worker(s) as fast")
    return 1 if any(c.failed for c in costs) else 0


def _figures(evaluations: float, seconds: float, size: float) -> tuple[str, str, str]:
    if math.isnan(evaluations):
        return "?", "?", "?"
    return f"{evaluations:,.0f}", _duration(seconds), f"{size / 1e6:,.1f} MB"


def _duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _table(states: dict[str, dict[str, int]]) -> str:
    rows: list[tuple[str, ...]] = [("model", *STATES)]
    rows += [(model, *(str(s.get(k, 0)) for k in STATES)) for model, s in states.items()]
    if len(states) > 1:
        sums = (str(sum(s.get(k, 0) for s in states.values())) for k in STATES)
        rows.append(("all", *sums))
    return columns(rows)


def _probe_table(probes: dict[str, dict[str, dict[str, int]]]) -> str:
    """Progress of probes, by probe and model asked."""
    states = ("done", "skipped", "failed", "open")
    rows: list[tuple[str, ...]] = [("probe, model asked", *states)]
    for probe, models in probes.items():
        rows += [(f"{probe}, {m}", *(str(s[k]) for k in states)) for m, s in models.items()]
    return columns(rows)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, the first to the left, the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
