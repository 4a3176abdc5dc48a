# Everything on a fresh machine: `make demo` runs the main job, `make test` the tests. Both set up .venv first.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CHROMIUM = { test -n "$$MSAN_CHROMIUM" || command -v chromium || command -v chromium-browser || command -v google-chrome || command -v chrome; } >/dev/null

.PHONY: help setup demo test test-fast test-browser docs weights assignments test-assignments prepare notebooks lab hooks vessel equal long liver tune ablate bench lockstep12 bench-fsd clean

help: ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): settings.ini setup.py pyproject.toml requirements.lock
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and 'Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 …')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip wheel "setuptools>=77"
	$(BIN)/python -m pip install --quiet -c requirements.lock -e ".[dev]" $(PIP_ARGS)
	@touch $@

setup: $(STAMP) ## make .venv and install everything into it (PIP_ARGS="--extra-index-url …" for a CPU-only torch)

demo: setup ## the whole method on synthetic vessels: a table and runs/demo/report.html
	$(BIN)/msan demo --out runs/demo

test: setup ## export and clean leave no diff, all notebooks, pytest, tutorials
	$(BIN)/python .ci/suite.py

test-fast: setup ## pytest only, without what takes minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow"

test-browser: setup ## the inspectors in a real browser: JupyterLab, Voila, the exported page; Chromium is installed where apt-get may do it
	@$(CHROMIUM) || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium; } || true
	@$(CHROMIUM) || { echo "no Chromium here: apt-get install chromium, or name one in MSAN_CHROMIUM; without it the browser tests are skipped"; test "$$(uname -s)-$$(id -u)" != Linux-0; }
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser -rs

weights: setup ## the small networks that ship with the package: trains them again, minutes
	OMP_NUM_THREADS=1 $(BIN)/python -c "from msan_nb.course.weights import make_weights; print(make_weights())"

assignments: setup ## student copies, the archive to hand out, the instructor's set: runs/assignments
	$(BIN)/python -c "from msan_nb.course.tasks import build; print(build('nbs/assignments', 'runs/assignments'))"

test-assignments: setup ## every assignment against its banks of right, wrong and hostile answers (needs bubblewrap: apt-get install bubblewrap)
	$(BIN)/python tests/assignments/run.py

docs: setup ## the documentation site, without network: docs/_build/html/index.html
	OMP_NUM_THREADS=1 $(BIN)/python docs/build.py

prepare: setup ## after editing notebooks: clean, export, README
	$(BIN)/nbdev_clean
	$(BIN)/nbdev_export
	$(BIN)/python .ci/readme.py

notebooks: setup ## run all notebooks and keep their outputs
	$(BIN)/python .ci/execute.py
	$(MAKE) prepare

lab: setup ## JupyterLab on the first tutorial
	$(BIN)/jupyter lab nbs/tutorials/00_ten_minutes.ipynb

hooks: ## clean and export notebooks at every commit
	git config core.hooksPath .githooks

vessel: setup ## CHASEDB1 → STARE, HRF, DRIVE, every method, three seeds: needs MSAN_DATA, hours on two cores, goes on where it stopped
	$(BIN)/msan reproduce vessel --preset cpu --methods all,intra,inter,cross,intra+inter --seeds 3 --jobs 2 --shares results/tune-vessel/shares.json --out runs/vessel-cpu
	$(BIN)/python .ci/keep.py runs/vessel-cpu

equal: setup ## after `make vessel`: the plain student for as long as costs what GKD did
	OMP_NUM_THREADS=1 $(BIN)/msan equal runs/vessel-cpu --methods views --seeds 1
	$(BIN)/python .ci/keep.py runs/vessel-cpu

long: setup ## labels, views, KD and GKD for ten times as many steps, two seeds: needs MSAN_DATA
	OMP_NUM_THREADS=1 $(BIN)/msan reproduce vessel --preset cpu --methods student,views,kd,gkd --steps 1000 --seeds 2 --jobs 2 --shares results/tune-vessel/shares.json --out runs/long-vessel
	$(BIN)/python .ci/keep.py runs/long-vessel

liver: setup ## LiTS slices → CHAOS, every method, one seed: needs MSAN_DATA
	$(BIN)/msan reproduce liver --preset cpu --methods all,intra,inter,cross,intra+inter --seeds 1 --out runs/liver-cpu
	$(BIN)/python .ci/keep.py runs/liver-cpu

tune: setup ## the same three tries for every method, on synthetic vessels
	$(BIN)/msan tune vessel --preset demo --out runs/tune-vessel
	$(BIN)/python .ci/keep.py runs/tune-vessel

ablate: setup ## every choice inside GKD, on synthetic vessels; then more views, longer vectors, another teacher
	$(BIN)/msan ablate vessel --preset quick --rows all --out runs/ablate-vessel
	$(BIN)/python .ci/keep.py runs/ablate-vessel
	$(BIN)/msan ablate vessel --preset quick --rows views --views 4 --out runs/ablate-vessel-views4
	$(BIN)/python .ci/keep.py runs/ablate-vessel-views4
	$(BIN)/msan ablate vessel --preset quick --only gkd,gkd/with-kd,cross,intra+inter --dim 256 --out runs/ablate-vessel-dim256
	$(BIN)/python .ci/keep.py runs/ablate-vessel-dim256
	$(BIN)/msan ablate vessel --preset quick --only gkd,gkd/with-kd,cross,intra+inter --teacher fanet:0.25 --out runs/ablate-vessel-fanet
	$(BIN)/python .ci/keep.py runs/ablate-vessel-fanet

bench: setup ## what a step costs, as ratios: results/bench.json
	OMP_NUM_THREADS=1 $(BIN)/msan bench --out results/bench.json

lockstep12: setup ## twelve methods in lockstep and one by one, networks at full width: results/lockstep12.json
	OMP_NUM_THREADS=1 $(BIN)/msan bench --what lockstep12 --out results/lockstep12.json

bench-fsd: setup ## the Fréchet distance against scipy's sqrtm and MONAI, as a ratio
	$(BIN)/msan bench --what fsd --out runs/bench-fsd.json

clean: ## remove what builds leave behind (not runs/)
	rm -rf build dist *.egg-info _proc _docs docs/_build .pytest_cache .hypothesis
