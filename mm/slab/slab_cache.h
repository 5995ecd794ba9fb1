/* SPDX-License-Identifier: MIT */
/*
 * slab_cache.h: the list of all caches, setting one up, emptying the CPUs' stocks.
 */
#ifndef QUARRY_MM_SLAB_SLAB_CACHE_H
#define QUARRY_MM_SLAB_SLAB_CACHE_H

#include "mm/slab/kmem_cache.h"

/*
 * All caches, ascending by id. `lock` (rank 1) protects the list; holding it keeps every cache
 * alive.
 */
struct cache_registry {
	struct mm_lock lock;
	uint32_t last_id;
	struct quarry_list caches;
	struct quarry_list aliases;
	bool merge; /* do look-alikes share a cache? */
};

/* The name under which a creator knows a cache that he shares; oldest first. */
struct cache_alias {
	struct quarry_list link;
	struct kmem_cache *cache;
	char name[QUARRY_CACHE_NAME_MAX + 1];
};
extern struct cache_registry registry QUARRY_INT(registry);

/* The caches that caches and aliases are made of. */
extern struct kmem_cache cache_cache QUARRY_INT(cache_cache);
extern struct kmem_cache alias_cache QUARRY_INT(alias_cache);

/* A name, cut to what fits. */
void cache_copy_name(char *to, const char *name) QUARRY_INT(cache_copy_name);
/* Give the pages of all empty slabs back. Return: slabs that remain. */
unsigned long cache_shrink(struct kmem_cache *cache) QUARRY_INT(cache_shrink);
/* Fill in a cache and list it. `size` and `align` are legal. */
void cache_setup(struct kmem_cache *cache, const char *name, uint32_t size, uint32_t align,
		 slab_flags_t flags, void (*ctor)(void *)) QUARRY_INT(cache_setup);
/* First listed cache with an id above `id`, or NULL. The registry is locked. */
struct kmem_cache *cache_after(uint32_t id) QUARRY_INT(cache_after);
/* Empty the stocks of all CPUs for a cache. Context: see slab_drain. */
void cache_drain(struct kmem_cache *cache) QUARRY_INT(cache_drain);
/* Empty registry and the caches that caches are made of. */
void registry_init(void) QUARRY_INT(registry_init);

#endif
