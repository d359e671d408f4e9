# make run and make test are all a newcomer needs: both see to their own tools. `make help` lists the rest.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# .ci/go is the go command of the right version, fetched where the machine has none.
GO       := .ci/go
PREFIX   ?= /usr/local
LISTEN   ?= 127.0.0.1:8470
FUZZTIME ?= 2s
SOAKTIME ?= 10m
RACE     ?= 1

# One binary from one source, wherever it is built: no cgo, no local paths, no state of the checkout.
export CGO_ENABLED := 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD    = $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{ printf "make %-15s %s\n", $$1, $$2 }'

.PHONY: run
run: build ## build everything, sign it for this checkout, and serve it with the example policies on loopback, state in .agentmesh/
	@mkdir -p -m 0700 .agentmesh
	@chmod -R go-w policies/example bin/plugins  # rules that others may write are refused, and archives often let them
	AGENTMESH_HOME=.agentmesh bin/agentmesh plugin sign bin/plugins/*.wasm
	AGENTMESH_HOME=.agentmesh exec bin/meshhost serve --plugins bin/plugins --policies policies/example --listen $(LISTEN)

# Presets are asked for by name: a folder of plugins is not entered, so they rule nowhere else.
.PHONY: build
build: ## bin/agentmesh, bin/meshhost, the shipped plugins in bin/plugins/, the presets as .wasm in bin/plugins/presets/
	@mkdir -p bin/plugins
	$(BUILD) -o bin/ ./cmd/agentmesh ./cmd/meshhost
	bin/agentmesh policy build --out bin/plugins/presets preset:strict preset:moderate preset:permissive
	bin/agentmesh plugin build --go .ci/go --out bin/plugins plugins/pii-guard plugins/trust-reward
	@if .ci/rust --ready; then \
	  bin/agentmesh plugin build --cargo .ci/rust --out bin/plugins plugins/sql-guard || echo "setup: plugins/sql-guard is left out: it could not be built"; \
	else echo "setup: plugins/sql-guard is left out: make rust-toolchain brings what builds it"; fi

.PHONY: rust-toolchain
rust-toolchain: ## a Rust that builds plugins: rustup's where there is one, else Debian's, unpacked into .tools/rust
	.ci/rust --prepare

.PHONY: test
test: lint rust unit race fuzz e2e ## everything that must hold before a change goes in

.PHONY: lint
lint: ## formatting, vet, staticcheck
	@unformatted=$$($(GO) tool gofumpt -l $$(find . -name '*.go' -not -path './.*')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (go tool gofumpt -l -w FILE):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	cd testdata/e2e && ../../.ci/go vet ./... && ../../.ci/go tool -modfile=../../go.mod staticcheck ./...

.PHONY: unit
unit: ## unit tests, layers, house rules, and the stories told to the built commands
	$(GO) test ./...

.PHONY: rust
rust: rust-toolchain ## the Rust kit and the plugin in Rust: formatting, clippy, their own tests
	@for d in pdk/rust plugins/sql-guard; do ( cd $$d; \
	  if ../../.ci/rust fmt --version >/dev/null 2>&1; then ../../.ci/rust fmt --all --check; fi; \
	  if ../../.ci/rust clippy --version >/dev/null 2>&1; then ../../.ci/rust clippy -q --locked --all-targets -- -D warnings; fi; \
	  ../../.ci/rust test -q --locked --workspace ); done

.PHONY: race
race: ## the same under the race detector (RACE=0 leaves it out where there is no C compiler)
ifeq ($(RACE),1)
	@.ci/cc
	CGO_ENABLED=1 $(GO) test -race ./...
endif

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each
	.ci/fuzz $(FUZZTIME)

.PHONY: e2e
e2e: ## published MCP servers behind agentmesh proxy, talked to by real clients; they are installed into .tools/e2e
	cd testdata/e2e && ../../.ci/go test -count=1 ./...

.PHONY: soak
soak: ## hours of it: a hundred kills under load, a million decisions, a million proxied calls, every fuzz target for SOAKTIME
	SOAK=1 $(GO) test -count=1 -timeout 2h -v -run 'Kill|Growth|Soak' ./...
	cd testdata/e2e && SOAK=1 ../../.ci/go test -count=1 -timeout 2h -v -run Soak .
	.ci/fuzz $(SOAKTIME)

.PHONY: bench
bench: ## our benchmarks, the same beside cel-go, cedar-go, OPA and Tessera, the proxy beside the bare server, and plugins
	$(GO) test -run '^$$' -bench . -benchmem ./...
	cd testdata/peers && ../../.ci/go run -mod=mod .
	cd testdata/e2e && ../../.ci/go run ./measure
	$(MAKE) --no-print-directory bench-plugins

.PHONY: bench-plugins
bench-plugins: ## one table of what plugins cost: ours beside wazero alone and beside Extism's own SDK; what loading takes
	cd host/sandbox && BENCH=1 ../../.ci/go test -count=1 -run '^TestPluginTable$$'

.PHONY: vuln
vuln: ## known vulnerabilities in what we call
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: install
install: build ## copy what build made below PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/agentmesh
	install -m 0755 bin/agentmesh bin/meshhost $(DESTDIR)$(PREFIX)/bin/
	cp -R bin/plugins $(DESTDIR)$(PREFIX)/share/agentmesh/

.PHONY: clean
clean: ## remove what build made; .agentmesh/ (ledger, keys) and .tools/ stay
	rm -rf bin
