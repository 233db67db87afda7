# Everything a newcomer or CI needs; `make` alone lists it. Needs Python 3.11 and nothing else: no Docker, no Node, no AWS.
PYTHON ?= python3
BIN := .venv/bin
# What artifacts are built for: of the interpreter and the machine at hand, where nothing else is said.
RUNTIME ?= $(shell $(BIN)/python -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
ARCHITECTURE ?= $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
# Of tests: one more than there are processors, since some tests wait.
WORKERS ?= $(shell expr $$(nproc) + 1)
export SAM_CLI_TELEMETRY := 0
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate
PIP_OPTIONS := --quiet --disable-pip-version-check --no-deps --require-hashes
PIP := $(BIN)/python -m pip install $(PIP_OPTIONS)

.DEFAULT_GOAL := help
.PHONY: help demo up collect emulate test check audit checkov build client bench faults docs screenshots lock clean

help:  ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/local  ## install the tools, then watch ticks become candles
	@$(BIN)/chandlery demo

up: .venv/local  ## run the whole stack here until Ctrl-C
	@$(BIN)/chandlery up

collect: .venv/collect  ## install ccxt, which `chandlery collect` and the vendor ccxt need: 100 MB

emulate: .venv/dev .venv/emulator/installed  ## deploy the stack to an emulated AWS on this machine, and watch it until Ctrl-C
	@$(BIN)/chandlery emulate

test: .venv/dev .venv/emulator/installed  ## install the tools, then run the tests
	@$(BIN)/python -m compileall -q client functions layers/chandlery local sql tests
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: .venv/dev  ## lint, type-check, and check the template
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd client && ../$(BIN)/mypy
	@$(BIN)/python client/tools/make_sync.py --check
	@$(BIN)/sam validate --lint
	@$(BIN)/cfn-lint template.yaml docs/examples/*.yaml
	@$(BIN)/python -m local.audit

audit: .venv/dev  ## check the locked dependencies for known vulnerabilities; says so if PyPI cannot be reached
	@$(BIN)/python -m local.audit

checkov: .venv/checkov/installed  ## check the template with a security scanner; what it skips has its reason in the template
	@.venv/checkov/bin/checkov --skip-download --quiet --compact --framework cloudformation --file template.yaml

build: .venv/dev  ## build the deployable artifacts: make build ARCHITECTURE=x86_64 RUNTIME=python3.12
	@find sql -name __pycache__ -prune -exec rm -rf {} +
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sam build --config-env local \
		--parameter-overrides Runtime=$(RUNTIME) Architecture=$(ARCHITECTURE)
	@$(BIN)/python -m local.emulation.building .aws-sam/build
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(RUNTIME) -m compileall -q --invalidation-mode unchecked-hash .aws-sam/build
	@$(BIN)/python -m tests.artifacts .aws-sam/build $(ARCHITECTURE)

client: .venv/dev  ## build the Python client's wheel and sdist into client/dist
	@rm -rf client/dist
	@cd client && ../$(BIN)/python -m hatchling build
	@$(BIN)/python client/tools/check_dist.py client/dist

bench: .venv/dev  ## print the benchmarks, or one: make bench ONLY=P8; on a server if CHANDLERY_TEST_DATABASE_URL names one
	@$(BIN)/python -m pytest tests/benchmarks --benchmarks $(if $(ONLY),-k test_$(ONLY)_)

faults: .venv/dev .venv/emulator/installed  ## disturb every component at every step, and run the long tests, on the server that CHANDLERY_TEST_DATABASE_URL names
	@test -n "$$CHANDLERY_TEST_DATABASE_URL" || (echo "make faults needs a TimescaleDB server on which it may create databases:\
 set CHANDLERY_TEST_DATABASE_URL"; exit 1)
	@$(BIN)/python -m pytest --faults -m "faults or long or sampled" -n auto --dist worksteal

docs: .venv/local  ## write the table of docs/settings.md from the models
	@$(BIN)/python -m local.settings_table

screenshots: .venv/dev  ## draw the page's pictures in docs/images, with Debian's chromium
	@$(BIN)/python -m tests.browser.screenshots

lock: .venv/dev  ## compile the requirements again, with hashes and without addresses
	@for args in "--all-extras -o requirements-dev.txt" "--extra local --extra indicators --extra migrations -c requirements-dev.txt -o requirements.txt" \
		"-c requirements-dev.txt -o layers/chandlery/requirements.txt"; do \
		$(COMPILE) pyproject.toml $$args; done
	@$(BIN)/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["collect"], sep="\n")' \
		| $(COMPILE) - -c requirements-dev.txt -o requirements-collect.txt
	@for group in emulator checkov; do $(COMPILE) --group $$group -o requirements-$$group.txt; done
	@for extra in indicators migrations; do \
		$(BIN)/python -c 'import sys, tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' $$extra \
		| $(COMPILE) - -c requirements-dev.txt -o layers/$$extra/requirements.txt; done

clean:  ## remove everything installed or built here; data under .chandlery stays
	@rm -rf .venv .aws-sam client/dist local/embedded/node_modules local/page/node_modules tests/browser/node_modules functions/http_api/page/vendor

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || (echo "Chandlery needs Python 3.11 or later"; exit 1)
	@$(PYTHON) -m venv .venv

.venv/local: requirements.txt local/embedded/package-lock.json local/page/package-lock.json | .venv/bin/python
	@echo "installing …"
	@$(PIP) -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m local.embedded
	@$(BIN)/python -m local.page
	@touch $@

.venv/collect: requirements-collect.txt .venv/local
	@echo "installing ccxt …"
	@$(PIP) -r requirements-collect.txt
	@touch $@

# Tools that pin what ours have newer, each in an environment of its own: ministack, on which deployed functions run, and checkov.
.venv/%/installed: requirements-%.txt | .venv/local
	@echo "installing $* …"
	@$(BIN)/python -m venv --clear --without-pip .venv/$*
	@$(BIN)/python -m pip --python .venv/$* install $(PIP_OPTIONS) -r requirements-$*.txt
	@touch $@

.venv/dev: requirements-dev.txt tests/browser/package-lock.json .venv/local
	@echo "installing the tools …"
	@$(PIP) -r requirements-dev.txt
	@$(BIN)/python -m tests.browser
	@touch $@
