"""Check what a built wheel holds, and what its compiled modules show to the outside.

    python tools/check_wheel.py dist/suffice-0.1.0-cp311-cp311-linux_x86_64.whl [--cpu]

Every fault is printed; the exit code is 1 if there is one. ``--cpu`` also refuses the CUDA
extension. Symbols are read with ``nm`` (Linux and macOS); where it is missing a line says that they
were not checked.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

NEEDED = (
    "suffice/__init__.py",
    "suffice/_core.pyi",
    "suffice/cli/__init__.py",
    "suffice/models/data/cat.jpg",
    "suffice/models/data/LICENSE.txt",
    "suffice/models/imagenet_classes.txt",
    "suffice/py.typed",
)
DATA = (".py", ".pyi", ".txt", ".jpg", ".typed", ".toml", ".html", ".css", ".js", ".j2", ".json")
FOREIGN = ("tests", "benchmarks", "docs", "csrc", "tools", "__pycache__")
EXTENSION = re.compile(r"suffice/(_core|_cuda)\.([^/]+\.)?(so|pyd)")
MOST_BYTES = 20_000_000  # unpacked; a CPU wheel has 2 MB, one with CUDA code for seven devices more


def faults_of_names(names: list[str], cpu: bool) -> list[str]:
    """Say what is missing from a wheel and what has no place in it."""
    found = [f"{name} is missing" for name in NEEDED if name not in names]
    cores = [name for name in names if name.startswith("suffice/_core.") and EXTENSION.match(name)]
    if len(cores) != 1:
        found.append(f"expected one compiled suffice/_core, found {cores or 'none'}")
    for name in names:
        parts = name.split("/")
        if parts[0] != "suffice" and not parts[0].endswith(".dist-info"):
            found.append(f"{name} is outside the package")
        elif any(part in FOREIGN for part in parts[:-1]):
            found.append(f"{name} is not needed to use the package")
        elif parts[0] == "suffice" and not (EXTENSION.fullmatch(name) or name.endswith(DATA)):
            found.append(f"{name} is of a kind that is not expected")
        if cpu and name.startswith("suffice/_cuda.") and not name.endswith(".pyi"):
            found.append(f"{name} is in a wheel for CPUs")
    return found


def faults_of_tags(wheel: Path, metadata: str, names: list[str]) -> list[str]:
    """Say where the tags, the declared tag and the extension disagree, or licence and script lack."""
    parts = wheel.stem.split("-")
    if len(parts) != 5:
        return [f"{wheel.name} is not NAME-VERSION-PYTHON-ABI-PLATFORM.whl"]
    _, _, python, abi, platform = parts
    found = []
    declared = Parser().parsestr(metadata)
    tags = {f"{python}-{abi}-{one}" for one in platform.split(".")}
    if set(declared.get_all("Tag") or ()) != tags:
        found.append(f"the name says {sorted(tags)}, WHEEL says {declared.get_all('Tag')}")
    if declared["Root-Is-Purelib"] != "false":
        found.append("WHEEL says that nothing is compiled (Root-Is-Purelib)")
    if not re.fullmatch(r"cp3\d+", python) or abi != python or platform == "any":
        found.append(
            f"expected a wheel of one CPython and one platform, got {python}-{abi}-{platform}"
        )
    for name in names:
        version = re.search(r"\.(?:cpython-|cp)(\d+)", name) if EXTENSION.match(name) else None
        if version and f"cp{version[1]}" != python:
            found.append(f"{name} is for another Python than the wheel's {python}")
    for ending in (".dist-info/licenses/LICENSE", ".dist-info/entry_points.txt"):
        if not any(name.endswith(ending) for name in names):
            found.append(f"*{ending} is missing")
    return found


def exported(library: Path) -> list[str] | None:
    """Give the names that a compiled module exports, or None without ``nm`` or on Windows."""
    if library.suffix == ".pyd" or shutil.which("nm") is None:
        return None
    which = ["-gU"] if sys.platform == "darwin" else ["-D", "--defined-only"]
    done = subprocess.run(["nm", *which, library], check=True, capture_output=True, text=True)
    return sorted(line.split()[-1].split("@")[0] for line in done.stdout.splitlines() if line)


def faults_of_exports(module: str, names: list[str]) -> list[str]:
    """Say what a module exports besides the function that loads it."""
    entry = f"PyInit_{module}"
    plain = [name.removeprefix("_") if name == f"_{entry}" else name for name in names]
    if plain == [entry]:
        return []
    others = [name for name in plain if name != entry]
    more = f"and {len(others)} more, such as {others[0]}" if others else "nothing"
    return [f"{module} should export {entry} alone; it exports {more}"]


def check(wheel: Path, *, cpu: bool = False) -> list[str]:
    """Return everything that is wrong with a wheel, one line each."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        found = faults_of_names(names, cpu)
        declared = [name for name in names if name.endswith(".dist-info/WHEEL")]
        if len(declared) != 1:
            return [*found, "expected one *.dist-info/WHEEL"]
        found += faults_of_tags(wheel, archive.read(declared[0]).decode(), names)
        size = sum(item.file_size for item in archive.infolist())
        if size > MOST_BYTES:
            found.append(f"{size:,} bytes unpacked, at most {MOST_BYTES:,} are expected")
        for name in names:
            match = EXTENSION.fullmatch(name)
            if match is None:
                continue
            symbols = exported(Path(archive.extract(name, folder)))
            if symbols is None:
                print(f"{name}: exported symbols not checked (no nm, or not for this format)")
            else:
                found += faults_of_exports(match[1], symbols)
    return found


def main() -> int:
    """Check the wheels that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheels", nargs="+", type=Path)
    parser.add_argument("--cpu", action="store_true", help="refuse the CUDA extension")
    words = parser.parse_args()
    failed = 0
    for wheel in words.wheels:
        found = check(wheel, cpu=words.cpu)
        for line in found:
            print(f"{wheel.name}: {line}")
        if not found:
            print(f"{wheel.name}: good, {wheel.stat().st_size:,} bytes")
        failed |= bool(found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
