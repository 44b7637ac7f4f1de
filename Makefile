# Each target does all of its own set-up; the virtual environment is .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install demo test programs lint types docs links format clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "tfrec-recall needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[plot,dev]'
	@touch $@

demo: install
	$(BIN)/tfrec-recall demo

test: install
	$(BIN)/python -m pytest -n auto
	TF_USE_LEGACY_KERAS=0 $(BIN)/python -m pytest -n auto tests/layers tests/losses tests/contract/test_layers*.py

# What readers copy: the examples, and the commands and Python of the README and the documentation;
# and the site in a browser.
programs: docs
	$(BIN)/python -m pytest -n auto -m programs tests/test_examples.py tests/test_documentation.py \
		tests/test_documented_commands.py tests/end_to_end/test_readme.py \
		tests/test_in_your_own_model.py tests/test_serving_page.py tests/test_site.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# Warnings fail, links that lead nowhere among them. The site is build/docs/index.html.
docs: $(VENV)/.documents
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Asks every address that the documentation names: before a release, with a network.
links: install
	$(BIN)/python docs/hooks/links.py

$(VENV)/.documents: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[plot,dev,docs]'
	@touch $@

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
