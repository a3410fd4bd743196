# The commands of the house; each is a step of .ci/steps, where the work is done.
# Everything they make lives in .cache/ (and testdata/clients/node_modules).

# How many packages are built and tested at a time.
JOBS ?= 2
# How long each fuzz target runs, and which ones do.
FUZZTIME ?= 30s
FUZZ ?= .
# Which figures are measured, how often, and how long a run of a small benchmark is.
BENCH ?= .
RUNS ?= 5
BENCHTIME ?= 0.2s

# Which proofs run.
PROOF ?= Proof

export JOBS FUZZTIME FUZZ BENCH RUNS BENCHTIME PROOF

help:
	@echo 'make test       every test: format, vet, -race, cross-builds, fixtures, npm clients, browser'
	@echo '                what wants a missing tool is named and skipped, or an error if CI=true'
	@echo 'make test-STEP  one step of it: format, build, go, cross, fixtures or clients'
	@echo 'make build      the command and the example plugins, into .cache/bin and .cache/guests'
	@echo 'make bench      measures the figures and prints them beside their bounds (BENCH=regexp RUNS=$(RUNS))'
	@echo 'make proof      what takes minutes and a quiet machine (PROOF=regexp)'
	@echo 'make peers      runs hostile modules against a bare wazero host, Extism and chhost (minutes)'
	@echo 'make fuzz       every fuzz target       (FUZZTIME=$(FUZZTIME) FUZZ=regexp)'
	@echo 'make generate   renders what is made from abi/, re-assembles the .wat fixtures'
	@echo 'make clean      takes away everything that these commands made'

test build bench proof peers fuzz generate clean:
	@.ci/steps $@

test-%:
	@.ci/steps test $*

.PHONY: help test build bench proof peers fuzz generate clean
