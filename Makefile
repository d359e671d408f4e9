# make run and make test are all a newcomer needs: both see to their own tools. `make help` lists the rest.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# .ci/go is the go command of the right version, fetched where the machine has none.
GO       := .ci/go
PREFIX   ?= /usr/local
LISTEN   ?= 127.0.0.1:8470
FUZZTIME ?= 3s
RACE     ?= 1

# One binary from one source, wherever it is built: no cgo, no local paths, no state of the checkout.
export CGO_ENABLED := 0
BUILD := $(GO) build -trimpath -buildvcs=false -ldflags '-s -w'

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{ printf "make %-9s %s\n", $$1, $$2 }'

.PHONY: run
run: build ## build everything and serve the example policies on loopback, state in .agentmesh/
	AGENTMESH_HOME=.agentmesh exec bin/meshhost serve --plugins bin/plugins --policies policies/example --listen $(LISTEN)

.PHONY: build
build: ## bin/agentmesh, bin/meshhost and the shipped rules as bin/plugins/*.wasm
	@mkdir -p bin/plugins
	$(BUILD) -o bin/ ./cmd/agentmesh ./cmd/meshhost

.PHONY: test
test: lint unit race fuzz ## everything that must hold before a change goes in

.PHONY: lint
lint: ## formatting, vet, staticcheck
	@unformatted=$$($(GO) tool gofumpt -l $$(find . -name '*.go' -not -path './.*')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (go tool gofumpt -l -w FILE):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: unit
unit: ## unit tests, layers, house rules, and the stories told to the built commands
	$(GO) test ./...

.PHONY: race
race: ## the same under the race detector (RACE=0 leaves it out where there is no C compiler)
ifeq ($(RACE),1)
	@.ci/cc
	CGO_ENABLED=1 $(GO) test -race ./...
endif

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each
	.ci/fuzz $(FUZZTIME)

.PHONY: vuln
vuln: ## known vulnerabilities in what we call
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

.PHONY: install
install: build ## copy what build made below PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/agentmesh
	install -m 0755 bin/agentmesh bin/meshhost $(DESTDIR)$(PREFIX)/bin/
	cp -R bin/plugins $(DESTDIR)$(PREFIX)/share/agentmesh/

.PHONY: clean
clean: ## remove what build made; .agentmesh/ (ledger, keys) and .tools/ stay
	rm -rf bin
