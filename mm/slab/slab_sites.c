/* SPDX-License-Identifier: MIT */
/*
 * slab_sites.c: what is in use, by place; and what an address is part of.
 *
 * Places come from the tracks of debugged caches (SLAB_STORE_USER), which hold each object's last
 * user: nothing is counted while objects come and go. A report that cannot allocate has no table
 * of places, so each step walks the cache's objects for the lowest place above the last one.
 *
 * Locking  registry.lock keeps the cache, each node's lock its slabs.
 * Start at slab_site_next, slab_describe.
 */
#include "mm/slab/slab_sites.h"

#include "mm/slab/debug_cache.h"
#include "mm/slab/depot.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_cache.h"
#include "mm/slab/slab_guard.h"

struct search {
	const struct kmem_cache *cache;
	uintptr_t above, best;
	unsigned long count;
	bool from_start; /* `above` itself counts: nothing was found yet */
};

static void look_at(void *object, void *arg)
{
	struct search *search = arg;
	struct slab_track track[NR_TRACKS];

	slab_debug_tracks(search->cache, object, track);
	uintptr_t caller = track[TRACK_ALLOC].caller;

	if (caller < search->above || (caller == search->above && !search->from_start))
		return;
	if (!search->count || caller < search->best) {
		search->best = caller;
		search->count = 0;
	}
	search->count += caller == search->best;
}

/* Objects of a cache without tracks that callers have. */
static unsigned long in_use(struct kmem_cache *cache)
{
	unsigned long taken = 0, kept = cpu_cache_count(cache) + depot_count(cache);

	for (unsigned i = 0; i < QUARRY_MAX_NODES; i++) {
		unsigned long irq = mm_lock(&cache->node[i].lock);

		taken += cache->node[i].taken;
		mm_unlock(&cache->node[i].lock, irq);
	}
	return (taken > kept ? taken - kept : 0) + slab_guard_count(cache);
}

/* The next place of this cache, after `site` if that is of the same cache. */
static bool next_of(struct kmem_cache *cache, struct slab_site *site)
{
	bool same = site->id == cache->id;
	struct search search = {.cache = cache,
				.above = same ? site->caller : 0,
				.from_start = !same};

	if (cache->flags & SLAB_STORE_USER)
		debug_cache_each(cache, look_at, &search);
	else if (!same)
		search.count = in_use(cache);
	*site = (struct slab_site){.id = cache->id,
				   .known = cache->flags & SLAB_STORE_USER,
				   .ours = cache_is_internal(cache),
				   .caller = search.best,
				   .count = search.count,
				   .bytes = search.count * cache->object_size};
	__builtin_memcpy(site->name, cache->name, sizeof(site->name));
	return search.count != 0;
}

bool slab_site_next(struct slab_site *site)
{
	uint32_t id = site->id ? site->id - 1 : 0;

	for (;;) {
		unsigned long irq = mm_lock(&registry.lock);
		struct kmem_cache *cache = cache_after(id);
		bool found = false;

		if (cache) {
			id = cache->id;
			found = next_of(cache, site);
		}
		mm_unlock(&registry.lock, irq);
		if (found || !cache)
			return found;
	}
}

bool slab_describe(const void *address, struct slab_object *object)
{
	struct page *page = page_of_address(address);

	*object = (struct slab_object){0};
	if (!page || page_kind(page) != QUARRY_PAGE_SLAB)
		return false;
	/* A cache or a slab may go while we look: under these two locks neither does. */
	unsigned long irq = mm_lock(&registry.lock);
	struct kmem_cache *cache = page->mapping;
	struct kmem_cache *listed = cache_after(0);

	while (listed && listed != cache)
		listed = cache_after(listed->id);
	if (listed) {
		struct slab_node *node = slab_node_of(cache, page);
		unsigned long node_irq = mm_lock(&node->lock);

		if (slab_cache_of(page) == cache) {
			struct page *head = slab_head(page);
			const struct slab_shape *shape = slab_shape(cache, head);
			const void *start = slab_object_at(cache, head, address);

			__builtin_memcpy(object->name, cache->name, sizeof(object->name));
			object->size = cache->object_size;
			object->stocks = cache->stock_cap && !slab_debugged(cache);
			if (start) {
				uint32_t index = slab_index(cache, head, shape, start);

				object->start = index < shape->slots - shape->objects ? NULL
										     : start;
				object->is_free =
					slab_debugged(cache)
						? !debug_cache_in_use(cache, head, index,
								      object->track,
								      &object->tracked)
						: slab_is_free(cache, head, shape, index);
			}
		} else {
			listed = NULL;
		}
		mm_unlock(&node->lock, node_irq);
	}
	mm_unlock(&registry.lock, irq);
	return listed != NULL;
}
