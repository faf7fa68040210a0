# Two commands do everything on a fresh machine: `make app` and `make test`. Both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860
STAMP := $(VENV)/.requirements-installed

.PHONY: app demo test test-slow lint clean

app: $(STAMP)          ## serve the page at http://127.0.0.1:7860
	$(BIN)/python app.py --host $(HOST) --port $(PORT)

demo: $(STAMP)         ## judge a bundled example on the terminal
	$(BIN)/python -m workbench demo

test: $(STAMP)         ## the whole suite but the slow marks
	$(BIN)/python -m pytest

test-slow: $(STAMP)    ## only the slow marks
	$(BIN)/python -m pytest -m slow

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf $(VENV)

$(STAMP): requirements.txt tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; found $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -r tests/requirements.txt
	touch $@
