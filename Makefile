# One command a task. PYTHON=python3.13 make setup takes another Python.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup check test test-all demo figures pages gallery docs dist

setup:  ## a virtual environment with all that the other targets need
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -e '.[tests,lint,docs,release]'

check:  ## format, lint, imports, types; half a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test:  ## what is quick
	$(BIN)/python -m pytest -m "not slow"

test-all:  ## all tests
	$(BIN)/python -m pytest

demo:  ## digits: train, prune, retrain with three techniques, a table and a figure; a minute
	$(BIN)/python run_experiment.py --flagfile=flags/quickstart.flags

RESULTS ?= runs/results.csv
figures:  ## the paper's figures, with one's own results over them where there are any: make figures RESULTS=FILE
	$(BIN)/python -m paper_figures $(if $(wildcard $(RESULTS)),--results=$(RESULTS)) --output_dir=figures

pages:  ## docs/flags.md from the flags, and the drawing of the learning rates from the techniques
	PYTHONPATH=. $(BIN)/python docs/flags_page.py
	PYTHONPATH=. $(BIN)/python docs/learning_rates.py

GALLERY := figure1 figure2 figure3 figure5 controls-cifar10-resnet20-one_shot-global_magnitude \
	gain-imagenet-resnet50-one_shot-global_magnitude flops_accuracy-cifar10-resnet56-iterative-global_magnitude \
	search_cost-cifar10-resnet20-global_magnitude structured-cifar10-resnet56 no_loss
gallery:  ## the pictures of docs/gallery.md
	$(BIN)/python -m paper_figures $(GALLERY) --formats=png --output_dir=figures/gallery
	cp figures/gallery/*.png docs/gallery/
	for study in schedules other_schedules criteria; do \
	$(BIN)/python -m paper_figures $$study --results=docs/results/$${study}_fashion_mnist_lenet/results.csv --only=own \
	--formats=png --output_dir=figures/gallery/$$study && cp figures/gallery/$$study/*.png docs/gallery/; done

docs:  ## the site of docs/, into site/; any broken link or page without a place fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

dist:  ## wheel and sdist, into dist/, each tried as by somebody who has nothing else
	.ci/package
