/* SPDX-License-Identifier: MIT */
/*
 * debug_cache.c: requests and frees of debugged caches.
 *
 * Such a cache has no stocks: the fast path finds none and comes here, object by object, so what is
 * taken from its slabs is what callers have. Damage is looked for when an object is taken, when
 * it is freed, and by the validator, which sees all of them.
 *
 * Locking  the slab's node, also while an object is looked at, because neighbours share what lies
 *          between them. The validator holds it while it looks at all objects: long, but only
 *          here.
 * Start at debug_cache_alloc, debug_cache_free.
 */
#include "mm/slab/debug_cache.h"

#include "mm/base/log.h"
#include "mm/phys/zone.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab_page.h"

void *debug_cache_alloc(struct kmem_cache *cache, gfp_t gfp, int node, uintptr_t caller)
{
	void *object = NULL;

	if (!partial_take(cache, node_or_local(node), &object, 1))
		object = partial_grow(cache, gfp, node);
	if (!object && (node == NUMA_NO_NODE || !gfp_has(gfp, __GFP_THISNODE)))
		object = partial_take_anywhere(cache);
	if (object) {
		struct slab_node *owner = slab_node_of(cache, page_of_address(object));
		unsigned long irq = mm_lock(&owner->lock);

		slab_debug_take(cache, object, caller);
		mm_unlock(&owner->lock, irq);
	}
	return object;
}

/* Guard an object in use as a free one. Else say what it is. Return: was it in use? */
static bool retire(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	struct page *head = slab_head(page_of_address(object));
	const struct slab_shape *shape = slab_shape(cache, head);
	struct slab_node *node = slab_node_of(cache, head);
	unsigned long irq = mm_lock(&node->lock);
	uint32_t index = slab_index(cache, head, shape, object);
	/* The slots before the first object are nobody's. */
	bool start = index != NO_OBJECT && index >= shape->slots - shape->objects;
	bool used = start && !slab_is_free(cache, head, shape, index);

	if (used)
		slab_debug_give(cache, object, caller);
	else if (!start)
		mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, "kfree", object,
			     (unsigned long)cache->name, cache->size, caller);
	else if (!used && mm_report_at(QUARRY_RULE_OBJECT_TWICE, "kfree", object,
				       (unsigned long)cache->name, 0, caller))
		slab_debug_log(cache, object);
	mm_unlock(&node->lock, irq);
	return used;
}

void debug_cache_free(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	if (retire(cache, object, caller))
		partial_give(cache, &object, 1);
}

unsigned long debug_cache_check_slab(const struct kmem_cache *cache, struct page *head)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	char *base = page_address(head);
	unsigned long damages = 0;

	if ((cache->flags & SLAB_CONSISTENCY_CHECKS) &&
	    slab_taken(head) + slab_count_free(cache, head) != shape->objects) {
		mm_report(VALIDATE, "slab: taken + free", head, slab_taken(head), shape->objects);
		damages++;
	}
	for (uint32_t i = shape->slots - shape->objects; i < shape->slots; i++)
		damages += slab_debug_check(cache, base + (size_t)i * cache->size,
					    slab_is_free(cache, head, shape, i),
					    "validate_slab_cache", 0);
	return damages;
}

/* What a walk over slabs does with each. */
struct walk {
	struct kmem_cache *cache;
	void (*what)(void *object, void *arg); /* NULL: look for damage */
	void *arg;
	unsigned long damages;
};

static void walk_slab(struct walk *walk, struct page *head)
{
	const struct slab_shape *shape = slab_shape(walk->cache, head);
	char *base = page_address(head);

	if (!walk->what) {
		walk->damages += debug_cache_check_slab(walk->cache, head);
		return;
	}
	for (uint32_t i = shape->slots - shape->objects; i < shape->slots; i++)
		if (!slab_is_free(walk->cache, head, shape, i))
			walk->what(base + (size_t)i * walk->cache->size, walk->arg);
}

static void walk_slabs(struct walk *walk)
{
	for (unsigned nid = 0; nid < QUARRY_MAX_NODES; nid++) {
		struct slab_node *node = &walk->cache->node[nid];
		const struct slab_list *lists[] = {&node->empty, &node->partial, &node->full};
		unsigned long irq = mm_lock(&node->lock);

		for (unsigned i = 0; i < 3; i++)
			for (uint32_t frame = lists[i]->first; frame;
			     frame = pfn_to_page(frame)->lru.next)
				walk_slab(walk, pfn_to_page(frame));
		mm_unlock(&node->lock, irq);
	}
}

void debug_cache_each(struct kmem_cache *cache, void (*what)(void *object, void *arg), void *arg)
{
	struct walk walk = {.cache = cache, .what = what, .arg = arg};

	walk_slabs(&walk);
}

unsigned long validate_slab_cache(struct kmem_cache *cache)
{
	struct walk walk = {.cache = cache};

	if (slab_debugged(cache))
		walk_slabs(&walk);
	return walk.damages;
}
