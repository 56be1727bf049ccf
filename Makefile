# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The front door. Meson does the work (meson.build); `make help` lists what there is.

PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=
BUILD ?= build
# Tests are built elsewhere (build.check), with asserts.
CONFIGURE = -Dprefix=$(PREFIX) -Dlibdir=$(LIBDIR) -Db_ndebug=true -Dtests=false

.DELETE_ON_ERROR:
.PHONY: all setup tour check bench install amalgamation format clean help

all: $(BUILD)/build.ninja
	@meson compile -C $(BUILD)

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo 'meson is missing; "make setup" installs what the build needs' >&2; exit 1; }
	@meson setup $(CONFIGURE) $(BUILD)

setup:
	@tools/setup build

tour: setup
	@$(MAKE) --no-print-directory all
	@$(BUILD)/sluice tour

check:
	@tools/setup check
	@tools/check

bench: setup
	@$(MAKE) --no-print-directory all
	@$(BUILD)/sluice bench --html $(BUILD)/bench.html --json $(BUILD)/bench.json
	@echo 'made $(BUILD)/bench.html and $(BUILD)/bench.json'

install: all
	@meson configure $(CONFIGURE) $(BUILD)
	@DESTDIR='$(DESTDIR)' meson install -C $(BUILD)
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

amalgamation: $(BUILD)/build.ninja
	@meson compile -C $(BUILD) amalgamation
	@echo 'made $(BUILD)/tools/sluice.c and $(BUILD)/tools/sluice.h'

format:
	@find include src cli bench examples tests -name '*.[ch]' -exec clang-format -i {} +

clean:
	@rm -rf $(BUILD) build.check

help:
	@echo 'make                       the program (build/sluice) and the library (build/libsluice.so)'
	@echo 'make setup                 install what the build needs, with apt'
	@echo 'make tour                  set up, build, and see it at work'
	@echo 'make check                 set up, and run every test and check (about ten minutes)'
	@echo '                           tools/check --list names the steps, tools/check STEP runs one'
	@echo 'make bench                 measure, and make a page of it (about five minutes)'
	@echo 'make install PREFIX=/usr/local [LIBDIR=lib] [DESTDIR=]'
	@echo 'make amalgamation          sluice.c and sluice.h: the library in two files'
	@echo 'make format                clang-format over the tree'
	@echo 'make clean'
