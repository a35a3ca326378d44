"""The command line: ``suffice explain | verify | study | check | quiz | demo | info | methods``.

Each subcommand is a module with ``build(parser)``, which adds its options, and ``run(args)``,
which does the work and returns the exit code. Heavy imports happen inside ``run``, so that
``suffice --help`` is instant.

Exit codes: 0 done; 1 some item failed (the others are done); 2 wrong usage, nothing was done;
130 interrupted. Progress and failures go to stderr, results to stdout. Expected errors are one
line; ``SUFFICE_DEBUG=1`` shows their traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from suffice.cli.parser import build_parser

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after the program's name; ``sys.argv[1:]`` when not given.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = build_parser().parse_args(words)
    except SystemExit as stop:  # argparse ends --help with 0 and a usage error with 2
        return stop.code if isinstance(stop.code, int) else 2
    args.argv = words
    from suffice.errors import SufficeError

    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our output has gone (for example `| head`). Point stdout elsewhere so that
        # the interpreter's last flush doesn't fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _fail(args.command, "interrupted", INTERRUPTED)
    except SufficeError as error:
        return _fail(args.command, str(error), 2)
    except OSError as error:
        if error.filename is None:
            raise
        return _fail(args.command, f"{error.filename}: {error.strerror}", 2)


def _fail(command: str, message: str, code: int) -> int:
    """Say one line on stderr; the traceback only when asked for."""
    if os.environ.get("SUFFICE_DEBUG"):
        import traceback

        traceback.print_exc()
    print(f"suffice {command}: error: {' '.join(message.split())}", file=sys.stderr)
    return code
