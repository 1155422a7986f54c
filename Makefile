# Every target makes the virtual environment it needs. PYTHON picks the interpreter (3.11 or 3.12).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A process a core, each with one thread: most of a test's time is one process at work, or starting one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
SPARK := $(VENV)/.spark

.PHONY: demo test test-fast test-browser test-spark lint format bench bench-epoch bench-gate bench-features bench-tuning bench-scale evidence lock clean

demo: $(READY)  ## the main job: simulated corpus, pipeline run, promotion, TorchServe's answer
	$(BIN)/cpfd demo

test: $(READY)  ## all tests, the end-to-end one included
	$(PYTEST) -m "not spark and not browser"

test-fast: $(READY)  ## all tests but the end-to-end ones
	$(PYTEST) -m "not end_to_end and not spark and not browser"

test-browser: $(READY)  ## the pages in a real browser; skipped, and said so, where there is no Chromium
	$(PYTEST) -m browser

test-spark: $(SPARK)  ## the feature store's cluster profile, in Spark's local mode; needs a JDK 17 or newer
	$(BIN)/pytest -m spark

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## seconds a stage of a fresh run, and the share of time outside real work
	$(BIN)/python -m benchmarks.stages

bench-epoch: $(READY)  ## a student's epoch against the official way of computing it
	$(BIN)/python -m benchmarks.epoch

bench-gate: $(READY)  ## how often the gate errs, and what differences it sees; half an hour
	$(BIN)/python -m benchmarks.gate

bench-features: $(READY)  ## historical retrieval at scale against DuckDB and Feast's stores; half an hour, 40 GB of disk
	$(BIN)/python -m benchmarks.features

bench-tuning: $(READY)  ## what 'cpfd tune' is worth on rows that no trial saw; an hour
	$(BIN)/python -m benchmarks.tuning

bench-scale: $(READY)  ## windows of 4.6 and 20 million videos on this machine, decoding in parts; 15 minutes, 20 GB of disk
	$(BIN)/python -m benchmarks.scale

evidence: $(READY)  ## EVIDENCE.md anew: eight entries, five seeds; hours on two cores
	$(BIN)/python -m benchmarks.evidence

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --quiet --no-deps --editable .
	touch $(READY)

$(SPARK): $(READY) requirements-spark.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-spark.lock
	touch $(SPARK)

lock:  ## resolve pyproject.toml anew into requirements.lock
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --upgrade pip
	build/lock/bin/python -m pip install --quiet ".[dev]"
	build/lock/bin/python -m pip freeze --exclude cpfd | sed -E 's/\+cpu$$//' > requirements.lock
	build/lock/bin/python -m pip install --quiet ".[spark]"
	build/lock/bin/python -m pip freeze | grep -E '^(py4j|pyspark)==' > requirements-spark.lock

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
