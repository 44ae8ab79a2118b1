# Every target creates what it needs: a virtual environment in .venv from requirements with hashes.
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

$(STAMP): pyproject.toml examples/plan-catalogue/pyproject.toml requirements/dev.txt
	@echo "Creating the virtual environment in $(VENV); this takes a minute or two, once"
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is required; this is Python " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e examples/plan-catalogue
	@touch $@

demo: $(STAMP) ## run the whole system on this machine: real jobs, from rows to files
	@exec $(BIN)/python -m regen_demo

dev: $(STAMP) ## start the demo's stack and keep it running; prints the kubeconfig to export
	@exec $(BIN)/regen-stack up

test: $(STAMP) ## run every test that needs no cluster; the last line says what was not proven
	env -u KUBECONFIG $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not cluster and not exhaustive" --not-proven $(ARGS)

faults: $(STAMP) ## run the whole fault suite; POINT=publish.after_manifest_put kills at that point only, PAIRS=1 adds pairs of points, PAIRS=1/50 a share of them
	env -u KUBECONFIG POINT=$(POINT) PAIRS=$(PAIRS) $(BIN)/python -m pytest tests/faults tests/integration/database/test_interrupted.py -n $(if $(POINT),0,$(WORKERS)) -v $(ARGS)

soak: $(STAMP) ## run N (200) small jobs under random faults chosen by SEED (random, printed), then check the invariants
	env -u KUBECONFIG $(BIN)/python -m tests.faults.soak $(or $(N),200) $(if $(SEED),--seed $(SEED))

lint: $(STAMP) ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

format: $(STAMP) ## format, and fix what can be fixed
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(BENCH_STAMP) ## run the benchmarks, each a table of ratios; NAMES="database launch" runs only those
	$(BIN)/python -m regen_bench $(NAMES)

api-fuzz: $(STAMP) ## fuzz the API from its OpenAPI document, EXAMPLES (1000) cases for each operation
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/integration/api/test_openapi.py -s $(ARGS)

cluster-test: $(STAMP) ## run the end-to-end suite on the cluster that KUBECONFIG names
	@test -n "$(KUBECONFIG)" || { echo "cluster-test: KUBECONFIG is not set. Set it to the kubeconfig of a test cluster."; exit 2; }
	@test -z "$(REGEN_TEST_LOAD_IMAGE)" || LOAD="$(REGEN_TEST_LOAD_IMAGE)" REGISTRY=localhost/ TEST_IMAGE=$(REGEN_TEST_IMAGE) ./images.sh
	$(BIN)/python -m pytest tests/e2e $(ARGS)

images: ## build the images with docker, podman or buildah
	./images.sh $(ARGS)

chart: $(STAMP) ## write the chart's README table and schema from values.yaml and the operator's model
	$(BIN)/python -m tests.chart.documentation

reference: $(STAMP) ## write the reference tables in docs/ from the code
	$(BIN)/python -m tests.repo.metrics_reference
	$(BIN)/python -m tests.repo.settings_reference
	$(BIN)/python -m tests.repo.reasons_reference

docs: $(STAMP) ## build the documentation site into site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lock: $(STAMP) ## compile requirements/*.txt from pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV_LOCK) --group dev --extra operator --extra runner --extra api --extra cli --extra provenance --extra stack pyproject.toml -o requirements/dev.txt
	$(UV_LOCK) --group bench --constraints requirements/dev.txt pyproject.toml -o requirements/bench.txt
	$(UV_LOCK) --group build pyproject.toml -o requirements/build.txt
	$(UV_LOCK) --extra operator --extra cli --constraints requirements/dev.txt pyproject.toml -o requirements/operator.txt
	$(UV_LOCK) --extra runner --constraints requirements/dev.txt pyproject.toml -o requirements/runner.txt
	$(UV_LOCK) --extra api --constraints requirements/dev.txt pyproject.toml -o requirements/api.txt

clean: ## remove what the other targets created
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
