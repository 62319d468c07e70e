# Two commands: `make demo` and `make test`. Both set up what they need, and are safe to repeat.
PYTHON ?= python3
DATASET ?= movielens-100k
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Image of the compiled pipeline: a digest that nothing can resolve (manifests/README.md).
UNPINNED := lolomo/training@sha256:$(shell printf '%064d' 0)

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench-serving bench-faults check format lock manifests images clean

help: ## Say what each command does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: $(READY) ## Make the virtual environment, from hash-locked requirements

$(READY): requirements/dev.txt pyproject.toml
	@echo "Installing into $(VENV); the first time takes a few minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## From real events to a personalised page; DATASET=movietweetings-100k for another
	@$(BIN)/lolomo demo --dataset $(DATASET)

test: $(READY) ## Run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

bench-serving: $(READY) ## Measure the page service against its targets; WORKSPACE=… for another
	@PYTHONPATH=tests $(BIN)/python -m load.bench_serving $(if $(WORKSPACE),--workspace $(WORKSPACE))

bench-faults: $(READY) ## Break each dependency of the page service under load; DATASET as above
	@$(BIN)/python tests/load/bench_faults.py --dataset $(DATASET)

check: $(READY) ## Format, lint, types and layers, as CI checks them
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY) ## Resolve the requirements again
	@PATH="$(abspath $(BIN)):$$PATH" requirements/lock

manifests: $(READY) ## Compile the graph and the pipeline into manifests/ again
	@$(BIN)/lolomo graph compile --namespace lolomo-graph --output manifests/serving/graph/inference-graph.yaml \
	  --service page=top-picks-predictor --service context=top-picks-predictor \
	  --service-url 'http://{service}.lolomo.svc.cluster.local/v1/steps/{step}'
	@$(BIN)/lolomo pipelines compile --objects --image $(UNPINNED) manifests/training/pipelines/lolomo.yaml

images: $(READY) ## Build the container images; see images/README.md
	@REGISTRY="$(REGISTRY)" PYTHON_IMAGE="$(PYTHON_IMAGE)" RUNTIME_IMAGE="$(RUNTIME_IMAGE)" \
	  CUDA_IMAGE="$(CUDA_IMAGE)" PYTHON=$(BIN)/python images/build

clean: ## Remove the environment and everything the demo made
	rm -rf $(VENV) .lolomo
