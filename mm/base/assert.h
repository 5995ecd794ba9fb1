/* SPDX-License-Identifier: MIT */
/*
 * assert.h: three levels of checking.
 *
 * Broken promises of callers are reports (log.h), in every build. Broken promises of our own are
 * assertions: MM_ASSERT in debug builds (QUARRY_DEBUG >= 1), MM_ASSERT_SLOW for walks (>= 2). An
 * assertion has no side effect and panics, because our own state is then unknown.
 */
#ifndef QUARRY_MM_ASSERT_H
#define QUARRY_MM_ASSERT_H

#include <quarry/os.h>

#define MM_ASSERT_TEXT(cond) __FILE__ ":" QUARRY_STR(__LINE__) ": assertion failed: " #cond

#if QUARRY_DEBUG >= 1
#define MM_ASSERT(cond)                                                                            \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			quarry_os_panic(MM_ASSERT_TEXT(cond));                                     \
	} while (0)
#else
#define MM_ASSERT(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#if QUARRY_DEBUG >= 2
#define MM_ASSERT_SLOW(cond) MM_ASSERT(cond)
#else
#define MM_ASSERT_SLOW(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#endif
