# The short way in.  The build itself is CMake's; see README.md.
#
#   make demo     installs what is missing, builds, runs the mixed workload
#   make test     the same for all tests
#   make          builds
#   make install  PREFIX=/usr/local
#   make clean
#   make help     this text

OUT    ?= out
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)
DEMO   ?=
MAKEFLAGS += --no-print-directory

build: $(OUT)/CMakeCache.txt
	@cmake --build $(OUT) --parallel $(JOBS)

$(OUT)/CMakeCache.txt:
	@sh scripts/setup build
	@cmake -S . -B $(OUT) -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=$(PREFIX) \
		$$(command -v ninja >/dev/null && echo -G Ninja)

demo:
	@sh scripts/setup build
	@$(MAKE) $(OUT)/CMakeCache.txt
	@cmake --build $(OUT) --parallel $(JOBS) --target example_mixed_workload
	@$(OUT)/examples/mixed_workload $(DEMO)

test:
	@sh scripts/setup build test
	@$(MAKE) build
	@JOBS=$(JOBS) sh scripts/test $(OUT)

install: build
	@cmake --install $(OUT) --prefix $(PREFIX)
	@[ "$$(id -u)" != 0 ] || ldconfig 2>/dev/null || true

clean:
	@rm -rf $(OUT)

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

.PHONY: build demo test install clean help
