/* SPDX-License-Identifier: MIT */
/*
 * figure.h: reading what others may change meanwhile.
 */
#ifndef QUARRY_MM_REPORT_FIGURE_H
#define QUARRY_MM_REPORT_FIGURE_H

/* A word that is written under a lock which the reader does not take. */
static inline unsigned long figure(const unsigned long *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

#endif
