# `make bench` and `make test` set up what they need; nothing else is to be done first.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV ?= .venv
OLD_VENV ?= .venv-jetpack4
OLD_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.6.*/bin/python) $(shell command -v python3.6))
RUN = $(VENV)/bin/python edgejoule.py
SUITE ?= quick

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

bench: $(VENV)/ready  ## train, prune and measure on embedded data, then the report (SUITE=quick)
	$(RUN) run $(SUITE)
	$(RUN) report $(SUITE)

check: $(VENV)/ready  ## lint, format and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

test: $(VENV)/ready  ## the test suite on this Python
	$(VENV)/bin/python -m pytest -q

test-all: $(VENV)/ready  ## the test suite with its slow part
	$(VENV)/bin/python -m pytest -q -m "not gpu and not jetson"

test-jetpack4: $(OLD_VENV)/ready  ## the suite and a quick case on Python 3.6 + torch 1.10.1 (a TX2's)
	$(OLD_VENV)/bin/python -m pytest -q
	runs=$$(mktemp -d) && \
	$(OLD_VENV)/bin/python edgejoule.py run quick --quick --set prune.ratio=0.5 --runs $$runs && \
	$(OLD_VENV)/bin/python edgejoule.py report quick --runs $$runs --out $$runs/report; \
	code=$$?; rm -rf $$runs; exit $$code

benchmarks: $(VENV)/ready  ## our own speed; BLESS=1 makes it the baseline, LIMIT=30% fails what got slower
	$(VENV)/bin/python -m pytest -q tests/benchmarks --benchmark-autosave \
	--benchmark-columns=median,iqr,rounds --joules-storage .benchmarks/joules \
	$(if $(LIMIT)$(BLESS),--joules-compare-fail seconds:$(or $(LIMIT),30%)) \
	$(if $(BLESS),--joules-bless)

docs: $(VENV)/docs  ## the documentation as a site that needs no network: build/docs/index.html
	$(VENV)/bin/python -m sphinx -W --keep-going -q -d build/doctrees docs build/docs

kernels: $(VENV)/ready  ## build and test the sign-code kernels of this machine
	$(RUN) kernels

cuda-check: $(VENV)/ready  ## compile the CUDA kernels with every toolchain at hand; needs no GPU
	@test -d build/cuda-check || echo "installing NVIDIA's compilers into build/cuda-check, once; some minutes"
	test -d build/cuda-check || $(PYTHON) -m venv build/cuda-check
	build/cuda-check/bin/pip install -q nvidia-cuda-nvrtc-cu12==12.9.86 nvidia-cuda-nvcc-cu12==12.9.86
	$(VENV)/bin/python -m edgejoule.prune.kernels.cuda_check --wheels build/cuda-check --wheels $(OLD_VENV)

gpu: $(VENV)/ready  ## everything that needs an NVIDIA GPU, and what the sensor there can do
	$(RUN) doctor; $(RUN) devices
	$(VENV)/bin/python -m pytest -q -m gpu
	$(RUN) kernels gpu

clean:  ## removes what was built here; runs/ stays
	rm -rf $(VENV) $(OLD_VENV) build *.egg-info

$(VENV)/ready: requirements/modern.txt pyproject.toml
	@echo "setting up $(VENV): installing torch, pandas, scikit-learn and what tests need" \
	"($<), once; about 2 minutes on a fast line, 1 GB or more"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q -r requirements/modern.txt
	$(VENV)/bin/python -m pip install -qq --no-deps -e .
	@touch $@

$(VENV)/docs: requirements/docs.txt $(VENV)/ready
	@echo "installing what the site needs ($<), once; about half a minute"
	$(VENV)/bin/python -m pip install -q -r requirements/docs.txt
	@touch $@

$(OLD_VENV)/ready: requirements/jetpack4.txt
	@test -x "$(OLD_PYTHON)" || { echo "make test-jetpack4: no Python 3.6 found; install one with \
	'pyenv install 3.6.15', or name it: make test-jetpack4 OLD_PYTHON=/path/to/python3.6"; exit 1; }
	@echo "setting up $(OLD_VENV): installing torch 1.10 and its companions ($<), once;" \
	"some minutes, 1 GB or more"
	$(OLD_PYTHON) -m venv $(OLD_VENV)
	$(OLD_VENV)/bin/python -m pip install -q pip==21.3.1
	$(OLD_VENV)/bin/python -m pip install -q -r requirements/jetpack4.txt
	@touch $@

.PHONY: help bench check test test-all test-jetpack4 benchmarks docs kernels cuda-check gpu clean
.DEFAULT_GOAL := help
