/* SPDX-License-Identifier: MIT */
/*
 * bits.h: alignment, logarithms, first set bit. No memory words, no calls: riscv64 without Zbb
 * turns the compiler's builtins for counting bits into libgcc calls, so there we count by hand.
 */
#ifndef QUARRY_MM_BITS_H
#define QUARRY_MM_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool is_power_of_2(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* `align` is a power of two. */
static inline uint64_t align_down(uint64_t x, uint64_t align)
{
	return x & ~(align - 1);
}

/* Saturates: an address that would wrap stays below 2^64 and is aligned down instead. */
static inline uint64_t align_up(uint64_t x, uint64_t align)
{
	uint64_t up = (x + align - 1) & ~(align - 1);
	return up < x ? align_down(UINT64_MAX, align) : up;
}

#if defined(__riscv) && !defined(__riscv_zbb)
/* Index of the lowest set bit; x is not 0. Isolate it, then look up its position by a de Bruijn
 * product. */
static inline unsigned lowest_bit(uint64_t x)
{
	static const unsigned char position[64] = {
		0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,	34, 55, 48, 28,
		62, 5,	39, 46, 44, 42, 22, 9,	24, 35, 59, 56, 49, 18, 29, 11,
		63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21, 23, 58, 17, 10,
		51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
	};
	return position[(x & -x) * 0x022fdd63cc95386dull >> 58];
}
/* Index of the highest set bit; x is not 0. */
static inline unsigned highest_bit(uint64_t x)
{
	unsigned n = 0;
	for (unsigned step = 32; step; step >>= 1) {
		if (x >> step) {
			x >>= step;
			n += step;
		}
	}
	return n;
}
#else
static inline unsigned lowest_bit(uint64_t x)
{
	return (unsigned)__builtin_ctzll(x);
}
static inline unsigned highest_bit(uint64_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}
#endif

/* Set bits in parallel: pairs, nibbles, bytes, then one product adds the bytes. */
static inline unsigned count_bits(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (unsigned)(x * 0x0101010101010101ull >> 56);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
