# Everything a checkout can do. Each target first makes what it needs: the only things to have
# beforehand are make, git and Python 3.11 or newer (`make PYTHON=python3.12 test` picks one).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TIER   ?= full
# The browser's half is checked and built with Node.js; the environment has its own.
NPM    := extension/node_modules/.stamp
JLPM   := PATH="$(abspath $(BIN)):$$PATH" jlpm

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo lab test torture bench lint format extension system clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.stamp-demo ## fold villin on two local nodes; prints the results, writes them as HTML
	@$(BIN)/python notebooks/render.py notebooks/01_quickstart.ipynb

lab: $(VENV)/.stamp-demo ## open the quickstart in JupyterLab
	@$(BIN)/jupyter lab notebooks/01_quickstart.ipynb

test: $(VENV)/.stamp-dev $(NPM) system ## run every test, and every notebook
	@$(BIN)/python -m pytest

torture: $(VENV)/.stamp-dev system ## prove the promises at full size (TIER=nightly: larger), half an hour
	@$(BIN)/python -m pytest tests/torture --tier=$(TIER) $(if $(SEED),--seed=$(SEED)) \
	  --timeout=3600 --page=docs/reliability.md

bench: $(VENV)/.stamp-dev ## measure nexapod beside its peers
	@$(BIN)/python -m benchmarks

lint: $(VENV)/.stamp-dev $(NPM) ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd extension && $(JLPM) lint

format: $(VENV)/.stamp-dev ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

extension: $(VENV)/.stamp-dev $(NPM) ## build what runs in the browser; what is built is in git
	@cd extension && $(JLPM) build
	@$(BIN)/python extension/sources.py

clean: ## remove the environment and everything built
	rm -rf $(VENV) extension/node_modules build dist notebooks/rendered .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# ── the environment ──────────────────────────────────────────────────────────────────────────────

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "nexapod needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." \
	       "Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }

# The dev environment is a demo environment too; the other way round it is not. An installation puts
# a copy of the built extension where JupyterLab looks, so a new build is installed again.
BUILT := nexapod/labextension/sources.sha256

$(VENV)/.stamp-dev: pyproject.toml $(BUILT) | $(BIN)/python
	@echo "Installing nexapod for development into $(VENV) (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.stamp-demo $@

$(VENV)/.stamp-demo: pyproject.toml $(BUILT) | $(BIN)/python
	@echo "Installing nexapod for the demo into $(VENV) (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

# Without them the tests of that half are skipped, and say so.
$(NPM): extension/package.json extension/yarn.lock | $(VENV)/.stamp-dev
	@echo "Installing the packages of the browser's half (about a minute) ..."
	@cd extension && if $(JLPM) install --immutable >../$(VENV)/jlpm.log 2>&1; then touch ../$@; \
	  else tail -n 5 ../$(VENV)/jlpm.log; echo "Not installed; see $(VENV)/jlpm.log"; fi

# The tests use a system Chromium and bubblewrap. What is missing and cannot be installed is named, and
# its tests are skipped, and say so.
system:
	@missing=""; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  command -v google-chrome >/dev/null || missing="chromium fonts-dejavu-core"; \
	command -v bwrap >/dev/null || missing="$$missing bubblewrap"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing for the tests: $$missing ..."; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends $$missing >/dev/null && exit 0; fi; \
	echo "Not installed, their tests will be skipped: $$missing (on Debian: apt-get install ...)"
