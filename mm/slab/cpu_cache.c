/* SPDX-License-Identifier: MIT */
/*
 * cpu_cache.c: filling, emptying, making and ending the CPUs' stocks. Exclusion: cpu_cache.h.
 *
 * Sizes. A stock is one object of 64 to 960 bytes, and 64 more at hardening 1: a head of 16 bytes,
 * the table of places, cap pointers and a STOCK_END: for objects up to 128 bytes 117, so that four
 * stocks fill a page, to 256 bytes 69, which holds a bulk of 64, to 1 KiB 29, to 4 KiB 13, to
 * 32 KiB 5; larger ones have no stocks. Half of it moves at a time, the older half when it is
 * emptied: what was freed last is warm. From slabs a refill takes one object more than twice what
 * the last one might, up to that half, and one after idle.c looked: a cache that is seldom used
 * keeps little.
 *
 * Stocks are made when a cache is first used, for all CPUs at once, because a free must not
 * allocate. They end with the cache or with the CPU, never from an interrupt: its CPU may be
 * about to read one.
 *
 * Start at cpu_cache_refill, cpu_cache_put.
 */
#include "mm/slab/cpu_cache.h"

#include "mm/base/log.h"
#include "mm/phys/zone.h"
#include "mm/slab/cellar.h"
#include "mm/slab/depot.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab_page.h"
#include "mm/slab/slab_wipe.h"

struct kmem_cache stock_caches[STOCK_SIZES] QUARRY_STATE;

/* Batches of a cellar that cpu_cache_age() gives back at once. */
#define AGE_BATCHES 4u

static uint32_t cap_of_bytes(uint32_t bytes)
{
	return (uint32_t)((bytes - sizeof(struct object_stock)) / sizeof(void *)) - 1;
}

uint32_t stock_cap_for(uint32_t size)
{
	if (size > 32768)
		return 0;
	unsigned i = (size <= 128 ? 1u : 0) + (size <= 256) + (size <= 1024) + (size <= 4096);

	return cap_of_bytes(stock_bytes(i));
}

static struct kmem_cache *cache_of_stock(uint32_t cap)
{
	unsigned i = 0;

	while (cap_of_bytes(stock_bytes(i)) < cap)
		i++;
	return &stock_caches[i];
}

struct object_stock *stock_new(uint32_t cap)
{
	MM_ASSERT(cap >= 1 && cap < 255);
	struct kmem_cache *from = cache_of_stock(cap);
	struct object_stock *stock = partial_take_anywhere(from);

	if (!stock)
		stock = partial_grow(from, GFP_NOWAIT, NUMA_NO_NODE);
	if (!stock)
		return NULL;
	MM_ASSERT(!stock_is_apart(stock));
	object_unpoison(from, stock);
	stock->mark = 0;
	stock->apart = STOCK_BUSY;
	stock->pace = 1;
	stock->cap = (uint8_t)cap;
	stock->stored = 0;
	stock->cellar = 0;
	stock_close(stock, 0);
#if QUARRY_HARDENING >= 1
	__builtin_memset(stock->place, 0, sizeof(stock->place));
#endif
	return stock;
}

void stock_free(struct object_stock *stock)
{
	struct kmem_cache *from = cache_of_stock(stock->cap);
	void *object = stock;

	object_poison(from, object);
	partial_give(from, &object, 1);
}

void stock_install(struct kmem_cache *cache, unsigned cpu, struct object_stock *stock)
{
	struct object_stock *none = STOCK_NONE, *pointer = stock;

	if (cache_is_closed(cache))
		pointer = stock_set_apart(stock);
	if (!__atomic_compare_exchange_n(&cache->stock[cpu], &none, pointer, false,
					 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		stock_free(stock);
}

void cpu_cache_none(struct kmem_cache *cache)
{
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
		cache->stock[cpu] = STOCK_NONE;
}

void cpu_cache_start(struct kmem_cache *cache)
{
	__atomic_store_n(&cache->stocked, true, __ATOMIC_RELAXED);
	for_each_online_cpu (cpu) {
		if (stock_of(cache, cpu) != STOCK_NONE)
			continue;
		struct object_stock *stock = stock_new(cache->stock_cap);

		if (!stock)
			return; /* the CPUs use the shared side until the next try */
		stock_install(cache, cpu, stock);
	}
}

void cpu_cache_stop(struct kmem_cache *cache, unsigned cpu)
{
	struct object_stock *stock = stock_of(cache, cpu);

	if (stock == STOCK_NONE)
		return;
	__atomic_store_n(&cache->stock[cpu], STOCK_NONE, __ATOMIC_RELAXED);
	partial_give(cache, stock->object, (unsigned)stock->n);
	cellar_empty(cache, stock, CELLAR_ALL);
	MM_ASSERT(!stock->mark);
	stock_free(stock);
}

/* Give the `count` oldest objects back; the stock is marked. */
static void give_oldest(struct kmem_cache *cache, struct object_stock *stock, size_t count)
{
	size_t left = stock_count(stock) - count;

	MM_ASSERT(stock->mark == STOCK_BUSY && count <= stock_count(stock));
	MM_ASSERT(stock_count(stock) <= stock->cap);
	partial_give(cache, stock->object, (unsigned)count);
	for (size_t i = 0; i < left; i++)
		stock_put(stock, i, stock->object[i + count]);
	stock_close(stock, left);
}

/* Make room for a batch in the marked stock: the newest go to the depot, if it takes them, so that
 * nothing moves here. Return: objects left. */
static size_t give_batch(struct kmem_cache *cache, struct object_stock *stock)
{
	size_t left = stock_count(stock) - cache_batch(cache);
	unsigned node = node_or_local(NUMA_NO_NODE);

	stock->pace = stock->pace ? stock->pace : 1;
	if (!cellar_give(cache, stock, &stock->object[left]) &&
	    !depot_give(cache, node, &stock->object[left])) {
		give_oldest(cache, stock, cache_batch(cache));
		/* The slots above are free for a batch that the depot should not have. */
		partial_give(cache, &stock->object[left],
			     depot_take_excess(cache, node, &stock->object[left]));
	}
	stock_close(stock, left);
	return left;
}

/* The marked stock came by here: end its records if they are not good, before new ones. */
static void join(struct kmem_cache *cache, unsigned cpu, struct object_stock *stock)
{
	if (likely(!stock_is_apart(stock_fast(cache, cpu))) || cache_is_closed(cache))
		return;
	/* In this order: what is given up from now on sets it apart again. */
	__atomic_store_n(&cache->stock[cpu], stock, __ATOMIC_SEQ_CST);
	stock_close(stock, stock_count(stock));
}

/* Take a batch from the node's depot or slabs into the marked, empty stock. Return: how many. */
static size_t fill(struct kmem_cache *cache, unsigned node, struct object_stock *stock)
{
	uint32_t pace = stock->pace * 2u + 1, batch = cache_batch(cache);
	size_t n = cellar_take(cache, stock, stock->object);

	if (!n)
		n = depot_take(cache, node, stock->object);

	stock->pace = (uint8_t)(pace < batch ? pace : batch);
	if (!n)
		n = partial_take(cache, node, stock->object, stock->pace);

	MM_ASSERT(stock->mark == STOCK_BUSY && n <= cache_batch(cache));
	MM_ASSERT_SLOW(slab_has_all(cache, stock->object, n));
	stock_close(stock, n);
	return n;
}

void *cpu_cache_refill(struct kmem_cache *cache, unsigned cpu, unsigned node)
{
	struct object_stock *stock = stock_of(cache, cpu);
	void *object = NULL;

	if (!stock_begin(stock)) {
		partial_take(cache, node, &object, 1);
		cache_count_missed(cache, 1, 1);
		return object;
	}
	join(cache, cpu, stock);
	size_t n = stock_count(stock);

	/* The caller may have come from another CPU since it found a stock empty: this one may
	 * have objects. */
	if (!n) {
		n = fill(cache, node, stock);
		cellar_count_miss(cache, stock, n ? n : 1); /* a new slab's first object */
	}
	if (n) {
		object = stock->object[n - 1];
		stock_set_count(stock, n - 1);
	}
	stock_end(stock);
	return object;
}

/* Put `object` on the marked stock, making room first. */
static void put_making_room(struct kmem_cache *cache, struct object_stock *stock, void *object)
{
	size_t n = stock_count(stock);

	MM_ASSERT(stock->mark == STOCK_BUSY && n <= stock->cap);
	if (stock->object[n] != object && stock_holds(stock, n, object)) {
		mm_report(OBJECT_TWICE, "kfree", object, cache->name, 0);
		return;
	}
	if (n == stock->cap)
		n = give_batch(cache, stock);
	stock_put(stock, n, object);
	stock_close(stock, n + 1);
}

void cpu_cache_put(struct kmem_cache *cache, unsigned cpu, void *object)
{
	struct object_stock *stock = stock_of(cache, cpu);

	if (stock_begin(stock)) {
		join(cache, cpu, stock);
		put_making_room(cache, stock, object);
		stock_end(stock);
	} else {
		partial_give(cache, &object, 1);
	}
}

void cpu_cache_age(struct kmem_cache *cache, unsigned cpu)
{
	struct object_stock *stock = stock_of(cache, cpu);

	if (!stock_begin(stock))
		return;
	size_t n = stock_count(stock);

	if (!stock->pace) {
		if (n)
			give_oldest(cache, stock, n);
		cellar_empty(cache, stock, AGE_BATCHES);
	}
	stock->pace = 0;
	stock_end(stock);
}

unsigned cpu_cache_pop_many(struct kmem_cache *cache, unsigned cpu, void **out, unsigned n)
{
	struct object_stock *stock = stock_of(cache, cpu);

	if (!stock_begin(stock))
		return 0;
	uint32_t have = (uint32_t)stock_count(stock);

	if (n > have)
		n = have;
	/* In the order of the slots, so that a free of all of them finds them recorded so. */
	__builtin_memcpy(out, &stock->object[have - n], n * sizeof(*out));
	stock_end_with(stock, have - n);
	return n;
}

unsigned cpu_cache_push_back(struct kmem_cache *cache, unsigned cpu, void *const *object,
			     unsigned n)
{
	struct object_stock *stock = stock_of(cache, cpu);
	unsigned done = 0;

	if (!stock_begin(stock))
		return 0;
	size_t have = stock_count(stock);

	if (likely(!stock_is_apart(stock_fast(cache, cpu)))) {
		void *const *record = &stock->object[have];

		/* The record after the last is an end, which is no object. */
		for (; done < n && record[done] == object[done]; done++) {
			object_poison(cache, object[done]);
			stock_set_place(stock, have + done, object[done]);
		}
	}
	stock_end_with(stock, have + done);
	return done;
}

void cpu_cache_push_many(struct kmem_cache *cache, unsigned cpu, void *const *object, unsigned n)
{
	struct object_stock *stock = stock_of(cache, cpu);
	unsigned kept = 0;

	if (stock_begin(stock)) {
		uint32_t have = (uint32_t)stock_count(stock);

		if (have + n > stock->cap && have > cache_batch(cache))
			have = (uint32_t)give_batch(cache, stock);
		for (; kept < n && have < stock->cap; kept++) {
			stock_end_records(stock, have); /* no slot records what is looked for */
			if (unlikely(stock_holds(stock, have, object[kept])))
				mm_report(OBJECT_TWICE, "kmem_cache_free_bulk", object[kept],
					  cache->name, 0);
			else
				stock_put(stock, have++, object[kept]);
		}
		stock_end_records(stock, have);
		stock_end_with(stock, have);
	}
	if (kept < n)
		partial_give(cache, object + kept, n - kept);
}

bool cpu_cache_drain(struct kmem_cache *cache, unsigned cpu)
{
	struct object_stock *stock = stock_of(cache, cpu);

	if (stock == STOCK_NONE)
		return true;
	if (!stock_begin(stock))
		return false;
	give_oldest(cache, stock, stock_count(stock));
	cellar_empty(cache, stock, CELLAR_ALL);
	stock_end(stock);
	return true;
}

unsigned long cpu_cache_count(const struct kmem_cache *cache)
{
	unsigned long n = 0;

	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
		const struct object_stock *stock = stock_of(cache, cpu);

		n += stock_count(stock);
		n += __atomic_load_n(&stock->stored, __ATOMIC_RELAXED) * cache_batch(cache);
	}
	return n;
}
