/* SPDX-License-Identifier: MIT */
/*
 * vmap_area.c: allocate address ranges of the window, and find the area of an address.
 *
 * The window is an array of 2 MiB chunks (vmap_dir.h). A chunk is free, or shared by small areas
 * (vmap_chunk.h), or wholly inside one large area, one of more than 511 pages. What is left of a
 * large area beyond its last whole chunk is the tail of a shared one.
 *
 * Invariants, checked by vmap_area_check:
 *   A1  D1..D3 of the directory
 *   A2  C1..C5 of each shared chunk
 *   A3  R1 and R2 of each shared chunk (vmap_room.h)
 *   A4  the entries of a large area's chunks all point to it
 *
 * Search      A small area goes to the shared chunk with the shortest sufficient runs (bins, best
 *             fit), then to a new chunk, lowest first; a large area to the lowest sufficient run
 *             of free chunks. So small areas stay together and long runs stay long.
 * Locking     vmap_lock for everything; pages for bookkeeping are allocated before it is taken.
 * Cost        small: a few words; large: a scan of one bit per 2 MiB. Memory: one page per 2 MiB
 *             of small areas, and a page of directory per GiB that is in use.
 * Start at    vmap_area_alloc
 */
#include "mm/vmap/vmap_area.h"

#include <quarry/slab.h>

#include "mm/base/assert.h"
#include "mm/base/bitmap.h"
#include "mm/base/fault.h"
#include "mm/base/log.h"
#include "mm/vmap/vmap_room.h"

/* Work per hold of the lock, about 1000 instructions each: */
#define RELEASE_STEP 8u /* chunks released */
#define MARK_STEP 16u	/* chunks marked for a flush */

/* What an allocation brought along for bookkeeping, and what it found missing. */
struct supply {
	struct page_chain pages;
	struct vmap_large *large;
	unsigned long missing;
};

QUARRY_STATE struct mm_lock vmap_lock;

static QUARRY_STATE struct {
	unsigned long alloc_pages; /* of live VMAP_ALLOC areas */
	struct vmap_chunk *dirty, *marking, *flushing;
	struct vmap_large *dirty_large, *flushing_large;
} space;

/* Written with the lock held, read by reports without. */
static void count_alloc_pages(const struct vmap_info *info, bool more)
{
	unsigned long pages = info->flags & VMAP_ALLOC ? info->pages : 0;

	__atomic_store_n(&space.alloc_pages, space.alloc_pages + (more ? pages : -pages),
			 __ATOMIC_RELAXED);
}

/* ---- finding room ---- */

/* Supplies for `pages` of bookkeeping are there, or noted as missing. */
static bool supply_has(struct supply *supply, unsigned long pages)
{
	supply->missing = supply->pages.count < pages ? pages - supply->pages.count : 0;
	return !supply->missing;
}

static bool place_small(struct vmap_info *info, unsigned total, const struct vmap_where *where,
			struct supply *supply)
{
	/* A chunk promises no more than its own alignment: beyond that only the start of a new
	 * one will do. */
	bool share = where->align <= CHUNK_PAGES;
	unsigned bit = 0;
	struct vmap_chunk *chunk =
		share ? room_search(total, where, false, &bit) : NULL;

	if (!chunk) {
		unsigned long index = dir_find_free(1, where);

		if (index < vmap_dir.nr_chunks) {
			if (!supply_has(supply, 1 + dir_missing(index, 1)))
				return false;
			chunk = room_add(index, 0, CHUNK_PAGES, &supply->pages);
			bit = 0;
		} else if (share) {
			chunk = room_search(total, where, true, &bit);
		}
	}
	if (!chunk)
		return false;
	chunk_take(chunk, bit, total);
	chunk_record(chunk, bit, info);
	info->start = chunk->base + ((uintptr_t)bit << PAGE_SHIFT);
	return true;
}

static bool place_large(struct vmap_info *info, unsigned long total,
			const struct vmap_where *where, struct supply *supply)
{
	unsigned long whole = total / CHUNK_PAGES;
	unsigned tail = (unsigned)(total % CHUNK_PAGES);
	unsigned long count = whole + (tail != 0);
	unsigned long index = dir_find_free(count, where);
	struct vmap_large *large = supply->large;

	if (index == vmap_dir.nr_chunks ||
	    !supply_has(supply, (tail != 0) + dir_missing(index, count)))
		return false;
	info->start = dir_address(index);
	large->info = *info;
	large->claimed = false;
	for (unsigned long i = 0; i < whole; i++)
		dir_set(index + i, (uintptr_t)large + 1, &supply->pages);
	if (tail) {
		struct vmap_chunk *chunk =
			room_add(index + whole, 0, CHUNK_PAGES, &supply->pages);

		chunk_take(chunk, 0, tail);
		chunk->tail = (uint16_t)tail;
	}
	supply->large = NULL;
	return true;
}

/* ---- supplies ---- */

static void supply_free(struct supply *supply)
{
	for (struct page *page; (page = chain_pop(&supply->pages));)
		__free_pages(page, 0);
	kfree(supply->large);
}
static bool supply_fill(struct supply *supply, gfp_t gfp)
{
	for (; supply->missing; supply->missing--) {
		struct page *page = alloc_pages(gfp, 0);

		if (!page)
			return false;
		chain_push(&supply->pages, page);
	}
	return true;
}

int vmap_area_alloc(struct vmap_info *info, const struct vmap_where *where, gfp_t gfp)
{
	struct supply supply = {{0, 0, 0}, NULL, 0};
	unsigned long total = info->pages + 1;
	bool small = total <= CHUNK_PAGES;
	int error = -QUARRY_ENOMEM;

	if (fault_at(FAULT_VMAP_AREA, gfp, 0))
		return error;
	if (!small && !(supply.large = kmalloc(sizeof(*supply.large), gfp)))
		return error;
	do {
		unsigned long irq = mm_lock(&vmap_lock);
		bool placed = small ? place_small(info, (unsigned)total, where, &supply)
				    : place_large(info, total, where, &supply);

		if (placed)
			count_alloc_pages(info, true);
		mm_unlock(&vmap_lock, irq);
		if (placed || !supply.missing) {
			error = placed ? 0 : -QUARRY_ENOSPC;
			break;
		}
	} while (supply_fill(&supply, gfp));
	if (supply.large || supply.pages.head)
		supply_free(&supply);
	return error;
}

/* ---- finding areas ---- */

bool vmap_area_find_locked(uintptr_t va, struct vmap_info *info)
{
	uintptr_t entry;
	struct vmap_chunk *chunk;
	struct vmap_large *large;

	if (va < vmap_dir.start || va >= vmap_dir.end)
		return false;
	entry = dir_entry(dir_index(va));
	chunk = entry_chunk(entry);
	large = entry_large(entry);
	if (chunk && page_bit(va) < chunk->tail)
		large = entry_large(dir_entry(dir_index(va) - 1));
	if (large) {
		*info = large->info;
		return !large->claimed && (va - info->start) >> PAGE_SHIFT < info->pages;
	}
	if (!chunk)
		return false;
	unsigned bit = chunk_area_of(chunk, page_bit(va));
	if (bit == CHUNK_PAGES)
		return false;
	chunk_describe(chunk, bit, info);
	return true;
}

int vmap_area_claim_locked(uintptr_t start, unsigned kind, struct vmap_info *info)
{
	uintptr_t entry;
	struct vmap_chunk *chunk;
	struct vmap_large *large;

	if (!vmap_dir_covers(start) || start % PAGE_SIZE)
		return -QUARRY_ENOENT;
	entry = dir_entry(dir_index(start));
	chunk = entry_chunk(entry);
	large = entry_large(entry);
	if (chunk && bitmap_test(chunk->starts, page_bit(start)))
		chunk_describe(chunk, page_bit(start), info);
	else if (large && !large->claimed && large->info.start == start)
		*info = large->info;
	else
		return -QUARRY_ENOENT;
	if (unlikely(info->flags != kind) && (info->flags & ~VMAP_GUARDED) != kind)
		return -QUARRY_EINVAL;
	if (chunk)
		bitmap_clear_bit(chunk->starts, page_bit(start));
	else
		large->claimed = true;
	count_alloc_pages(info, false);
	return 0;
}

void vmap_area_claimed_locked(uintptr_t start, struct vmap_info *info)
{
	struct vmap_chunk *chunk = shared_chunk(start);

	if (chunk)
		chunk_describe(chunk, page_bit(start), info);
	else
		*info = large_at(start)->info;
}

void vmap_area_keep_locked(uintptr_t start, uintptr_t word)
{
	struct vmap_chunk *chunk = shared_chunk(start);

	if (chunk)
		chunk->caller[page_bit(start) / 2] = word;
	else
		large_at(start)->info.caller = word;
}

uintptr_t vmap_area_revive_locked(const struct vmap_info *info)
{
	struct vmap_chunk *chunk = shared_chunk(info->start);
	uintptr_t kept;

	if (likely(chunk)) {
		kept = chunk->caller[page_bit(info->start) / 2];
		chunk_record(chunk, page_bit(info->start), info);
	} else {
		struct vmap_large *large = large_at(info->start);

		kept = large->info.caller;
		large->info = *info;
		large->claimed = false;
	}
	count_alloc_pages(info, true);
	return kept;
}

void vmap_area_resize_locked(uintptr_t start, size_t size)
{
	struct vmap_chunk *chunk = shared_chunk(start);

	if (chunk)
		chunk_resize(chunk, page_bit(start), size);
	else
		large_at(start)->info.size = size;
}

void vmap_area_mark_locked(uintptr_t start, unsigned flags)
{
	struct vmap_chunk *chunk = shared_chunk(start);

	if (chunk) {
		chunk_mark(chunk, page_bit(start), flags);
	} else {
		large_at(start)->info.flags |= flags;
		large_at(start)->info.home = 0;
	}
}

/* ---- giving back ---- */

void vmap_area_retire_locked(const struct vmap_info *info)
{
	struct vmap_chunk *chunk = shared_chunk(info->start);

	if (!chunk) {
		struct vmap_large *large = large_at(info->start);

		large->next = space.dirty_large;
		space.dirty_large = large;
		return;
	}
	chunk_retire(chunk, page_bit(info->start), (unsigned)info->pages + 1);
	if (!chunk->on_dirty) {
		chunk->on_dirty = true;
		chunk->next_dirty = space.dirty;
		space.dirty = chunk;
	}
}

void vmap_area_flush_begin_locked(void)
{
	MM_ASSERT(!space.marking && !space.flushing && !space.flushing_large);
	space.marking = space.dirty;
	space.dirty = NULL;
	space.flushing_large = space.dirty_large;
	space.dirty_large = NULL;
}

/* A chunk keeps on_dirty until it is marked: what is retired in it until then is marked too. */
bool vmap_area_flush_mark_locked(void)
{
	for (unsigned i = 0; i < MARK_STEP && space.marking; i++) {
		struct vmap_chunk *chunk = space.marking;

		space.marking = chunk->next_dirty;
		chunk->on_dirty = false;
		chunk_flush_begin(chunk);
		chunk->next_flushing = space.flushing;
		space.flushing = chunk;
	}
	return space.marking != NULL;
}

/* All of it under one hold: were the tail free before the rest, the next large area could start
 * there, and areas that fit side by side would not any more. */
static void release_large(struct vmap_large *large, struct vmap_leftover *left)
{
	unsigned long index = dir_index(large->info.start);
	unsigned long whole = (large->info.pages + 1) / CHUNK_PAGES;

	for (unsigned long i = 0; i < whole; i++)
		dir_clear(index + i, &left->pages);
	if ((large->info.pages + 1) % CHUNK_PAGES) {
		struct vmap_chunk *chunk = entry_chunk(dir_entry(index + whole));

		chunk_give(chunk, 0, chunk->tail);
		chunk->tail = 0;
		room_settle(chunk, &left->pages);
	}
	large->next = left->large;
	left->large = large;
}

void vmap_area_release_locked(struct vmap_leftover *left)
{
	struct vmap_large *large = space.flushing_large;

	for (unsigned i = 0; i < RELEASE_STEP && space.flushing; i++) {
		struct vmap_chunk *chunk = space.flushing;

		space.flushing = chunk->next_flushing;
		chunk_flush_end(chunk);
		room_settle(chunk, &left->pages);
	}
	if (large) {
		space.flushing_large = large->next;
		release_large(large, left);
	}
}

bool vmap_area_releasing_locked(void)
{
	return space.flushing || space.flushing_large;
}

void vmap_area_free_leftover(struct vmap_leftover *left)
{
	for (struct page *page; (page = chain_pop(&left->pages));)
		__free_pages(page, 0);
	while (left->large) {
		struct vmap_large *large = left->large;

		left->large = large->next;
		kfree(large);
	}
}

/* ---- start and check ---- */

/* A chunk that reaches beyond the window: its description is there from the start. */
static bool edge_add(unsigned long index)
{
	struct supply supply = {{0, 0, 0}, NULL, 1 + dir_missing(index, 1)};
	uintptr_t base = dir_address(index);
	unsigned first = vmap_dir.start > base ? page_bit(vmap_dir.start) : 0;
	unsigned long room = (vmap_dir.end - base) >> PAGE_SHIFT;

	if (!supply_fill(&supply, GFP_KERNEL)) {
		supply_free(&supply);
		return false;
	}
	room_add(index, first, room < CHUNK_PAGES ? (unsigned)room : CHUNK_PAGES, &supply.pages);
	return true;
}

static bool edge_add_last(void)
{
	unsigned long last = vmap_dir.nr_chunks - 1;

	return dir_entry(last) || edge_add(last);
}
static void edge_remove(unsigned long index, struct vmap_leftover *left)
{
	struct vmap_chunk *chunk = entry_chunk(dir_entry(index));

	if (chunk)
		room_remove(chunk, &left->pages);
}

int vmap_area_init(uintptr_t start, uintptr_t end)
{
	int error = dir_init(start, end);

	__builtin_memset(&space, 0, sizeof(space));
	vmap_lock = (struct mm_lock){0};
	room_init();
	if (error || start == end)
		return error;
	if ((page_bit(start) && !edge_add(0)) || (page_bit(end) && !edge_add_last())) {
		vmap_area_exit();
		return -QUARRY_ENOMEM;
	}
	return 0;
}

void vmap_area_exit(void)
{
	struct vmap_leftover left = {{0, 0, 0}, NULL};
	unsigned long last = vmap_dir.nr_chunks - 1;

	if (vmap_dir.start == vmap_dir.end)
		return;
	edge_remove(0, &left);
	if (last)
		edge_remove(last, &left);
	vmap_area_free_leftover(&left);
	dir_exit();
}

unsigned long vmap_area_alloc_pages(void)
{
	return __atomic_load_n(&space.alloc_pages, __ATOMIC_RELAXED);
}

/* Return: number of the first broken invariant of a chunk, 0 if all hold. */
static unsigned check_chunk(unsigned long index)
{
	uintptr_t entry = dir_entry(index);
	const struct vmap_chunk *chunk = entry_chunk(entry);
	const struct vmap_large *large = entry_large(entry);

	if (!dir_check(index))
		return 1;
	if (chunk) {
		if (chunk->base != dir_address(index) || chunk_check(chunk))
			return 2;
		if (!room_check(chunk))
			return 3;
	}
	if (large && (dir_address(index) - large->info.start) >> CHUNK_SHIFT >=
			     (large->info.pages + 1) / CHUNK_PAGES)
		return 4;
	return 0;
}

unsigned long vmap_area_check(void)
{
	unsigned long broken = 0;

	for (unsigned long index = 0; index < vmap_dir.nr_chunks; index++) {
		unsigned long irq = mm_lock(&vmap_lock);
		unsigned rule = check_chunk(index);

		mm_unlock(&vmap_lock, irq);
		if (rule) {
			mm_report(VALIDATE, "vmap_area", (void *)dir_address(index), rule, index);
			broken++;
		}
	}
	return broken;
}
