# SPDX-License-Identifier: MIT
#
# The face of the build: each target is one sentence that says what happens.
# CMake does the work, in one folder below $(BUILD) for each preset.
#
#   make check JOBS=1        as many jobs as you like
#   make install PREFIX=~/x  installs below ~/x instead of /usr/local
#   make run BUILD=/tmp/b    builds elsewhere

BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
CTEST_FLAGS ?=

export WEFT_TOOLS ?= $(abspath build/tools)

CTEST = ctest --output-on-failure --no-tests=error -j $(JOBS)

# All programs under Wine share one server, and the double makes calls fail at
# random: on a busy machine a time-out of a test is no news. One that fails is
# run again, twice at most; the log says so.
AGAIN = --repeat until-pass:3

# Configures a preset, again if the presets changed, and builds it, or of it
# what is named: $(call build,preset,target).
define build
	@test $(BUILD)/$(1)/build.ninja -nt CMakePresets.json || \
	    cmake --preset $(1) -B $(BUILD)/$(1) --log-level=WARNING
	@cmake --build $(BUILD)/$(1) -j $(JOBS) $(if $(2),--target $(2))
endef

.DEFAULT_GOAL := build

help: ## show this list
	@sed -n 's/^\([a-z]*\): .*## /\1|/p' $(MAKEFILE_LIST) | \
	    awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

tools: # what every build needs; quiet when it is all there
	@scripts/setup build
	@scripts/setup history || echo "build: there will be no history of runs"

build: tools ## build the libraries and the command, optimised
	$(call build,release)

run: build ## move a large real file through weft and show the figures
	@scripts/run $(BUILD)/release

check: ## build with assertions and run all tests
	@scripts/setup build check
	$(call build,dev)
	@cd $(BUILD)/dev && $(CTEST) $(CTEST_FLAGS)

bench: ## compare with others; tables and a plot (QUICK=1: a minute)
	@scripts/setup build
	@scripts/setup bench || echo "bench: comparing with what is there"
	$(call build,bench)
	@bench/run/run $(if $(QUICK),--quick) $(BUILD)/bench
	@$(BUILD)/bench/tools/weft/weft memory bench -n 100
	@$(if $(QUICK),:,bench/compare/run $(BUILD)/bench)

windows: wine windows-arm64 ## build for Windows, and run all tests under Wine

wine:
	@scripts/setup build check windows wine
	$(call build,windows)
	@scripts/wine $(BUILD)/windows $(CTEST) \
	    --test-dir $(BUILD)/windows $(AGAIN) $(CTEST_FLAGS)

windows-arm64:
	@scripts/setup build zig
	$(call build,windows-arm64)

macos: macs double ## build for both kinds of Mac; run the tests on a double

macs:
	@scripts/setup build macos zig
	$(call build,macos-arm64)
	@scripts/gate-macos $(BUILD)/macos-arm64 11.0
	$(call build,macos-x86_64)
	@scripts/gate-macos $(BUILD)/macos-x86_64 10.15
	$(call build,macos-store)
	@scripts/gate-macos $(BUILD)/macos-store 11.0 store
	@scripts/gate-double

double:
	@scripts/setup build check sanitize
	$(call build,double,tests_quick)
	@cd $(BUILD)/double && for wait in os_sync ulock pipe; do \
	    echo "the tests on the double, waiting by $$wait"; \
	    WEFT_DOUBLE_WAIT=$$wait $(CTEST) $(AGAIN) -LE 'slow|script' \
	        $(subst .xml,-$$wait.xml,$(CTEST_FLAGS)) || exit 1; \
	done

coverage: ## say how much of the macOS back end its tests run
	@scripts/setup build check sanitize coverage
	$(call build,double-coverage)
	@scripts/coverage-macos $(BUILD)/double-coverage -j $(JOBS) \
	    $(AGAIN) $(CTEST_FLAGS)

# One build for each feature of Linux that weft can do without.
FALLBACKS = without-membarrier without-sealing without-pidfd

fallbacks: $(FALLBACKS) ## run the tests as if the kernel lacked something

$(FALLBACKS):
	@scripts/setup build check
	$(call build,$@,tests_quick)
	@cd $(BUILD)/$@ && $(CTEST) -LE 'slow|script' $(CTEST_FLAGS)

sanitize: ## run the tests under ASan, UBSan, TSan and valgrind
	@scripts/setup build check sanitize
	$(call build,asan)
	@cd $(BUILD)/asan && $(CTEST) -LE 'slow|script' $(CTEST_FLAGS)
	$(call build,tsan,tests_threads)
	@cd $(BUILD)/tsan && $(CTEST) -L threads $(CTEST_FLAGS)
	$(call build,valgrind,tests_valgrind)
	@cd $(BUILD)/valgrind && $(CTEST) -L valgrind $(CTEST_FLAGS)

fuzz: ## run the hostile peer for a million mutations
	@scripts/setup build sanitize
	$(call build,fuzz)
	@cd $(BUILD)/fuzz && \
	    WEFT_MUTATIONS=$${WEFT_MUTATIONS:-1000000} \
	    $(CTEST) -L fuzz $(CTEST_FLAGS)

chaos: ## kill random processes for a minute; the others lose nothing
	@scripts/setup build check
	$(call build,dev)
	@WEFT_CHAOS_S=$${WEFT_CHAOS_S:-60} $(BUILD)/dev/tests/test_faults_chaos

survivors: ## end a thousand trees in random ways; nothing is left of any
	@scripts/setup build check
	$(call build,dev)
	@WEFT_HELPER=$(abspath $(BUILD)/dev/src/weft-helper) \
	    WEFT_SURVIVORS=$${WEFT_SURVIVORS:-1000} \
	    $(BUILD)/dev/tests/test_process_survivors

stress: ## let lossy subscribers lose for an hour; they count it right
	@scripts/setup build check
	$(call build,dev)
	@WEFT_LOSSY_S=$${WEFT_LOSSY_S:-1800} $(BUILD)/dev/tests/test_topic_lossy

model: ## check the models of the protocols with Spin
	@scripts/setup model
	@models/run

lint: ## check form, layers, headers and symbols
	@scripts/setup build lint
	$(call build,dev,build.ninja)
	$(call build,bench)
	@scripts/lint $(BUILD)

format: ## let clang-format lay out every C file
	@scripts/setup lint
	@scripts/sources | xargs clang-format -i

install: build ## install below PREFIX, by default /usr/local
	@cmake --install $(BUILD)/release --prefix "$(abspath $(PREFIX))"

clean: ## remove what was built, but not the tools
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 \
	    ! -name tools -exec rm -rf {} +

.PHONY: help tools build run check bench windows wine windows-arm64 \
	macos macs double sanitize fuzz chaos survivors \
	stress model coverage fallbacks $(FALLBACKS) \
	lint format install clean
