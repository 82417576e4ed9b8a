# Which stage file is used: STAGE=dev, staging, production or any other Pulumi.<stage>.yaml.
STAGE ?= dev
# Worker nodes of the local cluster.
export NODES ?= 3

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Sets what local/up installed (PATH, KUBECONFIG, Pulumi's backend) for the commands that follow.
WITH_ENV = eval "$$(local/env)" &&

.PHONY: help up preview down refresh cluster local-clean test unit lint golden env sbom audit
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: cluster ## Install what is missing, build, push and deploy STAGE, print the URL
	@$(WITH_ENV) node ops/deploy.ts $(STAGE)

preview: cluster ## Show what `make up` would change in STAGE, and change nothing
	@$(WITH_ENV) pulumi preview --stack $(STAGE) --diff

down: node_modules/.package-lock.json ## Remove the app of STAGE; the cluster and the tools stay
	@$(WITH_ENV) pulumi destroy --stack $(STAGE) --yes --skip-preview

refresh: node_modules/.package-lock.json ## Compare STAGE with the cluster and take over what was changed by hand
	@$(WITH_ENV) pulumi refresh --stack $(STAGE)

cluster: node_modules/.package-lock.json ## Start the tools and the cluster that STAGE names, without deploying
	@local/up $(STAGE)

local-clean: ## Remove every trace of the local cluster, its data included; built tools stay cached
	@local/clean

env: ## Print the settings for using pulumi, kubectl and docker by hand: eval "$(make env)"
	@local/env

sbom: node_modules/.package-lock.json ## Write what the deployed images of STAGE consist of to sbom/ (CycloneDX)
	@$(WITH_ENV) ops/sbom.sh $(STAGE)

audit: ## Check the images' locked dependencies for known vulnerabilities
	@ops/audit.sh

test: node_modules/.package-lock.json ## Run every test, with the real engine, Docker and Kubernetes
	@node test/run.ts

unit: node_modules/.package-lock.json ## Run the unit tests alone (seconds, nothing needed but Node.js)
	@npm test --silent

lint: node_modules/.package-lock.json ## Check style and types
	@npm run lint --silent

golden: node_modules/.package-lock.json ## Rewrite test/golden after an intended change of the stack
	@UPDATE_GOLDEN=1 npm test --silent -- --grep 'golden files'

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { \
	  printf 'error: npm is not installed\n  fix: install Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)\n' >&2; exit 1; }
	@echo "  installing the npm packages of package-lock.json …"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
