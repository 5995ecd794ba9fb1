/* SPDX-License-Identifier: MIT */
/* test_script_x86_64.c: mappings in the tables of x86_64, on any host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FORMAT_PAT
#define FORMAT_LEVELS 4, 5
#include "decode_x86_64.h"
#include "script.h"
