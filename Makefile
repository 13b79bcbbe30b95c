# wxrollout. "make" alone lists what there is.

GO           ?= go
VERSION      ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TESTFLAGS    ?=
BENCHFLAGS   ?=
PACKAGES     ?= ./...
FUZZTIME     ?= 10s
SEED         ?= 0
LINT_VERSION := v2.12.0
VULN_VERSION := v1.1.4
VULN_DB      ?= https://vuln.go.dev
LINT         := bin/golangci-lint-$(LINT_VERSION)
# A cache of this tree's own: one that trees share names files of the other ones.
export GOLANGCI_LINT_CACHE := $(CURDIR)/bin/lint-cache
PROGRAMS     := worker enqueue wxsim

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ $(PROGRAMS:%=./cmd/%)

.PHONY: test
test: needs ## Run every test, with the race detector; sees to the servers it needs itself (PACKAGES=./tasks for one)
	$(GO) test -race -shuffle=on $(TESTFLAGS) $(PACKAGES)

.PHONY: needs
needs: ## See to redis-server, Prometheus and a C compiler: what the tests need
	@scripts/needs.sh

.PHONY: lint
lint: $(LINT) ## Run golangci-lint as .golangci.yml says
	$(LINT) run ./...

.PHONY: format
format: $(LINT) ## Format the code and sort its imports
	$(LINT) fmt ./...

.PHONY: fuzz
fuzz: ## Run each fuzz test for a moment (FUZZTIME=10s)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: vuln
vuln: ## Ask the Go vulnerability database (VULN_DB=file:///path for a copy)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION) -db $(VULN_DB) ./...

.PHONY: chaos
chaos: needs ## Run the whole fault suite, at most 10 minutes (SEED=7 for a given one); its table goes to out/chaos.txt
	$(GO) test ./internal/chaos -full -seed $(SEED) -out $(CURDIR)/out/chaos.txt -parallel 32 -count=1 -timeout 15m $(TESTFLAGS)

.PHONY: bench
bench: needs ## Measure the engine against bare Asynq and others, under ten minutes (BENCHFLAGS="-only engine"); out/bench.txt, .json
	$(GO) run ./bench -out out/bench.txt -json out/bench.json $(BENCHFLAGS)

.PHONY: soak
soak: needs ## Let rollouts come and go for ten minutes; what grew is in out/soak.txt
	$(GO) run ./bench -soak 10m -out out/soak.txt $(BENCHFLAGS)

.PHONY: micro
micro: needs ## Run the packages' own benchmarks
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

.PHONY: golden
golden: ## Rewrite the golden files; look at the diff before you commit it
	@scripts/golden.sh

.PHONY: demo
demo: ## Watch a whole rollout on a simulated WeChat, without Redis or Docker
	$(GO) run ./cmd/enqueue demo

.PHONY: up
up: ## Start Redis, a worker, the simulator, Prometheus and Grafana in Docker
	VERSION=$(VERSION) WORKER_ENV=deploy/sim.env docker compose --profile sim up --build

.PHONY: down
down: ## Stop what up started; the data stays in its volumes
	WORKER_ENV=deploy/sim.env docker compose --profile sim down

.PHONY: verify
verify: ## All that CI does
	CI=true .ci/run

.PHONY: tools
tools: $(LINT) ## Install the pinned tools into bin/

# The version is in the file's name: another pin is another file.
$(LINT):
	@echo "tools: building golangci-lint $(LINT_VERSION), once; this takes some minutes"
	GOBIN=$(CURDIR)/bin/new $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/new/golangci-lint $@ && rmdir bin/new

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin out
