/* SPDX-License-Identifier: MIT */
/*
 * string.c: the four functions that a compiler may call and that the library needs.
 */
#include <stddef.h>
#include <stdint.h>

void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* A word that may alias anything. */
typedef uint64_t __attribute__((may_alias)) word;

static inline int aligned(const void *a)
{
	return ((uintptr_t)a & 7) == 0;
}

void *memset(void *to, int value, size_t n)
{
	unsigned char *p = to, byte = (unsigned char)value;
	uint64_t pattern = byte * 0x0101010101010101ull;

	for (; n && !aligned(p); n--)
		*p++ = byte;
	for (; n >= 8; n -= 8, p += 8)
		*(word *)p = pattern;
	while (n--)
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
		for (; n >= 8; n -= 8, p += 8, q += 8)
			*(word *)p = *(const word *)q;
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
