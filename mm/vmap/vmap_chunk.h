/* SPDX-License-Identifier: MIT */
/*
 * vmap_chunk.h: 2 MiB of the window (what one leaf table maps), shared by small areas.
 *
 *        bit 0                                                         511
 *   used    1111100000111101111111110000000000000000000000000000000000111   111: outside the window
 *   starts  1000000000100010000000000000000000000000000000000000000000000
 *   dirty   0000000000000000001111110000000000000000000000000000000000000   unmapped, awaits a
 *           flush
 *
 * Invariants, checked by chunk_check:
 *   C1  starts, dirty and flushing are subsets of used; dirty and flushing are disjoint; no start
 *       is either
 *   C2  nr_used = set bits of used - bits outside the window
 *   C3  no clear run of used is longer than max_run
 *   C4  each area [start, start + pages + 1) is used throughout and ends before the next start
 *   C5  an area has at least two pages (one and its guard), so start / 2 numbers it uniquely
 *
 * A chunk is one page; everything here is plain arithmetic on it. Locking is the caller's.
 */
#ifndef QUARRY_MM_VMAP_CHUNK_H
#define QUARRY_MM_VMAP_CHUNK_H

#include <quarry/arch.h>
#include <quarry/types.h>

#include "mm/base/assert.h"
#include "mm/base/bitmap.h"

#define CHUNK_PAGES 512u
#define CHUNK_SHIFT (PAGE_SHIFT + 9)
#define CHUNK_SIZE (1ul << CHUNK_SHIFT)
#define CHUNK_WORDS (CHUNK_PAGES / 64)

/* An area as others see it. */
struct vmap_info {
	uintptr_t start;
	size_t size;	     /* bytes asked for */
	unsigned long pages; /* mapped pages; one guard page follows */
	unsigned flags;	     /* VMAP_* */
	uintptr_t caller;
	unsigned home; /* it may be parked (vmap_park.h) on node home - 1; 0: it may not */
};
#define VMAP_ALLOC 1u /* vmalloc: the pages are ours */
#define VMAP_MAP 2u   /* vmap: the pages are the caller's */
#define VMAP_IO 4u    /* ioremap, memremap: no pages of ours */
#define VMAP_RAM 8u   /* vm_map_ram */
/* get_vm_area: whoever has it maps there what he likes, by ioremap_page_range. */
#define VMAP_BARE (VMAP_MAP | VMAP_IO)
#define VMAP_EXEC 16u /* with ALLOC: execmem_alloc */
/* The direct map of its pages may allow less than usual; no part of the kind. */
#define VMAP_GUARDED 32u

struct vmap_chunk {
	uint64_t used[CHUNK_WORDS];	/* cannot be handed out */
	uint64_t starts[CHUNK_WORDS];	/* first page of a live area */
	uint64_t dirty[CHUNK_WORDS];	/* unmapped; some CPU may hold a translation */
	uint64_t flushing[CHUNK_WORDS]; /* the same, and a flush that covers it has begun */
	struct quarry_list bin;		/* chunks of similar max_run */
	struct vmap_chunk *next_dirty, *next_flushing;
	uintptr_t base;
	uint16_t outside; /* used bits that lie outside the window */
	uint16_t nr_used;
	uint16_t max_run;
	uint16_t hint; /* searches start here */
	uint16_t tail; /* pages [0, tail) end a large area that starts in an earlier chunk */
	bool on_dirty; /* on the list of dirty chunks, or on that of chunks being marked */
	uint8_t bin_number;
	/* per area, by start / 2 */
	uint16_t shape[CHUNK_PAGES / 2]; /* pages, and flags << 10 */
	uint32_t size[CHUNK_PAGES / 2];	 /* bytes, and home << 21 */
	uintptr_t caller[CHUNK_PAGES / 2];
};
QUARRY_STATIC_ASSERT(sizeof(struct vmap_chunk) <= PAGE_SIZE, "a chunk's description is one page");

#define SHAPE_FLAGS_SHIFT 10
#define SHAPE_PAGES ((1u << SHAPE_FLAGS_SHIFT) - 1)
#define SIZE_HOME_SHIFT 21 /* an area of a chunk is smaller than 2 MiB */
#define SIZE_BYTES ((1u << SIZE_HOME_SHIFT) - 1)

/* Make [bit, ...), just taken, a live area. */
static inline void chunk_record(struct vmap_chunk *chunk, unsigned bit,
				const struct vmap_info *info)
{
	MM_ASSERT(!bitmap_test(chunk->starts, bit));
	bitmap_set_bit(chunk->starts, bit);
	chunk->shape[bit / 2] = (uint16_t)(info->pages | info->flags << SHAPE_FLAGS_SHIFT);
	chunk->size[bit / 2] = (uint32_t)info->size | info->home << SIZE_HOME_SHIFT;
	chunk->caller[bit / 2] = info->caller;
}

/* Describe the area whose first page is `bit`. */
static inline void chunk_describe(const struct vmap_chunk *chunk, unsigned bit,
				  struct vmap_info *info)
{
	unsigned shape = chunk->shape[bit / 2], size = chunk->size[bit / 2];

	info->start = chunk->base + ((uintptr_t)bit << PAGE_SHIFT);
	info->pages = shape & SHAPE_PAGES;
	info->flags = shape >> SHAPE_FLAGS_SHIFT;
	info->size = size & SIZE_BYTES;
	info->home = size >> SIZE_HOME_SHIFT;
	info->caller = chunk->caller[bit / 2];
}

/* An empty chunk at `base` of which only pages [first, last) lie in the window. */
void chunk_init(struct vmap_chunk *chunk, uintptr_t base, unsigned first, unsigned last)
	QUARRY_INT(chunk_init);
/* Find `total` clear pages aligned to `align` <= CHUNK_PAGES. Return: the first one's bit, or
 * CHUNK_PAGES; then max_run is exact. */
unsigned chunk_search(struct vmap_chunk *chunk, unsigned total, unsigned long align)
	QUARRY_INT(chunk_search);
/* Use [bit, bit + total), found by chunk_search. */
void chunk_take(struct vmap_chunk *chunk, unsigned bit, unsigned total) QUARRY_INT(chunk_take);
/* Record another size of the area whose first page is `bit`. */
void chunk_resize(struct vmap_chunk *chunk, unsigned bit, size_t size) QUARRY_INT(chunk_resize);
/* Add to the flags of that area; it will not be parked. */
void chunk_mark(struct vmap_chunk *chunk, unsigned bit, unsigned flags) QUARRY_INT(chunk_mark);
/* First page of the live area that maps page `bit`, or CHUNK_PAGES. */
unsigned chunk_area_of(const struct vmap_chunk *chunk, unsigned bit) QUARRY_INT(chunk_area_of);
/* [bit, bit + total), in use and not retired, is free. */
void chunk_give(struct vmap_chunk *chunk, unsigned bit, unsigned total) QUARRY_INT(chunk_give);
/* [bit, bit + total) waits for a flush. */
void chunk_retire(struct vmap_chunk *chunk, unsigned bit, unsigned total) QUARRY_INT(chunk_retire);
/* A flush begins: what is dirty is covered by it. */
void chunk_flush_begin(struct vmap_chunk *chunk) QUARRY_INT(chunk_flush_begin);
/* That flush is done on every CPU: its pages can be used again. */
void chunk_flush_end(struct vmap_chunk *chunk) QUARRY_INT(chunk_flush_end);
/* Return: number of the first broken invariant C1..C5, 0 if all hold. */
unsigned chunk_check(const struct vmap_chunk *chunk) QUARRY_INT(chunk_check);

#endif
