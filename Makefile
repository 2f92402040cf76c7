# Everything starts here; `make` alone lists what there is.
# Each target sets up .venv by itself, from the lock with hashes, when lock or pyproject changed.

SHELL := /bin/sh
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: .venv/.installed ## run all tests
	$(PYTEST)

.PHONY: check
check: .venv/.installed ## what CI runs: format, lint, types, import contracts, tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(PYTEST)

.PHONY: format
format: .venv/.installed ## format the code and fix what ruff can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: demo
demo: .venv/.installed ## play the demo (KEEP=1 leaves it running)
	$(BIN)/python -m demo $(if $(KEEP),--keep)

.PHONY: catalogue
catalogue: .venv/.installed ## find new texts, and compile their translations
	$(BIN)/python -m scripts.catalogue

# The folder of the MLS vectors; those of other sources are looked for beside it.
VECTORS ?= $(firstword $(wildcard ../shared/vectors/mls build/vectors/mls) build/vectors/mls)

.PHONY: conformance
conformance: .venv/.installed ## run every published test vector, print a table (VECTORS=folder)
	$(BIN)/python -m tests.conformance --vectors $(VECTORS)

.PHONY: interop
interop: .venv/.installed ## meet other MLS implementations, print a table (needs node and a network)
	$(BIN)/python -m tests.interop

.PHONY: torture
torture: .venv/.installed ## kills, crashes, power cuts, faults, flipped bits: build/torture.json (SHARE=0.1 for less)
	$(BIN)/python -m tests.torture --share $(or $(SHARE),1)

.PHONY: fuzz
fuzz: .venv/.installed ## the API against its OpenAPI document, build/fuzz.json (CASES=20000; needs requirements/ci.txt)
	$(BIN)/python -m tests.server.fuzz --cases $(or $(CASES),20000)

SEEDS ?= 300

.PHONY: simulate
simulate: .venv/.installed ## play a company in one process, seed by seed (SEEDS=300)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation --plants --seeds 300

.PHONY: attack
attack: .venv/.installed ## play the table of attacks, print it, write build/attacks.json
	$(BIN)/python -m tests.attacks

.PHONY: expiry
expiry: .venv/.installed ## travel in time, search disk and memory, write build/expiry.json (CASES=500)
	$(BIN)/python -m tests.expiry $(CASES)

.PHONY: screens
screens: .venv/.installed ## write pictures of the screen's main views to build/screens (needs Chromium)
	$(BIN)/python -m tests.browser.screens

.PHONY: bench
bench: .venv/.installed ## measure, print tables, write build/bench.json (SECTIONS="mls")
	$(BIN)/python -m bench $(SECTIONS)

.PHONY: vectors
vectors: .venv/.installed ## fetch the public MLS test vectors (needs a network)
	$(BIN)/python -m scripts.fetch_vectors

# Hashes of every platform's wheels, no index and no path of this machine. `make lock UPGRADE=--upgrade`
# moves to the newest versions; without it only what pyproject.toml asks for moves.
.PHONY: lock
lock: .venv/.installed ## write requirements/*.txt anew from pyproject.toml (needs a network)
	CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) --extra server --extra scale --extra dev \
		--output-file requirements/dev.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) --extra server --extra scale \
		--constraint requirements/dev.txt --output-file requirements/server.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) --extra ci --constraint requirements/dev.txt \
		--output-file requirements/ci.txt pyproject.toml

COMPILE = $(BIN)/pip-compile --quiet --no-config $(UPGRADE) --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --pip-args "--only-binary :all:"

.PHONY: wheel
wheel: .venv/.installed ## build the wheel twice to the same bytes, into dist/
	$(BIN)/python -m scripts.build_wheel

.PHONY: sbom
sbom: .venv/.installed ## write build/sbom.json (CycloneDX) of what a server runs (needs requirements/ci.txt)
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements/server.txt --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file build/sbom.json

.PHONY: load
load: .venv/.installed ## put load on servers, print tables, write build/load.json (PARTS="small large idle postgres floor start download herd renewals holiday overload slow backup")
	$(BIN)/python -m bench.load $(PARTS)

.PHONY: clean
clean: ## remove the virtual environment, caches and everything built
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements/dev.txt pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" scripts/setup.sh
