.DEFAULT_GOAL := help
.PHONY: help demo test test-compat test-compat-quick test-system lint setup format bench bench-quick bench-tokens bench-stores bench-waiting \
	bench-scaling requirements clean

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 …` overrides it.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
UV := UV_NO_CONFIG=1 VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv --quiet

# PostgreSQL and Redis as Debian has them, for what runs Airflow on Celery.
SERVERS = command -v redis-server >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	echo "Installing PostgreSQL and Redis ..." && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	apt-get install -qq -y --no-install-recommends postgresql redis-server >/dev/null; } || { \
	echo "PostgreSQL and Redis are needed: sudo apt-get install postgresql redis-server"; exit 1; }

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo.installed ## Run the report DAG on the emulator; print the licence table and the report's path
	@$(BIN)/airflow-partnercenter demo --folder .demo

test: .venv/dev.installed build/node/azurite.installed ## Run the default test suite
	$(BIN)/pytest

test-system: .venv/system.installed ## Kill a worker, restart the service: a real Airflow on Celery (about four minutes)
	@$(SERVERS)
	$(BIN)/pytest -m cluster tests/system

test-compat: .venv/dev.installed build/node/azurite.installed ## Run the suite from the wheel on each Airflow; VERSIONS="2.11.2 3.3.2" chooses
	@$(BIN)/python -m tests.compatibility run $(VERSIONS)

test-compat-quick: .venv/dev.installed build/node/azurite.installed ## The same, only what meets Airflow
	@$(BIN)/python -m tests.compatibility run --quick $(VERSIONS)

lint: .venv/dev.installed ## Check style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: .venv/dev.installed ## Build .venv with everything a developer needs

format: .venv/dev.installed ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: bench-stores ## Measure against what users would write instead; write docs/performance.md (about 35 minutes)
	$(BIN)/python -m benchmarks

bench-quick: .venv/bench.installed ## Check in two minutes that the benchmarks work
	$(BIN)/python -m benchmarks --quick

bench-tokens: .venv/dev.installed ## Count the token requests of 200 mapped tasks, with and without token_cache
	$(BIN)/python -m benchmarks.token_requests

bench-stores: .venv/bench.installed build/node/azurite.installed ## Measure writes to Azure and S3 (about six minutes)
	$(BIN)/python -m benchmarks.stores

bench-waiting: .venv/dev.installed ## Measure what a thousand waiting sensors cost (about 7 minutes)
	$(BIN)/python -m benchmarks.waiting

bench-scaling: .venv/system.installed ## Measure the fan-out over customers on Celery (about 15 minutes)
	@$(SERVERS)
	@$(BIN)/python -m benchmarks.scaling

requirements: .venv/dev.installed ## Compile requirements/*.txt anew: names, versions and hashes, no index
	$(UV) pip compile pyproject.toml --group dev --extra emulator --extra reports --universal --generate-hashes --upgrade \
		--no-header --no-annotate --output-file requirements/dev.txt
	$(UV) pip compile pyproject.toml --group demo --extra emulator --extra reports --universal --generate-hashes --upgrade \
		--no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/demo.txt
	$(UV) pip compile pyproject.toml --group bench --extra emulator --universal --generate-hashes \
		--no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/bench.txt
	$(UV) pip compile pyproject.toml --group system --extra emulator --extra reports --universal --generate-hashes \
		--no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/system.txt
	$(UV) pip compile pyproject.toml --group docs --extra emulator --extra reports --universal --generate-hashes \
		--no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/docs.txt
	$(UV) pip compile pyproject.toml --group release --universal --generate-hashes \
		--no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/release.txt
	$(UV) pip compile pyproject.toml --group fuzz --universal --generate-hashes \
		--no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/fuzz.txt
	$(BIN)/python -m tests.compatibility compile
	awk '/^uv==/ {uv = 1} uv {print} uv && !/\\$$/ {exit}' requirements/dev.txt >requirements/bootstrap.txt

clean: ## Remove what the other commands made
	rm -rf .venv .demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. Name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Building .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip --quiet --disable-pip-version-check install --require-hashes --no-deps --requirement requirements/bootstrap.txt

# demo.txt is what the demo needs, dev.txt a superset: whoever has the second does not lose it to the first.
.venv/demo.installed: requirements/demo.txt pyproject.toml | .venv/bin/uv
	@test -e .venv/dev.installed || { echo "Installing Airflow and the provider (about a minute) ..." && \
		$(UV) pip install --compile-bytecode --require-hashes --requirement requirements/demo.txt; }
	@$(UV) pip install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.installed: requirements/dev.txt pyproject.toml | .venv/bin/uv
	@echo "Installing Airflow, the provider and the development tools (about two minutes) ..."
	@$(UV) pip sync --compile-bytecode --require-hashes requirements/dev.txt
	@$(UV) pip install --no-deps --no-build-isolation --editable .
	@touch $@ .venv/demo.installed
	@rm -f .venv/bench.installed .venv/system.installed

.venv/bench.installed: requirements/bench.txt pyproject.toml | .venv/dev.installed
	@$(UV) pip install --compile-bytecode --require-hashes --requirement requirements/bench.txt
	@touch $@

# Azure's storage on this machine, for tests. Without npm they are skipped, unless REQUIRE_AZURITE is set.
build/node/azurite.installed: Makefile
	@mkdir -p build/node
	@if ! command -v npm >/dev/null; then echo "There is no npm: tests on Azure's storage will be skipped"; \
		else echo "Installing Azurite ..." && npm install --prefix build/node --no-save --no-package-lock --no-audit --no-fund \
		--loglevel=error azurite@3.35.0 && touch $@ || echo "It failed: tests on Azure's storage will be skipped"; fi

.venv/system.installed: requirements/system.txt pyproject.toml | .venv/dev.installed
	@$(UV) pip install --compile-bytecode --require-hashes --requirement requirements/system.txt
	@touch $@
