# The commands of this project; `make help` lists them. Everything is installed into .venv, nothing outside but Debian packages for tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: help demo run test lint bench lock clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the dependencies into $(VENV) (a minute on first use) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)  ## set up and do the main job once, telling the story; KEEP=1 leaves it running
	@$(BIN)/python -m tests.demo $(if $(KEEP),--keep,)

run: $(STAMP)  ## set up and start the service with embedded defaults
	@$(BIN)/connector serve

test: $(STAMP)  ## set up, install missing servers (as root on Debian), and pass every test
	@$(BIN)/python -m tests.servers.system_packages
	@$(BIN)/python -m pytest -n $(WORKERS) -q

lint: $(STAMP)  ## formatter, linter, types, import contracts, dependencies
	@$(BIN)/ruff format --check connector tests
	@$(BIN)/ruff check connector tests
	@$(BIN)/mypy --strict connector
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

bench: $(STAMP)  ## the project's own load benchmarks, beside the peers that can be installed
	@$(BIN)/python -m tests.bench
	@printf '\nPushes to targets, beside what each target can do by itself\n'
	@$(BIN)/python -m tests.bench.push --count 200
	@printf '\nTokens, without HTTP\n'
	@$(BIN)/python -m tests.bench.tokens
	@printf '\nSAML, without HTTP\n'
	@$(BIN)/python -m tests.bench.saml

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate

lock: $(STAMP)  ## bring the lock files up to pyproject.toml
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) --group test --group lint --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock

clean:  ## remove what make has made
	rm -rf $(VENV) .cache build dist
