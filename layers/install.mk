# Included by every layer's Makefile: how third-party wheels get into a layer.
#
# `sam build` runs `make --makefile layers/<layer>/Makefile build-<LogicalId>` in a copy of the layer's folder, with
# ARTIFACTS_DIR set to where the layer has to land; the path of the Makefile itself stays the original one.
#
# Production (the default): wheels for the template's Runtime and Architecture, whatever Python runs on this machine.
#   ARCHITECTURE     arm64 (default) or x86_64
#   PYTHON_VERSION   3.13 (default)
# Local: wheels for one interpreter of this machine.
#   TARGET_PYTHON    its path; the two above do not matter then

.SILENT:

LAYERS := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
ROOT := $(abspath $(LAYERS)/..)
UV := $(ROOT)/.forebay/venv/uv/bin/uv
ARCHITECTURE ?= arm64
PYTHON_VERSION ?= 3.13
TARGET_PYTHON ?=

# Amazon Linux 2023, which the python3.12 and later runtimes stand on, has glibc 2.34.
PLATFORM_arm64 := aarch64-manylinux_2_34
PLATFORM_x86_64 := x86_64-manylinux_2_34
PLATFORM := $(PLATFORM_$(ARCHITECTURE))
ifeq ($(PLATFORM),)
$(error ARCHITECTURE must be arm64 or x86_64, not $(ARCHITECTURE))
endif

ifeq ($(TARGET_PYTHON),)
TARGET := --python-platform $(PLATFORM) --python-version $(PYTHON_VERSION)
else
TARGET := --python $(TARGET_PYTHON)
endif

# $(call install,<requirements file>...): hash-checked wheels into python/, without scripts and type stubs.
define install
$(UV) pip install --quiet --target $(ARTIFACTS_DIR)/python $(TARGET) --link-mode copy \
	--only-binary :all: --no-deps --require-hashes $(addprefix --requirements ,$(1))
rm -rf $(ARTIFACTS_DIR)/python/bin $(ARTIFACTS_DIR)/python/.lock
find $(ARTIFACTS_DIR)/python -name '*.pyi' -delete
endef

# Bytecode spares a cold start up to half of its import time. It is never checked against the source, for layers are
# read-only, and takes an interpreter of the target's minor version: without one the layer works, but starts slower.
BYTECODE_PYTHON ?= $(or $(TARGET_PYTHON),python$(PYTHON_VERSION))
define compile
if $(BYTECODE_PYTHON) -c '' 2>/dev/null; then \
	$(BYTECODE_PYTHON) -m compileall -q --invalidation-mode unchecked-hash $(ARTIFACTS_DIR)/python; \
else \
	echo '$(BYTECODE_PYTHON) does not run here: the layer has no bytecode and starts slower' >&2; \
fi
endef

# Layers may be built side by side: whoever comes first sets up, the others wait.
# $(call setup,<target of the root's Makefile>)
define setup
mkdir -p $(ROOT)/.forebay
flock $(ROOT)/.forebay/lock $(MAKE) --directory $(ROOT) --no-print-directory $(1)
endef

$(UV):
	$(call setup,uv)
