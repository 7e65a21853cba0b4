# Two commands matter: `make run` and `make test`.
PYTHON ?= python3
PORT ?= 5000
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run setup test check train bench lock clean

run: $(VENV)/.serve                   ## the web page on http://localhost:5000, with the model that ships
	$(BIN)/python web_app.py --port $(PORT)

setup: $(VENV)/.dev                   ## everything into .venv: serving, training, tests

test: $(VENV)/.dev                    ## all the tests this machine can run
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadfile

check: $(VENV)/.dev                   ## lint, format, types, known vulnerabilities (where the network allows to ask)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/audit.py

train: $(VENV)/.dev                   ## data/ -> models/
	$(BIN)/python train.py

bench: $(VENV)/.dev                   ## speed, side by side with the usual ways
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/page.py

lock: $(VENV)/.dev                    ## the newest versions that requirements-serve.txt allows -> requirements-serve.lock
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" requirements-serve.txt --output-file requirements-serve.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.serve: requirements-serve.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-serve.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements-extras.txt requirements.txt requirements-scale.txt requirements-serve.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@ $(VENV)/.serve
