# wxrollout. "make" lists the targets.

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
# Each work tree has its own cache: a shared one reports files of other trees.
export GOLANGCI_LINT_CACHE := $(CURDIR)/bin/lint-cache
PROGRAMS     := worker enqueue wxsim

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ $(PROGRAMS:%=./cmd/%)

.PHONY: install
install: ## Install the programs where go install does, such as ~/go/bin
	CGO_ENABLED=0 $(GO) install -trimpath -ldflags "-X main.version=$(VERSION)" $(PROGRAMS:%=./cmd/%)

.PHONY: test
test: needs ## Run every test with the race detector; installs missing servers where it may (PACKAGES=./tasks for one)
	$(GO) test -race -shuffle=on $(TESTFLAGS) $(PACKAGES)

# The packages whose tests need no server and take no time.
QUICK := ./internal/arch ./internal/human ./internal/controller ./rollout/... ./appconfig/... ./tasks/classify ./wxclient/... ./internal/config

.PHONY: quick
quick: ## Vet the tree and run the tests that need no server: the first answer to a change
	$(GO) vet ./...
	$(GO) test -short $(QUICK)

.PHONY: needs
needs: ## Check for, or install, what tests need: redis-server, Prometheus, a C compiler
	@scripts/needs.sh

.PHONY: lint
lint: $(LINT) ## Run golangci-lint with .golangci.yml
	$(LINT) run ./...

.PHONY: format
format: $(LINT) ## Format the code and sort its imports
	$(LINT) fmt ./...

.PHONY: fuzz
fuzz: ## Run each fuzz test briefly (FUZZTIME=10s)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: vuln
vuln: ## Check the Go vulnerability database (VULN_DB=file:///path for a copy)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION) -db $(VULN_DB) ./...

.PHONY: chaos
chaos: needs ## Run the whole fault suite, at most 10 minutes (SEED=7 repeats a run); writes out/chaos.txt
	$(GO) test ./internal/chaos -full -seed $(SEED) -out $(CURDIR)/out/chaos.txt -parallel 32 -count=1 -timeout 15m $(TESTFLAGS)

.PHONY: bench
bench: needs ## Measure the engine against bare Asynq and others, under ten minutes (BENCHFLAGS="-only engine"); writes out/bench.txt, .json
	$(GO) run ./bench -out out/bench.txt -json out/bench.json $(BENCHFLAGS)

.PHONY: dashboards
dashboards: ## Write the Grafana dashboards from their description in metrics/mixin/generate
	cd metrics/mixin/generate && $(GO) run . ../dashboards

.PHONY: readme
readme: needs ## Run the commands of both READMEs in a clone with an empty home folder
	@scripts/readme.sh

.PHONY: redises
redises: needs ## Test on Redis 8, Valkey and Redict of Debian's other releases, and that Redis 6 is refused
	scripts/redises.sh out/redises

.PHONY: soak
soak: needs ## Run short-lived rollouts for ten minutes and measure growth; writes out/soak.txt
	$(GO) run ./bench -soak 10m -out out/soak.txt $(BENCHFLAGS)

.PHONY: micro
micro: needs ## Run the packages' Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

.PHONY: golden
golden: ## Rewrite the golden files; read the diff before you commit it
	@scripts/golden.sh

.PHONY: demo
demo: ## Watch a whole rollout on a simulated WeChat, without Redis or Docker
	$(GO) run ./cmd/enqueue demo

.PHONY: up
up: ## Start Redis, a worker, the simulator, Prometheus and Grafana in Docker
	VERSION=$(VERSION) WORKER_ENV=deploy/sim.env REDIS_ENV=deploy/sim-redis.env docker compose --profile sim up --build

.PHONY: down
down: ## Stop the services that up started; data stays in the volumes
	WORKER_ENV=deploy/sim.env REDIS_ENV=deploy/sim-redis.env docker compose --profile sim down

.PHONY: verify
verify: ## Run everything that CI runs
	CI=true .ci/run

.PHONY: tools
tools: $(LINT) ## Install the pinned tools into bin/

# The file name contains the version, so a new pin builds a new file.
$(LINT):
	@echo "tools: building golangci-lint $(LINT_VERSION) once; this takes a few minutes"
	GOBIN=$(CURDIR)/bin/new $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/new/golangci-lint $@ && rmdir bin/new

.PHONY: clean
clean: ## Remove build output
	rm -rf bin out
