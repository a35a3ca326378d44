"""Count the instructions of the core operations and compare them with what they may cost.

    python tools/instructions.py PROGRAM [--write]

PROGRAM is ``suffice_instructions`` (``make instructions`` builds it). Each of its operations runs
once under valgrind's callgrind; counts don't depend on how busy the machine is, which times do. They
do depend on the compiler: the budgets of benchmarks/results/instructions.json hold for the family
and major version that they were counted with, and another compiler's counts are only printed.
``--write`` takes the counts as the new budgets; say in the commit why they changed.

Exit codes: 0 within the budgets (or not comparable), 1 an operation costs more, or less than its
budget by so much that the budget no longer guards it, 2 no counts could be made.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

BUDGETS = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "instructions.json"
TOLERANCE = 0.05
# The C library chooses its functions by the processor; these make it choose the same on all.
SAME_FUNCTIONS = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX,-FMA,-FMA4,-ERMS,-FSRM"


def compiler(program: Path) -> str:
    """Give the family and major version that a program was built with, such as ``GCC 12``."""
    done = subprocess.run(
        ["readelf", "-p", ".comment", program], check=True, capture_output=True, text=True
    )
    for family in ("clang", "GCC"):
        match = re.search(rf"{family}\D[^\n]*?(\d+)\.\d+\.\d+", done.stdout)
        if match:
            return f"{family} {match[1]}"
    return "unknown"


def count(program: Path, operation: str) -> int:
    """Run one operation under callgrind and give the instructions of what is measured."""
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=suffice_measured"]
    command += ["--callgrind-out-file=/dev/null", str(program), operation]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"GLIBC_TUNABLES": SAME_FUNCTIONS},
    )
    match = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or match is None or int(match[1]) == 0:
        raise RuntimeError(f"{operation}: callgrind counted nothing\n{done.stderr[-800:]}")
    return int(match[1])


def compare(
    counted: dict[str, int], budgets: dict[str, int], tolerance: float
) -> tuple[list[str], list[str]]:
    """Return a line for each operation, and the faults among them.

    Parameters
    ----------
    counted, budgets : dict of operation to instructions
    tolerance : float
        Share by which a count may differ from its budget, either way.
    """
    lines, faults = [], []
    for name in sorted(counted.keys() | budgets.keys()):
        if name not in budgets:
            faults.append(f"{name}: there is no budget; run with --write")
        elif name not in counted:
            faults.append(f"{name}: has a budget but is not an operation of the program")
        else:
            change = counted[name] / budgets[name] - 1
            line = f"{name}: {counted[name]:,} instructions, {change:+.1%} of {budgets[name]:,}"
            lines.append(line)
            if change > tolerance:
                faults.append(f"{line}: slower than the {tolerance:.0%} that is allowed")
            elif change < -tolerance:
                faults.append(f"{line}: faster; take it as the new budget with --write")
    return lines, faults


def main() -> int:
    """Count, then compare or write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--write", action="store_true", help="take the counts as budgets")
    words = parser.parse_args()
    if shutil.which("valgrind") is None or shutil.which("readelf") is None:
        print(
            "instructions not counted: valgrind and readelf are needed (apt-get install valgrind)"
        )
        return 2
    names = subprocess.run([words.program], check=True, capture_output=True, text=True)
    counted = {name: count(words.program, name) for name in names.stdout.split()}
    made = {"compiler": compiler(words.program), "machine": platform.machine()}
    if words.write:
        stored: dict[str, Any] = {**made, "tolerance": TOLERANCE, "instructions": counted}
        BUDGETS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {BUDGETS}")
        return 0
    stored = json.loads(BUDGETS.read_text(encoding="utf-8"))
    lines, faults = compare(counted, stored["instructions"], stored["tolerance"])
    print("\n".join(lines))
    if any(stored[key] != made[key] for key in made):
        budgets_of = f"{stored['compiler']} on {stored['machine']}"
        print(f"not compared: the budgets are of {budgets_of}, this is {made}")
        return 0
    if faults:
        print("\nthe budgets of benchmarks/results/instructions.json do not hold:")
        print("\n".join(faults))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
