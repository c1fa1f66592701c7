# 'make book' and 'make test' do everything on a fresh machine, the virtual environment included.
#
#   PYTHON       the Python to make the environment with (no older than pyproject.toml has it; the first that fits unless given)
#   VENV         the environment's folder
#   CONSTRAINTS  a file of versions to install; empty for the newest of everything
#   PROFILE      the profile of 'make book'

OLDEST := $(shell sed -n 's/^requires-python = ">=\([0-9.]*\).*/\1/p' pyproject.toml)
TOO_OLD := sys.version_info[:3] < tuple(map(int, "$(OLDEST)".split(".")))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit($(TOO_OLD))' 2> /dev/null && echo $$python && break; done)
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
PROFILE ?= quick
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install book test bench lint clean
.DELETE_ON_ERROR:

help:
	@echo 'make book     install, execute every chapter that has changed, build the book, say where to open it'
	@echo 'make test     install, lint, types, tests, every chapter at its smallest, strict build of the book'
	@echo 'make bench    install, measure what it costs against the plain way: output/costs.json'
	@echo 'make lint     install, lint and types alone'
	@echo 'make install  make $(VENV) and install the package with all that book and tests need'
	@echo 'make clean    remove what was built; $(VENV), data and output stay'

install: $(STAMP)

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@test -n '$(PYTHON)' || { echo 'Python $(OLDEST) or newer is needed and was not found: install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit($(TOO_OLD) and f"Python $(OLDEST) or newer is needed, $(PYTHON) is {sys.version.split()[0]}: make $(MAKECMDGOALS) PYTHON=/path/to/python3")'
	@$(BIN)/python -c 'import sys; sys.exit($(TOO_OLD))' 2> /dev/null || { \
		if [ -n "$$(ls -A $(VENV) 2> /dev/null)" ]; then \
			[ -e $(VENV)/pyvenv.cfg ] || { echo '$(VENV) is there and no virtual environment: name another one, make $(MAKECMDGOALS) VENV=/path/to/one' >&2; exit 1; }; \
			echo '$(VENV) is made anew: its Python does not start, or is older than $(OLDEST)'; \
		fi; \
		$(PYTHON) -m venv --clear $(VENV) || { echo 'No virtual environment could be made (on Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[book,test]'
	@C2F_OFFLINE= $(BIN)/python -c 'from c2f.book.vendor import engine; engine()' 2> /dev/null || echo 'what runs the demonstrations could not be fetched with npm: they stay figures'
	@touch $@

book: $(STAMP)
	$(BIN)/c2f book --profile $(PROFILE)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf book/_build _build build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find c2f tests book -name __pycache__ -prune -exec rm -rf {} +
