# Forebay's commands. What they install and build lands in .forebay/ and .aws-sam/, never elsewhere.
#
# `make serve` prints one line on stdout and nothing else, so everything before it reports on stderr.

PYTHON ?= python3 python3.13 python3.12 python3.11
ARCHITECTURE ?= arm64
PYTHON_VERSION ?= 3.13
PORT ?= 8080

VENV := .forebay/venv
UV := $(VENV)/uv/bin/uv
SAM := $(VENV)/sam/bin/sam
DEV := $(VENV)/dev/bin
BUILD_DIR ?= .aws-sam/build
LOCAL_BUILD := .forebay/build/local
ENVIRONMENTS := dev sam cloud worker model
LAYERS := runtime index tokens inference parsers broker

# The first of $(PYTHON) that runs and is 3.11 to 3.13; its real path, because uv cannot look through pyenv's shims.
FIND_PYTHON := import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit(1); print(sys.executable)
INTERPRETER = $(firstword $(foreach name,$(PYTHON),$(shell $(name) -c '$(FIND_PYTHON)' 2>/dev/null)))
NO_PYTHON := Forebay needs Python 3.11, 3.12 or 3.13; name one with PYTHON=/path/to/python3

# uv does not read pip's settings: an index and certificates that are set for pip hold for uv, too.
PIP_INDEX := $(shell cat .forebay/pip-index 2>/dev/null)
ifneq ($(PIP_INDEX),)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX)
endif
ifneq ($(PIP_CERT),)
export SSL_CERT_FILE ?= $(PIP_CERT)
endif
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_APP_DIR := $(CURDIR)/.forebay/sam
export AWS_DEFAULT_REGION ?= eu-west-1

.DEFAULT_GOAL := help
.PHONY: help setup programs uv check test simulate model build build-local serve demo soak key schemas lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# -- setting up -------------------------------------------------------------------------------------------------------

setup: $(ENVIRONMENTS:%=environment-%) programs ## Install every tool, hash-checked, into .forebay/venv

# What the tests run beside Python comes from Debian; where it cannot be installed, they say what was not run.
programs: environment-dev
	@$(DEV)/python -m tests.programs

uv: $(UV)

environment-%: $(VENV)/%/.synced
	@:

$(UV): local/environments/uv.txt
	@test -n '$(INTERPRETER)' || { echo '$(NO_PYTHON)' >&2; exit 1; }
	@echo 'installing uv' >&2
	@'$(INTERPRETER)' -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< >&2
	@{ $(VENV)/uv/bin/python -m pip config get global.index-url || true; } > .forebay/pip-index 2>/dev/null
	@touch $@

$(VENV)/%/.synced: local/environments/%.txt $(UV)
	@test -n '$(INTERPRETER)' || { echo '$(NO_PYTHON)' >&2; exit 1; }
	@echo 'installing the environment $*' >&2
	@test -x $(VENV)/$*/bin/python || $(UV) venv --quiet --clear --python '$(INTERPRETER)' $(VENV)/$* >&2
	@$(UV) pip sync --quiet --require-hashes --python $(VENV)/$*/bin/python $< >&2
	@touch $@

.PRECIOUS: $(VENV)/%/.synced

# -- building ---------------------------------------------------------------------------------------------------------

build: environment-sam ## Build for AWS into .aws-sam (ARCHITECTURE=arm64|x86_64, PYTHON_VERSION=3.13)
	ARCHITECTURE=$(ARCHITECTURE) PYTHON_VERSION=$(PYTHON_VERSION) $(SAM) build --no-cached --build-dir $(BUILD_DIR) \
		--parameter-overrides Architecture=$(ARCHITECTURE) Runtime=python$(PYTHON_VERSION)

build-local: $(LOCAL_BUILD)/.built ## Build for this machine's Python into .forebay/build/local

# The cache of `sam build` looks at a layer's own folder only; its name makes it forget when any layer's recipe changes.
LAYER_SOURCES := $(shell find layers -type f ! -name '*.pyc' | sort)
LAYERS_HASH = $(shell cat $(LAYER_SOURCES) local/environments/model.txt | sha256sum | cut -c 1-16)

$(LOCAL_BUILD)/.built: template.yaml $(LAYER_SOURCES) $(shell find shared functions -type f ! -name '*.pyc') \
		| $(VENV)/sam/.synced $(VENV)/worker/.synced
	@echo 'building for this machine' >&2
	@mkdir -p .forebay/build && rm -rf $(LOCAL_BUILD).next
	@TARGET_PYTHON=$(CURDIR)/$(VENV)/worker/bin/python $(SAM) build --cached --cache-dir .forebay/build/cache-$(LAYERS_HASH) \
		--build-dir $(LOCAL_BUILD).next > .forebay/build/local.log 2>&1 || { cat .forebay/build/local.log >&2; exit 1; }
	@touch $(LOCAL_BUILD).next/.built
	@rm -rf $(LOCAL_BUILD) && mv $(LOCAL_BUILD).next $(LOCAL_BUILD)
	@find .forebay/build -maxdepth 1 -name 'cache-*' ! -name cache-$(LAYERS_HASH) -exec rm -rf {} +

# What the local stack runs on; locked, so that two commands may be started at once in a fresh clone.
READY := environment-cloud environment-worker build-local
define get_ready
@mkdir -p .forebay
@flock .forebay/make.lock $(MAKE) --silent --no-print-directory $(READY) >&2
endef

# -- working ----------------------------------------------------------------------------------------------------------

check: environment-dev environment-sam ## Lint, types, import rules, template
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/mypy
	PYTHONPATH=shared $(DEV)/lint-imports
	$(SAM) validate --lint

test: environment-dev environment-sam programs ## Run all tests (under five minutes on two cores)
	$(get_ready)
	$(DEV)/python -m pytest -n 2 --dist loadgroup

simulate: environment-dev ## Fail at every call, in every order that is bounded, on the fakes and on moto (some minutes)
	FOREBAY_SIMULATION=full $(DEV)/python -m pytest tests/simulation --ignore tests/simulation/test_mutants.py -n 2 --quiet

model: environment-dev ## Go through every state of the protocol's model within its bounds (a minute or two)
	$(DEV)/python -m tests.simulation.explore

serve: ## Run everything on loopback (PORT=8080)
	$(get_ready)
	@exec $(VENV)/cloud/bin/python -m local serve --port $(PORT)

demo: ## Ingest the samples and search them (DOCS=folder QUERY='...')
	$(get_ready)
	@exec $(VENV)/cloud/bin/python -m local demo $(if $(DOCS),--docs "$$DOCS") $(if $(QUERY),--query "$$QUERY")

soak: ## Kill workers at random under load, then count (SOAK_DOCUMENTS=1000 SOAK_CLIENTS=16 SOAK_MINUTES=30 SOAK_SEED=)
	$(get_ready)
	@exec $(VENV)/cloud/bin/python -m local soak $(if $(SOAK_DOCUMENTS),--documents $(SOAK_DOCUMENTS)) \
		$(if $(SOAK_CLIENTS),--clients $(SOAK_CLIENTS)) $(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES)) \
		$(if $(SOAK_SEED),--seed $(SOAK_SEED))

key: environment-dev ## Make an API key (TABLE=... TENANT=... SCOPES='read write delete')
	@PYTHONPATH=shared $(DEV)/python -m forebay.entrypoints.keys '$(TABLE)' '$(TENANT)' $(SCOPES)

schemas: environment-dev ## Write events/schemas anew from the models of events
	@PYTHONPATH=shared $(DEV)/python -m local.make_schemas

lock: $(UV) ## Resolve every lock file again (UPGRADE=--upgrade moves the versions)
	@for name in $(LAYERS:%=layers/%/requirements) layers/model/weights $(ENVIRONMENTS:%=local/environments/%) \
		local/environments/uv; do \
		excludes=$$(dirname $$name)/excludes.txt; test -e $$excludes || excludes=layers/excludes.txt; \
		cp $$name.txt .forebay/resolved.txt 2>/dev/null || rm -f .forebay/resolved.txt; \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--custom-compile-command 'make lock' --excludes layers/excludes.txt --excludes $$excludes $(UPGRADE) \
			--output-file .forebay/resolved.txt $$name.in > /dev/null || exit 1; \
		cmp -s .forebay/resolved.txt $$name.txt || { echo "$$name.txt changed"; cp .forebay/resolved.txt $$name.txt; }; \
	done; rm -f .forebay/resolved.txt

clean: ## Remove everything that was installed and built
	rm -rf .forebay .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
