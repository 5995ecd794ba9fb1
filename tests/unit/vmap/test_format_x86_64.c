/* SPDX-License-Identifier: MIT */
/* test_format_x86_64.c: the page-table entries of x86_64, on any host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_x86_64.h"
#include "format.h"
