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
	uint32_t looks; /* of idle.c in this round */
	struct quarry_list *hand; /* link of the cache that it looked at last, or `caches` */
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
/* The same for the rows of reports, in which blanks part the columns: here they become '_'. */
void cache_show_name(char *to, const char *name) QUARRY_INT(cache_show_name);
/* Give the pages of all empty slabs back. Return: slabs that remain. */
unsigned long cache_shrink(struct kmem_cache *cache) QUARRY_INT(cache_shrink);
/* Fill in a cache and list it. `size` and `align` are legal. */
void cache_setup(struct kmem_cache *cache, const char *name, uint32_t size, uint32_t align,
		 slab_flags_t flags, void (*ctor)(void *)) QUARRY_INT(cache_setup);

/* ---- the list (cache_list.c); registry.lock is held where it is not said ---- */

/* First listed cache with an id above `id`, or NULL. */
struct kmem_cache *cache_after(uint32_t id) QUARRY_INT(cache_after);
/* The cache after a listed one, or NULL. */
struct kmem_cache *cache_next(const struct kmem_cache *cache) QUARRY_INT(cache_next);
/* Lock the registry and go to the first cache above *id. Return: NULL, unlocked, after the last. */
struct kmem_cache *cache_lock_next(uint32_t *id, unsigned long *irq) QUARRY_INT(cache_lock_next);
/* The next cache of a round; NULL after the last, until a new round is wanted. */
struct kmem_cache *cache_turn_hand(bool anew) QUARRY_INT(cache_turn_hand);
/* Number and list a cache / unlist it. They lock. */
void cache_enlist(struct kmem_cache *cache) QUARRY_INT(cache_enlist);
void cache_delist(struct kmem_cache *cache) QUARRY_INT(cache_delist);
/* No caches. Nobody else runs. */
void cache_list_init(void) QUARRY_INT(cache_list_init);

/* ---- the rest (slab_cache.c) ---- */

/* It has no stocks: an empty slab is kept in their place, so that a caller at a slab's edge does
 * not fetch and return pages each time. */
void cache_no_stocks(struct kmem_cache *cache) QUARRY_INT(cache_no_stocks);
/* Empty the stocks of all CPUs for a cache. Context: see slab_drain. */
void cache_drain(struct kmem_cache *cache) QUARRY_INT(cache_drain);
/* Empty registry and the caches that caches are made of. */
void registry_init(void) QUARRY_INT(registry_init);

#endif
