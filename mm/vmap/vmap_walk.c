/* SPDX-License-Identifier: MIT */
/*
 * vmap_walk.c: walking the window by rising address, for reports, checks and pruning.
 *
 * Each call looks at a bounded part with the lock held; callers take the lock anew for the next.
 *
 * Start at: vmap_area_next_locked.
 */
#include "mm/base/bitmap.h"
#include "mm/vmap/vmap_area.h"

/* Per hold of the lock, about 1000 instructions: */
#define WALK_STEP 64u	      /* chunks looked at */
#define WALK_SCAN (1ul << 15) /* bits of the directory scanned */

/* First live area of a shared chunk at or after `va`. */
static bool next_in_chunk(const struct vmap_chunk *chunk, uintptr_t va, struct vmap_info *info)
{
	unsigned long from = va > chunk->base ? page_bit(va) : 0;
	unsigned long bit = bitmap_next_set(chunk->starts, from, CHUNK_PAGES);

	if (bit == CHUNK_PAGES)
		return false;
	chunk_describe(chunk, (unsigned)bit, info);
	return true;
}

/* The first live area at or after `va` that starts in chunk `index`, a busy one. */
static bool next_in_entry(unsigned long index, uintptr_t va, struct vmap_info *info)
{
	uintptr_t entry = dir_entry(index);
	const struct vmap_large *large = entry_large(entry);

	if (!large)
		return next_in_chunk(entry_chunk(entry), va, info);
	*info = large->info;
	return !large->claimed && info->start >= va && dir_index(info->start) == index;
}

/* End of what one hold of the lock scans from chunk `index` on. */
static unsigned long walk_end(unsigned long index)
{
	unsigned long left = vmap_dir.nr_chunks - index;

	return index + (left < WALK_SCAN ? left : WALK_SCAN);
}
static unsigned long walk_start(uintptr_t cursor)
{
	if (cursor >= vmap_dir.end)
		return vmap_dir.nr_chunks;
	return cursor > vmap_dir.start ? dir_index(cursor) : 0;
}

bool vmap_area_next_locked(uintptr_t *cursor, struct vmap_info *info)
{
	unsigned long index = walk_start(*cursor), end = walk_end(index);
	unsigned looked = 0;

	info->pages = 0;
	for (; index < end && looked < WALK_STEP; looked++, index++) {
		index = bitmap_next_set(vmap_dir.busy, index, end);
		if (index >= end)
			break;
		if (next_in_entry(index, *cursor, info)) {
			*cursor = info->start + ((info->pages + 1) << PAGE_SHIFT);
			return true;
		}
		info->pages = 0;
	}
	*cursor = dir_address(index);
	return index < vmap_dir.nr_chunks;
}

bool vmap_area_next_free_locked(uintptr_t *cursor, uintptr_t *start, uintptr_t *end)
{
	unsigned long index = walk_start(*cursor), last = walk_end(index);
	unsigned long next = index;

	for (unsigned looked = 0; index < last && looked < WALK_STEP; looked++, index++) {
		const struct vmap_chunk *chunk = entry_chunk(dir_entry(index));

		next = index;
		if (!bitmap_test(vmap_dir.busy, index))
			next = bitmap_next_set(vmap_dir.busy, index, last);
		else if (chunk && !chunk->nr_used)
			next = index + 1;
		if (next > index)
			break;
	}
	if (next < index)
		next = index;
	*start = dir_address(index);
	*end = *cursor = dir_address(next);
	return next < vmap_dir.nr_chunks;
}

uintptr_t vmap_area_start(void)
{
	return vmap_dir.start;
}
uintptr_t vmap_area_end(void)
{
	return vmap_dir.end;
}
