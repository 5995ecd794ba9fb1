/* SPDX-License-Identifier: MIT */
/*
 * slab_guard.h: the sampling guard: now and then an object lies alone between pages that nobody
 * can access, so that an access past it, before it, or after it was freed is a page fault.
 *
 * Picture: the pool, a block of pages of the direct map; x: no access
 *
 *   | slots | x | page 0 | x | page 1 | x | ... | page 61 | x |
 *                 |ob....|     |....ob|             x if free
 *
 * Where     at the start or at the end of its page, in turn; what is left of the page holds
 *           ZONE_BYTE and is compared when the object is freed.
 * Which     about each nth object: counted when a CPU's stock is refilled, so that the fast path
 *           knows nothing of it. A free finds that the page is no slab's, and asks here.
 * Freed     pages are used again in the order of their frees, so that a late access still faults.
 *
 * Invariants  G1  a slot is FREE or LATE exactly if it is in the queue
 *             G2  page of a FREE slot, guard page without its bit in `open`: no access
 * Locking     guard.lock, a leaf: the hook that changes access is called under it (os.h).
 * Start at: slab_guard_due, slab_guard_alloc, slab_guard_free, quarry_guard_fault.
 */
#ifndef QUARRY_MM_SLAB_SLAB_GUARD_H
#define QUARRY_MM_SLAB_SLAB_GUARD_H

#include "mm/base/state.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab_wipe.h"

/* The pool: 2^7 pages, of which two hold the slots. */
#define GUARD_ORDER 7u
#define GUARD_PAGES (1u << GUARD_ORDER)
#define GUARD_HEAD_PAGES 2u
#define GUARD_SLOTS ((GUARD_PAGES - GUARD_HEAD_PAGES - 1) / 2)

enum guard_slot_state {
	GUARD_FREE,
	GUARD_LATE, /* free, and accessible since an access was reported */
	GUARD_BUSY, /* becoming used or free: its CPU works on it */
	GUARD_USED,
};

struct guard_slot {
	struct kmem_cache *cache;
	char *object; /* NULL: the slot was never used */
	struct slab_track track[NR_TRACKS];
	uint32_t size;
	uint8_t state, next; /* next in the queue of free slots */
	char name[QUARRY_CACHE_NAME_MAX + 1];
#if QUARRY_ALLOCINFO
	void *tag; /* whose it is (alloc_tag.h) */
#endif
};
QUARRY_STATIC_ASSERT(sizeof(struct guard_slot) * GUARD_SLOTS <= GUARD_HEAD_PAGES << PAGE_SHIFT,
		     "the slots fit");

struct guard_state {
	uintptr_t start;
	size_t bytes;	/* 0: there is no guard */
	long every;	/* 0: nothing is sampled */
	long left;	/* objects until the next sample; races only blur it */
	struct mm_lock lock;
	uint8_t first, last, nr_free; /* queue of free slots */
	bool at_start;		      /* where the next object lies */
	uint64_t open;		      /* guard pages that are accessible, since a report */
	unsigned long samples;
};
extern struct guard_state guard QUARRY_INT(guard);

/* Is the address in the pool? */
static inline bool slab_guard_covers(const void *p)
{
	return unlikely((uintptr_t)p - guard.start < guard.bytes);
}

/* The cache takes new objects for a CPU's stock: is one of them to be guarded? */
static inline bool slab_guard_due(const struct kmem_cache *cache)
{
	if (likely(!guard.every))
		return false;
	long left = __atomic_load_n(&guard.left, __ATOMIC_RELAXED);

	left -= cache_is_closed(cache) ? 1 : (long)(cache->stock_cap + 1) / 2;
	__atomic_store_n(&guard.left, left > 0 ? left : guard.every, __ATOMIC_RELAXED);
	return left <= 0;
}

/* Use `block`, 2^GUARD_ORDER single pages of the direct map, for each nth object; NULL: no guard.
 * The hook guard_page is there. */
void slab_guard_init(void *block, unsigned every) QUARRY_INT(slab_guard_init);
/* A guarded object of the cache, or NULL: it is not for this cache, or no slot is free. */
void *slab_guard_alloc(struct kmem_cache *cache, uintptr_t caller)
	QUARRY_INT(slab_guard_alloc) QUARRY_COLD;
/* Free any pointer, to `cache` (NULL: to its own). Return: false: it is not in the pool. Else it
 * was freed, or reported for `call`. */
bool slab_guard_free(struct kmem_cache *cache, const void *p, const char *call, uintptr_t caller)
	QUARRY_INT(slab_guard_free) QUARRY_COLD;

/* What an address of the pool is part of. */
struct guard_view {
	const char *start; /* of the object; NULL: there is none nearby */
	const struct kmem_cache *cache; /* of a live object; else NULL */
	struct slab_track track[NR_TRACKS];
	uint32_t size;
	bool live, inside;
	char name[QUARRY_CACHE_NAME_MAX + 1];
};
/* Return: false: it is not in the pool. Context: any but NMI. */
bool slab_guard_view(const void *p, struct guard_view *view) QUARRY_INT(slab_guard_view);
/* Bytes of the live object that starts at p; 0: none does. */
size_t slab_guard_size(const void *p) QUARRY_INT(slab_guard_size);
#if QUARRY_ALLOCINFO
/* The word that says whose the live object at p is, and its bytes; NULL: none is. */
void **slab_guard_tag(const void *p, size_t *bytes) QUARRY_INT(slab_guard_tag);
#endif
/* Live objects of the cache in the pool. */
unsigned long slab_guard_count(const struct kmem_cache *cache) QUARRY_INT(slab_guard_count);

#endif
