/* SPDX-License-Identifier: MIT */
/*
 * cache_list.c: the list of all caches.
 *
 * Locking  registry.lock, rank 1: whoever holds it keeps every cache alive. Who works on all caches
 *          takes it anew for each, and goes on by id.
 */
#include "mm/slab/slab_cache.h"

struct cache_registry registry QUARRY_STATE;

static struct kmem_cache *cache_of_link(const struct quarry_list *link)
{
	return list_entry((uintptr_t)link, struct kmem_cache, link);
}

struct kmem_cache *cache_next(const struct kmem_cache *cache)
{
	return cache->link.next == &registry.caches ? NULL : cache_of_link(cache->link.next);
}

struct kmem_cache *cache_after(uint32_t id)
{
	list_for_each (link, &registry.caches) {
		if (cache_of_link(link)->id > id)
			return cache_of_link(link);
	}
	return NULL;
}

struct kmem_cache *cache_lock_next(uint32_t *id, unsigned long *irq)
{
	*irq = mm_lock(&registry.lock);
	struct kmem_cache *cache = cache_after(*id);

	if (!cache)
		mm_unlock(&registry.lock, *irq);
	else
		*id = cache->id;
	return cache;
}

void cache_list_init(void)
{
	__builtin_memset(&registry, 0, sizeof(registry));
	list_init(&registry.caches);
	list_init(&registry.aliases);
	registry.hand = &registry.caches;
}

void cache_enlist(struct kmem_cache *cache)
{
	unsigned long irq = mm_lock(&registry.lock);

	cache->id = registry.last_id + 1;
	__atomic_store_n(&registry.last_id, cache->id, __ATOMIC_RELAXED);
	list_add_tail(&cache->link, &registry.caches);
	mm_unlock(&registry.lock, irq);
}

void cache_delist(struct kmem_cache *cache)
{
	unsigned long irq = mm_lock(&registry.lock);

	if (registry.hand == &cache->link)
		registry.hand = cache->link.prev;
	list_del(&cache->link);
	mm_unlock(&registry.lock, irq);
}

struct kmem_cache *cache_turn_hand(bool anew)
{
	if (registry.hand->next == &registry.caches && !anew)
		return NULL;
	registry.hand = registry.hand->next;
	return registry.hand == &registry.caches ? NULL : cache_of_link(registry.hand);
}
