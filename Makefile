# The two commands are `make demo` and `make test`; both do all the set-up they need.

CARGO ?= cargo

.PHONY: demo demo-prometheus test bench bench-count fuzz lint fmt conformance setup

demo: ## the tutorial in one command: an embedded cluster, an app, a load that ramps up and down
	@scripts/setup demo
	$(CARGO) build --release --package capstan
	target/release/capstan demo

demo-prometheus: ## the same with an HPA that scales on a query to a real Prometheus
	@scripts/setup demo-prometheus
	$(CARGO) build --release --package capstan
	PATH="$$PATH:$(CURDIR)/target/tools/prometheus-debian/usr/bin" target/release/capstan demo prometheus

test: ## format, lints, layering, tests, conformance, HPA cases
	@scripts/setup test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) build --workspace --all-targets
	$(CARGO) test --workspace --no-fail-fast
	@shared="$${CAPSTAN_SHARED:-../shared}"; \
	if [ -d "$$shared/conformance" ]; then $(CARGO) xtask conformance "$$shared/conformance"; else echo "skipped: conformance ($$shared is missing)"; fi; \
	if [ -d "$$shared/hpa" ]; then $(CARGO) xtask hpa-vectors "$$shared/hpa"; else echo "skipped: hpa-vectors ($$shared is missing)"; fi

bench: ## the criterion suites, then the figures of docs/performance.md through the public API of a release build
	$(CARGO) bench --package capstan-model --package capstan-benches
	$(CARGO) test --release --package capstan-flow --test expiry -- --ignored --nocapture
	$(CARGO) build --release --package capstan
	target/release/capstan bench --table --write docs/performance.md

bench-count: ## instructions per point of the hottest pieces of work, held to the committed figures
	@scripts/setup bench
	$(CARGO) build --profile bench --package capstan-benches --bin count
	target/release/count

fuzz: ## every fuzz target for a minute; scripts/fuzz TARGET SECONDS for one
	@scripts/fuzz

conformance: ## Kapacitor's own cases and Kubernetes' own HPA cases through the production code
	$(CARGO) xtask conformance "$${CAPSTAN_SHARED:-../shared}/conformance"
	$(CARGO) xtask hpa-vectors "$${CAPSTAN_SHARED:-../shared}/hpa"

lint:
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) xtask layering

fmt:
	$(CARGO) fmt --all

setup:
	@scripts/setup test
