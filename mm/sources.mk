# SPDX-License-Identifier: MIT
# Source list for make, in layer order; made from meson.build by tests/lint/lists.py --write.
#
# Set QUARRY (path of this repository) and QUARRY_CPU (x86_64 or riscv64), include this file, then
# compile $(QUARRY_SOURCES) with $(QUARRY_INCLUDES) and your kernel's own flags.

QUARRY_COMMON := \
	mm/base/log.c \
	mm/base/cpu.c \
	mm/gfp/gfp.c \
	mm/phys/pageblock.c

QUARRY_ARCH_x86_64 := \
	

QUARRY_ARCH_riscv64 := \
	

QUARRY_SOURCES := $(addprefix $(QUARRY)/,$(QUARRY_ARCH_$(QUARRY_CPU)) $(QUARRY_COMMON))
QUARRY_INCLUDES := -I$(QUARRY)/include -I$(QUARRY)/arch/$(QUARRY_CPU)/include -I$(QUARRY)
