"""The argument parser: one sub-parser per subcommand."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from suffice import __version__
from suffice.cli import check, demo, explain, info, methods, quiz, study, verify

_COMMANDS = {
    "explain": (explain, "find the pixels that suffice, for images and folders of images"),
    "verify": (verify, "prove saved explanations again"),
    "study": (study, "run a design of many models and images, and export its results"),
    "check": (check, "tell whether the set of a new image is unusual for its class and model"),
    "quiz": (quiz, "show parts of photos to people: a page to give out, and its scores"),
    "demo": (demo, "explain a shipped photo with a real classifier"),
    "info": (info, "versions, build and devices, or what a model takes and gives"),
    "methods": (methods, "methods and their settings"),
}


class Parser(argparse.ArgumentParser):
    """Says a usage error in one line and where to read more.

    A command may have branches: a first word that leads to a parser of its own, while other words
    are arguments of the command itself (``suffice check fit STORE``, ``suffice check IMAGE``).
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._branches: dict[str, Parser] = {}

    def branch(self, word: str, meaning: str) -> Parser:
        """Make the parser that `word` leads to."""
        made = Parser(
            prog=f"{self.prog} {word}",
            description=meaning[0].upper() + meaning[1:] + ".",
            allow_abbrev=False,
            formatter_class=self.formatter_class,
        )
        self._branches[word] = made
        lines = (f"  {w:<8}{p.description}" for w, p in self._branches.items())
        self.epilog = "commands:\n" + "\n".join(lines)
        return made

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Let a branch read the rest where the first word leads to one."""
        words = sys.argv[1:] if args is None else list(args)
        if words and words[0] in self._branches:
            return self._branches[words[0]].parse_known_args(words[1:], namespace)
        return super().parse_known_args(words, namespace)

    def format_help(self) -> str:
        """Add the branches, one a line."""
        epilog, self.epilog = self.epilog, None
        text = super().format_help()
        self.epilog = epilog
        return text if epilog is None else f"{text}\n{epilog}\n"

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        print(f"{self.prog}: error: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


class Defaults(argparse.HelpFormatter):
    """Appends the default of an option where it has one worth saying."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        silent = action.default in (None, False, [], argparse.SUPPRESS)
        return text if silent or not action.option_strings else f"{text} (default: %(default)s)"


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all subcommands."""
    parser = Parser(
        prog="suffice",
        description="Find out which pixels of an image suffice for a classifier's decision.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"suffice {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    for name, (module, meaning) in _COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=meaning,
            description=meaning[0].upper() + meaning[1:] + ".",
            allow_abbrev=False,
            formatter_class=Defaults,
        )
        module.build(sub)
        sub.set_defaults(run=module.run)
    return parser
