/* SPDX-License-Identifier: MIT */
/* debug_cache.h: who has an object of a debugged cache: callers, the cache, or one of us. */
#ifndef QUARRY_MM_SLAB_DEBUG_CACHE_H
#define QUARRY_MM_SLAB_DEBUG_CACHE_H

#include "mm/slab/slab_debug.h"

/* A free object of the cache, which is in no stock any more, goes to a caller. Return: the
 * object. */
void *debug_cache_take(struct kmem_cache *cache, void *object, uintptr_t caller)
	QUARRY_INT(debug_cache_take);
/* Free any pointer into a slab of the cache, whose page is `page`; report what is no object in use.
 * Context: any but NMI. */
void debug_cache_free(struct kmem_cache *cache, struct page *page, void *object, const char *call,
		      uintptr_t caller) QUARRY_INT(debug_cache_free);
/* The same two for callers that cannot wait for who looks at the object. Context: any. */
/* Return: false: somebody looks at it: it is free still. */
bool debug_cache_try_take(struct kmem_cache *cache, void *object, uintptr_t caller)
	QUARRY_INT(debug_cache_try_take);
enum debug_freed {
	DEBUG_FREED,	/* it is free, and the caller's to put somewhere */
	DEBUG_NOT_NOW,	/* somebody looks at it: nothing was done */
	DEBUG_REPORTED, /* it is not the caller's to free */
};
enum debug_freed debug_cache_try_free(struct kmem_cache *cache, struct page *page, void *object,
				      const char *call, uintptr_t caller)
	QUARRY_INT(debug_cache_try_free);
/* Look at every object of a slab; its node is locked. Return: damages, each reported. */
unsigned long debug_cache_check_slab(const struct kmem_cache *cache, struct page *head)
	QUARRY_INT(debug_cache_check_slab);
/* Has a caller this object, number `index` of its slab? Copy its tracks; *tracked: it has some. Its
 * node is locked. */
bool debug_cache_in_use(const struct kmem_cache *cache, struct page *head, uint32_t index,
			struct slab_track track[NR_TRACKS], bool *tracked)
	QUARRY_INT(debug_cache_in_use);
/* Call what(object, arg) for every object of a debugged cache that a caller has. Its slabs are
 * locked node by node, and the object is not taken or freed meanwhile. */
void debug_cache_each(struct kmem_cache *cache, void (*what)(void *object, void *arg), void *arg)
	QUARRY_INT(debug_cache_each);

#endif
