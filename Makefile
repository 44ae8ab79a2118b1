# Every target sets up what it needs: a virtual environment in .venv, from hashed requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed
WORKERS ?= 4
ifdef REGEN_TEST_LOAD_IMAGE # cluster-test builds the images and loads them under these names
export REGEN_TEST_OPERATOR_IMAGE ?= localhost/regen-operator:dev
export REGEN_TEST_RUNNER_IMAGE ?= localhost/regen-runner:dev
export REGEN_TEST_IMAGE ?= localhost/regen-test-runner:dev
endif
EXAMPLES ?= 1000
UV_LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test faults soak lint format dev bench api-fuzz cluster-test images chart reference docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements/dev.txt
	@echo "Making the virtual environment in $(VENV) (a minute or two, once)"
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## the whole system on this machine: real jobs, from rows to immutable files
	@exec $(BIN)/python -m regen_demo

dev: $(STAMP) ## the demo's stack, kept running; prints the kubeconfig to export
	@exec $(BIN)/regen-stack up

test: $(STAMP) ## every test that runs without a cluster; the last line says what was not proven
	env -u KUBECONFIG $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not cluster and not exhaustive" --not-proven $(ARGS)

faults: $(STAMP) ## the whole fault suite; POINT=publish.after_manifest_put kills there alone, PAIRS=1 adds pairs of points, PAIRS=1/50 a share of them
	env -u KUBECONFIG POINT=$(POINT) PAIRS=$(PAIRS) $(BIN)/python -m pytest tests/faults tests/integration/database/test_interrupted.py -n $(if $(POINT),0,$(WORKERS)) -v $(ARGS)

soak: $(STAMP) ## N (200) small jobs under random faults, chosen by SEED (a new one, printed); ends with the invariants
	env -u KUBECONFIG $(BIN)/python -m tests.faults.soak $(or $(N),200) $(if $(SEED),--seed $(SEED))

lint: $(STAMP) ## format check, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

format: $(STAMP) ## format and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(BENCH_STAMP) ## benchmarks, each a table of ratios; NAMES="database launch" runs those alone
	$(BIN)/python -m regen_bench $(NAMES)

api-fuzz: $(STAMP) ## schemathesis over the OpenAPI document, EXAMPLES (1000) cases for each operation
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/integration/api/test_openapi.py -s $(ARGS)

cluster-test: $(STAMP) ## the end-to-end suite against the cluster that KUBECONFIG names
	@test -n "$(KUBECONFIG)" || { echo "cluster-test: set KUBECONFIG to a test cluster's kubeconfig"; exit 2; }
	@test -z "$(REGEN_TEST_LOAD_IMAGE)" || LOAD="$(REGEN_TEST_LOAD_IMAGE)" REGISTRY=localhost/ TEST_IMAGE=$(REGEN_TEST_IMAGE) ./images.sh
	$(BIN)/python -m pytest tests/e2e $(ARGS)

images: ## build the images with docker, podman or buildah
	./images.sh $(ARGS)

chart: $(STAMP) ## write the chart's README table and schema anew from values.yaml and the operator's model
	$(BIN)/python -m tests.chart.documentation

reference: $(STAMP) ## write the references in docs/ anew from the code
	$(BIN)/python -m tests.repo.metrics_reference
	$(BIN)/python -m tests.repo.settings_reference
	$(BIN)/python -m tests.repo.reasons_reference

docs: $(STAMP) ## build the documentation's site into site/, every warning an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lock: $(STAMP) ## compile requirements/*.txt anew from pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV_LOCK) --group dev --extra operator --extra runner --extra api --extra cli --extra provenance --extra stack pyproject.toml -o requirements/dev.txt
	$(UV_LOCK) --group bench --constraints requirements/dev.txt pyproject.toml -o requirements/bench.txt
	$(UV_LOCK) --group build pyproject.toml -o requirements/build.txt
	$(UV_LOCK) --extra operator --extra cli --constraints requirements/dev.txt pyproject.toml -o requirements/operator.txt
	$(UV_LOCK) --extra runner --constraints requirements/dev.txt pyproject.toml -o requirements/runner.txt
	$(UV_LOCK) --extra api --constraints requirements/dev.txt pyproject.toml -o requirements/api.txt

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
