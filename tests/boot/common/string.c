/* SPDX-License-Identifier: MIT */
/*
 * string.c: the four functions that a compiler may call and that the library needs. Whole words are
 * set and copied by the port (words.h).
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include "../x86_64/words.h"
#else
#include "../riscv64/words.h"
#endif

void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

static inline int aligned(const void *a)
{
	return ((uintptr_t)a & 7) == 0;
}

void *memset(void *to, int value, size_t n)
{
	unsigned char *p = to, byte = (unsigned char)value;

	for (; n && !aligned(p); n--)
		*p++ = byte;
	set_words(p, byte * 0x0101010101010101ull, n / 8);
	for (p += n & ~(size_t)7, n &= 7; n; n--)
		*p++ = byte;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return memmove(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *p = to;
	const unsigned char *q = from;

	if ((uintptr_t)p - (uintptr_t)q < n) { /* `to` begins inside `from`: last byte first */
		while (n--)
			p[n] = q[n];
		return to;
	}
	if (aligned(p) && aligned(q)) {
		copy_words(p, q, n / 8);
		p += n & ~(size_t)7;
		q += n & ~(size_t)7;
		n &= 7;
	}
	while (n--)
		*p++ = *q++;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	for (; n; n--, p++, q++) {
		if (*p != *q)
			return *p - *q;
	}
	return 0;
}
