/* SPDX-License-Identifier: MIT */
/* test_format_x86_64_pat.c: the same with caching attributes as decode_x86_64.h says. */
#define FORMAT_PAT
#include "test_format_x86_64.c"
