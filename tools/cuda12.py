"""Build the CUDA extension with what CUDA 12 there is without NVIDIA's installer, and import it.

    python tools/cuda12.py [--folder build/cuda12] [--architectures 75 90 ...]

The pip packages of CUDA 12 hold its headers, assembler (ptxas), device library and static run time,
but no nvcc. Clang stands in for it: it compiles the same .cu files against these headers, and CUDA
12's ptxas makes the machine code. Needs clang 22, and nvcc of any version on the PATH for
its program that packs the code of several architectures (fatbinary).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "constraints" / "cuda12.txt"
ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-cuda-version")
CLANGS = ("clang++-22", "clang++")
TRY = """
import _cuda
print("device_count", _cuda.device_count(), "-", _cuda.why_unavailable() or "CUDA can run")
"""


def run(*command: str | Path) -> str:
    """Run a program; its output."""
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_toolkit(folder: Path) -> Path:
    """Lay the packages out as clang expects a toolkit."""
    packages, tree = folder / "packages", folder / "toolkit"
    if not packages.exists():
        pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps")
        run(*pip, "--target", packages, "-r", PACKAGES)
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("cuda_nvcc", "cuda_runtime"):
        shutil.copytree(packages / "nvidia" / name, tree, dirs_exist_ok=True)
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        sys.exit("nvcc is not on the PATH: its fatbinary is needed, of any version")
    shutil.copy(Path(nvcc).resolve().parent / "fatbinary", tree / "bin")
    (tree / "bin" / "ptxas").chmod(0o755)
    # Clang includes this header of cuRAND always; nothing here uses it.
    (tree / "include" / "curand_mtgp32_kernel.h").touch()
    return tree


def compile_all(tree: Path, objects: Path, architectures: list[str]) -> list[Path]:
    """Compile the device code by clang, the bindings by the host's own compiler."""
    clang = next((found for name in CLANGS if (found := shutil.which(name))), None)
    if clang is None:
        sys.exit("clang 22 is not on the PATH")
    shared = ("-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", f"-I{ROOT / 'csrc'}", "-c")
    device = [clang, "-x", "cuda", f"--cuda-path={tree}", "-ffp-contract=off", *WARNINGS, *shared]
    device += [f"--cuda-gpu-arch=sm_{architecture}" for architecture in architectures]
    includes = (pybind11.get_include(), sysconfig.get_path("include"), tree / "include")
    host = ["c++", "-Wall", "-Wextra", "-Werror", *shared, *(f"-isystem{i}" for i in includes)]
    csrc = ROOT / "csrc"
    jobs = [(device, path) for path in sorted(csrc.rglob("*.cu"))]
    jobs += [(host, path) for path in sorted((csrc / "bindings" / "cuda").glob("*.cpp"))]

    def compile_one(job: tuple[list[str], Path]) -> Path:
        command, source = job
        made = objects / f"{source.name}.o"
        run(*command, source, "-o", made)
        return made

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compile_one, jobs))


def main() -> None:
    """Build and import; any fault ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "cuda12")
    parser.add_argument("--architectures", nargs="+", default=list(ARCHITECTURES))
    given = parser.parse_args()
    objects = given.folder / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    tree = make_toolkit(given.folder)
    made = compile_all(tree, objects, given.architectures)
    extension = given.folder / f"_cuda{sysconfig.get_config_var('EXT_SUFFIX')}"
    libraries = (tree / "lib" / "libcudart_static.a", "-ldl", "-lrt", "-lpthread")
    run("c++", "-shared", "-o", extension, *made, *libraries)
    run("strip", extension)
    said = run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(given.folder)!r}){TRY}")
    assembler = run(tree / "bin" / "ptxas", "--version").splitlines()[-2]
    print(f"{extension.name}: {extension.stat().st_size} bytes, {assembler}")
    print(f"architectures {' '.join(given.architectures)}; {said.strip()}")


if __name__ == "__main__":
    main()
