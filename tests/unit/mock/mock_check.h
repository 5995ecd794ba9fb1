/* SPDX-License-Identifier: MIT */
/* mock_check.h: helpers of the tests of the mock machine. Include cmocka.h first. */
#ifndef QUARRY_MOCK_CHECK_H
#define QUARRY_MOCK_CHECK_H

#include <stdlib.h>

#include "tests/mock/world.h"

/* fn(arg) must be stopped by a failure of the mock whose text contains `text`. */
static inline void check_fails(mock_fn fn, void *arg, const char *text)
{
	const char *why = mock_failure_of(fn, arg);

	if (!why)
		fail_msg("no failure; expected \"%s\"", text);
	if (!strstr(why, text))
		fail_msg("failed with \"%s\"; expected \"%s\"", why, text);
}

static inline void touch(void *address)
{
	(void)*(volatile unsigned char *)address;
}

#ifdef MOCK_ASAN
#define CHECK_ASAN 1
int __asan_address_is_poisoned(void const volatile *address);
static inline bool is_poisoned(uintptr_t address)
{
	return __asan_address_is_poisoned((void *)address);
}
#else
static inline bool is_poisoned(uintptr_t address)
{
	(void)address;
	return false;
}
#endif

#endif
