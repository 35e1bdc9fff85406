# Targets that document themselves: make help. Everything installs into .venv; nothing else of the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate pyproject.toml --extra airflow --extra s3
export PYTHONPATH :=
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test image docker-test lint bench lock wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv (again only when requirements-dev.txt changes)

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Next: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv. Next: install it (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements-dev.txt uv
	@echo "Installing the locked requirements (a few minutes the first time)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

up: $(STAMP) ## Start Airflow, MLflow and the model server; wait until all are healthy
	@$(BIN)/python -m airworthy_airflow.stack up

down: $(STAMP) ## Stop them and leave no process behind
	@$(BIN)/python -m airworthy_airflow.stack down

status: $(STAMP) ## Say which parts are healthy
	@$(BIN)/python -m airworthy_airflow.stack status

demo: $(STAMP) ## From nothing to a served model, and through a change of the world that has one trained again
	@$(BIN)/python -m airworthy_airflow.demo

test: $(STAMP) lint ## Run the linters and every test
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	  --cov --cov-report=term

image: ## Build the image that stages run in (needs Docker)
	@docker build --file infra/docker/Dockerfile --tag airworthy .

docker-test: $(STAMP) image ## Run stages in real containers: a whole train run, errors, cancellation (needs Docker)
	@$(BIN)/python -m pytest infra/docker

lint: $(STAMP) ## Run the linters, the type checker and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP) ## Print the figures of benchmarks/: ratios of speed and memory, readability of the code
	@for bench in benchmarks/[a-z]*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

lock: $(STAMP) ## Make the locks from pyproject.toml, for every Python and platform; pins that fit stay
	@$(LOCK) --extra distributed --group dev --output-file requirements-dev.txt
	@$(LOCK) --constraint requirements-dev.txt --output-file requirements.txt
	@$(LOCK) --extra distributed --constraint requirements-dev.txt --output-file requirements-distributed.txt

wheel: $(STAMP) ## Build the wheel and the source distribution into dist/
	@$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python

clean: down ## Stop everything and remove state and environment
	@rm -rf .airworthy $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
