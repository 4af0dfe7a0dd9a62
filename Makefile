# SPDX-License-Identifier: GPL-2.0-only
#
# The only front door. Everything it makes lands in build/; nothing on the
# host is changed but for missing tools, and those only as root.
#
#   KVER=6.12|7.3  the Debian kernel to build for and to test on; also debug, kcsan:
#                  the same 6.12, built here to look for bugs; and arm64: the same
#                  6.12 for that architecture, with everything cross-compiled
#   SMOKE=7.3      make check: then build for that kernel, too, and try it there
#   AGAIN=1        make check: run also what passed before with the same inputs
#   PEERS=iommufd  make bench: build that kernel with iommufd, and run it there, too
#   KDIR=DIR       build the modules here, for the kernel whose headers DIR has
#   KREL=RELEASE   the kernel to install modules for (the running one)
#   DESTDIR=DIR PREFIX=/usr LIBDIR=/usr/lib    where make install puts things
#   NATIVE=1       build bpf, tools and bench with this host's compilers, into
#                  build/native, to be used on this host

KVER   ?= 6.12
KDIR   ?=
SMOKE  ?=
AGAIN  ?=
PEERS  ?=
NATIVE ?=
KREL   ?= $(shell uname -r)
DESTDIR ?=
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
JOBS := -j$(shell nproc)

# All peers run on one kernel, and Debian's have no iommufd.
ifeq ($(PEERS),iommufd)
override KVER := iommufd$(if $(filter 7.3,$(KVER)),-7.3)
endif
comma := ,

# Programs of another architecture go to a folder of their own. BPF objects and
# pages are the same for all, and stay in build.
ifeq ($(KVER),arm64)
OUT   := build/arm64
CROSS := ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- AR=aarch64-linux-gnu-ar \
	CC="aarch64-linux-gnu-gcc --sysroot=/ioasid/build/root-arm64" O_ANY=/ioasid/build
else
OUT   := build
CROSS :=
endif
out = $(if $(filter bpf docs,$(1)),build,$(OUT))

# $(call in,FOLDER,TARGET): make there, if the folder has a Makefile. The lock
# keeps two makes in one checkout from writing the same files.
ifneq ($(NATIVE),)
OUT := build/native
in   = @[ ! -e $(1)/Makefile ] || $(MAKE) -C $(1) O=$(CURDIR)/$(OUT) $(2)
else
in   = @[ ! -e $(1)/Makefile ] || flock build/lock tools/env/in-root make $(JOBS) --no-print-directory -s -C $(1) WERROR=1 O=/ioasid/$(call out,$(1)) $(if $(filter build,$(call out,$(1))),,$(CROSS)) $(2)
endif

all: kmod bpf tools ioasid-bench docs	## everything below, up to docs

root:					## the Debian 13 build root in build/root
ifeq ($(NATIVE),)
	@tools/env/$(if $(filter arm64,$(KVER)),arm64,root)
endif

kernel: root				## image, modules and headers of KVER, into it
ifeq ($(NATIVE),)
	@tools/env/kernel $(KVER)
endif

ifneq ($(KDIR),)
kmod:					## the modules, into build/<release>/*.ko
	@tools/env/modules --headers $(KDIR)
else
kmod: kernel
	@tools/env/modules --kernel $(KVER)
endif

bpf: kernel				## BPF objects and skeletons, into build/bpf
	$(call in,bpf,all)

tools: bpf				## ioasidctl and the observers, into build/bin
	$(call in,tools,all)

ioasid-bench: root			## the benchmark program, into build/bin
	$(call in,bench,all)

docs: root				## manual pages, into build/docs
	$(call in,docs,all)

tests: tools ioasid-bench		## the test programs, into build/tests
	$(call in,bpf,tests)
	$(call in,tools/testing,RELEASE="$$(cat build/kernels/$(KVER).release 2>/dev/null)" -k all)

check: kernel				## lint, build and test in a VM: the one to run
	@tools/testing/check --kernel $(KVER) $(if $(SMOKE),--smoke $(SMOKE)) $(if $(AGAIN),--again)

check-long: kernel all tests		## the tests that take longer than check allows
	@tools/testing/vm/run --kernel $(KVER) --timeout 1800 --name long -- tools/testing/run -t 0 \
		$(patsubst tools/testing/tests/%,%,$(basename $(patsubst %.t.sh,%.c,$(wildcard tools/testing/tests/*/*.long.*))))

check-debug: root			## every test on a kernel that looks for bugs (20 minutes more, once)
	@tools/testing/check-debug

SECONDS ?= 60
SEED    ?= 1
PROGRAM ?=
DEBUG_KVER := $(if $(filter command environment,$(origin KVER)),$(KVER),debug)
fuzz: root				## random programs of calls (SECONDS=60 SEED=1, or PROGRAM=file again)
	@tools/testing/tests/fuzz/start $(DEBUG_KVER) $(SECONDS) $(SEED) $(PROGRAM)

TIME  ?= 60
ROUND ?= 1
pairing: root				## policies loaded and ejected while tasks map (TIME=60 SEED=1 ROUND=1, FAULTS=1)
	@tools/testing/tests/pairing/$(if $(FAULTS),check-faults,start $(DEBUG_KVER) $(TIME) $(SEED) $(ROUND))

bench: kernel kmod tools ioasid-bench	## type1, ioasid and the lower bound in VMs: tables, plots (20 minutes)
	@bench/suite/run --kernel $(KVER) --peers type1,ioasid,$(if $(PEERS),$(PEERS)$(comma))pin --out bench/$(KVER)
	@tools/env/in-root bench/suite/report build/bench/$(KVER)
	@cp build/bench/$(KVER)/results.json build/bench/results.json
	@echo 'tables, plots and results are in build/bench/$(KVER)'

bench-check: kernel kmod ioasid-bench	## fail where ioasid needs 3 % more instructions than bench/suite/baseline.tsv
	@bench/suite/run --kernel $(KVER) --peers type1,ioasid --phases check --out bench/check
	@tools/env/in-root bench/suite/report build/bench/check >build/bench/check.log
	@tools/env/in-root bench/suite/check build/bench/check $(if $(KEEP),--keep)

check-type1: tests			## the same calls on type1 and on ioasid, on 6.12 and 7.3 (5 minutes)
	@tools/env/modules --kernel 6.12
	@tools/env/modules --kernel 7.3
	@tools/testing/type1/check $(if $(FAULTS),--faults)

check-operators:			## programs operators use: perf, trace-cmd, bpftrace ... (FAULTS=1, ROW=NAME)
	@tools/testing/operators/check $(if $(FAULTS),--faults) $(ROW)

check-consumers: kmod tests	## DPDK, QEMU and others, on type1 and on ioasid (1 hour; FAULTS=1)
	@tools/testing/consumers/check $(if $(FAULTS),--faults) --kernel $(KVER)

# With these the kernel cannot isolate interrupts.
UNSAFE = $(if $(filter virtio amd,$(IOMMU)),--append 'ioasid.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1')
IOMMU ?=
demo: kernel all			## boot a VM and see the whole thing work (IOMMU=amd)
	$(call in,tools/testing,/ioasid/$(OUT)/fixture/mapper)
	@tools/testing/vm/run --kernel $(KVER) $(if $(IOMMU),--iommu $(IOMMU) )$(UNSAFE) --name demo --icount --mem 3072 --timeout 600 -- tools/demo.sh --icount-note

# One test, whatever time it takes.
check-transcript: kernel all tests	## does docs/transcript.md still tell the truth?
	@tools/testing/vm/run --kernel $(KVER) --name transcript --timeout 600 -- \
		tools/testing/run -t 0 docs/transcript.long

transcript: kernel all tests		## write docs/transcript.md anew
	@mkdir -p build/vm/out
	@tools/testing/vm/run --kernel $(KVER) --name transcript --timeout 600 -- \
		sh -c 'tools/transcript.sh >/tmp/transcript.md && cp /tmp/transcript.md build/vm/out/'
	@cp build/vm/out/transcript.md docs/transcript.md

shell: kernel				## a command of yours in the VM: make shell CMD='ls /dev'
	@tools/testing/vm/run --kernel $(KVER) -- sh -c '$(or $(CMD),uname -a)'

# Only the headers of 6.12 bring all that lint needs, so it is always those.
lint: root bpf				## style, layers, clang, sparse, shellcheck, kernel-doc
	@tools/env/kernel 6.12
	@tools/env/modules --kernel 6.12
	@mkdir -p build/lint
	@git log --no-merges --format='%at %h %s' >build/lint/commits 2>/dev/null || echo 'lint: git lists no commits here, so no subject is checked'
	@flock build/lock tools/env/in-root tools/testing/lint/lint.sh "$$(cat build/kernels/6.12.release)"

MINUTES ?= 30
soak: root				## load, races and random programs in turn (MINUTES=30)
	@tools/testing/tests/soak/start $(KVER) $(MINUTES)

coverage: root				## which lines of the modules the tests execute (an hour)
	@tools/testing/coverage/run

matrix: root				## tests on every kernel and every emulated IOMMU (an hour; the first time two)
	@tools/testing/matrix/run

lint-long: lint tests			## the checks that take minutes: analyzer, coccinelle, checkpatch, models
	@tools/env/root lint
	@tools/testing/vm/kernel/build source
	@flock build/lock tools/env/in-root tools/testing/lint/long.sh \
		"$$(cd build/kernels/source && ls -d [0-9]*.[0-9]* | tail -n 1 | sed 's,^,build/kernels/source/,')"

install:				## modules of KREL, tools and rules onto this host (DESTDIR=)
	@tools/env/install modules=$(KREL),rules,tools "$(DESTDIR)" "$(PREFIX)" "$(LIBDIR)"

install-tools:				## the same without modules, which DKMS has
	@tools/env/install rules,tools "$(DESTDIR)" "$(PREFIX)" "$(LIBDIR)"

uninstall:				## remove what both install
	@tools/env/install --remove modules=$(KREL),rules,tools,dkms "$(DESTDIR)" "$(PREFIX)" "$(LIBDIR)"

DEBIAN ?= 13
deb: root				## Debian packages, into build/deb/13 (DEBIAN=12: of that release)
	@tools/env/deb $(DEBIAN)

dkms:					## the modules' sources into /usr/src, for DKMS (DESTDIR=)
	@tools/env/install dkms "$(DESTDIR)"

clean:					## what was built; the build root and kernels stay
	@find build -mindepth 1 -maxdepth 1 ! -name 'root*' ! -name kernels ! -name debian ! -name apt -exec rm -rf {} + 2>/dev/null || :

distclean:				## the whole of build/
	@tools/env/remove

help:					## this list
	@echo 'make [KVER=6.12|7.3|arm64] [KDIR=headers] TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1	\2/p' Makefile | expand -t 19

.PHONY: all root kernel kmod bpf tools ioasid-bench bench bench-check docs tests check check-debug check-type1 check-consumers check-transcript transcript demo shell lint install install-tools uninstall dkms deb clean distclean help
.PHONY: check-operators fuzz pairing coverage matrix lint-long soak
