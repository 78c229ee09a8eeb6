# Two commands matter: `make run` and `make test`. Both install what is missing first, and say so.
#
# Every target builds the whole workspace and so shares one LanceDB; `cargo build -p` of a single crate may select other
# features and compile it again.

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: help run test setup fmt clippy bench compare dist clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

run: ## watch this machine: anomalyctl watch; ARGS="..." adds options, SUDO=1 runs it (not the build) as root
	@scripts/setup
	@scripts/watch $(ARGS)

test: ## format, lint, unit, property and black-box tests; ends with what was skipped
	@scripts/setup test
	@scripts/test

setup: ## install what building and testing need, and nothing else
	@scripts/setup test

fmt: ## format the code
	@scripts/cargo fmt --all

clippy: ## lint everything, warnings denied
	@scripts/setup test
	@scripts/lint

bench: ## benchmarks, everything optimised: the first build takes most of an hour; ARGS="..." for criterion
	@scripts/setup
	@scripts/cargo bench --locked --bench '*' -- $(ARGS)

compare: ## our scorer and its rivals on recordings: DATA=DIR has them, SIGMA=DIR a clone of Sigma's rules; half an hour
	@scripts/setup
	@DATA='$(DATA)' SIGMA='$(SIGMA)' compare/make

dist: ## build what ships, small and optimised: half an hour at first; FEATURES=semantic adds search by meaning
	@scripts/setup
	@FEATURES='$(FEATURES)' scripts/dist

clean: ## delete everything that was built
	@scripts/cargo clean
