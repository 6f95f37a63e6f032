# Two commands are all it takes: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

export DAGSTER_HOME ?= $(CURDIR)/data/dagster_home
# One more than there are cores, because some tests wait for servers.
WORKERS ?= $(shell expr $$(nproc) + 1)
# Of the house page, and of Dagster's.
HOUSE_PORT ?= 8006
PORT   ?= 3000
HOST   ?= 127.0.0.1
MARKDOWN := README.md CHANGELOG.md CONTRIBUTING.md secrets/README.md docs

.PHONY: help install demo serve test check check-without-tests words format grafana reference fuzz bench clean
.PHONY: install-dagster install-dashboard update-dagster uninstall-dagster configure

help:
	@echo "make demo    install, load the sample household, compute it, serve the house page on http://localhost:$(HOUSE_PORT)"
	@echo "make test    install and run the whole test suite"
	@echo "make check   what CI runs: format, lint, types, import contracts, configuration, tests"
	@echo "make serve   the house page, Dagster's page and daemon over your own configuration"
	@echo "make fuzz    10,000 hostile files, configurations, archives and answers of each kind"
	@echo "make bench   speed and accuracy, printed as tables"
	@echo "make clean   remove what make made, but no data"
	@echo
	@echo "On a Debian machine of its own (a Proxmox container), as root; docs/how-to/lxc.md says more:"
	@echo "make install-dagster     program, account and services; again: mends what is missing, changes nothing else"
	@echo "make install-dashboard   the house page alone, over an InfluxDB that Dagster fills from another machine"
	@echo "make update-dagster      this version in place of the installed one, after a backup; back again if it does not serve"
	@echo "make configure           store, token, time zone, where the page listens"
	@echo "make uninstall-dagster   remove program and services, keep configuration and data (PURGE=1: those too)"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is older than 3.11. Install Python 3.11, or name one: make PYTHON=python3.12 …"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	    || { echo "$(PYTHON) cannot make virtual environments. Install the package python3-venv."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(READY)

demo: $(READY)
	@mkdir -p "$(DAGSTER_HOME)"
	$(BIN)/meters demo --house http://localhost:$(HOUSE_PORT) --page http://localhost:$(PORT)
	@$(MAKE) --no-print-directory serve STAND_IN=--stand-in

serve: $(READY)
	@$(BIN)/meters check > /dev/null
	@$(BIN)/python -c 'from pathlib import Path; from workflows_dagster.pipeline.storage.home import ensure_home; ensure_home(Path("$(DAGSTER_HOME)"))'
	@echo "The house page: http://localhost:$(HOUSE_PORT)  Dagster's page: http://localhost:$(PORT)  (Ctrl+C stops both)"
	@$(BIN)/python -m workflows_dagster.supervisor --host $(HOST) --port $(PORT) --house-port $(HOUSE_PORT) $(STAND_IN)

test: $(READY)
	$(BIN)/pytest -n $(WORKERS)

check: check-without-tests test

check-without-tests: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mdformat --check $(MARKDOWN)
	$(BIN)/python -m deploy.grafana.builder --check
	$(BIN)/meters check
	VIRTUAL_ENV="$(abspath $(VENV))" $(BIN)/dg check defs

# After a translation (.po) was edited.
words: $(READY)
	$(BIN)/python -m workflows_dagster.wording.compilation

# After a panel, a rule or a stored field was changed.
grafana: $(READY)
	$(BIN)/python -m deploy.grafana.builder

# After a key, command or measurement was changed.
reference: $(READY)
	$(BIN)/python -m tools.reference
	$(BIN)/mdformat docs/reference

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mdformat $(MARKDOWN)

# What comes from elsewhere: 10,000 examples a kind; `make fuzz METERS_FUZZ=100000` draws more.
fuzz: export METERS_FUZZ ?= 10000
fuzz: $(READY)
	$(BIN)/pytest tests/fuzz

bench: $(READY)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# Read by the scripts: PREFIX, DESTDIR, SERVICE_USER, PURGE and what deploy/install says. PYTHON only where it was given.
install-dagster install-dashboard update-dagster uninstall-dagster configure: export PYTHON := $(if $(filter-out file default,$(origin PYTHON)),$(PYTHON))
install-dagster update-dagster uninstall-dagster:
	@deploy/install/$(patsubst %-dagster,%,$@).sh

install-dashboard:
	@METERS_ONLY=house deploy/install/install.sh

configure:
	@$(if $(filter command%,$(origin HOUSE_TOKEN)),echo "HOUSE_TOKEN: a command line can be read by every user of this machine. Set it in the environment or type it when asked." >&2; exit 2)
	@$(if $(filter command%,$(origin INFLUX_TOKEN)),echo "INFLUX_TOKEN: a command line can be read by every user of this machine. Set it in the environment or type it when asked." >&2; exit 2)
	@deploy/install/configure.sh
