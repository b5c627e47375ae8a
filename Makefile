# `make` lists what there is to make.

PYTHON ?= python3
export PYTHONPYCACHEPREFIX = $(CURDIR)/.venv/pycache

# Puts the local stack's settings into a command's environment.
WITH_STACK = set -a && . .local/env && set +a &&

# The whole flow that the packed binaries are tested with.
PACKAGED_FLOW = every_record_of_a_file_arrives_once_and_is_reported

.DEFAULT_GOAL := help
.PHONY: help tools corpora up down demo test faults soak check package test-packaged bench bench-functions bench-dispatch bench-mapping bench-sftp bench-webhooks cost clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 15

tools: ## Check for the tools that are needed, and make .venv
	@$(PYTHON) infra/local/prepare.py

corpora: tools ## Download sample files that others publish, into .local/corpora
	@.venv/bin/python infra/local/corpora.py

up: tools ## Build, and bring up the whole stack on this machine; write .local/env
	@.venv/bin/python infra/local/up.py

down: ## Stop what `make up` started; its data stays in .local/
	@$(PYTHON) infra/local/down.py

demo: up ## Show one whole flow on the local stack
	@$(WITH_STACK) cargo run -p tests --bin demo

test: corpora up ## Run all tests, whole flows against the local stack included
	@$(WITH_STACK) if cargo nextest --version >/dev/null 2>&1; \
		then cargo nextest run --workspace; else cargo test --workspace; fi

faults: up ## Interrupt every call of every path, and count what is survived; takes a while
	@$(WITH_STACK) cargo run -p tests --bin faults

soak: up ## Post 5,000 notifications while targets fail and functions are killed; takes a while
	@$(WITH_STACK) cargo run -p tests --bin soak

check: tools ## Run what can be checked without running Crossdock
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo check -p shared --no-default-features
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps
	$(PYTHON) infra/boundaries.py
	$(PYTHON) infra/named_tests.py
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv/bin/sam validate --lint
	.venv/bin/python infra/template/check.py
	@if cargo deny --version >/dev/null 2>&1; \
		then cargo deny --log-level error check bans licenses sources; \
		else echo "NOT CHECKED: licences, bans and sources of dependencies (no cargo-deny here)"; fi

package: tools ## Build what Lambda gets, for ARCH=arm64 (or x86_64); print sizes
	@ARCH=$(ARCH) ALSO="$(ALSO)" .venv/bin/python infra/package/package.py

test-packaged: ## Run one whole flow on the packed release binaries, on the local stack
	@$(MAKE) --no-print-directory package ARCH=host
	@CROSSDOCK_PACKAGED=1 $(MAKE) --no-print-directory up
	@$(WITH_STACK) cargo test -p tests --test pull $(PACKAGED_FLOW) -- --exact | tee .local/test-packaged.log
	@grep -q '^test result: ok. 1 passed' .local/test-packaged.log

bench: ## Measure, and print figures: AREA=functions, webhooks, sftp, mapping or dispatch
	@$(MAKE) --no-print-directory bench-$(AREA)

bench-functions:
	@$(MAKE) --no-print-directory package ARCH=host ALSO=bare-function
	@CROSSDOCK_PACKAGED=1 $(MAKE) --no-print-directory up
	@$(WITH_STACK) cargo run -p bench -- functions

bench-dispatch:
	cargo run --release -p bench -- dispatch

bench-mapping:
	@sh bench/peers.sh mlr:miller
	@test -x .local/bench-peers/bin/python || $(PYTHON) -m venv .local/bench-peers
	@.local/bench-peers/bin/python -m pip install -q -r bench/src/mapping/peers/requirements.txt
	cargo build --release -p crossdock -p bench
	target/release/bench mapping
	target/release/bench compare

bench-sftp:
	@sh bench/peers.sh rclone lftp
	cargo run --release -p bench -- sftp

bench-webhooks:
	@$(MAKE) --no-print-directory package ARCH=host ALSO=bare-function
	cargo run --release -p bench -- webhooks

cost: ## Count what a million notifications and a million records cost in AWS, line by line
	@$(MAKE) --no-print-directory package ARCH=host
	@$(MAKE) --no-print-directory up
	@$(WITH_STACK) cargo run -p bench -- cost

clean: down ## Remove all that was made, the local stack's data included
	rm -rf .local .venv .aws-sam
	cargo clean
