.DEFAULT_GOAL := help
.PHONY: help ci ci-compat demo ui test test-compat test-compat-quick test-system test-package lint setup format surface \
	package release audit fuzz bench bench-quick bench-tokens bench-stores bench-waiting bench-scaling pictures \
	requirements clean

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

ui: .venv/demo.installed ## Run Airflow's UI with the sample DAGs on the emulator until Ctrl-C; print its address
	@$(BIN)/airflow-partnercenter ui --folder .ui $(if $(PORT),--port $(PORT))

# Four processes on two cores too: half of the time is waiting for an Airflow, a browser or an emulator.
test: .venv/dev.installed build/node/azurite.installed ## Run the default test suite, a file in each of four processes
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

test-system: .venv/system.installed ## Kill a worker, restart the service: a real Airflow on Celery (about four minutes)
	@$(SERVERS)
	$(BIN)/pytest -m cluster tests/system

test-package: .venv/dev.installed build/release.installed ## Install beside each Airflow from 2.11.0 on, uninstall; make a release (about three minutes)
	$(BIN)/pytest -m package tests/package

test-compat: .venv/dev.installed build/node/azurite.installed ## Run the suite from the wheel on each Airflow; VERSIONS="2.11.2 3.3.2" chooses
	@$(BIN)/python -m tests.compatibility run $(VERSIONS)

test-compat-quick: .venv/dev.installed build/node/azurite.installed ## The same, only what meets Airflow; ONLY="tests/dags" even less
	@$(BIN)/python -m tests.compatibility run $(VERSIONS) --quick $(foreach path,$(ONLY),--only $(path))

lint: .venv/dev.installed ## Check style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs # there is a folder of that name
docs: .venv/docs.installed ## Build the documentation into build/site; a broken link or name fails
	@$(BIN)/python -m docs.building.house
	@$(BIN)/python -m docs.building.command_line
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@$(BIN)/python -m docs.building.offline build/site
	@echo "Open build/site/index.html"

setup: .venv/dev.installed ## Build .venv with everything a developer needs

format: .venv/dev.installed ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

ci: ## Run what every change must pass; on Debian as root it installs what is missing
	@.ci/run

ci-compat: ## Run test-compat where nothing may be skipped; on Debian as root it installs what is missing
	@.ci/run test-compat

surface: .venv/dev.installed ## Write down what others may build on; RELEASED=VERSION keeps it as that release's
	$(BIN)/python -m tests.support.public_surface $(if $(RELEASED),--released $(RELEASED))

package: build/release.installed ## Build wheel, source archive, SBOM and checksums of this tree into build/package
	@build/release/bin/python -m release --rehearsal

release: build/release.installed ## Make the files of the version in __init__.py in dist/; refuses what is not ready
	@build/release/bin/python -m release

audit: build/release.installed ## Look for known vulnerabilities of pinned packages; needs an index that answers about them
	build/release/bin/pip-audit --strict --disable-pip --require-hashes $(foreach file,$(wildcard requirements/*.txt),-r $(file))

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

# atheris is there for Python 3.11 alone, so it has an environment of its own.
PYTHON_3_11 ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)
FUZZ_SECONDS ?= 60

fuzz: build/fuzz/env/installed ## Fuzz what reads answers and connections, FUZZ_SECONDS (60) each; RECORD=1 writes the page's figures
	build/fuzz/env/bin/python -m fuzz --seconds $(FUZZ_SECONDS) $(if $(RECORD),--record) $(FUZZ_TARGETS)

pictures: .venv/dev.installed ## Take the pictures of docs/images anew, from the real UI in Chromium (about two minutes)
	UI_PICTURES="$(CURDIR)/docs/images" REQUIRE_CHROMIUM=1 $(BIN)/pytest tests/system/test_ui.py -k "person or menu"

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
	rm -rf .venv .demo .ui build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

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
	@rm -f .venv/bench.installed .venv/system.installed .venv/docs.installed

.venv/docs.installed: requirements/docs.txt pyproject.toml | .venv/dev.installed
	@$(UV) pip install --compile-bytecode --require-hashes --requirement requirements/docs.txt
	@touch $@

.venv/bench.installed: requirements/bench.txt pyproject.toml | .venv/dev.installed
	@$(UV) pip install --compile-bytecode --require-hashes --requirement requirements/bench.txt
	@touch $@

# What builds and checks a release, apart from what the tests run with.
build/release.installed: requirements/release.txt | .venv/bin/uv
	@echo "Installing the tools of a release (about 20 seconds) ..."
	@UV_NO_CONFIG=1 $(BIN)/uv venv --quiet --clear --python $(BIN)/python build/release
	@UV_NO_CONFIG=1 $(BIN)/uv --quiet pip sync --python build/release/bin/python --compile-bytecode --require-hashes \
		requirements/release.txt
	@touch $@

# Azure's storage on this machine, for tests. Without npm they are skipped, unless REQUIRE_AZURITE is set.
build/node/azurite.installed: Makefile
	@mkdir -p build/node
	@if ! command -v npm >/dev/null; then echo "There is no npm: tests on Azure's storage will be skipped"; \
		else echo "Installing Azurite ..." && npm install --prefix build/node --no-save --no-package-lock --no-audit --no-fund \
		--loglevel=error azurite@3.35.0 && touch $@ || echo "It failed: tests on Azure's storage will be skipped"; fi

build/fuzz/env/installed: requirements/fuzz.txt | .venv/bin/uv
	@test -n "$(PYTHON_3_11)" || { echo "Python 3.11 is needed; none was found. Name one: make fuzz PYTHON_3_11=/path/to/python3.11"; exit 1; }
	@echo "Installing what fuzzing needs (about a minute) ..."
	@$(PYTHON_3_11) -m venv build/fuzz/env
	@UV_NO_CONFIG=1 VIRTUAL_ENV="$(CURDIR)/build/fuzz/env" $(BIN)/uv --quiet pip sync --require-hashes requirements/fuzz.txt
	@touch $@

.venv/system.installed: requirements/system.txt pyproject.toml | .venv/dev.installed
	@$(UV) pip install --compile-bytecode --require-hashes --requirement requirements/system.txt
	@touch $@
