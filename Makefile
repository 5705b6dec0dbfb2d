PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install sweep figures test lint clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("noisylab needs Python >= 3.11; try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

sweep: install
	$(BIN)/python studies/noise_sweep.py $(ARGS)

figures: install
	@for figure in figures/*.py; do $(BIN)/python $$figure $(or $(RUNS),runs/noise_sweep) $(ARGS) || [ $$? -eq 2 ] || exit 1; done

# One test process for each core, so one thread for each.
test: lint
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info
