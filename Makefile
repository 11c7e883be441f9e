# Almanac. `make help` lists what there is; `make run` and `make test` are all that a fresh clone needs.

SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CONFIG ?=
DAYS ?=
HEADLESS ?=
DATA ?= $(ALMANAC_DATA)

# PyPI's torch for Linux brings gigabytes of CUDA. The build for the CPU comes from a folder of wheels that pip is told
# of (PIP_FIND_LINKS or pip's configuration), where one holds it, else from PyTorch's own index. Both lock the same version.
WHEELS = $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
TORCH = $(if $(wildcard $(addsuffix /torch-*.whl,$(WHEELS))),UV_FIND_LINKS="$(shell echo $(WHEELS) | tr ' ' ',')",UV_TORCH_BACKEND=cpu)
UV = $(TORCH) $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help run down test lint format lock bench gaps fill up stop clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make run CONFIG=dir     on your own configuration (see docs/add-prometheus.md)"
	@echo "  make run HEADLESS=1     run the main job, stop everything, exit non-zero on any failure"

$(INSTALLED): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "Almanac needs Python 3.11, and '$(PYTHON)' is not on the PATH."; \
	  echo "Install it (Debian: apt install python3.11 python3.11-venv), or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "Almanac needs Python 3.11, but '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Say where 3.11 is: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	@$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.txt
	@touch $@

run: $(INSTALLED) ## Install, start Airflow and MLflow, load a simulated fleet, run the main job, say where to look
	@$(BIN)/python -m include.stack run $(if $(DAYS),--days $(DAYS)) $(if $(CONFIG),--config $(CONFIG)) $(if $(HEADLESS),--headless)

down: ## Stop what `make run` has started
	@test -x $(BIN)/python && $(BIN)/python -m include.stack down $(if $(CONFIG),--config $(CONFIG)) || true

test: $(INSTALLED) ## Install and pass the tests; prints what it skipped for want of a server or data
	@$(BIN)/python -m pytest $(ARGS)

lint: $(INSTALLED) ## Style, types, import order, and whether requirements.txt still follows requirements.in
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@cp requirements.txt $(VENV)/requirements.lock && \
	  $(UV) pip compile --quiet --no-header --python-version 3.11 requirements.in -o $(VENV)/requirements.lock && \
	  diff <(grep -v '^#' requirements.txt) $(VENV)/requirements.lock >/dev/null || \
	  { echo "requirements.txt does not follow requirements.in any more: run 'make lock'."; exit 1; }

format: $(INSTALLED) ## Rewrite the code in the house style
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

gaps: $(INSTALLED) ## Say which windows of which source are missing or short (DAYS=7)
	@$(if $(CONFIG),ALMANAC_CONFIG_DIR=$(CONFIG) ALMANAC_HOME=$${ALMANAC_HOME:-.almanac-$(notdir $(abspath $(CONFIG)))}) \
	  $(BIN)/python -m include.warehouse gaps --days $(or $(DAYS),7)

fill: $(INSTALLED) ## Read those windows again, in a running installation, and recompute what hangs on them
	@$(BIN)/python -m include.stack fill --days $(or $(DAYS),7) $(if $(CONFIG),--config $(CONFIG))

lock: $(INSTALLED) ## Compile requirements.in into requirements.txt
	@$(UV) pip compile --quiet --no-header --python-version 3.11 requirements.in -o requirements.txt

bench: $(INSTALLED) ## Print speed and quality beside naive references (DATA=folder of public data)
	@for name in features ingest forecast sources logs log_files redaction scoring; do \
	  $(BIN)/python -m benchmarks.$$name $(if $(DATA),--data $(DATA)) || exit 1; done

up: .env ## Start the team's installation: docker compose with PostgreSQL, Redis, Celery, MLflow and a mail catcher
	docker compose up --detach --build

stop: ## Stop the team's installation (its volumes stay)
	docker compose down

.env:
	@umask 077; { echo "# Made by make up. Keep it secret; the databases are created with these passwords."; \
	  for name in POSTGRES_PASSWORD AIRFLOW_DB_PASSWORD MLFLOW_DB_PASSWORD WAREHOUSE_DB_PASSWORD REDIS_PASSWORD \
	    ALMANAC_ADMIN_PASSWORD AIRFLOW_JWT_SECRET; do echo "$$name=$$(head -c 24 /dev/urandom | base64 | tr '+/' 'ab')"; done; \
	  echo "AIRFLOW_FERNET_KEY=$$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"; echo "AIRFLOW_UID=$$(id -u)"; } > $@
	@echo "Made .env with new secrets; sign in as admin with ALMANAC_ADMIN_PASSWORD from it."

clean: down ## Stop everything and remove what runs have written (the warehouse too); keeps the virtual environment
	rm -rf .almanac .almanac-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
