# Two Poles. `make help` lists the targets; every one makes .venv first if it is missing or older than the lock.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# Name an interpreter with `make lab COURSE_PYTHON=/path/to/python3.12`, a CPU-only torch with TORCH_INDEX (README.md).
COURSE_VENV ?= $(CURDIR)/.venv
export COURSE_PYTHON TORCH_INDEX COURSE_VENV
# Idle threads of torch sleep instead of spinning: on a machine with other work to do, lessons run several times faster.
export OMP_WAIT_POLICY ?= PASSIVE
PY := $(COURSE_VENV)/bin/python
# Any Python can run the script that makes the environment; that script chooses a suitable one.
BOOT = $$(for p in "$(PY)" "$$COURSE_PYTHON" python3.12 python3.11 python3.13 python3.10 python3 python; do \
	if [ -n "$$p" ] && "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then echo "$$p"; exit 0; fi; \
	done; echo missing)

.PHONY: help
help: ## List the targets
	@echo "Two Poles: controllable music generation from the codes up"; echo
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: env
env: ## Make .venv from requirements.lock, or see that it is current
	@boot="$(BOOT)"; if [ "$$boot" = missing ]; then \
	echo "Error: no Python found. The course needs Python 3.10 to 3.13: Debian/Ubuntu: apt install python3 python3-venv;" \
	"macOS: brew install python@3.12; or see https://www.python.org/downloads/." >&2; exit 1; fi; \
	"$$boot" course_utils/upkeep/environment.py

.PHONY: lab
lab: env ## Open the lessons in JupyterLab (make lab ARGS="01 --no-browser")
	@"$(PY)" -m course_utils lab $(ARGS)

.PHONY: check
check: env ## Report what is there, what is missing, and the command that mends it
	@"$(PY)" -m course_utils check $(ARGS)

.PHONY: test
test: env ## Run all tests but those that need a browser (ARGS="-k codec" to choose)
	@"$(PY)" -m pytest -m "not browser" $(ARGS)

.PHONY: test-browser
test-browser: env ## Run the tests of the players in Chromium ($CHROMIUM, else the one on the PATH)
	@"$(PY)" -m pytest -m browser $(ARGS)

.PHONY: notebooks
notebooks: env ## Sync notebooks/src to notebooks/ and execute what is out of date (ARGS="--all" for every one)
	@"$(PY)" -m course_utils.upkeep.cells
	@"$(PY)" -m course_utils.upkeep.notebooks $(ARGS)

.PHONY: models
models: env ## Re-make all models, their cards and the notebooks, in order (hours on a CPU; HARDWARE="..." for the card)
	@"$(PY)" -m course_utils.train corpus
	@"$(PY)" -m course_utils.train codec
	@"$(PY)" -m course_utils.train export --hardware "$${HARDWARE:-not stated}"
	@"$(PY)" -m course_utils.train card
	@"$(PY)" -m course_utils.train tokens
	@for stage in coarse fine causal; do \
		"$(PY)" -m course_utils.train vampnet $$stage && \
		"$(PY)" -m course_utils.train export-vampnet $$stage --hardware "$${HARDWARE:-not stated}" || exit 1; \
	done
	@"$(PY)" -m course_utils.recorded
	@"$(PY)" -m course_utils.train token-card
	@"$(PY)" -m course_utils.train amt
	@"$(PY)" -m course_utils.train export-amt --hardware "$${HARDWARE:-not stated}"
	@"$(PY)" -m course_utils.train amt-card
	@"$(PY)" -m course_utils.upkeep.cells
	@"$(PY)" -m course_utils.upkeep.notebooks --all

.PHONY: bench
bench: env ## Measure, and print ratios (ARGS="startup" for one of benchmarks/)
	@"$(PY)" -m benchmarks $(ARGS)

.PHONY: lint
lint: env ## ruff and mypy
	@"$(PY)" -m ruff check . && "$(PY)" -m ruff format --check . && "$(PY)" -m mypy

.PHONY: lock
lock: env ## Re-resolve requirements.lock and derive environment.yml and binder/ (needs Python 3.10 to 3.13)
	@"$(PY)" -m course_utils.upkeep.lock $(ARGS)
	@"$(PY)" -m course_utils.upkeep.environments

.PHONY: clean
clean: ## Remove .venv, caches and test artifacts; models, data and downloads stay
	rm -rf "$(COURSE_VENV)" artifacts .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
