# Everything here sets up what it needs, in .venv and build/, and caches what is slow in $(CACHE).

VENV   ?= .venv
PYTHON ?= python3
ARGS   ?=
CACHE  ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hami-dra

# Neither make's lists nor the loader's, LD_PRELOAD and LD_LIBRARY_PATH, can name a file in such a folder.
ifneq ($(words $(CURDIR))$(findstring :,$(CURDIR)),1)
$(error There is a space or a colon in the path of this folder, $(CURDIR): move it to another)
endif

# Where it was set up, if not here: its programs name that folder, so in a moved or copied one they would be another's.
ELSEWHERE := $(filter-out $(CURDIR),$(file <$(VENV)/.installed))

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
C_FILES = $(shell find native tests bench -name '*.[ch]')
NATIVE_TESTS = tests/unit/vgpu tests/unit/ocihook tests/unit/wall $(wildcard tests/unit/test_sim_*.py)

export ZIG_GLOBAL_CACHE_DIR = $(CACHE)/zig
export ZIG_LOCAL_CACHE_DIR  = $(CACHE)/zig

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: build ## the whole story without a cluster, on simulated GPUs
	@$(BIN)/hami-dra demo

build: $(VENV)/.installed ## compile native/ into build/lib and generate the protocol messages
	@$(BIN)/python tools/generate_protos.py
	@$(MAKE) --no-print-directory -s -j$(shell nproc) -C native OUT=$(CURDIR)/build/lib PYTHON=$(abspath $(BIN)/python)
	@ln -sfn ../../build/lib src/hami_dra/lib

# Twice as many workers as processors: many tests wait for intervals of the plugin to pass.
test: build $(VENV)/.test ## unit and integration tests
	PYTEST_XDIST_AUTO_NUM_WORKERS=$$((2 * $$(nproc))) $(BIN)/pytest -n auto --dist worksteal $(ARGS)

test-sanitized: build $(VENV)/.test ## the tests of native/ with errors of memory, undefined behaviour and races found
	@$(BIN)/python -m tests.native.sanitizers
	$(BIN)/pytest -n auto --sanitizer=address -o testpaths="$(NATIVE_TESTS) tests/native/fuzz" $(ARGS)
	$(BIN)/pytest -n auto --sanitizer=thread -o testpaths="$(NATIVE_TESTS)" $(ARGS)

fuzz: build $(VENV)/.test ## look for inputs that crash the parsers and the region's reader (ARGS="SECONDS [TARGET…]")
	@$(BIN)/python -m tests.native.fuzz $(ARGS)

e2e: build $(VENV)/.test ## the tests on a real Kubernetes (needs root, or KUBECONFIG of a cluster)
	$(BIN)/pytest -o testpaths=tests/e2e $(ARGS)

glibc: build $(VENV)/.test ## what is put on nodes, on the oldest and the newest C library that Debian has
	$(BIN)/pytest -o testpaths=tests/glibc $(ARGS)

bench-core: build ## what libvgpu.so costs beside the driver alone (ARGS="--compare /path/libvgpu.so")
	@$(BIN)/python -m bench.core $(ARGS)

bench-compute: build ## how well libvgpu.so holds shares of a GPU's time (ARGS="--compare /path/libvgpu.so", --save FILE)
	@$(BIN)/python -m bench.compute $(ARGS)

bench-compute-plots: build $(VENV)/.test ## draw what bench-compute has saved: docs/compute/*.svg
	@$(BIN)/python -m bench.compute.plots bench/compute/results.json docs/compute

bench-plugin: build $(VENV)/.test ## what the node plugin costs: its start, its calls, its memory
	@$(BIN)/python -m bench.plugin $(ARGS)

bench-hook: build $(VENV)/.test ## what hami-dra-oci-hook adds to a container's start (ARGS="--rounds 1000")
	@$(BIN)/python -m bench.hook $(ARGS)

bench-races: build $(VENV)/.test ## 1,000 races for a share, then 10,000 kills in one, and the same with two: are the accounts exact?
	@$(BIN)/python -m bench.ledger races
	@$(BIN)/python -m bench.ledger kills

describe: build $(VENV)/.test ## write docs/describe.md: what kubectl tells of claims and pods on a real cluster
	$(BIN)/pytest tests/e2e/test_describe.py tests/e2e/test_gate_off.py -k "not emulating" --write-docs $(ARGS)

cuda-functions: $(VENV)/.test ## write docs/cuda-functions.md: what is intercepted of cuda.h, and why the rest is not
	$(BIN)/python -m tools.cuda_functions

share-config: $(VENV)/.test ## write what is derived from the type ShareConfig: its JSON schema, the chart's checks
	$(BIN)/python -m tools.share_config

lint: build $(VENV)/.test $(VENV)/.lint ## all static checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/clang-format --dry-run -Werror $(C_FILES)

format: $(VENV)/.lint ## lay out Python and C
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_FILES)

image: build $(VENV)/.test ## build/image/*.tar: the driver's image, and that of the examples' pods
	$(BIN)/python -m deploy.image.build
	$(BIN)/python -m tests.e2e.client

wheel: $(VENV)/.installed ## dist/hami_dra-*.whl, the libraries compiled in
	$(PIP) wheel --quiet --no-build-isolation --no-deps --wheel-dir dist .

clean: ## remove everything that was built here
	rm -rf $(VENV) build dist src/hami_dra/lib src/hami_dra/kubeletplugin/_pb

# Versions come from constraints.txt, so that every machine runs the same ones.
$(VENV)/.installed: pyproject.toml constraints.txt $(if $(ELSEWHERE),anew)
	@echo "Setting up $(VENV): Python packages and a C compiler from PyPI (about a minute)"
	@$(if $(ELSEWHERE),false,$(PIP) --version >/dev/null 2>&1) || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --quiet -c constraints.txt pip
	@$(PIP) install --quiet -c constraints.txt --group build
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation -e .
	@echo $(CURDIR) >$@

$(VENV)/.test $(VENV)/.lint: $(VENV)/.%: $(VENV)/.installed
	@echo "Setting up $(VENV): what \`make $*\` needs from PyPI"
	@$(PIP) install --quiet -c constraints.txt --group $*
	@touch $@

.PHONY: anew help demo build test test-sanitized fuzz e2e describe glibc bench-core bench-compute bench-compute-plots bench-plugin bench-hook bench-races cuda-functions share-config lint format image wheel clean
