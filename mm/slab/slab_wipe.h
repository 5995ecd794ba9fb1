/* SPDX-License-Identifier: MIT */
/*
 * slab_wipe.h: objects that are zeroed when they are handed out, or when they are freed, by boot's
 * choice (quarry_params.init_on_alloc, init_on_free).
 *
 * A cache whose objects are wiped has stocks like others, but closed ones (cpu_cache.h): the
 * fast path finds them marked and goes the slow way, where the wiping is. Other caches do not pay.
 * Debugged caches are closed in the same way (debug_cache.h).
 *
 * Nobody's contents are wiped where somebody counts on them: constructed objects, type-stable ones,
 * and those that hold poison (slab_debug.h).
 *
 * Start at: slab_wipe_new, slab_wipe_freed.
 */
#ifndef QUARRY_MM_SLAB_SLAB_WIPE_H
#define QUARRY_MM_SLAB_SLAB_WIPE_H

#include "mm/base/lock.h"
#include "mm/gfp/gfp.h"
#include "mm/slab/kmem_cache.h"

/* In the flags of a cache, beside those that callers may give. */
#define SLAB_WIPE_NEW (1u << 30)
#define SLAB_WIPE_FREED (1u << 31)

struct wipe_choice {
	gfp_t on_alloc; /* __GFP_ZERO, or nothing */
	bool on_free;
};
extern struct wipe_choice wipe_choice QUARRY_INT(wipe_choice);

/* Remember what boot wants. */
void slab_wipe_init(bool on_alloc, bool on_free) QUARRY_INT(slab_wipe_init);
/* What of it concerns a new cache: SLAB_WIPE_*. */
slab_flags_t slab_wipe_flags(slab_flags_t flags, bool ctor) QUARRY_INT(slab_wipe_flags);

/* Does the fast path keep away from the cache's stocks? */
static inline bool cache_is_closed(const struct kmem_cache *cache)
{
	return (cache->flags & (SLAB_WIPE_NEW | SLAB_WIPE_FREED | QUARRY_SLAB_DEBUG_FLAGS)) != 0;
}

/* Wipe what is freed next: no compiler may drop the stores because nobody reads them again. */
static inline void wipe_for_good(void *p, size_t n)
{
	if (n)
		__builtin_memset(p, 0, n);
	irq_order();
}
/* An object is handed out. */
static inline void slab_wipe_new(const struct kmem_cache *cache, void *object)
{
	if (cache->flags & SLAB_WIPE_NEW)
		__builtin_memset(object, 0, cache->object_size);
}
/* An object, or at hardening 0 any pointer into a slab of the cache, is freed. */
void slab_wipe_freed(const struct kmem_cache *cache, void *object) QUARRY_INT(slab_wipe_freed);

#endif
