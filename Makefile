# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Both build .venv first. PYTHON chooses the interpreter: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint format album clean

help:
	@echo "make demo   restore the example album in ./demo and print where the before/after page lies"
	@echo "make test   lint, types, tests"
	@echo "make format put the code in the house format"
	@echo "make album  draw the example album again (examples/make_album.py)"
	@echo "make clean  remove what these commands built"

demo: .venv/installed
	$(BIN)/archive-restore demo --out demo

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

album: .venv/installed-dev
	$(BIN)/python examples/make_album.py

clean:
	rm -rf .venv demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/installed
