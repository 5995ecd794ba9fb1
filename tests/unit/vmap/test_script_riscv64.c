/* SPDX-License-Identifier: MIT */
/* test_script_riscv64.c: mappings in the tables of riscv64, on any host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FORMAT_PBMT
#define FORMAT_LEVELS 3, 4, 5
#include "decode_riscv64.h"
#include "script.h"
