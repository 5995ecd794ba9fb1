/* SPDX-License-Identifier: MIT */
/*
 * words.h: setting and copying whole words by the CPU's string instructions. The direction flag is
 * clear, as the ABI says.
 */
#ifndef BOOT_WORDS_H
#define BOOT_WORDS_H

#include <stddef.h>
#include <stdint.h>

static inline void set_words(void *to, uint64_t value, size_t n)
{
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

static inline void copy_words(void *to, const void *from, size_t n)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

#endif
