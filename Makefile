# Every target sets up what it needs in .venv: Python 3.11 or later (with venv and pip) and make are enough.
# What is installed is pinned by constraints.txt. A stamp file in .venv stands for each extra of
# pyproject.toml; an extra is installed again only when pyproject.toml or constraints.txt has changed.

VENV := .venv
BIN := $(VENV)/bin
# Modules are compiled when they are first imported: most never are. Where Python may not keep them, all are, now.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt \
	$(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)
SPHINX := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m sphinx -q -E -W --keep-going -n

# The Python that .venv is made of, once: the first of these that runs (a shim on the PATH may not), is
# recent enough and can make environments. `make PYTHON=python3.13 ...` chooses another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo "$$python"; break; fi; done)

ARGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test test-long lint docs package resolve paper bench ci format clean distclean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | while IFS=@ read -r target text; do \
	printf '%-16s %s\n' "$$target" "$$text"; done

# The Python that runs the tests: that of .venv, which has the package as it stands in src, or build/wheel/bin/python,
# made by `make package`, which has it as a user installs it.
TESTER ?= $(BIN)/python

# What the tests need beside the package: every executor and format that it speaks to.
TESTED := lab explore report table ray torch sklearn test

setup: $(VENV)/has-all $(VENV)/browser ## install what lint, docs and test need

demo: $(VENV)/has-lab ## the demonstration: srhm demo
	$(BIN)/srhm demo

test: $(VENV)/has-tested $(VENV)/browser ## run the tests on two cores; ARGS="-k grammar" goes to pytest
	$(TESTER) -m pytest -n 2 --dist worksteal $(ARGS)

test-long: $(VENV)/has-tested $(VENV)/browser ## run the long tests (many processes, minutes, much memory), and write docs/reliability_table.md
	XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" $(BIN)/python -m pytest -m long $(ARGS)

lint: $(VENV)/has-lab $(VENV)/has-explore $(VENV)/has-torch $(VENV)/has-lint ## check style, formatting and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m basedpyright --pythonpath $(BIN)/python

# The examples run while the pages are built, notebooks included, each on a core of its own.
docs: $(VENV)/has-lab $(VENV)/has-explore $(VENV)/has-table $(VENV)/has-ray $(VENV)/has-torch $(VENV)/has-sklearn $(VENV)/has-docs ## build docs/_build/html, warnings as errors, and run every example in it
	$(SPHINX) -d docs/_build/examples -D nb_execution_mode=off -b doctest docs docs/_build/doctest & examples=$$!; \
	$(SPHINX) -d docs/_build/doctrees -b html docs docs/_build/html; pages=$$?; \
	wait $$examples && exit $$pages
	$(BIN)/python docs/check_api.py docs/_build/html/objects.inv

# The environment of the wheel sees the libraries of .venv, but not the package there: the file that leads to src is
# read in .venv alone.
package: $(VENV)/has-tested ## build dist/*.whl and dist/*.tar.gz, and build/wheel with the wheel installed, for tests
	rm -rf dist build/wheel
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m venv build/wheel
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$(build/wheel/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/libraries.pth"
	build/wheel/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-index dist/*.whl
	cd build && wheel/bin/python -c 'import srhm; assert "wheel" in srhm.__file__, srhm.__file__'

# Only what the index says of each release is read; nothing is installed but uv.
resolve: $(VENV)/made ## check that all extras can be installed together on Python 3.11 to 3.13, as they stand in the index
	$(INSTALL) uv
	for version in 3.11 3.12 3.13; do \
	$(BIN)/uv pip compile -q pyproject.toml --all-extras --python-version $$version -o /dev/null || exit 1; done

# The runs of the paper's figures, as they are committed; `srhm reproduce` adds to them.
paper: $(VENV)/has-lab ## draw the paper's figures and tables of docs/reproduction.md from the runs in results/
	rm -f results/paper.sqlite*
	$(BIN)/srhm merge results/paper.sqlite results/laptop.jsonl.xz results/narrow.jsonl.xz results/widths.jsonl.xz
	$(BIN)/srhm figure all --store results/paper.sqlite --out docs/reproduction
	$(BIN)/srhm open-question --draw --store results/paper.sqlite --out docs/open-question
	rm -f docs/reproduction/*.pdf docs/open-question/*.pdf

bench: $(VENV)/has-lab $(VENV)/has-bench ## run the benchmarks, which compare with PyTorch (installs it)
	$(BIN)/python benchmarks/run.py $(ARGS)

ci: lint docs test ## all that has to pass

format: $(VENV)/has-lint ## fix style and formatting in place
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean: ## remove what was built, but keep .venv
	rm -rf docs/_build build dist .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf $(VENV)

# The environment, with the build backend in it, so that it too is pinned.
$(VENV)/made: constraints.txt
	@if [ -z '$(PYTHON)' ]; then echo 'No Python 3.11 or later that can make a virtual environment was found' \
	'(tried python3.11, python3.12, python3.13, python3). Install one, or name it: make PYTHON=/path/to/python' >&2; \
	exit 1; fi
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo 'PYTHON = $(PYTHON) does not run or is older than 3.11. Name another: make PYTHON=/path/to/python' >&2; \
	exit 1; }
	[ -x $(BIN)/python ] || '$(PYTHON)' -m venv --clear $(VENV)
	$(INSTALL) hatchling editables
	@touch $@

# The tests of pages drive a Chromium. Where there is none, it is installed if root asks; else they are skipped.
$(VENV)/browser: $(VENV)/made
	@command -v chromedriver >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 || \
	echo 'No Chromium with chromedriver, and none can be installed here: the tests in a browser will be skipped' >&2
	@touch $@

# PyTorch comes first, and alone, in its build for CPUs: the usual one for Linux brings gigabytes of CUDA. Where that
# index cannot be reached, the usual one serves. TORCH_INDEX names another, as https://download.pytorch.org/whl/cu128.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH_FIRST = $(INSTALL) --retries 0 --no-deps --extra-index-url $(TORCH_INDEX) torch

$(VENV)/has-%: $(VENV)/made pyproject.toml
	$(if $(filter torch bench,$*),$(TORCH_FIRST))
	$(INSTALL) --no-build-isolation -e '.[$*]'
	@touch $@

# Many extras at once: pip resolves and builds once, not once for each.
COMMA := ,
SPACE := $(subst ,, )
$(VENV)/has-tested: EXTRAS := $(TESTED)
$(VENV)/has-all: EXTRAS := $(TESTED) lint docs
$(VENV)/has-tested $(VENV)/has-all: $(VENV)/made pyproject.toml
	$(TORCH_FIRST)
	$(INSTALL) --no-build-isolation -e '.[$(subst $(SPACE),$(COMMA),$(EXTRAS))]'
	@touch $(addprefix $(VENV)/has-,$(EXTRAS) tested) $@ # all has what the tests need
