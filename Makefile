.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
SAGEMAKER_LOCAL_PORT ?= 4599
STAGE ?= dev
STACK ?= inference-gateway-$(STAGE)
# One more than there are cores, because tests wait for processes that they start.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# What is printed to paste works in the shell's folder, which is another one under `make -C`.
LOCAL := $(if $(filter $(CURDIR),$(PWD)),,$(CURDIR)/).local
ENV_FILE = --env-file "$(LOCAL)/env"
LOCAL_FILES = --key-file "$(LOCAL)/demo-key" $(ENV_FILE)
LOG_OPTION = $(if $(LOG),--log $(LOG))
SEEDS = $(wildcard local/seed.d) $(SEED)
TABLE_OPTION = $(if $(TABLE),--table $(TABLE))

# A Python is taken only if it runs and can make a virtual environment: a version manager may leave a
# command for a version that is not active, and Debian has the module ensurepip in python3-venv.
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(firstword $(foreach name,python3.14 python3.13 python3.12 python3.11 python3,\
	$(shell $(name) -c '$(SUITABLE)' 2>/dev/null && echo $(name))))

# Two stamps: what running needs, and what the tests and checks need besides.
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
# Python compiles a module when it is imported first. pip would compile all, which takes longer and
# needs 120 MB more. So the variable that forbids Python to write what it compiles must not be set.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile -qq

.PHONY: help setup run sagemaker gateway package deploy test test-long coverage faults bench check audit lock
help:  ## Show the targets
	@echo "usage: make TARGET [VARIABLE=value ...]"
	@echo
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12 | sed 's/^/  /'
	@echo
	@echo "Each target installs what it needs into $(VENV). Variables:"
	@echo "  PYTHON      the Python that makes $(VENV), 3.11 to 3.14 (the newest that works)"
	@echo "  PORT, SAGEMAKER_LOCAL_PORT   for run, gateway and sagemaker ($(PORT), $(SAGEMAKER_LOCAL_PORT))"
	@echo "  SEED        for run: boto3 programs that create endpoints, besides those in local/seed.d/"
	@echo "  DATA        for run: a folder that keeps endpoints, buckets and keys over a restart"
	@echo "  DEMO        for run: off leaves the demo endpoints out"
	@echo "  LOG         for run and gateway: json prints the gateway's own lines, all leaves nothing out"
	@echo "  STAGE       for package and deploy ($(STAGE))"
	@echo "  TABLE       for package and deploy, if the table is in S3"
	@echo "  BUCKET, STACK, PARAMETERS    for deploy: docs/deploy.md"
	@echo "  WORKERS     processes that run the tests ($(WORKERS))"

setup: $(DEV)  ## Make .venv and install everything

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python from 3.11 to 3.14 works here; name one: make PYTHON=/path/to/python3.13 ... (on Debian: apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -c '$(SUITABLE)' || { echo "error: $(PYTHON) is not a Python from 3.11 to 3.14 that can make virtual environments (on Debian: apt-get install python3-venv)"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) -V): $$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@$(PYTHON) -m venv --clear $(VENV)

# The tests of the three largest packages are 40 MB that nothing here needs.
$(RUN): requirements-run.txt pyproject.toml | $(BIN)/python
	@echo "installing what the gateway needs to run ..."
	@$(INSTALL) --require-hashes --requirement requirements-run.txt
	@$(INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@cd $(VENV)/lib/python*/site-packages && find numpy scipy sklearn -type d -name tests -prune -exec rm -r {} +
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	@echo "installing what the tests and checks need ..."
	@$(INSTALL) --require-hashes --requirement requirements-dev.txt
	@touch $@

run: $(RUN)  ## Run the gateway on this machine, with the local SageMaker behind it
	@$(BIN)/python -m local_stack --port $(PORT) --sagemaker-port $(SAGEMAKER_LOCAL_PORT) $(LOCAL_FILES) $(LOG_OPTION) \
		$(if $(filter off,$(DEMO)),--no-demo) $(if $(DATA),--data $(DATA)) $(SEEDS:%=--seed %)

sagemaker: $(RUN)  ## Run the local SageMaker alone, with the demo endpoints
	@$(BIN)/python -m sagemaker_local --demo --port $(SAGEMAKER_LOCAL_PORT) $(ENV_FILE)

gateway: $(RUN)  ## Run the gateway alone, with the AWS account or AWS_ENDPOINT_URL of the shell
	@$(BIN)/python -m local_stack --gateway-alone --port $(PORT) $(LOG_OPTION)

# Chalice needs a region and does not write it anywhere. It runs the gateway's code to find the routes,
# so settings in the shell would get into the API of a stage that has others. Chalice recognises an old package by the
# contents of its files and not by their names, so the old package has to go: otherwise a renamed file
# would change nothing. PIP_CONSTRAINT makes pip check the hashes of every wheel, also of those that
# Chalice downloads a second time because this machine's wheel does not fit Lambda.
define MAKE_PACKAGE
	@$(BIN)/python -m gatewayctl policy --stage $(STAGE) $(TABLE_OPTION) --check
	@$(BIN)/python -m gatewayctl compile --stage $(STAGE)
	@rm -rf .chalice/deployments build/deployment.zip build/layer-deployment.zip build/sam.json
	@mkdir -p build
	@$(BIN)/python -m deployment.fragment --stage $(STAGE) > build/fragment.json
	@env $(patsubst %,-u %,$(filter GATEWAY_%,$(.VARIABLES))) AWS_DEFAULT_REGION=us-east-1 PIP_CONSTRAINT=$(CURDIR)/requirements.txt $(BIN)/chalice package --stage $(STAGE) --merge-template build/fragment.json build
	@$(BIN)/python -m deployment.bytecode build/deployment.zip $$(find build -name layer-deployment.zip)
endef
package: $(RUN)  ## Make build/deployment.zip and build/sam.json for STAGE
	$(MAKE_PACKAGE)

# CloudFormation, because `chalice deploy` cannot create gateway responses: docs/deploy.md
deploy: $(RUN)  ## Deploy STAGE with CloudFormation; BUCKET takes the package
	@test -n "$(BUCKET)" || { echo "error: BUCKET is not set; name an S3 bucket for the package: make deploy STAGE=$(STAGE) BUCKET=my-bucket"; exit 2; }
	@command -v aws >/dev/null || { echo "error: the AWS CLI is not installed: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"; exit 2; }
	@$(BIN)/python -m gatewayctl validate --stage $(STAGE) $(TABLE_OPTION)
	$(MAKE_PACKAGE)
	@aws cloudformation package --template-file build/sam.json --s3-bucket $(BUCKET) --s3-prefix $(STACK) --use-json --output-template-file build/packaged.json
	@aws cloudformation deploy --template-file build/packaged.json --s3-bucket $(BUCKET) --s3-prefix $(STACK) --stack-name $(STACK) --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))
	@aws cloudformation describe-stacks --stack-name $(STACK) --query "Stacks[0].[Outputs[?OutputKey=='EndpointURL'].[OutputValue], Outputs[?starts_with(OutputKey, 'CustomDomain')].[OutputKey, OutputValue]][]" --output text

test: $(DEV)  ## Run all tests
	$(BIN)/python -m pytest -n $(WORKERS)

test-long: $(DEV)  ## Run all tests with their full counts
	TEST_PROFILE=long $(BIN)/python -m pytest -n $(WORKERS)

coverage: $(DEV)  ## Run all tests and show the branch coverage of chalicelib
	$(BIN)/python -m pytest -n $(WORKERS) --cov=chalicelib --cov-branch --cov-report=term-missing:skip-covered

faults: $(DEV)  ## Cause every fault with its full count, and print the measurements
	TEST_PROFILE=long $(BIN)/python -m pytest --quiet --show-capture=no --report-faults

bench: $(DEV)  ## Measure what the gateway costs, and write docs/performance.md (5 minutes)
	$(BIN)/python -m benchmarks

check: $(DEV)  ## Check style, types, imports, table, policies, and docs against code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for folder in $$(dirname examples/*/*.py | sort -u); do $(BIN)/mypy $$folder || exit 1; done
	$(BIN)/python -m gatewayctl validate
	$(BIN)/python -m gatewayctl policy --check
	$(BIN)/python -m gatewayctl policy --check --stage prod
	$(BIN)/python -m pytest --quiet tests/project

# Exit code 1: a package has a known vulnerability. Exit code 3: not every package could be looked up.
audit: $(DEV)  ## Look up known vulnerabilities of every package (needs the internet)
	@mkdir -p build
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements-dev.txt 2> build/audit.log; \
	code=$$?; cat build/audit.log >&2; \
	if [ $$code -ne 0 ] && ! grep -q "known vulnerabilit" build/audit.log; then \
		echo "error: the audit is incomplete: the vulnerability database of PyPI did not answer for every package. Repeat it on a machine that reaches the internet." >&2; exit 3; \
	fi; exit $$code

# The versions in the files stay if pyproject.toml allows them; UPGRADE=--upgrade takes the newest, and
# UPGRADE="--upgrade-package NAME" the newest of one package.
LOCK := $(BIN)/uv pip compile --quiet --no-config --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" $(UPGRADE)
EMULATED := tests/deployed/emulated
CLIENTS := tests/clients
NPM_LOCK := npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
lock: $(DEV)  ## Write the requirements files from pyproject.toml (UPGRADE=--upgrade for new versions)
	$(LOCK) pyproject.toml --python-platform x86_64-manylinux2014 --output-file requirements.txt
	$(LOCK) pyproject.toml --universal --constraint requirements.txt --group run --output-file requirements-run.txt
	$(LOCK) pyproject.toml --universal --constraint requirements-run.txt --group dev --output-file requirements-dev.txt
	$(LOCK) $(EMULATED)/requirements.in --universal --output-file $(EMULATED)/requirements.txt
	$(LOCK) $(CLIENTS)/requirements.in --universal --output-file $(CLIENTS)/requirements.txt
	cd $(CLIENTS) && $(NPM_LOCK)
	cd tests/browser && $(NPM_LOCK)
