# From a fresh clone, with Python 3.11+, a C++17 compiler and make:
#   make demo    explain a photo with a real classifier (results in demo-output/)
#   make test    run all tests
# Everything is set up in .venv; a second run starts at once. `make help` lists the rest.

PYTHON ?= python3
VENV   ?= .venv
BUILD  := build
BIN    := $(VENV)/bin
PIP    := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -q -c constraints/ci.txt
# What the installed package is made of: a change of any of these installs it anew.
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc python -type f \
	-not -name '*.pyc' -not -name '*.pyi' 2>/dev/null)
PACKAGE  = $(PIP) --no-build-isolation -C build-dir=$(BUILD)/make
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types stubs native asan clean

help:
	@echo "make demo    explain a photo with a real classifier"
	@echo "make test    run all tests (ARGS='-k name' is handed to pytest)"
	@echo "make lint    formatting, lint and layering"
	@echo "make format  write formatting"
	@echo "make types   mypy, strict"
	@echo "make stubs   write the stub of the compiled core anew"
	@echo "make native  C++ tests (needs GoogleTest)"
	@echo "make asan    tests under address and undefined-behaviour sanitizers"
	@echo "make clean   remove .venv and everything that was built"

demo: $(VENV)/.demo
	$(BIN)/suffice demo

test: $(VENV)/.test
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')

types: $(VENV)/.test
	$(BIN)/python -m mypy

stubs: $(VENV)/.test
	$(BIN)/pybind11-stubgen suffice._core -o python
	$(BIN)/ruff format python/suffice/_core.pyi

native: $(VENV)/.build
	PATH="$(abspath $(BIN)):$$PATH" cmake -S . -B $(BUILD)/native -G Ninja \
	  -DSUFFICE_NATIVE_TESTS=ON -DSUFFICE_CUDA=OFF -DPython_EXECUTABLE=$(abspath $(BIN))/python \
	  -Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)"
	PATH="$(abspath $(BIN)):$$PATH" cmake --build $(BUILD)/native
	PATH="$(abspath $(BIN)):$$PATH" ctest --test-dir $(BUILD)/native --output-on-failure

# The sanitized core is installed into a venv of its own, so that .venv keeps the fast one.
asan: $(VENV)/.test
	$(PYTHON) -m venv $(BUILD)/asan-venv
	echo "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
	  > "$$($(BUILD)/asan-venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
	PATH="$(abspath $(BIN)):$$PATH" $(BUILD)/asan-venv/bin/python -m pip install -q --no-deps \
	  --force-reinstall --no-build-isolation -C build-dir=$(BUILD)/asan \
	  -C cmake.define.SUFFICE_SANITIZE=address,undefined -C install.strip=false .
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 \
	  $(BUILD)/asan-venv/bin/python -m pytest $(ARGS)

clean:
	rm -rf $(VENV) $(BUILD) dist demo-output .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .nox .import_linter_cache

# -- setting up; the stamps say what is done ------------------------------------------------------

$(VENV)/.build: constraints/ci.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) scikit-build-core pybind11 cmake ninja
	touch $@

$(VENV)/.demo: $(VENV)/.build $(SOURCES)
	$(PACKAGE) '.[demo]'
	touch $@

$(VENV)/.test: $(VENV)/.build $(SOURCES)
	$(PACKAGE) '.[dev,demo]'
	touch $(VENV)/.demo $@
