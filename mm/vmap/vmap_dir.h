/* SPDX-License-Identifier: MIT */
/*
 * vmap_dir.h: what each 2 MiB chunk of the window is, and which chunks are free.
 *
 *   page[region] -> 512 entries -> 0                     free
 *                                  struct vmap_chunk     shared by small areas
 *                                  struct vmap_large|1   inside a large area
 *
 * Invariants, checked by dir_check:
 *   D1  busy bit of a chunk = its entry is not 0
 *   D2  entries[region] = entries of that region that are not 0; page[region] is NULL if that is 0
 *   D3  no chunk below first_free is free
 *
 * All of it is read and written with vmap_lock held. From an address to its chunk: two loads.
 */
#ifndef QUARRY_MM_VMAP_DIR_H
#define QUARRY_MM_VMAP_DIR_H

#include "mm/phys/page_chain.h"
#include "mm/vmap/vmap_chunk.h"

#define REGION_CHUNKS 512ul /* entries in a page of the directory: 1 GiB of addresses */

struct vmap_large; /* vmap_area.c */

/* Where an area may lie. */
struct vmap_where {
	unsigned long align;  /* of its start, in pages: a power of two */
	uintptr_t start, end; /* each between two chunks, or at an edge of the window or beyond */
};
extern const struct vmap_where vmap_anywhere QUARRY_INT(vmap_anywhere);

struct vmap_dir {
	uintptr_t start, end; /* the window */
	uintptr_t base;	      /* start, rounded down to a chunk */
	unsigned long nr_chunks;
	uintptr_t **page;	  /* by region */
	uint16_t *entries;	  /* by region */
	uint64_t *busy;		  /* by chunk */
	unsigned long first_free; /* a chunk */
};
extern struct vmap_dir vmap_dir QUARRY_INT(vmap_dir);

static inline bool vmap_dir_covers(uintptr_t va)
{
	return va - vmap_dir.start < vmap_dir.end - vmap_dir.start;
}
static inline unsigned long dir_index(uintptr_t va)
{
	return (va - vmap_dir.base) >> CHUNK_SHIFT;
}
/* The page's number in its chunk. */
static inline unsigned page_bit(uintptr_t va)
{
	return (unsigned)(va >> PAGE_SHIFT) % CHUNK_PAGES;
}
static inline uintptr_t dir_address(unsigned long index)
{
	return vmap_dir.base + ((uintptr_t)index << CHUNK_SHIFT);
}
static inline uintptr_t dir_entry(unsigned long index)
{
	const uintptr_t *page = vmap_dir.page[index / REGION_CHUNKS];
	return page ? page[index % REGION_CHUNKS] : 0;
}
static inline struct vmap_chunk *entry_chunk(uintptr_t entry)
{
	return entry & 1 ? NULL : (struct vmap_chunk *)entry;
}
static inline struct vmap_large *entry_large(uintptr_t entry)
{
	return entry & 1 ? (struct vmap_large *)(entry - 1) : NULL;
}

/* An empty directory of [start, end); start == end: of nothing. Return: 0, -ENOMEM. */
int dir_init(uintptr_t start, uintptr_t end) QUARRY_INT(dir_init);
/* Give its memory back: a directory of nothing. */
void dir_exit(void) QUARRY_INT(dir_exit);
/* First of `count` free chunks in a row; or nr_chunks. */
unsigned long dir_find_free(unsigned long count, const struct vmap_where *where)
	QUARRY_INT(dir_find_free);
/* Does the part of a shared chunk that is in the window lie there? */
bool dir_chunk_is_in(const struct vmap_chunk *chunk, const struct vmap_where *where)
	QUARRY_INT(dir_chunk_is_in);
/* Pages that the directory itself still lacks for chunks [index, index + count). */
unsigned long dir_missing(unsigned long index, unsigned long count) QUARRY_INT(dir_missing);
/* A free chunk becomes `entry`; a missing page of the directory is taken from `supply`. */
void dir_set(unsigned long index, uintptr_t entry, struct page_chain *supply) QUARRY_INT(dir_set);
/* The chunk is free again; a page of the directory that became empty goes to `left`. */
void dir_clear(unsigned long index, struct page_chain *left) QUARRY_INT(dir_clear);
/* Return: does D1..D3 hold for chunk `index`, and for its region if it is the region's last? */
bool dir_check(unsigned long index) QUARRY_INT(dir_check);

#endif
