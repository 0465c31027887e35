# The commands of this project. Each sets up what it needs, on a machine that has only Python 3.11 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 600

# What is started again and again is compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo run test lint check bench bench-documents prove-crash fuzz lock clean

demo: $(VENV)/.ready
	$(BIN)/faxgate demo

run: $(VENV)/.ready
	$(BIN)/faxgate serve

test: $(VENV)/.ready
	$(BIN)/pytest -n 2 --dist worksteal tests

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks

bench-documents: $(VENV)/.ready
	$(BIN)/python -m benchmarks documents

prove-crash: $(VENV)/.ready
	$(BIN)/python -m benchmarks.crash --rounds 50

# Ten minutes of what nobody thought of, or FUZZ_SECONDS of it.
fuzz: $(VENV)/.ready
	$(BIN)/python -m tests.hostile.fuzz --seconds $(FUZZ_SECONDS)

# Versions and hashes of everything, without the address that they came from.
lock:
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet -o requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml deploy/setup.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" sh deploy/setup.sh
	touch $@

clean:
	rm -rf $(VENV) var bench-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
