# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# What is installed, one stamp an extra of pyproject.toml: the demo needs a third of what the tests do.
LOCAL  := $(VENV)/.installed-local
TEST   := $(VENV)/.installed-test
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test test-frameworks test-images images bench-agent bench-metrics verify crds chart-docs chart e2e golden clean

help:  ## what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(VENV)/.installed-%: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Footplate needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make demo PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Footplate into $(VENV) (takes a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	@$(BIN)/python -m compileall -q operator runtime local  # pip compiles what it copies, not what it links to
	@touch $@

demo: $(LOCAL)  ## train on real data on an embedded cluster, from nothing to a summary
	@env -u KUBECONFIG $(BIN)/footplate run examples/digits  # the embedded cluster, whatever the shell points at

test: $(TEST)  ## run all tests, but those of environments that take minutes to build
	$(PYTEST) -n 4 --dist worksteal  # tests of frameworks come last and are long

test-frameworks: $(TEST)  ## run the tests of all frameworks, and build what they need
	$(PYTEST) -n 2 --dist worksteal -m "frameworks or all_kills" --slow-builds --all-kills

images:  ## build both container images with docker, podman or buildah (docs/development.md)
	@$(PYTHON) images/make_images.py

test-images: $(TEST)  ## build both images with buildah and run what is in them (root; BASE=localhost/python:3.11)
	$(PYTEST) tests/images --images

e2e: $(TEST)  ## run the end-to-end suite on the cluster of KUBECONFIG, or on one that kind makes (docs/e2e.md)
	@$(BIN)/python tools/e2e.py

bench-agent: $(TEST)  ## measure the agent's uploads beside rclone, s5cmd, aws and raw sockets (a quarter of an hour)
	$(BIN)/python benchmarks/agent.py
	$(BIN)/python benchmarks/agent_watch.py

bench-metrics: $(TEST)  ## measure what a logged metric costs, beside other trackers
	$(BIN)/python benchmarks/metrics.py

verify: $(TEST)  ## generated files, ruff, mypy, import rules, clean tree
	$(BIN)/python -m footplate.api.crd --check
	$(BIN)/python tools/chart_docs.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tools
	$(BIN)/lint-imports
	@test -z "$$(git status --porcelain)" || { echo "the tree is not clean:"; git status --short; exit 1; }

crds: $(TEST)  ## write crds/*.yaml and the chart's copies from the models
	$(BIN)/python -m footplate.api.crd

chart-docs: $(TEST)  ## write the chart's README.md and values.schema.json from its values.yaml
	$(BIN)/python tools/chart_docs.py

chart: $(TEST)  ## package the chart into dist/
	@mkdir -p dist
	@$(BIN)/python -c 'import helm_python; print(helm_python.package("charts/footplate", destination="dist"))'

golden: $(TEST)  ## rewrite tests/golden from what the code plans now
	$(PYTEST) tests/golden --rewrite-golden

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
