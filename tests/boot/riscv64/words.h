/* SPDX-License-Identifier: MIT */
/*
 * words.h: setting and copying whole words, eight a round.
 */
#ifndef BOOT_WORDS_H
#define BOOT_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* A word that may alias anything. */
typedef uint64_t __attribute__((may_alias)) boot_word;

static inline void set_words(void *to, uint64_t value, size_t n)
{
	boot_word *p = to;

	for (; n >= 8; n -= 8, p += 8) {
		p[0] = value;
		p[1] = value;
		p[2] = value;
		p[3] = value;
		p[4] = value;
		p[5] = value;
		p[6] = value;
		p[7] = value;
	}
	while (n--)
		*p++ = value;
}

static inline void copy_words(void *to, const void *from, size_t n)
{
	boot_word *p = to;
	const boot_word *q = from;

	for (; n >= 8; n -= 8, p += 8, q += 8) {
		uint64_t a = q[0], b = q[1], c = q[2], d = q[3];
		uint64_t e = q[4], f = q[5], g = q[6], h = q[7];

		p[0] = a;
		p[1] = b;
		p[2] = c;
		p[3] = d;
		p[4] = e;
		p[5] = f;
		p[6] = g;
		p[7] = h;
	}
	while (n--)
		*p++ = *q++;
}

#endif
