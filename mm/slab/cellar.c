/* SPDX-License-Identifier: MIT */
/*
 * cellar.c: giving and taking batches, opening and ending a CPU's cellar. Theory: cellar.h.
 *
 * Limit  as a depot's for one CPU: what the depot may have, shared among the CPUs.
 * Cost   a batch is a copy: an instruction an object, where the depot's costs two and a lock.
 */
#include "mm/slab/cellar.h"

#include "mm/base/bits.h"
#include "mm/slab/cpu_cache.h"
#include "mm/slab/depot.h"
#include "mm/slab/partial.h"

/* The depot's room at which its CPUs get cellars: a burst of some batches came again. */
#define CELLAR_ROOM 6u
#define CELLAR_LIMIT CELLAR_ALL
/* Objects fetched before they are added to the cache's count. */
#define COUNTED_AT_ONCE 4096u

void cache_count_missed(struct kmem_cache *cache, uint32_t misses, uint32_t fetched)
{
	misses = __atomic_add_fetch(&cache->misses, misses, __ATOMIC_RELAXED);
	fetched = __atomic_add_fetch(&cache->fetched, fetched, __ATOMIC_RELAXED);
	if (unlikely(fetched >> 31)) {
		__atomic_store_n(&cache->misses, misses / 2, __ATOMIC_RELAXED);
		__atomic_store_n(&cache->fetched, fetched / 2, __ATOMIC_RELAXED);
	}
}

void cellar_count_miss(struct kmem_cache *cache, const struct object_stock *stock, size_t fetched)
{
	struct stock_cellar *cellar = cellar_of(stock);

	if (!cellar) {
		cache_count_missed(cache, 1, (uint32_t)fetched);
		return;
	}
	cellar->misses++;
	cellar->fetched += (uint32_t)fetched;
	if (cellar->fetched < COUNTED_AT_ONCE)
		return;
	cache_count_missed(cache, cellar->misses, cellar->fetched);
	cellar->misses = cellar->fetched = 0;
}

bool cellar_give(const struct kmem_cache *cache, struct object_stock *stock, void *const *object)
{
	struct stock_cellar *cellar = cellar_of(stock);
	uint32_t batch = cache_batch(cache);

	if (!cellar || stock->stored == cellar->limit)
		return false;
	__builtin_memcpy(&cellar->object[stock->stored * batch], object, batch * sizeof(*object));
	__atomic_store_n(&stock->stored, (uint8_t)(stock->stored + 1), __ATOMIC_RELAXED);
	return true;
}

uint32_t cellar_take(const struct kmem_cache *cache, struct object_stock *stock, void **out)
{
	uint32_t batch = cache_batch(cache);

	if (!stock->stored)
		return 0;
	unsigned last = stock->stored - 1u;

	__atomic_store_n(&stock->stored, (uint8_t)last, __ATOMIC_RELAXED);
	__builtin_memcpy(out, &cellar_of(stock)->object[last * batch], batch * sizeof(*out));
	return batch;
}

void cellar_empty(struct kmem_cache *cache, struct object_stock *stock, unsigned batches)
{
	struct stock_cellar *cellar = cellar_of(stock);
	uint32_t batch = cache_batch(cache);

	if (!cellar)
		return;
	for (; batches && stock->stored; batches--) {
		unsigned last = stock->stored - 1u;

		__atomic_store_n(&stock->stored, (uint8_t)last, __ATOMIC_RELAXED);
		partial_give(cache, &cellar->object[last * batch], batch);
	}
	if (stock->stored)
		return;
	cache_count_missed(cache, cellar->misses, cellar->fetched);
	__atomic_store_n(&stock->cellar, 0u, __ATOMIC_RELAXED);
	__free_pages(virt_to_page(cellar), page_order(virt_to_page(cellar)));
}

/* Make it the calling CPU's cellar. Return: false: that has one, or no stock, or is using it. */
static bool install(struct kmem_cache *cache, struct stock_cellar *cellar)
{
	struct object_stock *stock = stock_of(cache, cpu_pin());
	bool done = false;

	if (stock_begin(stock)) {
		if (!stock->cellar) {
			__atomic_store_n(&stock->cellar,
					 (uint32_t)page_to_pfn(virt_to_page(cellar)),
					 __ATOMIC_RELAXED);
			done = true;
		}
		stock_end(stock);
	}
	cpu_unpin();
	return done;
}

static bool is_missing(const struct kmem_cache *cache)
{
	const struct object_stock *stock = stock_of(cache, cpu_pin());
	bool missing = stock != STOCK_NONE && !stock->cellar;

	cpu_unpin();
	return missing;
}

void cellar_open(struct kmem_cache *cache, unsigned node)
{
	if (likely(__atomic_load_n(&cache->node[node].room, __ATOMIC_RELAXED) < CELLAR_ROOM) ||
	    !is_missing(cache))
		return;
	uint32_t limit = (uint32_t)min_u64(depot_share(cache), CELLAR_LIMIT);
	size_t pointers = (size_t)limit * cache_batch(cache) * sizeof(void *);
	unsigned order = get_order(sizeof(struct stock_cellar) + pointers);
	struct page *block = limit >= 2 ? alloc_pages(GFP_NOWAIT | __GFP_NOWARN, order) : NULL;

	if (!block)
		return;
	struct stock_cellar *cellar = page_address(block);

	*cellar = (struct stock_cellar){.limit = limit};
	if (!install(cache, cellar))
		__free_pages(block, order);
}
