# Every target sets up what it needs. Progress goes to stderr, so that `eval "$(make -s services)"` reads nothing but its exports.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Recipes here start one tool after another; running them side by side would only mix their output.
.NOTPARALLEL:

# Tests start `precache` hundreds of times: with its bytecode kept, each start takes a third of the time. Empty means unset.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.synced
CODE := precache bridge processor keeper console tests $(wildcard bench)
# The long ones first, so that the end of a run finds every worker busy. More workers than cores, since tests that stop
# servers mostly wait; those that share a server of their own run on one worker (tests/conftest.py).
TESTS := $(wildcard tests/faults tests/integration tests/unit)
WORKERS ?= 6
PARALLEL := -n $(WORKERS) --dist loadscope
SERVICES := $(PYTHON) -m tests.services

.PHONY: help venv services services-more services-stop check format schema contract monitoring unit test test-more soak demo demo-openstack bench bench-check clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP) ## Set up .venv with everything the lock file names
	@:

$(STAMP): pyproject.toml uv.lock
	@{ \
	  echo "venv: setting up .venv"; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "venv: Python 3.11 or newer is needed (make PYTHON=python3.x)"; exit 1; }; \
	  [[ -x $(BIN)/python ]] || $(PYTHON) -m venv .venv; \
	  [[ "$$($(BIN)/uv --version 2>/dev/null)" == "uv $(UV_VERSION)"* ]] || $(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"; \
	  env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --quiet --frozen --all-extras --compile-bytecode; \
	  touch $@; \
	} >&2

services: ## Start RabbitMQ, Kafka and InfluxDB for the tests, and print their addresses as exports
	@$(SERVICES) start

services-more: ## The same, and the servers that only `make test-more` needs
	@$(SERVICES) start-more

services-stop: ## End the servers that `make services` started
	@$(SERVICES) stop

check: venv ## Lint, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv ## Format the code, and fix what the linter can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

schema: venv ## Write the tables of docs/schema.md from the records
	$(BIN)/python -m precache.contract.tables.schema docs/schema.md

contract: venv ## Write docs/contract from the records
	$(BIN)/precache contract docs/contract

monitoring: venv ## Write Grafana's dashboards and docs/metrics.md from the code
	$(BIN)/python -m monitoring

unit: venv ## Tests without any server
	$(BIN)/pytest tests/unit -q -n 2

# Which servers a target starts.
start := start
# Servers stay up between runs, so that the next one is quick; a build server (CI set) is left as it was found.
# Assignments, other than eval of a substitution, fail when the servers could not be started. How the servers end says
# nothing about the tests: under `-e` a command that fails in a trap would become the result of the whole recipe.
# The tests' own servers sync to disk after every write, so their folder lies in memory, where there is room. What
# failed may be looked at there until the next run clears it away.
define with-services
@if [[ -n "$${CI:-}" ]]; then trap 'rm -rf "$${PYTEST_DEBUG_TEMPROOT:-}"; $(SERVICES) stop || true' EXIT; fi; \
exports="$$($(SERVICES) $(start))"; eval "$$exports"; \
PYTEST_DEBUG_TEMPROOT="$$($(SERVICES) scratch)"; export PYTEST_DEBUG_TEMPROOT;
endef

# Runs the tests of one tier: of the markers $(1), in the folders $(2).
define run-tests
$(with-services) code=0; $(BIN)/python -m tests.support.rerun -m "$(1)" $(2) -- $(PARALLEL) || code=$$?; \
rm -rf "$$PYTEST_DEBUG_TEMPROOT"; exit $$code
endef

test: venv ## The tests, on real servers
	$(call run-tests,not soak and not more,$(TESTS))

test-more: start := start-more
test-more: venv ## The second tier, on what is slow to set up: RabbitMQ 4, OpenStack
	$(call run-tests,more and not soak,$(TESTS))

soak: start := start-more
soak: venv ## The long forms, on real servers
	$(with-services) $(BIN)/pytest -m soak && $(BIN)/pytest -n 2 --hypothesis-profile=soak --timeout=0 tests/unit/processor/core/test_properties.py tests/unit/processor/test_rebuild_store.py

demo: venv ## The main job on three simulated clouds, no server needed; on a terminal it ends with the page
	@options=(); if [[ -t 1 ]]; then options=(--web); fi; $(BIN)/precache demo "$${options[@]}"

demo-openstack: venv ## The whole story on a real small OpenStack: start, follow, query, boot
	$(with-services) $(BIN)/python -m tests.demo_openstack

bench: venv ## Measure speed
	$(BIN)/python -m bench

bench-check: venv ## Which rows of the benchmarks cost over 15 % more CPU than docs/benchmarks.md has
	$(BIN)/python -m bench --check bridge store whole transform

clean: ## Remove what builds and checks leave behind (servers and their caches stay)
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
