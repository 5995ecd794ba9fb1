/* SPDX-License-Identifier: MIT */
/*
 * vmap_dir.c: the directory of chunks. Picture and invariants: vmap_dir.h.
 *
 * Cost      10 bytes and one bit per chunk for each GiB of the window, from the start; a page per
 *           GiB that is in use. Finding free chunks reads one bit per 2 MiB.
 * Start at  dir_find_free
 */
#include "mm/vmap/vmap_dir.h"

#include <quarry/gfp.h>

#include "mm/base/assert.h"
#include "mm/base/bitmap.h"

QUARRY_STATE struct vmap_dir vmap_dir;

const struct vmap_where vmap_anywhere = {1, 0, UINTPTR_MAX};

unsigned long dir_find_free(unsigned long count, const struct vmap_where *where)
{
	unsigned long align = where->align / CHUNK_PAGES ? where->align / CHUNK_PAGES : 1;
	unsigned long bias = vmap_dir.base >> CHUNK_SHIFT & (align - 1);
	unsigned long nr = vmap_dir.nr_chunks, from, to = nr, index;

	vmap_dir.first_free = bitmap_next_clear(vmap_dir.busy, vmap_dir.first_free, nr);
	from = vmap_dir.first_free;
	if (where->start > vmap_dir.start && dir_index(where->start) > from)
		from = dir_index(where->start);
	if (where->end < vmap_dir.end)
		to = dir_index(where->end);
	if (from >= to)
		return nr;
	index = bitmap_find_run(vmap_dir.busy, from, to, count, align, bias);
	return index < to ? index : nr;
}

bool dir_chunk_is_in(const struct vmap_chunk *chunk, const struct vmap_where *where)
{
	uintptr_t last = chunk->base + (CHUNK_SIZE - 1);

	return (chunk->base >= where->start || where->start <= vmap_dir.start) &&
	       (last < where->end || where->end >= vmap_dir.end);
}

unsigned long dir_missing(unsigned long index, unsigned long count)
{
	unsigned long missing = 0;

	for (unsigned long r = index / REGION_CHUNKS; r <= (index + count - 1) / REGION_CHUNKS; r++)
		missing += !vmap_dir.page[r];
	return missing;
}

void dir_set(unsigned long index, uintptr_t entry, struct page_chain *supply)
{
	uintptr_t **page = &vmap_dir.page[index / REGION_CHUNKS];

	if (!*page) {
		*page = page_address(chain_pop(supply));
		clear_page(*page);
	}
	MM_ASSERT(!(*page)[index % REGION_CHUNKS]);
	(*page)[index % REGION_CHUNKS] = entry;
	vmap_dir.entries[index / REGION_CHUNKS]++;
	bitmap_set(vmap_dir.busy, index, 1);
}

void dir_clear(unsigned long index, struct page_chain *left)
{
	uintptr_t **page = &vmap_dir.page[index / REGION_CHUNKS];

	(*page)[index % REGION_CHUNKS] = 0;
	if (--vmap_dir.entries[index / REGION_CHUNKS] == 0) {
		chain_push(left, virt_to_page(*page));
		*page = NULL;
	}
	bitmap_clear(vmap_dir.busy, index, 1);
	if (index < vmap_dir.first_free)
		vmap_dir.first_free = index;
}

/* D2 */
static bool region_is_sound(unsigned long region)
{
	const uintptr_t *page = vmap_dir.page[region];
	unsigned long used = 0;

	for (unsigned long i = 0; page && i < REGION_CHUNKS; i++)
		used += page[i] != 0;
	return used == vmap_dir.entries[region] && !used == !page;
}

bool dir_check(unsigned long index)
{
	bool busy = bitmap_test(vmap_dir.busy, index);
	bool last = index % REGION_CHUNKS == REGION_CHUNKS - 1 || index == vmap_dir.nr_chunks - 1;

	return busy == (dir_entry(index) != 0) && (busy || index >= vmap_dir.first_free) &&
	       (!last || region_is_sound(index / REGION_CHUNKS));
}

static unsigned long nr_regions(void)
{
	return (vmap_dir.nr_chunks + REGION_CHUNKS - 1) / REGION_CHUNKS;
}
static size_t memory_size(void)
{
	return nr_regions() *
	       (sizeof(*vmap_dir.page) + sizeof(*vmap_dir.entries) + REGION_CHUNKS / 8);
}

int dir_init(uintptr_t start, uintptr_t end)
{
	char *memory;

	__builtin_memset(&vmap_dir, 0, sizeof(vmap_dir));
	if (start == end)
		return 0;
	vmap_dir.base = (uintptr_t)align_down(start, CHUNK_SIZE);
	vmap_dir.nr_chunks = ((end - 1 - vmap_dir.base) >> CHUNK_SHIFT) + 1;
	unsigned long regions = nr_regions();
	size_t size = memory_size();

	memory = size <= PAGE_SIZE << MAX_PAGE_ORDER
			 ? alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN)
			 : NULL;
	if (!memory) {
		vmap_dir.nr_chunks = 0;
		return -QUARRY_ENOMEM;
	}
	vmap_dir.page = (uintptr_t **)(void *)memory;
	vmap_dir.busy = (uint64_t *)(void *)(vmap_dir.page + regions);
	vmap_dir.entries = (uint16_t *)(void *)(vmap_dir.busy + regions * (REGION_CHUNKS / 64));
	vmap_dir.start = start;
	vmap_dir.end = end;
	return 0;
}

void dir_exit(void)
{
	free_pages_exact(vmap_dir.page, memory_size());
	__builtin_memset(&vmap_dir, 0, sizeof(vmap_dir));
}
