/* SPDX-License-Identifier: MIT */
/*
 * vmap_chunk.c: bitmaps of one 2 MiB chunk of address space. Picture and invariants: vmap_chunk.h.
 *
 * Small areas are packed into chunks, so that addresses are found by bit searches over eight words
 * and an area costs 14 bytes of the chunk's page instead of a tree node.
 *
 * Start at: chunk_search.
 */
#include "mm/vmap/vmap_chunk.h"

#include "mm/base/assert.h"
#include "mm/base/bitmap.h"

void chunk_init(struct vmap_chunk *chunk, uintptr_t base, unsigned first, unsigned last)
{
	/* The tables behind the header are read only where a start bit is set. */
	__builtin_memset(chunk, 0, offsetof(struct vmap_chunk, shape));
	chunk->base = base;
	if (first)
		bitmap_set(chunk->used, 0, first);
	if (last < CHUNK_PAGES)
		bitmap_set(chunk->used, last, CHUNK_PAGES - last);
	chunk->outside = (uint16_t)(first + CHUNK_PAGES - last);
	chunk->max_run = (uint16_t)(last - first);
}

unsigned chunk_search(struct vmap_chunk *chunk, unsigned total, unsigned long align)
{
	/* A chunk is aligned to its size, so bits are aligned as addresses are. */
	unsigned long bit = bitmap_find_run(chunk->used, chunk->hint, CHUNK_PAGES, total, align, 0);

	if (bit == CHUNK_PAGES && chunk->hint)
		bit = bitmap_find_run(chunk->used, 0, CHUNK_PAGES, total, align, 0);
	if (bit == CHUNK_PAGES)
		chunk->max_run = (uint16_t)bitmap_longest_run(chunk->used, CHUNK_PAGES);
	return (unsigned)bit;
}

void chunk_take(struct vmap_chunk *chunk, unsigned bit, unsigned total)
{
	bitmap_set(chunk->used, bit, total);
	chunk->nr_used = (uint16_t)(chunk->nr_used + total);
	chunk->hint = (uint16_t)(bit + total < CHUNK_PAGES ? bit + total : 0);
}

void chunk_resize(struct vmap_chunk *chunk, unsigned bit, size_t size)
{
	chunk->size[bit / 2] = (chunk->size[bit / 2] & ~SIZE_BYTES) | (uint32_t)size;
}

void chunk_mark(struct vmap_chunk *chunk, unsigned bit, unsigned flags)
{
	chunk->shape[bit / 2] |= (uint16_t)(flags << SHAPE_FLAGS_SHIFT);
	chunk->size[bit / 2] &= SIZE_BYTES;
}

unsigned chunk_area_of(const struct vmap_chunk *chunk, unsigned bit)
{
	unsigned long start = bitmap_prev_set(chunk->starts, bit);

	if (start == ~0ul || bit - start >= (chunk->shape[start / 2] & SHAPE_PAGES))
		return CHUNK_PAGES;
	return (unsigned)start;
}

/* `released` pages more are clear than before. */
static void note_released(struct vmap_chunk *chunk, unsigned released)
{
	chunk->nr_used = (uint16_t)(chunk->nr_used - released);
	chunk->hint = 0;
	chunk->max_run = (uint16_t)bitmap_longest_run(chunk->used, CHUNK_PAGES);
}

void chunk_give(struct vmap_chunk *chunk, unsigned bit, unsigned total)
{
	bitmap_clear(chunk->used, bit, total);
	note_released(chunk, total);
}

void chunk_retire(struct vmap_chunk *chunk, unsigned bit, unsigned total)
{
	MM_ASSERT(!bitmap_test(chunk->starts, bit));
	bitmap_set(chunk->dirty, bit, total);
}

void chunk_flush_begin(struct vmap_chunk *chunk)
{
	for (unsigned i = 0; i < CHUNK_WORDS; i++) {
		chunk->flushing[i] |= chunk->dirty[i];
		chunk->dirty[i] = 0;
	}
}

void chunk_flush_end(struct vmap_chunk *chunk)
{
	unsigned released = 0;

	for (unsigned i = 0; i < CHUNK_WORDS; i++) {
		released += count_bits(chunk->flushing[i]);
		chunk->used[i] &= ~chunk->flushing[i];
		chunk->flushing[i] = 0;
	}
	note_released(chunk, released);
}

static bool area_is_sound(const struct vmap_chunk *chunk, unsigned bit)
{
	unsigned long end = bit + (chunk->shape[bit / 2] & SHAPE_PAGES) + 1ul;

	return end >= bit + 2ul && end <= CHUNK_PAGES &&
	       bitmap_next_clear(chunk->used, bit, end) == end &&
	       bitmap_next_set(chunk->starts, bit + 1ul, end) == end &&
	       bitmap_next_set(chunk->dirty, bit, end) == end &&
	       bitmap_next_set(chunk->flushing, bit, end) == end;
}

unsigned chunk_check(const struct vmap_chunk *chunk)
{
	unsigned used = 0;

	for (unsigned i = 0; i < CHUNK_WORDS; i++) {
		uint64_t waiting = chunk->dirty[i] | chunk->flushing[i];

		if (((chunk->starts[i] | waiting) & ~chunk->used[i]) ||
		    (chunk->dirty[i] & chunk->flushing[i]) || (chunk->starts[i] & waiting))
			return 1;
		used += count_bits(chunk->used[i]);
	}
	if (used != (unsigned)chunk->nr_used + chunk->outside)
		return 2;
	if (bitmap_longest_run(chunk->used, CHUNK_PAGES) > chunk->max_run)
		return 3;
	for (unsigned long bit = bitmap_next_set(chunk->starts, 0, CHUNK_PAGES); bit < CHUNK_PAGES;
	     bit = bitmap_next_set(chunk->starts, bit + 1, CHUNK_PAGES))
		if (!area_is_sound(chunk, (unsigned)bit))
			return chunk->shape[bit / 2] & SHAPE_PAGES ? 4 : 5;
	return 0;
}
