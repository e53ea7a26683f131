# Two commands do everything on a fresh machine with Python, pip and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format readme clean

demo: $(VENV)/.ready  ## environment, install, main job
	$(BIN)/pixelproof demo

test: $(VENV)/.ready  ## environment, install, all tests
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(VENV)/.ready  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

readme: $(VENV)/.ready  ## rewrite the README's tables from results/
	$(BIN)/python tools/readme.py

clean:
	rm -rf $(VENV) demo-run
