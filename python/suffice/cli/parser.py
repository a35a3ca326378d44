"""The argument parser: one sub-parser per subcommand."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from suffice import __version__
from suffice.cli import demo, explain, info, methods, study, verify

_COMMANDS = {
    "explain": (explain, "find the pixels that suffice, for images and folders of images"),
    "verify": (verify, "prove saved explanations again"),
    "study": (study, "run a design of many models and images, and export its results"),
    "demo": (demo, "explain a shipped photo with a real classifier"),
    "info": (info, "versions, build and devices, or what a model takes and gives"),
    "methods": (methods, "methods and their settings"),
}


class Parser(argparse.ArgumentParser):
    """Says a usage error in one line and where to read more."""

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
