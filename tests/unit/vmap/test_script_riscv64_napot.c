/* SPDX-License-Identifier: MIT */
/* test_script_riscv64_napot.c: the same with 64 KiB leaves. */
#define FORMAT_NAPOT
#include "test_script_riscv64.c"
