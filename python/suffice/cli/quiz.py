"""``suffice quiz STORE`` and ``suffice quiz score KEY ANSWERS...``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.cli import options
from suffice.cli.study import columns

if TYPE_CHECKING:
    from suffice.study.quiz.score import QuizScores, Rate

MOST_CLASSES = 20


def build(parser: Any) -> None:
    """Add the options of both."""
    _build_score(parser.branch("score", "score the answers that viewers have saved"))
    add = parser.add_argument
    add("store", metavar="STORE", help="of suffice study run, with orders or responsibility")
    add("--out", required=True, type=Path, metavar="FILE.html", help="the page to give out")
    add(
        "--existing",
        choices=("error", "replace"),
        default="error",
        help="what to do about files that are there",
    )
    add(
        "--shares",
        type=options.numbers,
        default="0.05,0.3,0.5",
        metavar="S,..",
        help="shares of the pixels to show",
    )
    add(
        "--per-share",
        type=options.positive_int,
        default=20,
        metavar="N",
        help="photos that each viewer sees at each share",
    )
    add("--labels", metavar="FILE", help="class names, as of suffice explain")
    add("--title", default="What do you see?", metavar="TEXT", help="of the page")
    where = parser.add_argument_group(
        "photos", "Where they are (default: what the design in the store says, seen from there)."
    )
    where.add_argument("--design", metavar="DESIGN.toml", help="the design, at its place")
    where.add_argument("--images", metavar="SOURCE", help="a folder, a .csv or an .npz")
    add("--seed", type=options.whole_number, default=0, metavar="N", help="of what is drawn")
    choose = parser.add_argument_group("results", "Which results of the store.")
    add = choose.add_argument
    add("--models", metavar="M,..", help="names in the design (default: all, dealt to the photos)")
    add("--method", help="name in the design")
    add("--criterion", help="as in the design")
    add("--baseline", help="as in the design")
    add("--grain", type=options.positive_int, metavar="G")
    add("--right", action="store_true", help="only photos that the model classifies rightly")
    parser.set_defaults(does=_make)


def _build_score(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("key", metavar="KEY.json", help="what suffice quiz has written beside the page")
    add("answers", nargs="+", metavar="ANSWERS.json", help="what the page has saved")
    add("--json", action="store_true", help="one JSON object instead of the tables")
    parser.set_defaults(run=run, does=_score, command="quiz score")


def run(args: argparse.Namespace) -> int:
    """Run one of the two."""
    code: int = args.does(args)
    return code


def _make(args: argparse.Namespace) -> int:
    from suffice.errors import ExistingResultError
    from suffice.study.quiz.make import key_path, make_quiz

    for path in (args.out, key_path(args.out)):
        if path.exists() and args.existing == "error":
            raise ExistingResultError(f"{path} exists; say --existing replace, or another name")
    chosen = {n: getattr(args, n) for n in ("method", "criterion", "baseline", "grain")}
    if args.models is not None:
        chosen["model"] = args.models.split(",")
    quiz = make_quiz(
        args.store,
        shares=args.shares,
        per_share=args.per_share,
        labels=args.labels,
        seed=args.seed,
        right=args.right,
        design=args.design,
        images=args.images,
        title=args.title,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    page, key = quiz.save(args.out)
    photos = len(quiz.key["items"]) // len(quiz.key["shares"])
    shares = ", ".join(f"{100 * s:g} %" for s in quiz.key["shares"])
    print(f"{photos} photos at {shares}, {len(quiz.key['choices'])} classes", file=sys.stderr)
    print(f"to give out: {page} ({len(quiz.page) / 1e6:.1f} MB)", file=sys.stderr)
    print(f"to keep: {key}, which says what is right", file=sys.stderr)
    return 0


def _score(args: argparse.Namespace) -> int:
    args.command = "quiz score"
    from suffice.study.quiz.score import score_quiz

    scores = score_quiz(args.key, args.answers)
    for note in scores.notes:
        print(f"note: {note}", file=sys.stderr)
    if args.json:
        print(json.dumps(scores.to_dict(), allow_nan=False))
        return 0
    print("\n\n".join(_tables(scores)))
    return 0


def _tables(scores: QuizScores) -> list[str]:
    people = [p for p in scores.participants if p["complete"]]
    head = f"{len(scores.participants)} participants, {len(people)} of them to the end"
    shares = _rates("share", scores.shares, lambda s: f"{100 * s:g} %", published=True)
    first, last = scores.shares[0].accuracy or 0.0, scores.shares[-1].accuracy or 0.0
    falling = ", accuracy FALLS with the share" if last < first else ""
    fit = (
        f"R^2 of accuracy and share: {_number(scores.r2_participants)} over participants and "
        f"shares, {_number(scores.r2_means)} over the shares' means (published: 0.94){falling}"
    )
    parts = [head, f"{shares}\n{fit}", _rates("class", [c for c in scores.classes if c.n])]
    if len(scores.models) > 1:
        parts.append(_rates("model", scores.models))
    if len(scores.choices) <= MOST_CLASSES:
        rows = [("true \\ chosen", *scores.choices, "can't tell")]
        pairs = zip(scores.choices, scores.confusion, strict=True)
        rows += [(name, *map(str, row)) for name, row in pairs if sum(row)]
        parts.append(columns(rows))
    return parts


def _rates(what: str, rates: Sequence[Rate], name: Any = str, published: bool = False) -> str:
    header = (what, "answers", "can't tell", "accuracy", "95 %", "as the model", "model right", "s")
    rows = [(*header, "published") if published else header]
    for rate in rates:
        ends = "-" if rate.low is None else f"{_percent(rate.low)} - {_percent(rate.high)}"
        cells = (
            *(name(rate.name), str(rate.n), str(rate.unknown), _percent(rate.accuracy), ends),
            *(_percent(rate.agreement), _percent(rate.model_accuracy), _number(rate.seconds)),
        )
        rows.append((*cells, _percent(rate.published)) if published else cells)
    return columns(rows)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
