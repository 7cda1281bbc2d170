# The commands of the house: each one works on a fresh clone of a Debian machine with Rust, Node and Python.
.DEFAULT_GOAL := help
STAGE := ./.ci/stage

.PHONY: help demo web test bench fmt lint clients package

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

# The dev profile on purpose: it compiles several times sooner than a release build with LTO,
# its dependencies are optimised all the same, and `make test` reuses what it built.
demo: web ## the gateway with a simulated provider, ready to be clicked and called
	cargo run -p torod -- demo

# `cargo test --workspace` has the architecture test among its tests, and builds the binaries that the clients then drive. The library's
# optional tokenizer is built with it, so that nothing is compiled twice; the daemon does not use it, as it ships.
# The clients are fetched while Rust compiles. Many tests wait for sockets more than for a core, so two of them share one.
test: ## everything: Rust tests, then real clients and a browser against a real gateway
	@$(STAGE) "check the packaging" packaging/check
	@$(STAGE) "build the web admin" $(MAKE) web
	@$(STAGE) "test the web admin" npm --prefix web test
	@$(STAGE) "find a CA for the tests" tests/ca/install
	@log=$$(mktemp); tests/clients/install >"$$log" 2>&1 & installing=$$!; \
	export RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))}; \
	$(STAGE) "test the workspace" cargo test --workspace --features tokenrouter/tokenizer || { kill $$installing; exit 1; }; \
	wait $$installing; code=$$?; cat "$$log"; rm -f "$$log"; \
	$(STAGE) "install the clients" test $$code -eq 0
	@$(STAGE) "test with real clients" tests/clients/run
	@$(STAGE) "walk through the web admin" tests/web/run

# What the site is made of: it is built anew when any of it has changed.
WEB := $(shell find web/src web/public -type f) $(wildcard web/*.json web/*.js web/*.ts) web/.npmrc

web: web/dist/index.html ## the web admin, for torod to embed

web/dist/index.html: web/node_modules/.package-lock.json $(WEB)
	cd web && npm run build
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci
	@touch $@

# The packages of the browser tests, whose types and style are looked at with the site's.
tests/web/node_modules/.package-lock.json: tests/web/package.json tests/web/package-lock.json
	cd tests/web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent
	@touch $@

bench: ## torod beside a direct call, nginx and bare proxies, in one run
	cargo build --release -p torod -p tokenrouter-bench
	cargo run --release -p tokenrouter-bench -- --rounds 3 $(if $(TOROD),--torod $(TOROD))

fmt: ## format the code
	cargo fmt --all

lint: ## what a pull request must pass before its tests run
	@$(STAGE) "format" cargo fmt --all --check
	@$(STAGE) "clippy" cargo clippy --workspace --all-targets -- -D warnings
	@$(STAGE) "build the web admin" $(MAKE) web tests/web/node_modules/.package-lock.json
	@$(STAGE) "types of the web admin" npm --prefix web run check
	@$(STAGE) "lint the web admin" npm --prefix web run lint

clients: ## only install the clients and the CA that `make test` drives
	@tests/clients/install
	@tests/ca/install

package: ## deb, rpm and archive of a release build, in target/packages
	packaging/build
