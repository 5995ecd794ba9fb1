/* SPDX-License-Identifier: MIT */
/* debug_cache.h: requests and frees of debugged caches, which have no stocks. */
#ifndef QUARRY_MM_SLAB_DEBUG_CACHE_H
#define QUARRY_MM_SLAB_DEBUG_CACHE_H

#include "mm/slab/slab_debug.h"

/* Take an object, from `node` if it is not NUMA_NO_NODE. Context: by mask. Return: NULL on
 * failure. */
void *debug_cache_alloc(struct kmem_cache *cache, gfp_t gfp, int node, uintptr_t caller)
	QUARRY_INT(debug_cache_alloc) QUARRY_COLD;
/* Free what lies in a slab of the cache; report what is no object in use. Context: any but NMI. */
void debug_cache_free(struct kmem_cache *cache, void *object, uintptr_t caller)
	QUARRY_INT(debug_cache_free) QUARRY_COLD;
/* Look at every object of a slab; its node is locked. Return: damages, each reported. */
unsigned long debug_cache_check_slab(const struct kmem_cache *cache, struct page *head)
	QUARRY_INT(debug_cache_check_slab);
/* Call what(object, arg) for every object in use of a cache, each node locked meanwhile; for caches
 * with stocks, objects in stocks count as used. */
void debug_cache_each(struct kmem_cache *cache, void (*what)(void *object, void *arg), void *arg)
	QUARRY_INT(debug_cache_each);

#endif
