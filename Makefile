.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 8000
SAGEMAKER_LOCAL_PORT ?= 4599
STAGE ?= dev
STACK ?= inference-gateway-$(STAGE)
TABLE_OPTION = $(if $(TABLE),--table $(TABLE))

.PHONY: help setup run sagemaker package deploy test test-long faults bench check
help:  ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## Make .venv and install what everything needs

$(STAMP): requirements.txt requirements-dev.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; name another 3.11 with: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@echo "installing dependencies (about a minute the first time) …"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -r requirements.txt -r requirements-dev.txt
	@touch $@

run: $(STAMP)  ## Run the gateway on this machine, the local SageMaker behind it
	@$(BIN)/python -m gatewayctl compile
	@$(BIN)/python -m local_stack --port $(PORT) --sagemaker-port $(SAGEMAKER_LOCAL_PORT)

sagemaker: $(STAMP)  ## Run the local SageMaker with the demo endpoints
	@$(BIN)/python -m sagemaker_local --demo --port $(SAGEMAKER_LOCAL_PORT)

# Chalice wants some region to be set, and writes none down. It keeps packages by what is in their
# files and not by their names, so a renamed file would bring an old package back.
package: $(STAMP)  ## Make build/deployment.zip and build/sam.json for STAGE (dev)
	@$(BIN)/python -m gatewayctl compile --stage $(STAGE)
	@rm -rf .chalice/deployments build/deployment.zip build/sam.json
	@mkdir -p build
	@$(BIN)/python -m deployment.fragment --stage $(STAGE) > build/fragment.json
	@AWS_DEFAULT_REGION=us-east-1 $(BIN)/chalice package --stage $(STAGE) --merge-template build/fragment.json build
	@$(BIN)/python -m deployment.bytecode build/deployment.zip

# By CloudFormation, because plain `chalice deploy` knows no gateway responses: docs/deploy.md
deploy: $(STAMP)  ## Deploy STAGE (dev) by CloudFormation; BUCKET takes the package
	@test -n "$(BUCKET)" || { echo "error: BUCKET is not set; name an S3 bucket for the package: make deploy STAGE=$(STAGE) BUCKET=my-bucket"; exit 2; }
	@command -v aws >/dev/null || { echo "error: the AWS CLI is not installed: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"; exit 2; }
	@$(BIN)/python -m gatewayctl validate --stage $(STAGE) $(TABLE_OPTION)
	@$(BIN)/python -m gatewayctl policy --stage $(STAGE) $(TABLE_OPTION) --check
	@$(MAKE) --no-print-directory package STAGE=$(STAGE)
	@aws cloudformation package --template-file build/sam.json --s3-bucket $(BUCKET) --s3-prefix $(STACK) --use-json --output-template-file build/packaged.json
	@aws cloudformation deploy --template-file build/packaged.json --s3-bucket $(BUCKET) --s3-prefix $(STACK) --stack-name $(STACK) --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))
	@aws cloudformation describe-stacks --stack-name $(STACK) --query "Stacks[0].Outputs[?OutputKey=='EndpointURL'].OutputValue" --output text

test: $(STAMP)  ## Run all tests
	$(BIN)/python -m pytest

test-long: $(STAMP)  ## Run all tests with their full counts
	TEST_PROFILE=long $(BIN)/python -m pytest

faults: $(STAMP)  ## Put every fault to the gateway in full, and print what was seen and measured
	TEST_PROFILE=long $(BIN)/python -m pytest --quiet --show-capture=no tests/faults --report-faults

bench: $(STAMP)  ## Measure what the gateway costs, and write it into docs/performance.md (5 minutes)
	$(BIN)/python -m benchmarks

check: $(STAMP)  ## Lint, format, types, import direction, table, policies, docs against the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m gatewayctl validate
	$(BIN)/python -m gatewayctl policy --check
	$(BIN)/python -m gatewayctl policy --check --stage prod
	$(BIN)/python -m pytest --quiet tests/project
