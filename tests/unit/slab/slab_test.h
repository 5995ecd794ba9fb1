/* SPDX-License-Identifier: MIT */
/* slab_test.h: what the object tests share. */
#ifndef SLAB_TEST_H
#define SLAB_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/slab/slab.h"
#include "mock.h"

/* Read memory that is free, past the memory checker. */
__attribute__((no_sanitize_address, noinline, unused)) static unsigned char
peek(const volatile unsigned char *p)
{
	return *p;
}

/* The slabinfo line of a cache; false if there is none. */
__attribute__((unused)) static bool find_info(const char *name, struct slab_info *info)
{
	uint32_t cursor = 0;

	while (slab_info_next(&cursor, info))
		if (!strcmp(info->name, name))
			return true;
	return false;
}

__attribute__((unused)) static unsigned long active_of(const char *name)
{
	struct slab_info info;

	assert_true(find_info(name, &info));
	return info.active;
}

/* Largest power of two that divides n. */
__attribute__((unused)) static size_t divisor(size_t n)
{
	return n & -n;
}

__attribute__((unused)) static bool all_bytes(const void *p, unsigned char value, size_t n)
{
	const unsigned char *byte = p;

	for (size_t i = 0; i < n; i++)
		if (byte[i] != value)
			return false;
	return true;
}

/* Hide a value from the compiler, so that a size is known only at run time. */
__attribute__((unused)) static size_t run_time(size_t n)
{
	volatile size_t hidden = n;

	return hidden;
}

#endif
