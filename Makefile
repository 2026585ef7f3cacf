# The commands of this project; `make help` lists them. Everything is installed into .venv, nothing outside but Debian packages for tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
RIGHT_PYTHON = import sys; (3, 11) <= sys.version_info < (3, 15) or sys.exit('$(PYTHON) is Python %d.%d; this needs 3.11 to 3.14. \
Name one: make PYTHON=python3.13' % sys.version_info[:2])
# Debian keeps venv in a package of its own, and says so; root can have it at once
WITH_VENV_INSTALLED = { test "$$(id -u)" -eq 0 && command -v apt-get && apt-get update -qq \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv && $(PYTHON) -m venv $(VENV); }

.PHONY: help demo run test lint bench mutation lock clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -c "$(RIGHT_PYTHON)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || $(WITH_VENV_INSTALLED)
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

mutation: $(STAMP)  ## change the SAML verifier in some 2,400 ways: each must fail a test (takes 20 minutes; ONLY=NAMES for some)
	@$(BIN)/python -m tests.mutation $(ONLY)

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate

lock: $(STAMP)  ## bring the lock files up to pyproject.toml
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) --group test --group lint --group mutation --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock

clean:  ## remove what make has made
	rm -rf $(VENV) .cache build dist
