/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h: fixed bitmaps of 64-bit words and searches for runs in them.
 *
 * Positions are bit numbers; a search that finds nothing answers its upper limit. No calls, no
 * memory but the bitmap. Cost: one step a word, or a step a change between set and clear.
 */
#ifndef QUARRY_MM_BITMAP_H
#define QUARRY_MM_BITMAP_H

#include "mm/base/bits.h"

static inline bool bitmap_test(const uint64_t *map, unsigned long bit)
{
	return map[bit / 64] >> bit % 64 & 1;
}

static inline void bitmap_set_bit(uint64_t *map, unsigned long bit)
{
	map[bit / 64] |= 1ull << bit % 64;
}
static inline void bitmap_clear_bit(uint64_t *map, unsigned long bit)
{
	map[bit / 64] &= ~(1ull << bit % 64);
}

/* First bit of [from, to) that is set (flip 0) or clear (flip ~0). */
static inline unsigned long bitmap_next(const uint64_t *map, unsigned long from, unsigned long to,
					uint64_t flip)
{
	uint64_t word;

	if (from >= to)
		return to;
	word = (map[from / 64] ^ flip) & ~0ull << from % 64;
	while (!word) {
		from = (from / 64 + 1) * 64;
		if (from >= to)
			return to;
		word = map[from / 64] ^ flip;
	}
	from = from / 64 * 64 + lowest_bit(word);
	return from < to ? from : to;
}
static inline unsigned long bitmap_next_set(const uint64_t *map, unsigned long from,
					    unsigned long to)
{
	return bitmap_next(map, from, to, 0);
}
static inline unsigned long bitmap_next_clear(const uint64_t *map, unsigned long from,
					      unsigned long to)
{
	return bitmap_next(map, from, to, ~0ull);
}

/* Last set bit of [0, bit], or ~0ul. */
static inline unsigned long bitmap_prev_set(const uint64_t *map, unsigned long bit)
{
	unsigned long i = bit / 64;
	uint64_t word = map[i] & ~0ull >> (63 - bit % 64);

	while (!word) {
		if (!i)
			return ~0ul;
		word = map[--i];
	}
	return i * 64 + highest_bit(word);
}

/* The bits of [from, from + count) that lie in word i. */
static inline uint64_t bitmap_mask(unsigned long i, unsigned long from, unsigned long count)
{
	unsigned long low = from > i * 64 ? from - i * 64 : 0;
	unsigned long high = from + count < i * 64 + 64 ? from + count - i * 64 : 64;

	return ~0ull << low & ~0ull >> (64 - high);
}
/* count > 0 in both. */
static inline void bitmap_set(uint64_t *map, unsigned long from, unsigned long count)
{
	for (unsigned long i = from / 64; i <= (from + count - 1) / 64; i++)
		map[i] |= bitmap_mask(i, from, count);
}
static inline void bitmap_clear(uint64_t *map, unsigned long from, unsigned long count)
{
	for (unsigned long i = from / 64; i <= (from + count - 1) / 64; i++)
		map[i] &= ~bitmap_mask(i, from, count);
}

/*
 * First run of `count` clear bits inside [from, to) whose start plus `bias` is a multiple of
 * `align` (a power of two). Return: its start, or `to`.
 */
static inline unsigned long bitmap_find_run(const uint64_t *map, unsigned long from,
					    unsigned long to, unsigned long count,
					    unsigned long align, unsigned long bias)
{
	for (;;) {
		unsigned long end;

		from = bitmap_next_clear(map, from, to);
		from = ((from + bias + align - 1) & ~(align - 1)) - bias;
		if (from > to || to - from < count)
			return to;
		end = bitmap_next_set(map, from, from + count);
		if (end == from + count)
			return from;
		from = end + 1;
	}
}

/* Length of the longest run of clear bits in [0, to). */
static inline unsigned long bitmap_longest_run(const uint64_t *map, unsigned long to)
{
	unsigned long best = 0;

	for (unsigned long from = 0; from < to;) {
		unsigned long start = bitmap_next_clear(map, from, to);
		unsigned long end = bitmap_next_set(map, start, to);

		if (end - start > best)
			best = end - start;
		from = end;
	}
	return best;
}

#endif
