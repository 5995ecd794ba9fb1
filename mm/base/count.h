/* SPDX-License-Identifier: MIT */
/*
 * count.h: counts that one CPU writes and others read.
 */
#ifndef QUARRY_MM_COUNT_H
#define QUARRY_MM_COUNT_H

#include <quarry/types.h>

#if defined(__SANITIZE_THREAD__)
#define RACES_ARE_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES_ARE_CHECKED 1
#endif
#endif

/*
 * Add to a word that only this CPU writes and others may read: one instruction, where an
 * atomic load and store are three. A checker that follows the language is told the three.
 */
static QUARRY_ALWAYS_INLINE void count_add(unsigned long *word, unsigned long more)
{
#ifdef RACES_ARE_CHECKED
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED);
#else
	*word += more;
#endif
}
static QUARRY_ALWAYS_INLINE void count_one(unsigned long *word)
{
	count_add(word, 1);
}

#endif
