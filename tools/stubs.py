"""Write the type stubs of the compiled modules, or check that they are up to date.

Run it in the environment the package is installed in:

    python tools/stubs.py            writes python/suffice/_core.pyi (and _cuda.pyi)
    python tools/stubs.py --check    exit 1 and a diff when one of them is out of date

A module that the installed build lacks (_cuda in a CPU build) is left out with a message.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

MODULES = ("_core", "_cuda")
TARGET = Path(__file__).resolve().parent.parent / "python" / "suffice"


def generate(module: str) -> str:
    """Return the formatted stub of ``suffice.<module>``."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["pybind11_stubgen", f"suffice.{module}", "-o", folder, "--exit-code"]
        subprocess.run([sys.executable, "-m", *command], check=True)
        text = (Path(folder) / "suffice" / f"{module}.pyi").read_text()
    format_stub = ["ruff", "format", "--isolated", "--line-length=100", "--stdin-filename=x.pyi"]
    done = subprocess.run(
        [sys.executable, "-m", *format_stub, "-"],
        input=text,
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout


def main() -> int:
    """Write or check all stubs; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    code = 0
    for module in MODULES:
        if importlib.util.find_spec(f"suffice.{module}") is None:
            print(f"suffice.{module} is not in this build: its stub is left as it is")
            continue
        path = TARGET / f"{module}.pyi"
        new = generate(module)
        old = path.read_text() if path.exists() else ""
        if not check:
            path.write_text(new)
        elif new != old:
            names = (str(path), "generated")
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(True), new.splitlines(True), *names)
            )
            print(f"{path} is out of date: run python tools/stubs.py")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
