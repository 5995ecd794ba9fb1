/* SPDX-License-Identifier: MIT */
/*
 * vmap_area.h: who has which addresses of the window. Knows no pages and no page tables.
 *
 * Life of an area:  alloc -> live -> claim -> (its owner unmaps it) -> retire -> flush_begin,
 * flush_mark -> (every CPU flushes) -> release -> free again.
 * Functions that end in _locked are called with vmap_lock held.
 */
#ifndef QUARRY_MM_VMAP_AREA_H
#define QUARRY_MM_VMAP_AREA_H

#include <quarry/gfp.h>

#include "mm/base/lock.h"
#include "mm/vmap/vmap_dir.h"

/* The space lock, rank 2: areas here, and what waits for a flush in vmap_flush.c. */
extern struct mm_lock vmap_lock QUARRY_INT(vmap_lock);

/* A large area: one that is too long for a chunk. */
struct vmap_large {
	struct vmap_info info;
	struct vmap_large *next;
	bool claimed;
};

static inline struct vmap_chunk *shared_chunk(uintptr_t va)
{
	return entry_chunk(dir_entry(dir_index(va)));
}
/* The large area whose first chunk is at va. */
static inline struct vmap_large *large_at(uintptr_t va)
{
	return entry_large(dir_entry(dir_index(va)));
}

/* What a release left over, to be freed without the lock. */
struct vmap_leftover {
	struct page_chain pages;
	struct vmap_large *large;
};

/* Manage [start, end). start == end: no window. Return: 0, -ENOMEM. */
int vmap_area_init(uintptr_t start, uintptr_t end) QUARRY_INT(vmap_area_init);
/* Give back what init took; nobody uses an area. There is no window any more. */
void vmap_area_exit(void) QUARRY_INT(vmap_area_exit);
/* Addresses that we hand out; empty if there is no window. */
uintptr_t vmap_area_start(void) QUARRY_INT(vmap_area_start);
uintptr_t vmap_area_end(void) QUARRY_INT(vmap_area_end);

/*
 * Get addresses for info->pages pages and a guard page, and record the rest of `info` with them.
 * `gfp` is for our own bookkeeping.
 * Context: as gfp allows. Return: 0 with info->start set, -ENOSPC, -ENOMEM.
 */
int vmap_area_alloc(struct vmap_info *info, const struct vmap_where *where, gfp_t gfp)
	QUARRY_INT(vmap_area_alloc);

/* Describe the live area that maps `va`; a guard page belongs to none. Constant time. */
bool vmap_area_find_locked(uintptr_t va, struct vmap_info *info) QUARRY_INT(vmap_area_find_locked);
/* Take a live area of `kind` away from others: it is not found any more. Return: 0; -ENOENT (no
 * live area starts there); -EINVAL (it is of another kind; info tells). */
int vmap_area_claim_locked(uintptr_t start, unsigned kind, struct vmap_info *info)
	QUARRY_INT(vmap_area_claim_locked);
/* A claimed area again, and a word that its claimer may keep with it (in place of the caller). */
void vmap_area_claimed_locked(uintptr_t start, struct vmap_info *info)
	QUARRY_INT(vmap_area_claimed_locked);
void vmap_area_keep_locked(uintptr_t start, uintptr_t word) QUARRY_INT(vmap_area_keep_locked);
/* A claimed area is live again, as `info` describes it; its pages are the same. Return: the
 * word that was kept. */
uintptr_t vmap_area_revive_locked(const struct vmap_info *info) QUARRY_INT(vmap_area_revive_locked);
/* Record another size of a live area, within its pages. */
void vmap_area_resize_locked(uintptr_t start, size_t size) QUARRY_INT(vmap_area_resize_locked);
/* Add to the flags of a live area, which will not be parked from now on. */
void vmap_area_mark_locked(uintptr_t start, unsigned flags) QUARRY_INT(vmap_area_mark_locked);
/* A claimed area is unmapped: its addresses wait for a flush. */
void vmap_area_retire_locked(const struct vmap_info *info) QUARRY_INT(vmap_area_retire_locked);
/* A flush of every CPU begins: begin, then mark until it returns false, then flush. It covers what
 * was retired before begin, and of what is retired meanwhile at least what gets marked. What the
 * last flush covered is released. */
void vmap_area_flush_begin_locked(void) QUARRY_INT(vmap_area_flush_begin_locked);
/* Mark a bounded part. Return: is there more? */
bool vmap_area_flush_mark_locked(void) QUARRY_INT(vmap_area_flush_mark_locked);
/* The last flush that began is done: free a bounded part of what it covers. */
void vmap_area_release_locked(struct vmap_leftover *left) QUARRY_INT(vmap_area_release_locked);
/* Return: is there anything to release? */
bool vmap_area_releasing_locked(void) QUARRY_INT(vmap_area_releasing_locked);
/* Context: any but NMI, no lock of ours held. */
void vmap_area_free_leftover(struct vmap_leftover *left) QUARRY_INT(vmap_area_free_leftover);

/* Pages of live VMAP_ALLOC areas. Context: any. */
unsigned long vmap_area_alloc_pages(void) QUARRY_INT(vmap_area_alloc_pages);
/* Look for the first live area at or after *cursor; *cursor moves past what was looked at, a
 * bounded part of the window. Return: is there more to look at? info->pages is 0 if none was
 * found. */
bool vmap_area_next_locked(uintptr_t *cursor, struct vmap_info *info)
	QUARRY_INT(vmap_area_next_locked);
/* The same for ranges of unused whole chunks; *start == *end if none was found. */
bool vmap_area_next_free_locked(uintptr_t *cursor, uintptr_t *start, uintptr_t *end)
	QUARRY_INT(vmap_area_next_free_locked);
/* Check the invariants and report each broken one. Return: their number. Context: any, no lock
 * held. */
unsigned long vmap_area_check(void) QUARRY_INT(vmap_area_check);

#endif
