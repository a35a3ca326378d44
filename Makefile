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
PACKAGE  = $(PIP) --no-build-isolation --config-settings=build-dir=$(BUILD)/make
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format types stubs native asan tsan asan-python tsan-python fuzz \
	wheel oldest instructions cuda12 docs clean

help:
	@echo "make demo    explain a photo with a real classifier"
	@echo "make test    run all tests (ARGS='-k name' is handed to pytest)"
	@echo "make setup   only set up .venv"
	@echo "make lint    formatting, lint and layering"
	@echo "make format  write formatting"
	@echo "make types   mypy, strict"
	@echo "make stubs   check the stubs of the compiled modules; write them anew if they differ"
	@echo "make native  C++ tests (needs GoogleTest)"
	@echo "make asan    C++ tests under address and undefined-behaviour sanitizers"
	@echo "make tsan    C++ tests under the thread sanitizer"
	@echo "make asan-python   the Python tests under the address and undefined-behaviour sanitizers"
	@echo "make tsan-python   those of the kernels and searches under the thread sanitizer"
	@echo "make fuzz    every reader of files for SECONDS=60 each (docs/trust.md)"
	@echo "make wheel   build a wheel into dist/, check what it holds, and use it in a new venv"
	@echo "make oldest  the tests with the oldest dependencies allowed (Python 3.11)"
	@echo "make instructions  count the core's instructions under valgrind against their budgets"
	@echo "make cuda12  the CUDA code with CUDA 12, by NVRTC and clang (docs/cuda.md)"
	@echo "make docs    the documentation site in build/site; every warning is an error"
	@echo "make clean   remove .venv and everything that was built"

setup: $(VENV)/.test

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
	@$(BIN)/python tools/stubs.py --check || { $(BIN)/python tools/stubs.py; \
	  echo "the stubs were out of date and are written anew: commit them"; exit 1; }

native: $(VENV)/.build
	$(call native_tests,native,)

asan: $(VENV)/.build
	$(call native_tests,native-asan,-DSUFFICE_SANITIZE=address$(comma)undefined)

tsan: export TSAN_OPTIONS = halt_on_error=1
tsan: $(VENV)/.build
	$(call native_tests,native-tsan,-DSUFFICE_SANITIZE=thread)

comma := ,
# $(1) folder below build/, $(2) further settings. GoogleTest is needed; CMake says so without it.
define native_tests
	PATH="$(abspath $(BIN)):$$PATH" cmake -S . -B $(BUILD)/$(1) -G Ninja -DSUFFICE_PYTHON=OFF \
	  -DSUFFICE_CUDA=OFF -DSUFFICE_WERROR=ON -DSUFFICE_NATIVE_TESTS=ON $(2)
	PATH="$(abspath $(BIN)):$$PATH" cmake --build $(BUILD)/$(1)
	PATH="$(abspath $(BIN)):$$PATH" ctest --test-dir $(BUILD)/$(1) --output-on-failure
endef

# The sanitized core is installed into a venv of its own, so that .venv keeps the fast one. libstdc++
# is loaded first as well: otherwise the first C++ exception ends the process without a word.
# $(1) folder, $(2) SUFFICE_SANITIZE, $(3) name of the run time, $(4) tests
define python_tests
	$(PYTHON) -m venv $(BUILD)/$(1)-venv
	echo "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
	  > "$$($(BUILD)/$(1)-venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
	PATH="$(abspath $(BIN)):$$PATH" $(BUILD)/$(1)-venv/bin/python -m pip install -q --no-deps \
	  --force-reinstall --no-build-isolation --config-settings=build-dir=$(BUILD)/$(1) \
	  --config-settings=cmake.define.SUFFICE_SANITIZE=$(2) \
	  --config-settings=cmake.define.SUFFICE_CUDA=OFF \
	  --config-settings=install.strip=false .
	LD_PRELOAD="$$(g++ -print-file-name=lib$(3)) $$(g++ -print-file-name=libstdc++.so)" \
	  $(BUILD)/$(1)-venv/bin/python -m pytest $(4) $(ARGS)
endef

# Tests ask for more memory than there is, which has to fail as it does without the sanitizer. A
# browser would be started with the run time too, which it is not made for; pages have no C++.
asan-python: export ASAN_OPTIONS = detect_leaks=0 allocator_may_return_null=1
asan-python: $(VENV)/.test
	$(call python_tests,asan,address$(comma)undefined,asan.so,-m "not browser")

# Python and NumPy are not instrumented: their own synchronisation is unseen, so only what our core
# does is reported (tests/native/tsan.supp), and tests that use other native libraries are left out.
# One test forks a process with threads, which the sanitizer has to be asked to go on after.
tsan-python: export TSAN_OPTIONS = suppressions=$(CURDIR)/tests/native/tsan.supp halt_on_error=1 \
	die_after_fork=0
tsan-python: $(VENV)/.test
	$(call python_tests,tsan,thread,tsan.so,tests/property/test_native_*.py tests/unit/test_native_*.py)

SECONDS ?= 60
READERS := image onnx design preprocess labels explanation reference quiz npz table array blob store
fuzz: $(VENV)/.test
	$(PIP) atheris
	for reader in $(READERS); do \
	  $(BIN)/python tests/fuzz/run.py $$reader --seconds $(SECONDS) || exit 1; done

# The build folder is the one .venv is installed from, so little is compiled. The wheel is then used
# in a venv that has its run-time dependencies and nothing else.
wheel: $(VENV)/.test
	rm -rf $(BUILD)/wheel $(BUILD)/wheel-venv
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation \
	  --config-settings=build-dir=$(BUILD)/make -w $(BUILD)/wheel .
	$(BIN)/python tools/check_wheel.py $(BUILD)/wheel/*.whl
	$(PYTHON) -m venv $(BUILD)/wheel-venv
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BUILD)/wheel-venv/bin/python -m pip install -q \
	  -c constraints/ci.txt $(BUILD)/wheel/*.whl
	cd $(BUILD) && wheel-venv/bin/python ../tools/try_wheel.py
	mkdir -p dist && cp $(BUILD)/wheel/*.whl dist/

oldest: $(VENV)/.build
	$(PYTHON) -m venv $(BUILD)/oldest-venv
	$(BUILD)/oldest-venv/bin/python -m pip install -q scikit-build-core pybind11 cmake ninja
	PATH="$(abspath $(BUILD))/oldest-venv/bin:$$PATH" $(BUILD)/oldest-venv/bin/python -m pip install \
	  -q --no-build-isolation -c constraints/min.txt --config-settings=build-dir=$(BUILD)/oldest \
	  --config-settings=cmake.define.SUFFICE_CUDA=OFF '.[cpu,plot,report,slic,study]' pyparsing
	$(BUILD)/oldest-venv/bin/python -m pip install -q -c constraints/min.txt pytest hypothesis
	$(BUILD)/oldest-venv/bin/python -m pytest -m "not demo" $(ARGS)

instructions: $(VENV)/.build
	PATH="$(abspath $(BIN)):$$PATH" cmake -S . -B $(BUILD)/instructions -G Ninja \
	  -DCMAKE_BUILD_TYPE=Release -DSUFFICE_PYTHON=OFF -DSUFFICE_CUDA=OFF -DSUFFICE_INSTRUCTIONS=ON
	PATH="$(abspath $(BIN)):$$PATH" cmake --build $(BUILD)/instructions
	$(BIN)/python tools/instructions.py $(BUILD)/instructions/benchmarks/native/suffice_instructions \
	  $(ARGS)

cuda12: $(VENV)/.build
	$(BIN)/python tools/nvrtc12.py $(ARGS)
	$(BIN)/python tools/cuda12.py $(ARGS)

docs: $(VENV)/.test
	$(PIP) mkdocs-material 'mkdocstrings[python]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict -d $(BUILD)/site

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
	$(PACKAGE) '.[dev,demo,captum,study,integrations]'
	touch $(VENV)/.demo $@
