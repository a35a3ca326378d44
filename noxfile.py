"""Sessions that CI and developers share: ``nox -s lint types tests`` and so on."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.4"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"

PINS = ("-c", "constraints/ci.txt")
BUILD_TOOLS = ("scikit-build-core", "pybind11", "cmake", "ninja")


def install(session: nox.Session, *extras: str, settings: tuple[str, ...] = ()) -> None:
    """Install the package with the pinned tools; ``settings`` go to CMake."""
    session.install(*PINS, *BUILD_TOOLS)
    options = [f"--config-settings={setting}" for setting in settings]
    target = f".[{','.join(extras)}]" if extras else "."
    session.install(*PINS, "--no-build-isolation", *options, target)


@nox.session
def lint(session: nox.Session) -> None:
    """Check formatting, lint, spelling and layering."""
    install(session, "dev")
    session.install(*PINS, "codespell")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    sources = [
        str(path)
        for path in sorted(Path("csrc").rglob("*"))
        if path.suffix in (".cpp", ".h", ".cu", ".cuh")
    ]
    session.run("clang-format", "--dry-run", "--Werror", *sources)
    session.run("codespell", "python", "csrc", "tests", "docs", "README.md", "CONTRIBUTING.md")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly."""
    install(session, "dev")
    session.run("python", "-m", "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests with the pinned versions."""
    install(
        session,
        "dev",
        "demo",
        "captum",
        "study",
        "integrations",
        settings=("cmake.define.SUFFICE_WERROR=ON",),
    )
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(name="tests-min")
def tests_min(session: nox.Session) -> None:
    """Run the tests with the oldest run-time dependencies that pyproject.toml allows."""
    session.install(*BUILD_TOOLS)
    extras = ".[cpu,plot,report,slic,study]"
    session.install("--no-build-isolation", "-c", "constraints/min.txt", extras, "pyparsing")
    session.install("-c", "constraints/min.txt", "pytest", "hypothesis")
    session.run("python", "-m", "pytest", "-m", "not demo", *session.posargs)


@nox.session(venv_backend="none")
@nox.parametrize(
    "target",
    [
        *("stubs", "native", "asan", "tsan", "asan-python", "tsan-python"),
        *("wheel", "instructions", "docs"),
    ],
    ids=str,
)
def make(session: nox.Session, target: str) -> None:
    """Run what the Makefile does in .venv: stubs, C++ tests, sanitizers, wheel, counts, pages."""
    session.run("make", target, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Run a benchmark: ``nox -s bench -- versus_rex.py``."""
    install(session, "dev", "demo")
    script, *words = session.posargs or session.error("name a script of benchmarks/")
    session.run("python", os.fspath(Path("benchmarks") / script), *words)
