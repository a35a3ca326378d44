"""Compile every kernel by NVIDIA's own compiler of CUDA 12, the one inside NVRTC.

    python tools/nvrtc12.py [--folder build/cuda12] [--architectures 75 90 ...]

NVRTC is nvcc's device compiler as a library, and comes by pip where nvcc does not. It knows device
code alone, so the standard headers are stood in for by libcu++ and the host's part (launches,
checks of arguments) is left out; `tools/cuda12.py` compiles that part by clang.
"""

from __future__ import annotations

import argparse
import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "constraints" / "cuda12.txt"
ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
OPTIONS = ("--std=c++17", "--fmad=false", "-default-device")

_FROM_LIBCUXX = ("cstdint", "cstddef", "cmath", "limits", "type_traits", "utility")
SHIMS = {
    **{
        name: f"#include <cuda/std/{name}>\nnamespace std {{ using namespace cuda::std; }}\n"
        for name in _FROM_LIBCUXX
    },
    **dict.fromkeys(("cstring", "string", "stdexcept", "cuda_runtime_api.h"), ""),
    "core/cuda/check.cuh": "#define SUFFICE_CUDA_CHECK(call)\n",
    "core/error.h": "#define SUFFICE_EXPECT(condition, message)\n",
}
SHIMS["cmath"] += "namespace std { using ::expm1; using ::log1p; }\n"

_TYPES = ("Float32", "Float16", "Bfloat16")
_LAYOUTS = ("Layout::kNchw", "Layout::kNhwc")
# Every instance that the .cu files start.
THREADS = [f"ComposeKernel<{t}, {layout}>" for t in _TYPES for layout in _LAYOUTS]
THREADS += ["LeaveOneOutKernel", "RanksKernel", "BoxesKernel", "CornersKernel", "ColumnSumsKernel"]
WARPS = [f"DecideKernel<{t}>" for t in _TYPES] + ["PrefixKernel", "LabelsKernel", "RowSumsKernel"]


def program() -> str:
    """Instantiate all kernels; a kernel of the sources that is missing above ends it."""
    headers = sorted((ROOT / "csrc").rglob("*_kernel.h"))
    defined = {
        name
        for h in headers
        for name in re.findall(r"^struct (\w+Kernel) ", h.read_text(), re.MULTILINE)
    }
    listed = {name.partition("<")[0] for name in (*THREADS, *WARPS)}
    if defined != listed:
        sys.exit(f"tools/nvrtc12.py lists other kernels than there are: {sorted(defined ^ listed)}")
    lines = ['#include "core/cuda/launch.cuh"']
    lines += [f'#include "{h.relative_to(ROOT / "csrc").as_posix()}"' for h in headers]
    lines.append("namespace suffice::cuda {")
    for run, kernels in (("run_threads", THREADS), ("run_warps", WARPS)):
        for kernel in kernels:
            number = len(lines)
            lines.append(f"using K{number} = {kernel};")
            lines.append(f"template __global__ void {run}<K{number}>(const K{number});")
    return "\n".join([*lines, "}", ""])


def install(folder: Path) -> tuple[ctypes.CDLL, list[str]]:
    """Load NVRTC from the packages; the options that name the folders of headers."""
    packages, shims = folder / "packages", folder / "shims"
    if not packages.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        subprocess.run([*pip, "--target", str(packages), "-r", str(PACKAGES)], check=True)
    shutil.rmtree(shims, ignore_errors=True)
    for name, text in SHIMS.items():
        path = shims / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#pragma once\n{text}")
    nvidia = packages / "nvidia"
    headers = [nvidia / name / "include" for name in ("cuda_runtime", "cuda_nvcc", "cuda_cccl")]
    folders = [shims, ROOT / "csrc", *headers]
    library = ctypes.CDLL(str(nvidia / "cuda_nvrtc" / "lib" / "libnvrtc.so.12"))
    return library, [f"-I{path}" for path in folders]


def compile_for(library: ctypes.CDLL, options: list[str], source: str) -> int:
    """Compile; the size of the machine code in bytes."""
    handle, size = ctypes.c_void_p(), ctypes.c_size_t()
    library.nvrtcCreateProgram(ctypes.byref(handle), source.encode(), b"kernels.cu", 0, None, None)
    array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    if library.nvrtcCompileProgram(handle, len(options), array):
        library.nvrtcGetProgramLogSize(handle, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(handle, log)
        sys.exit(log.value.decode())
    library.nvrtcGetCUBINSize(handle, ctypes.byref(size))
    library.nvrtcDestroyProgram(ctypes.byref(handle))
    return size.value


def main() -> None:
    """Compile for every architecture; any error ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "cuda12")
    parser.add_argument("--architectures", nargs="+", default=list(ARCHITECTURES))
    given = parser.parse_args()
    source = program()
    library, folders = install(given.folder)
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    for architecture in given.architectures:
        options = [f"--gpu-architecture=sm_{architecture}", *OPTIONS, *folders]
        size = compile_for(library, options, source)
        print(
            f"NVRTC {major.value}.{minor.value}, sm_{architecture}: "
            f"{len(THREADS) + len(WARPS)} kernels, {size} bytes"
        )


if __name__ == "__main__":
    main()
