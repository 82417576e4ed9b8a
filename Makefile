# The stage, which is one Pulumi stack: dev, staging, production or any other for which there is a Pulumi.<stage>.yaml. In an
# organisation of Pulumi Cloud that is not the default one: STAGE=<organisation>/todo-app/<stage>.
STAGE ?= $(or $(STACK),dev)
# Number of nodes of the local cluster.
export NODES ?= 3

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Options for a command of ops/, as in `make preview STAGE=staging ARGS=--json`; ARGS=--help lists those that it has.
ARGS :=

# Sets the environment of a command for STAGE: PATH, KUBECONFIG, Pulumi's backend. With CLUSTER=local, they are those of
# the cluster on this machine; with CLUSTER=context, those of the context that the stage file names.
WITH_ENV = settings=$$(local/env $(STAGE)) && eval "$$settings" &&
# The same, and the variable `file` with the path of the stage file: on the local cluster, it may be a merged one.
WITH_STAGE = settings=$$(local/env $(STAGE) --file) && eval "$$settings" &&
# The same for a command that needs no cluster: where none is found, the stage file is that of the project.
WITH_STAGE_IF_FOUND = if settings=$$(local/env $(STAGE) 2>/dev/null); then eval "$$settings"; file=$$(local/stage-file $(STAGE)); else file=Pulumi.$(notdir $(STAGE)).yaml; fi;
# CLUSTER, if it was given to make itself, as in `make up STAGE=staging CLUSTER=local`: it is then remembered for later
# commands. CLUSTER in the environment is not remembered.
GIVEN_CLUSTER = $(if $(filter command,$(origin CLUSTER)),$(CLUSTER))
# Sets the environment for tests. They use the local cluster, whatever CLUSTER was given to make, which MAKEFLAGS would
# pass on; and every question is answered with yes. Recipes call a plain `make` after it, not $(MAKE): a line with
# $(MAKE) runs even under `make -n`, and without MAKEFLAGS the inner make would not know of -n.
FOR_TESTS = unset MAKEFLAGS MFLAGS && export CLUSTER=local YES=1 &&

.PHONY: help up dev login preflight preview comment issue nightly images build-cache pr-stage render history rollback promote canary canary-promote canary-abort rotate down drift heal smoke doctor backup backups restore drill config-diff cluster local-clean test unit lint golden scan soak bench env sbom audit update-pins manifest
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: cluster ## Install what is missing, build, push and deploy STAGE, print the URL
	@$(WITH_STAGE) node ops/up.ts $(STAGE) "$$file" $(ARGS)

dev: cluster ## Deploy STAGE from sources, and copy each change of app/ into its running pods, without a build, until Ctrl-C
	@$(WITH_STAGE) node ops/dev.ts $(STAGE) "$$file" $(ARGS)

preflight: node_modules/.package-lock.json ## Check what STAGE needs of its cluster, and change nothing; `make up` begins with it
	@$(WITH_STAGE) node ops/preflight.ts $(STAGE) "$$file" $(ARGS)

preview: cluster ## Show what `make up` would change in STAGE, and change nothing
	@$(WITH_STAGE) node ops/preview.ts $(STAGE) "$$file" $(ARGS)

comment: node_modules/.package-lock.json ## Write standard input as a comment on a pull request, or update it: REPOSITORY=owner/name NUMBER=12
	@node ops/comment.ts $(REPOSITORY) $(NUMBER) $(ARGS)

issue: node_modules/.package-lock.json ## Open an issue with the report on standard input, update it, or close it: REPOSITORY=owner/name
	@node ops/issue.ts $(REPOSITORY) $(ARGS)

nightly: node_modules/.package-lock.json ## Make the nightly checks of STAGE, drift and restore drill, and print them as the text of an issue
	@$(WITH_STAGE) node ops/nightly.ts $(STAGE) "$$file" $(ARGS)

images: node_modules/.package-lock.json ## Print names and digests of the images that STAGE runs, and its newest revision
	@$(WITH_STAGE) node ops/images.ts $(STAGE) "$$file" $(ARGS)

build-cache: node_modules/.package-lock.json ## Push what the next build of STAGE's images may reuse, as <image>:cache
	@$(WITH_STAGE) node ops/build-cache.ts $(STAGE) "$$file" $(ARGS)

login: node_modules/.package-lock.json ## Give a pipeline access to the cluster, the state and the registry of STAGE
	@node ops/login.ts $(STAGE) Pulumi.$(notdir $(STAGE)).yaml $(ARGS)

pr-stage: node_modules/.package-lock.json ## Write the stage file of a pull request: FROM=staging NUMBER=12 CONTEXT=previews DOMAIN=previews.todo-app.com
	@node ops/pr-stage.ts $(FROM) $(NUMBER) $(CONTEXT) $(DOMAIN) $(ARGS)

render: node_modules/.package-lock.json ## Write the objects of STAGE as YAML, without secrets, for a review or kubectl diff: OUT=<folder or file.yaml>
	@$(WITH_STAGE_IF_FOUND) node ops/render.ts $(STAGE) "$$file" $(OUT) $(ARGS)

history: node_modules/.package-lock.json ## List the last revisions of STAGE, and what each has changed
	@$(WITH_STAGE) node ops/history.ts $(STAGE) "$$file" $(ARGS)

rollback: cluster ## Deploy an earlier revision of STAGE again, without a build: TO=3, or else the one before
	@$(WITH_STAGE) node ops/rollback.ts $(STAGE) "$$file" $(TO) $(ARGS)

promote: STAGE = $(TO)
promote: cluster ## Deploy the images that another stage runs, without a build: FROM=staging TO=production
	@$(WITH_STAGE) from=$$(local/stage-file $(FROM)) && node ops/promote.ts $(FROM) $(TO) $(if $(and $(FROM),$(TO)),"$$from" "$$file" $(REVISION)) $(ARGS)

canary: cluster ## Send a share of STAGE's requests to a new release beside the deployed one, in %: WEIGHT=10
	@$(WITH_STAGE) node ops/canary.ts $(STAGE) "$$file" $(WEIGHT) $(ARGS)

canary-promote: cluster ## Make the canary of STAGE its release, without a build
	@$(WITH_STAGE) node ops/canary-promote.ts $(STAGE) "$$file" $(ARGS)

canary-abort: node_modules/.package-lock.json ## Remove the canary of STAGE; the release beside it serves on
	@$(WITH_STAGE) node ops/canary-abort.ts $(STAGE) "$$file" $(ARGS)

rotate: cluster ## Generate a secret of STAGE anew and deploy it: SECRET=auth, databasePassword or databaseOwnerPassword
	@$(WITH_STAGE) node ops/rotate.ts "$(SECRET)" $(STAGE) "$$file" $(ARGS)

down: node_modules/.package-lock.json ## Remove the app of STAGE; the cluster and the tools stay
	@$(WITH_STAGE) node ops/down.ts $(STAGE) "$$file" $(ARGS)

drift: node_modules/.package-lock.json ## Show what was changed by hand in the cluster of STAGE, and by whom; change nothing
	@$(WITH_STAGE) node ops/drift.ts $(STAGE) "$$file" $(ARGS)

heal: cluster ## Put back what was changed by hand in the cluster of STAGE, and deploy
	@$(WITH_STAGE) node ops/heal.ts $(STAGE) "$$file" $(ARGS)

smoke: node_modules/.package-lock.json ## Check whether the deployed STAGE works: pods, pages, API, and as users with throw-away accounts
	@$(WITH_STAGE) node ops/smoke.ts $(STAGE) "$$file" $(ARGS)

doctor: node_modules/.package-lock.json ## Look at a STAGE that may be broken, and name causes and fixes; change nothing
	@$(WITH_STAGE) node ops/doctor.ts $(STAGE) "$$file" $(ARGS)

backup: node_modules/.package-lock.json ## Make a backup of the database that STAGE has in the cluster
	@$(WITH_STAGE) node ops/backup.ts $(STAGE) "$$file" $(ARGS)

backups: node_modules/.package-lock.json ## List the backups of STAGE, and whether their files are whole
	@$(WITH_STAGE) node ops/backups.ts $(STAGE) "$$file" $(ARGS)

restore: node_modules/.package-lock.json ## Bring the in-cluster database of STAGE back to a backup: BACKUP=20260302-021700
	@$(WITH_STAGE) node ops/restore.ts $(STAGE) "$$file" $(BACKUP) $(ARGS)

drill: node_modules/.package-lock.json ## Try out a backup of STAGE without touching its database: the newest one, or BACKUP=20260302-021700
	@$(WITH_STAGE) node ops/drill.ts $(STAGE) "$$file" $(BACKUP) $(ARGS)

config-diff: node_modules/.package-lock.json ## Show what differs between two stages: A=staging B=production
	@node ops/config-diff.ts $(A) $(B) $(ARGS)

cluster: node_modules/.package-lock.json ## Start the tools and the cluster that STAGE names, without deploying
	@$(if $(filter --help,$(ARGS)),,local/up $(STAGE) $(GIVEN_CLUSTER) $(if $(filter --json --markdown,$(ARGS)),>&2))

local-clean: ## Remove every trace of the local cluster, its data included; built tools stay cached
	@local/clean

env: node_modules/.package-lock.json ## Print the settings for using pulumi, kubectl and docker by hand: eval "$(make env)"
	@local/env $(STAGE)

scan: node_modules/.package-lock.json ## Scan the objects that staging and production deploy for weaknesses
	@test/scan/scan.sh

soak: node_modules/.package-lock.json ## Load production through rollouts and failures, cause every fault that make doctor knows, kill commands, roll back, restore, have each alert fire: hours
	@$(FOR_TESTS) for stage in dev staging production; do make --no-print-directory up STAGE=$$stage; done
	@$(FOR_TESTS) $(WITH_ENV) mocha --reporter spec --timeout 3600000 --require test/e2e/support/diagnose.ts 'test/soak/*.test.ts'

bench: node_modules/.package-lock.json ## Measure deploys of this project and of other tools on the local cluster that runs dev: ROUNDS=2 COPIES=1,10
	@$(FOR_TESTS) $(WITH_ENV) ROUNDS=$(ROUNDS) COPIES=$(COPIES) node bench/run.ts

sbom: node_modules/.package-lock.json ## Write the software bill of materials of STAGE's deployed images to sbom/ (CycloneDX)
	@$(WITH_ENV) ops/sbom.sh $(STAGE) $(ARGS)

audit: ## Check the images' locked dependencies for known vulnerabilities
	@ops/audit.sh $(ARGS)

update-pins: node_modules/.package-lock.json ## Update base images, manifests, engine, SDKs and tools to their newest versions
	@node ops/update-pins.ts $(ARGS)

manifest: ## Print a manifest of config/pins.json, checked against its hash: NAME=certManager
	@node ops/manifest.ts $(NAME) $(ARGS)

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
	@echo "  installing the npm packages of package-lock.json …" >&2
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
