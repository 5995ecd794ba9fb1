/* SPDX-License-Identifier: MIT */
/* test_format_riscv64.c: the page-table entries of riscv64, on any host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_riscv64.h"
#include "format.h"
