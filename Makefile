# Nothing is needed but Python 3.11 or newer, pip, make and git.
PYTHON ?= python3
BOOT := $(PYTHON) packaging/bootstrap.py
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev run test check bench package clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: ## make .venv and install everything Lodestone needs (quick when nothing changed)
	@$(BOOT) setup

dev: ## the same, with what the checks and tests need
	@$(BOOT) setup --dev

run: ## open the window; without a display, render ten seconds of film into out/
	@$(BOOT) run

test: ## set up and run all tests, real windows included (ARGS="-k ring" for some of them)
	@$(BOOT) test $(ARGS)

check: dev ## ruff, types, the rule of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports

bench: ## measure steering on this machine, one JSON object a line
	@$(BOOT) bench

package: ## build the program as one folder in dist/ (PyInstaller)
	@$(BOOT) setup --package
	@$(BIN)/pyinstaller --noconfirm packaging/lodestone.spec

clean: ## remove what was built; .venv stays
	rm -rf build dist out
