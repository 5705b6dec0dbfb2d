PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS ?= runs/noise_sweep
# One test process for each core, so one thread for each.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

.PHONY: install sweep figures report docs gallery results cheatsheet test test-all lint format stubs environment clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("noisylab needs Python >= 3.11; try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[report]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

# The targets below need an environment, and never install anything.
environment:
	@test -x $(BIN)/noisylab || { echo "there is no environment in $(VENV): run make install first" >&2; exit 2; }

sweep: install
	$(BIN)/noisylab sweep $(ARGS)

figures: environment
	$(BIN)/noisylab figure all $(RUNS) $(ARGS)

report: environment
	$(BIN)/noisylab report $(RUNS) $(ARGS)

# The site, in build/docs. The notebooks are run, once for each change of theirs.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs $(ARGS)
	@echo build/docs/index.html

# The pictures of the gallery, by the commands on its page.
gallery: environment
	$(BIN)/python docs/draw_pages.py docs/gallery.md

# The pages of results: runs their studies, which takes hours; PAGES=docs/results/NAME.md for some of them.
PAGES ?= $(wildcard docs/results/*.md)
results: environment
	$(BIN)/python docs/draw_pages.py $(PAGES)

# The page that docs/ keeps; needs LaTeX. The date is fixed, so that equal text gives an equal file.
cheatsheet:
	mkdir -p build
	SOURCE_DATE_EPOCH=0 FORCE_SOURCE_DATE=1 pdflatex -halt-on-error -interaction=batchmode -output-directory build docs/cheatsheet.tex
	cp build/cheatsheet.pdf docs/cheatsheet.pdf

# The fast tier; make test-all runs the slow tests too.
test: lint
	$(PYTEST) -m "not slow" $(ARGS)

test-all: lint
	$(PYTEST) $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: environment
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The packages' lists of names, and the table of methods, from the registries.
stubs: environment
	$(BIN)/python -m noisylab.core.stubs
	$(BIN)/python -m noisylab.methods.sources

clean:
	rm -rf $(VENV) build dist *.egg-info
