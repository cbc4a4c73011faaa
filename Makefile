# make demo and make test are all that a newcomer needs: they set up .venv themselves, once.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TORCH  := $(VENV)/.torch
DOCS   := $(VENV)/.docs
OUT    ?= runs/demo
MOMENTS ?= 20

# One thread a process: the work is many small matrices, and the tests run side by side.
export OMP_NUM_THREADS ?= 1
export MPLBACKEND := Agg

.PHONY: help venv demo test slow fuzz lint format docs bench recovery chaos lowest newest wheel clean

help:
	@echo "make demo      set up once, run a shipped spec from file to graph, and say where the pictures are"
	@echo "make test      the tests (a few minutes)    make slow    the long recovery and benchmark runs"
	@echo "make fuzz      10,000 broken inputs of each kind (COUNT=n for another number); prints what they did"
	@echo "make lint      ruff and mypy                make format  let ruff put the code in order"
	@echo "make docs      the site, in docs/_build/html: some minutes the first time, since tutorials are run for it"
	@echo "               (TUTORIALS=0: their pages without outputs, in a minute)"
	@echo "make bench     all speeds, in ten minutes   make clean   remove .venv, caches and runs/demo"
	@echo "make recovery  the table of docs/measured.md, over 20 seeds a setting: an hour and more; it goes on"
	@echo "               where it was stopped (runs/recovery/runs.csv)"
	@echo "make chaos     kill calls at random moments and count what they leave: a quarter of an hour (MOMENTS=20 each)"
	@echo "make lowest    the fast tests with the lowest versions allowed    make newest    with the newest there are"
	@echo "make wheel     wheel and sdist into dist/, held against what a package index asks"
	@echo "make venv      only the set-up"

venv: $(STAMP)

$(STAMP): pyproject.toml | $(TORCH)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[zarr,parquet,anndata,completion,tunnel,robot,chirho,dask,fabric,test,lint]'
	@touch $@

$(TORCH):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "crlspec needs Python 3.11 or newer. Remedy: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@echo "Setting up $(VENV) (once; some minutes, most of them for torch) ..."
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "$(PYTHON) cannot make environments. Remedy: install the venv package of your system's Python, or" \
	    "make $(MAKECMDGOALS) PYTHON=another" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@touch $@

demo: $(STAMP)
	$(BIN)/crlspec run linear/hard-5 --samples 50000 --seed 0 --out $(OUT) --force
	@echo
	@echo "The pictures are in $(OUT)/report.html: open it in any browser."

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" --durations=10

slow: $(STAMP)
	$(BIN)/python -m pytest -n auto -m slow

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz.run --count $(or $(COUNT),10000)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site has a set-up of its own, so that the tests need none of it. Every warning of Sphinx is an error.
docs: $(DOCS)
	$(BIN)/python -m crlspec.spec.reference docs/reference
	$(BIN)/sphinx-build -W --keep-going -q -b html -D nb_execution_mode=$(if $(filter 0,$(TUTORIALS)),off,cache) docs docs/_build/html
	@echo "The site is in docs/_build/html/index.html."

$(DOCS): pyproject.toml | $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

bench: $(STAMP)
	$(BIN)/python benchmarks/bench.py --clusters

chaos: $(STAMP)
	$(BIN)/python benchmarks/chaos.py --moments $(MOMENTS)

# Environments of their own, made anew: the lowest versions that pyproject.toml allows, and the newest that there are.
# TORCH_LOWEST and TORCH_NEWEST may name builds that fit the machine, e.g. TORCH_LOWEST=2.6.0+cpu.
TORCH_LOWEST ?= 2.6
TORCH_NEWEST ?= 2.13
EXTRAS := zarr,parquet,completion,images,fabric,test

lowest:
	$(PYTHON) -m venv --clear .venv-lowest
	$(PYTHON) -m tests.lowest --except torch > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet torch==$(TORCH_LOWEST) -c .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet -c .venv-lowest/constraints.txt -e '.[$(EXTRAS)]'
	.venv-lowest/bin/python -m pytest -n auto --dist worksteal -m "not slow"

newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet torch==$(TORCH_NEWEST).*
	.venv-newest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[$(EXTRAS)]'
	.venv-newest/bin/python -m pytest -n auto --dist worksteal -m "not slow"

wheel: $(STAMP)
	$(BIN)/python -m pip install --quiet build twine
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

recovery: $(STAMP)
	$(BIN)/python benchmarks/recovery.py

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis runs/demo \
	  docs/_build docs/tutorials/[0-9]* docs/changes.md docs/families.md
