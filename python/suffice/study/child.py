"""Processes that a study starts for its work."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import IO


def start(module: str, answers: bool) -> tuple[subprocess.Popen[str], IO[str]]:
    """Start a module of this package in a process of its own.

    It has a session of its own too: Ctrl-C is for us, who ask it to finish.

    Parameters
    ----------
    module : str
    answers : bool
        Whether its output is read; otherwise it is thrown away.

    Returns
    -------
    Popen
        With a pipe for what it is told.
    file
        Its errors.
    """
    errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if answers else subprocess.DEVNULL,
        stderr=errors,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    return process, errors
