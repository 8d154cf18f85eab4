# Everything that a newcomer or CI types. `make` alone lists it. Needs: make, bash and a Python >= 3.11 with venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first Python on the PATH that runs, is new enough and can make environments (a pyenv shim may exist and do none of it).
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do for p in $$(type -aP $$name); do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && exit; done; done)

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt
NOTEBOOKS := $(wildcard notebooks/*.ipynb notebooks/*/*.ipynb)
QUICKSTART := notebooks/01-first-attachment.ipynb
FILES ?=
ARGS ?=

.PHONY: help
help:  ## list these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: demo
demo: $(VENV)/.demo  ## the main job, to look at: real pictures in, cards out (FILES="a.jpg b.pdf" for your own)
	@mkdir -p demo-out
	$(VENV)/bin/lashkit demo $(FILES) --out demo-out
	@cp $(QUICKSTART) demo-out/
	@$(PY) .ci/notebooks.py demo-out/$(notdir $(QUICKSTART))
	@echo "Look at: demo-out/index.html (the cards) and demo-out/$(notdir $(QUICKSTART)) (the quickstart, just executed)"

.PHONY: test
test: $(VENV)/.dev  ## everything that CI runs: format, lint, types, all tests with coverage, notebooks, browser
	@.ci/tools $(PY)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" pyright --verifytypes lashkit --ignoreexternal
	$(PY) -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=95 --ignore=tests/bench --durations=25 $(ARGS)

.PHONY: check
check: $(VENV)/.dev  ## the quick loop, under a minute: format, lint, types, the fast tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q -m "not slow and not browser" --ignore=tests/bench --durations=5 $(ARGS)

.PHONY: bench
bench: $(VENV)/.bench  ## times and ratios, measured side by side
	$(PY) -m pytest tests/bench --benchmark-only --timeout=0 $(ARGS)

.PHONY: notebooks
notebooks: $(VENV)/.dev  ## execute the notebooks again, in place
	$(PY) .ci/notebooks.py $(NOTEBOOKS)

.PHONY: facades
facades: $(VENV)/.dev  ## write the sync facades again from the async classes
	$(PY) lashkit/sync/generate.py

.PHONY: constraints
constraints: $(VENV)/.dev  ## pin every dependency again; PYTHONS="..." names one interpreter for each supported version
	$(PY) .ci/pin.py $(or $(PYTHONS),$(foreach v,3.11 3.12 3.13,python$(v)))

.PHONY: clean
clean:  ## remove what these targets made
	rm -rf .venv* demo-out dist .coverage .coverage.* .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/browser/screenshots
	find lashkit tests .ci -name __pycache__ -prune -exec rm -rf {} +

$(PY):
	@[ -n "$(PYTHON)" ] || { echo "lashkit needs Python 3.11 or later with its venv module (on Debian: apt-get install python3-venv); found none on the PATH. Or say which: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --upgrade pip

# Each stamp means "installed as these two files say"; the package itself is installed editable and needs no repeat.
$(VENV)/.demo: pyproject.toml .ci/constraints.txt | $(PY)
	$(PIP) --build-constraint .ci/constraints.txt --editable '.[notebook]' --group demo
	@touch $@

$(VENV)/.dev: pyproject.toml .ci/constraints.txt | $(PY)
	$(PIP) --build-constraint .ci/constraints.txt --editable '.[notebook,heif]' --group dev
	@touch $(VENV)/.demo $@

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) --group bench
	@touch $@
