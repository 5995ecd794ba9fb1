/* SPDX-License-Identifier: MIT */
/*
 * memtest.h: the self-test's checks of memory. Each returns NULL if it passed, else why it did not.
 * Context of all: task, irqs on.
 */
#ifndef QUARRY_MM_REPORT_MEMTEST_H
#define QUARRY_MM_REPORT_MEMTEST_H

#include <quarry/types.h>

/* memset, memcpy, memmove and memcmp, which the kernel supplies, do what C says. */
const char *memtest_functions(void) QUARRY_INT(memtest_functions);
/* Frames are distinct memory: what is written to one is in no other. */
const char *memtest_frames(void) QUARRY_INT(memtest_frames);
/* Clearing a page clears that page, all of it. */
const char *memtest_clearing(void) QUARRY_INT(memtest_clearing);
/* Code, data and stack of the kernel do not lie in memory that we hand out. */
const char *memtest_map(void) QUARRY_INT(memtest_map);

/* Is there a vmalloc range to check? */
bool memtest_window_applies(void) QUARRY_INT(memtest_window_applies);
/* A mapping of the vmalloc range and the direct map show the same memory. */
const char *memtest_window(void) QUARRY_INT(memtest_window);
/* After a flush every CPU sees the new mapping of an address, not the old one. */
const char *memtest_flush(void) QUARRY_INT(memtest_flush);

#endif
