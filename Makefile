# Every target does its own set-up: a fresh machine needs Python 3.11 or newer, and nothing else.
# `make check` alone also needs npm (Debian: apt-get install npm), for the checks of the contracts.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CONTRACTS := $(shell find protos -name '*.proto' -not -path '*/node_modules/*')
IMAGE := protos/.generated/contracts.binpb
BUF := protos/node_modules/.bin/buf
WORKERS ?= 2
BENCHES ?= claims round taps failover settle cards social isolation

# What is started here starts processes by the dozen: each module is compiled once, even where the environment says no.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help install protos gala up bench test check lint types layers contracts release-contracts requirements clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Set up the virtual environment with everything pinned

$(VENV)/.requirements: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hongbao needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(INSTALLED): $(VENV)/.requirements pyproject.toml protos/build.py $(CONTRACTS)
	@# The build hook generates the contracts' code.
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

protos: $(VENV)/.requirements ## Generate the Python code of the contracts
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/build.py

gala: $(INSTALLED) ## Play a whole campaign evening on this machine and prove that every fen is accounted for
	$(BIN)/hongbao gala $(GALA)

up: $(INSTALLED) ## Start etcd and every service on this machine; Ctrl-C drains and stops them
	$(BIN)/hongbao up

bench: $(INSTALLED) ## Run every benchmark, some minutes each; the figures go to .bench/ as JSON
	@missing=""; \
	command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null || missing="$$missing redis-server"; \
	command -v h2load >/dev/null || missing="$$missing nghttp2-client"; \
	test -z "$$missing" || { echo "the peers of the benchmarks are missing (Debian: apt-get install$$missing)"; exit 1; }
	@mkdir -p .bench
	@failed=""; \
	for name in $(BENCHES); do \
		$(BIN)/hongbao bench $$name --report .bench/$$name.json; code=$$?; \
		test $$code -ne 130 || exit 130; \
		test $$code -eq 0 || failed="$$failed $$name"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

test: $(INSTALLED) ## Run all tests
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

check: lint types layers contracts ## Run every static check

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports --no-logo

contracts: $(IMAGE) $(BUF) ## Lint the contracts and find breaking changes against the last release
	$(BUF) lint $(IMAGE) --config protos/buf.yaml
	$(BUF) breaking $(IMAGE) --against protos/released.binpb --config protos/buf.yaml

release-contracts: $(IMAGE) $(BUF) ## Keep the contracts of today as those of the last release
	$(BUF) build $(IMAGE) --exclude-source-info --exclude-imports --output protos/released.binpb

$(IMAGE): $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/build.py --image $@

$(BUF): protos/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: the checks of the contracts need it (Debian: apt-get install npm)"; exit 1; }
	npm ci --prefix protos --no-fund --no-audit --loglevel=error
	@touch $@

requirements: $(INSTALLED) ## Pin the dependencies anew, with hashes and without an index address
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-options \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-build-isolation \
		--extra dev --output-file requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-options \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-build-isolation \
		--output-file deploy/requirements.txt pyproject.toml

clean: ## Remove what was installed and generated; the data of a local mesh (.hongbao) stays
	rm -rf $(VENV) protos/.generated protos/node_modules
	find protos \( -name '*_pb2*.py' -o -name '*_pb2*.pyi' \) -not -path '*/node_modules/*' -delete
