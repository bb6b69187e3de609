# `make help` lists the targets. Set-up on a fresh Debian machine with Python 3.11: `make demo`, `make test`.

VENV   ?= .venv
PYTHON ?= python3.11
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   := $(VENV)/.installed-demo
TORCH  := $(VENV)/.installed-torch
APT    := iverilog yosys verilator
BENCH  := startup bert_pipeline bert_weights parsing large_modules tables jit_gelu integer_units wide_operands seed_tables \
          model_accuracy fixed_units fit_cost accuracy_area seed_hardware torch_operator lutnet_code network_choice
INPUTS ?= 20000
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

$(TORCH):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	# torch first and pinned: what needs torch then takes this one.
	$(BIN)/python -m pip install --quiet torch==2.13.0
	touch $@

$(STAMP): pyproject.toml | $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	# Its torchvision would belong to another torch; its other needs are there.
	$(BIN)/python -m pip install --quiet --no-deps timm==1.0.31
	touch $@ $(DEMO)

# What the demo needs is a part of that.
$(DEMO): pyproject.toml | $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

.PHONY: install
install: $(STAMP) ## make the virtual environment with everything in it

.PHONY: apt apt-simulator
apt-simulator: APT := iverilog
apt-simulator: apt
apt: ## install the simulator and the synthesizer from Debian
	@missing=; for tool in $(APT); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq $$missing >/dev/null; \
	fi

.PHONY: apt-fpga
apt-fpga: ## install place and route for iCE40, which the hardware tests use where it is there
	@command -v nextpnr-ice40 >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq nextpnr-ice40 fpga-icestorm >/dev/null; }

.PHONY: apt-data
apt-data: ## install Fashion-MNIST, which training runs on
	@[ -d /usr/share/datasets/fashion-mnist ] || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq dataset-fashion-mnist >/dev/null; }

.PHONY: train
train: $(STAMP) apt-data ## Tables 4 and 5 of GQA-LUT, some hours; goes on where it stopped
	$(BIN)/python benchmarks/seed_training.py --plot build/training

.PHONY: apt-browser
apt-browser: ## install the browser that the tests look at the HTML report with
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

.PHONY: demo
demo: $(DEMO) apt-simulator ## a pretrained sentence encoder through the whole toolchain
	$(BIN)/python examples/minilm_demo.py

.PHONY: models
models: $(STAMP) ## published models lowered; the zoo run and compared; every operator on every kind of input
	$(BIN)/python -m pytest -q -m models
	$(BIN)/python examples/lower_models.py
	$(BIN)/python examples/zoo.py
	PYTHONPATH=tests $(BIN)/python -m operators

.PHONY: test
test: check apt ## everything: check, pytest, lit
	$(BIN)/python -m pytest -q -n 2 -m "not hardware and not models"
	$(BIN)/lit -s tests/filecheck
	$(MAKE) test-docs

.PHONY: test-docs
test-docs: $(STAMP) apt-simulator ## the notebooks of the documentation, every cell
	$(BIN)/python -m pytest -q -n 2 --nbmake docs/notebooks

.PHONY: test-hardware
test-hardware: $(STAMP) apt apt-fpga ## what takes minutes: more proofs and mutants, a model's own rows simulated
	$(BIN)/python -m pytest -q -m hardware
	$(BIN)/python examples/minilm_rows.py
	$(BIN)/python examples/minilm_rows.py --lanes 4

.PHONY: test-wheel
test-wheel: ## the built wheel in bare environments of each Python found: 3.11, 3.12, 3.13
	bash tests/wheel.sh

.PHONY: docs
docs: $(STAMP) ## the documentation as a site, in build/site; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site

.PHONY: docs-serve
docs-serve: $(STAMP) ## the same, served on this machine
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

.PHONY: fuzz
fuzz: $(STAMP) ## mutated texts and options, INPUTS of them: no crash, no half-written file, 2 GiB
	PYTHONPATH=tests $(BIN)/python -m fuzz --inputs $(INPUTS)

.PHONY: check
check: $(STAMP) ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

.PHONY: format
format: $(STAMP) ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(STAMP) ## measure: start-up, parsing, search, compiled code, models, gates
	for name in $(BENCH); do $(BIN)/python benchmarks/$$name.py || exit 1; done

.PHONY: clean
clean: ## remove what the targets made
	rm -rf $(VENV) demo-output build dist .pytest_cache .ruff_cache .hypothesis fuzz-findings
