# make preview: the real bot against a simulated Discord in the browser.   make test: lint, types, all tests.
# make faults: experiments that break things on purpose, some 15 minutes; make bench: how fast it draws, answers, searches, starts.
PYTHON ?= python3
VENV   ?= .venv
PIP_FLAGS ?=
BIN    := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --constraint constraints.txt

.PHONY: preview test faults bench format clean

preview: $(VENV)/.installed-preview
	$(BIN)/python -m bot preview $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses auto --dist worksteal $(ARGS)

faults: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults $(ARGS)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.bench $(ARGS)

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what constraints.txt pins into $(VENV): some minutes, once; PyTorch is by far the largest part."
	$(INSTALL) --editable '.[$*]'
	@touch $@
