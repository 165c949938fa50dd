# Estafet needs Python 3.11 or 3.12 and make; everything else is set up by the first target that needs it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench docs lock clean

help:  ## Say what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | expand -t 10

setup: $(READY)  ## Create the environment in .venv (with uv where it is installed, with pip where it is not)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
	  { echo "Estafet needs Python 3.11 or 3.12, but '$(PYTHON)' is `$(PYTHON) --version 2>&1`; name another with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
	  echo "setting up $(VENV) with uv …" && \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --editable . ; \
	else \
	  echo "setting up $(VENV) with pip (some minutes) …" && \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . ; \
	fi
	@touch $(READY)

demo: setup  ## Run the whole relay on handwritten digits, from raw data to a retrained model
	@$(BIN)/python examples/digits/demo.py

test: setup  ## Check the layers, the style and the docs, then run every test
	@$(MAKE) --no-print-directory lint
	@command -v npm >/dev/null || echo "npm is not here: the tests marked 'node' are left out (TensorFlow.js in Node.js)"
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
	  -m "$$(command -v npm >/dev/null && echo 'node or not node' || echo 'not node')" tests/e2e tests

lint: setup  ## Check style and imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

bench: setup  ## Measure every claim, and write benchmarks/results
	@$(BIN)/python -m benchmarks

docs: setup  ## Write the generated pages anew
	@$(BIN)/python docs/generate.py

lock:  ## Resolve requirements.lock anew (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	  --upgrade --quiet --extra dev --output-file requirements.lock pyproject.toml

clean:  ## Remove the environment and every workspace
	rm -rf $(VENV) examples/*/.estafet examples/*/data build *.egg-info
