/* SPDX-License-Identifier: MIT */
/*
 * slab_check.c: reading the caches: totals for slabinfo, and the validator of invariants I1-I6
 * (kmem_cache.h).
 *
 * The validator holds registry.lock, so caches stay; it takes each node's lock in turn. Stocks
 * of other CPUs are read without exclusion: exact while nothing is allocated or freed.
 *
 * Start at slab_check.
 */
#include "mm/base/log.h"
#include "mm/slab/cellar.h"
#include "mm/slab/class_hint.h"
#include "mm/slab/debug_cache.h"
#include "mm/slab/depot.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_cache.h"
#include "mm/slab/slab_guard.h"

/* ---- slabinfo ---- */

bool slab_info_next(uint32_t *cursor, struct slab_info *info)
{
	unsigned long irq = mm_lock(&registry.lock);
	struct kmem_cache *cache = cache_after(*cursor);

	if (!cache) {
		mm_unlock(&registry.lock, irq);
		return false;
	}
	*info = (struct slab_info){
		.object_size = cache->object_size,
		.size = cache->size,
		.objects_per_slab = cache->shape[0].objects,
		.pages_per_slab = 1u << cache->shape[0].order,
		.stock_cap = cache->stock_cap,
		.stock_batch = (cache->stock_cap + 1) / 2,
		.in_stocks = cpu_cache_count(cache) + depot_count(cache),
		.guarded = slab_guard_count(cache),
		.misses = __atomic_load_n(&cache->misses, __ATOMIC_RELAXED),
		.fetched = __atomic_load_n(&cache->fetched, __ATOMIC_RELAXED),
		.reclaimable = (cache->flags & SLAB_RECLAIM_ACCOUNT) != 0,
	};
	cache_show_name(info->name, cache->name);
	*cursor = cache->id;
	for (unsigned i = 0; i < QUARRY_MAX_NODES; i++) {
		struct slab_node *node = &cache->node[i];
		unsigned long node_irq = mm_lock(&node->lock);

		info->active += node->taken;
		info->total += node->objects;
		info->slabs += node->slabs;
		info->pages += node->pages;
		info->empty_slabs += node->empties;
		mm_unlock(&node->lock, node_irq);
	}
	mm_unlock(&registry.lock, irq);
	info->active -= info->in_stocks < info->active ? info->in_stocks : info->active;
	info->active += info->guarded;
	info->total += info->guarded;
	return true;
}

/* ---- validator ---- */

/* Count a broken invariant; `what` names it. */
static unsigned long broken(const char *what, const void *subject, unsigned long found,
			    unsigned long expected)
{
	mm_report(VALIDATE, what, subject, found, expected);
	return 1;
}

#define CHECK(cond, what, subject, found, expected)                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			errors += broken(what, subject, (unsigned long)(found),                    \
					 (unsigned long)(expected));                               \
	} while (0)

static unsigned long check_slab(struct kmem_cache *cache, struct page *head)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	uint32_t free = slab_count_free(cache, head);
	unsigned long errors = 0;

	CHECK(slab_taken(head) + free == shape->objects, "slab I6: taken + free", head,
	      slab_taken(head) + free, shape->objects);
	for (uint32_t i = 0; i < 1u << shape->order; i++)
		CHECK(page_kind(&head[i]) == QUARRY_PAGE_SLAB && head[i].mapping == cache &&
			      slab_head(&head[i]) == head,
		      "slab: every page leads to cache and head", &head[i], page_flags(&head[i]),
		      i);
	return errors + (slab_debugged(cache) ? debug_cache_check_slab(cache, head) : 0);
}

/* Sums over a list, for I4 and I5. */
struct list_sum {
	unsigned long slabs, pages, objects, taken;
};

static unsigned long check_list(struct kmem_cache *cache, const struct slab_list *list,
				uint32_t least, bool full_only, struct list_sum *sum)
{
	unsigned long errors = 0;
	uint32_t before = 0;

	for (uint32_t frame = list->first; frame; frame = pfn_to_page(frame)->lru.next) {
		struct page *head = pfn_to_page(frame);

		if (!pfn_valid(frame) || page_kind(head) != QUARRY_PAGE_SLAB ||
		    head->mapping != cache)
			return errors + broken("slab list: a slab of the cache", head, frame, 0);
		uint32_t objects = slab_shape(cache, head)->objects, taken = slab_taken(head);
		uint32_t low = full_only ? objects : least, high = full_only ? objects
								   : least   ? objects - 1
									     : 0;

		CHECK(taken >= low && taken <= high, "slab I3: taken fits the list", head, taken,
		      objects);
		CHECK(head->lru.prev == before, "slab list: prev of next", head, head->lru.prev,
		      before);
		errors += check_slab(cache, head);
		before = frame;
		sum->slabs++;
		sum->pages += 1ul << page_order(head);
		sum->objects += objects;
		sum->taken += taken;
	}
	CHECK(list->last == before, "slab list: last", list, list->last, before);
	return errors;
}

static unsigned long check_node(struct kmem_cache *cache, struct slab_node *node)
{
	struct list_sum sum = {0};
	unsigned long errors = 0;
	unsigned long irq = mm_lock(&node->lock);

	errors += check_list(cache, &node->empty, 0, false, &sum);
	CHECK(sum.slabs == node->empties, "slab I4: empties", node, node->empties, sum.slabs);
	errors += check_list(cache, &node->partial, 1, false, &sum);
	errors += check_list(cache, &node->full, 0, true, &sum);
	CHECK(sum.slabs == node->slabs, "slab I4: slabs", node, node->slabs, sum.slabs);
	CHECK(sum.pages == node->pages, "slab I5: pages", node, node->pages, sum.pages);
	CHECK(sum.objects == node->objects, "slab I5: objects", node, node->objects, sum.objects);
	CHECK(sum.taken == node->taken, "slab I5: taken", node, node->taken, sum.taken);
	mm_unlock(&node->lock, irq);
	return errors;
}

/* Are object[0 .. n) free objects of the cache, each once, that their slabs do not have? */
static unsigned long check_parked(struct kmem_cache *cache, void *const *object, size_t n)
{
	unsigned long errors = 0;

	for (size_t i = 0; i < n; i++) {
		struct page *page = page_of_address(object[i]);

		if (!page || slab_cache_of(page) != cache) {
			errors += broken("stock I2: object of the cache", cache,
					 (unsigned long)object[i], i);
			continue;
		}
		struct page *head = slab_head(page);
		const struct slab_shape *shape = slab_shape(cache, head);
		uint32_t index = slab_index(cache, head, shape, object[i]);

		CHECK(index != NO_OBJECT && !slab_is_free(cache, head, shape, index),
		      "stock I2: a taken object", cache, object[i], i);
		for (size_t j = 0; j < i; j++)
			CHECK(object[j] != object[i], "stock I2: once", cache, object[i], i);
	}
	return errors;
}

static unsigned long check_cellar(struct kmem_cache *cache, const struct object_stock *stock)
{
	const struct stock_cellar *cellar = cellar_of(stock);
	unsigned stored = __atomic_load_n(&stock->stored, __ATOMIC_RELAXED);
	unsigned long errors = 0;

	CHECK(stored <= (cellar ? cellar->limit : 0), "stock I5: stored <= limit", stock, stored,
	      cellar);
	if (errors || !cellar)
		return errors;
	return check_parked(cache, cellar->object, stored * cache_batch(cache));
}

static unsigned long check_stock(struct kmem_cache *cache, unsigned cpu)
{
	const struct object_stock *stock = stock_of(cache, cpu);
	unsigned long errors = 0;
	size_t n = stock_count(stock), end = n;

	if (stock == STOCK_NONE)
		return 0;
	CHECK(n <= stock->cap, "stock I1: n <= cap", stock, n, stock->cap);
	while (end <= stock->cap && stock->object[end] != STOCK_END(stock))
		end++;
	CHECK(end <= stock->cap, "stock I1: an end", stock, end, stock->cap);
	if (n > stock->cap)
		return errors;
	return errors + check_parked(cache, stock->object, n) + check_cellar(cache, stock);
}

static unsigned long check_depot(struct kmem_cache *cache, struct slab_node *node)
{
	unsigned long errors = 0;
	unsigned long irq = mm_lock(&node->lock);

	CHECK(node->batches <= node->limit, "depot D1: batches <= limit", node, node->batches,
	      node->limit);
	CHECK(node->room <= node->limit, "depot D1: room <= limit", node, node->room, node->limit);
	CHECK(!node->limit == !node->depot, "depot D1: limit", node, node->limit, node->depot);
	for (unsigned i = 0; i < node->batches && i < node->limit; i++)
		errors += check_parked(cache, node->depot + i * cache_batch(cache),
				       cache_batch(cache));
	mm_unlock(&node->lock, irq);
	return errors;
}

unsigned long slab_check(void)
{
	unsigned long errors = 0;
	unsigned long irq = mm_lock(&registry.lock);

	for (struct kmem_cache *cache = cache_after(0); cache; cache = cache_after(cache->id)) {
		for (unsigned i = 0; i < QUARRY_MAX_NODES; i++)
			errors += check_node(cache, &cache->node[i]) +
				  check_depot(cache, &cache->node[i]);
		for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
			errors += check_stock(cache, cpu);
	}
	mm_unlock(&registry.lock, irq);
	return errors + class_hint_check();
}
