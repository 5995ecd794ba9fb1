# SPDX-License-Identifier: MIT
# Source list for CMake, in layer order; made from meson.build by tests/lint/lists.py --write.
#
# Set QUARRY_CPU (x86_64 or riscv64), include this file, then add ${QUARRY_SOURCES} to your kernel's
# target and ${QUARRY_INCLUDE_DIRS} to its include directories: your target's flags apply.

set(QUARRY_COMMON
  mm/base/log.c
  mm/base/cpu.c
  mm/gfp/gfp.c
  mm/phys/pageblock.c)

set(QUARRY_ARCH_x86_64
  )

set(QUARRY_ARCH_riscv64
  )

get_filename_component(QUARRY_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(QUARRY_SOURCES ${QUARRY_ARCH_${QUARRY_CPU}} ${QUARRY_COMMON})
list(TRANSFORM QUARRY_SOURCES PREPEND "${QUARRY_ROOT}/")
set(QUARRY_INCLUDE_DIRS
  "${QUARRY_ROOT}/include" "${QUARRY_ROOT}/arch/${QUARRY_CPU}/include" "${QUARRY_ROOT}")
