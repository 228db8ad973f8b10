# The commands of a checkout. `make help` lists them.

PYTHON ?= python3
UV := 0.13.9
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-rollout demo-monitor down test lint lock bench

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed ## install all into .venv, as requirements.lock pins it; quick when nothing changed

demo: setup ## retrain once on the phantom, through Airflow, up to the registered model
	@$(BIN)/radassist demo

demo-rollout: setup ## release the demo's model by the demo policy, after `make demo`, and roll a harmful one back
	@$(BIN)/radassist rollout demo

demo-monitor: setup ## after the demo: plant a drift, and watch Airflow ask for a retraining
	@$(BIN)/radassist demo-monitor

down: ## stop the Airflow and MLflow that the demo left running
	@if [ -x $(BIN)/radassist ]; then $(BIN)/radassist services down; fi

test: setup ## run the tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: setup ## measure what the engine costs: benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

lint: setup ## check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(BIN)/uv ## pin what pyproject.toml asks for in requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

.venv/installed: requirements.lock pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
