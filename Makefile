# Two commands do everything on a fresh machine with Python, pip and make: `make demo` and `make test`. What a change
# breaks at once says `make test-fast`; what takes long and seldom breaks, `make test-long`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Of `make bench`: SECTIONS="strength speed" for some, SMALL=1 for under 30 minutes, DATA=cifar10:ROOT for the full test
# set; PIXELPROOF_CHECKPOINT names the public ResNet-20, PIXELPROOF_ADVERSARIAL a hardened one.
SECTIONS ?=
DATA ?= $(if $(PIXELPROOF_CIFAR10),cifar10:$(PIXELPROOF_CIFAR10),bundled)

# Of `make study`: STUDY=FILE.toml for another one; it goes on where it was interrupted. DATA as above.
STUDY ?= studies/zoo.toml

# Of `make thesis`: MNIST=DIR names the folder of its four official files.
MNIST ?=

.PHONY: demo test test-fast test-long check format readme bench scale proofs study grid perturb thesis torture audit-kit audit-oracles gates cluster-demo docs clean

demo: $(VENV)/.ready  ## environment, install, main job
	$(BIN)/pixelproof demo

test: $(VENV)/.ready  ## environment, install, every test but the long ones; COVERAGE=1 prints what they cover
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long" $(if $(COVERAGE),--cov=pixelproof --cov-report=term:skip-covered)

test-fast: $(VENV)/.ready  ## under a minute: what a change breaks at once
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow and not long" -q

test-long: $(VENV)/.ready  ## what a newcomer need not wait for: kills, whole audits, the same numbers as ever
	$(BIN)/pytest -n 2 --dist loadgroup -m long

check: $(VENV)/.ready  ## format, lint, types, imports between rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.ready: pyproject.toml constraints.txt tests/requirements-no-deps.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/requirements-no-deps.txt
	touch $@

readme: $(VENV)/.ready  ## rewrite the tables of the README and of docs/ from results/, and the reference of commands
	$(BIN)/python tools/readme.py

docs: $(VENV)/.docs  ## the documentation as a site, strictly: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/.docs: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

bench: $(VENV)/.peers  ## pixelproof beside its peers: results/bench.json, docs/bench.svg
	$(BIN)/python -m benchmarks.bench $(SECTIONS) --data '$(DATA)' $(if $(SMALL),--small)

$(VENV)/.peers: $(VENV)/.ready benchmarks/requirements.txt benchmarks/requirements-no-deps.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--requirement benchmarks/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --requirement benchmarks/requirements-no-deps.txt
	touch $@

scale: $(VENV)/.ready  ## what large sets cost, a query and in memory: results/scale.json; SECTIONS as for bench
	$(BIN)/python -m benchmarks.scale $(SECTIONS) $(if $(SMALL),--small)

study: $(VENV)/.ready  ## every network with weights, one report: study-run/report.html, results/study.json
	$(BIN)/pixelproof study $(STUDY) --out study-run $(if $(filter-out bundled,$(DATA)),--data '$(DATA)')
	cp study-run/results.json results/study.json

proofs: $(VENV)/.ready  ## broken, proved, open: recall of the search, proofs by bounds, sweeps and masks: results/proofs.json
	$(BIN)/python -m benchmarks.proofs --data '$(DATA)' $(if $(MNIST),--mnist $(MNIST)) $(if $(SMALL),--small)

grid: $(VENV)/.ready  ## attacks × defences × targets, and the white-box table: results/grid.json, results/whitebox.json
	$(BIN)/pixelproof grid examples/grid.toml --out grid-run $(if $(filter-out bundled,$(DATA)),--data '$(DATA)')
	cp grid-run/results.json results/grid.json
	$(BIN)/pixelproof grid examples/whitebox.toml --out whitebox-run $(if $(filter-out bundled,$(DATA)),--data '$(DATA)')
	cp whitebox-run/results.json results/whitebox.json

perturb: $(VENV)/.ready  ## every corruption on the bundled ResNet-20: results/perturb.json
	$(BIN)/pixelproof perturb --model zoo:resnet20 --suite cifar-c --out perturb-run --data '$(DATA)'
	cp perturb-run/results.json results/perturb.json

thesis: $(VENV)/.ready  ## five perturbations and PGD on several data sets, beside the published figures
	$(BIN)/pixelproof thesis studies/thesis.toml --out thesis-run $(if $(MNIST),--data 'MNIST=idx:$(MNIST)')
	cp thesis-run/results.json results/thesis.json

torture: $(VENV)/.ready  ## kills, broken disks, forgeries, nonsense, 20 minutes on end: results/torture.json; SECTIONS, SMALL as above
	$(BIN)/python -m benchmarks.torture $(SECTIONS) $(if $(SMALL),--small)

audit-kit: $(VENV)/.ready  ## broken defences and honest models, audited: results/audit-kit.json; KIT=DIR: others
	$(BIN)/python tools/audit_matrix.py $(if $(KIT),--kit '$(KIT)')

audit-oracles: $(VENV)/.ready  ## what the attack that was made for each of these leaves: oracles.json of the kit
	$(BIN)/python -m tools.audit_oracles $(if $(KIT),--kit '$(KIT)')

cluster-demo: $(VENV)/.ready  ## two Ray workers on this machine, one killed in the middle: the same records
	$(BIN)/python tools/cluster_demo.py

gates: $(VENV)/.ready  ## whether a gate fails a slightly worse network, and no other (DATA=cifar10:ROOT): results/gates.json
	$(BIN)/python -m benchmarks.gates --data '$(DATA)'

clean:
	rm -rf $(VENV) demo-run scale-run site
