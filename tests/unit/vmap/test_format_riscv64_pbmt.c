/* SPDX-License-Identifier: MIT */
/* test_format_riscv64_pbmt.c: the same with caching attributes as decode_riscv64.h says. */
#define FORMAT_PBMT
#include "test_format_riscv64.c"
