# A fresh machine needs Python 3.11 or 3.12 and `make`; everything else is installed into ./.venv by the first target.
# Targets: demo, test, test-fast, test-slow, check, format, bench, chaos, lock-check, clean, distclean

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP_LOG := $(VENV)/pip.log
# PYTHON=/path/to/python3.12 make ... overrides the search.
PYTHON ?=
PYTEST_ARGS ?=
# One thread each: tests, Ray workers and the driver share the cores, and idle threads only slow each other down.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help setup demo test test-fast test-slow check format bench chaos lock-check clean distclean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(STAMP)  ## create .venv and install everything (about 2 minutes and 7 GB the first time, nothing after)

# pip's output goes to a file and is shown only when it fails. The stamp is written last, so that an interrupted
# installation is repeated; it is a file of .venv, so that a deleted .venv is rebuilt.
$(STAMP): pyproject.toml constraints.txt .ci/find_python.sh
	@if ! $(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	  python="$$(PYTHON='$(PYTHON)' bash .ci/find_python.sh)"; \
	  echo "creating $(VENV) with $$python"; \
	  rm -rf $(VENV); \
	  "$$python" -m venv $(VENV) || { echo "error: '$$python -m venv' failed; on Debian: apt-get install python3-venv" >&2; exit 1; }; \
	fi
	@echo "installing into $(VENV) (log: $(PIP_LOG))"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
	  -c constraints.txt -e '.[dev]' > $(PIP_LOG) 2>&1 \
	  || { grep -iE -A5 '^ *error' $(PIP_LOG) >&2 || tail -n 40 $(PIP_LOG) >&2; echo "error: installation failed; all of it is in $(PIP_LOG)" >&2; exit 1; }
	@touch $@

demo: $(STAMP)  ## run the built-in study on real handwritten digits and write its report
	@$(BIN)/ablate demo

test: $(STAMP)  ## all tests, with Ray and slow ones (about 10 minutes on 2 cores)
	@$(ONE_THREAD) $(BIN)/python -m pytest $(PYTEST_ARGS)

test-fast: $(STAMP)  ## tests that need neither Ray nor patience
	@$(ONE_THREAD) $(BIN)/python -m pytest -m "not slow and not ray" $(PYTEST_ARGS)

test-slow: $(STAMP)  ## only what test-fast leaves out
	@$(ONE_THREAD) $(BIN)/python -m pytest -m "slow or ray" $(PYTEST_ARGS)

check: $(STAMP)  ## format, lint, types and architecture: what must hold before every commit
	@$(BIN)/ruff format --check --quiet . || { echo "error: run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/pyright --level error
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_architecture.py

format: $(STAMP)  ## let ruff format and fix what it can
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

bench: $(STAMP)  ## run every benchmark; PHOTOS=FOLDER and SMALL=PARQUET name real images
	@shopt -s nullglob; for file in tests/benchmarks/bench_*.py; do \
	  module="$${file%.py}"; echo "== $$module"; $(BIN)/python -m "$${module//\//.}"; \
	done

lock-check: $(STAMP)  ## do pyproject.toml and constraints.txt still resolve together? (installs nothing)
	@$(BIN)/python -m pip install --dry-run --quiet --ignore-installed -c constraints.txt -e '.[dev]' && echo "resolves"

chaos: $(STAMP)  ## break a study at random moments, and write what survived to docs/RELIABILITY.md (about 20 minutes)
	@$(ONE_THREAD) $(BIN)/python -m tests.chaos

clean:  ## caches and build leftovers; studies in ./ablate-home stay
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## also the virtual environment
	@rm -rf $(VENV)
