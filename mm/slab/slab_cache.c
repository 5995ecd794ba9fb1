/* SPDX-License-Identifier: MIT */
/*
 * slab_cache.c: setting a cache up, giving memory back, CPUs coming and going.
 *
 * Bootstrap. A cache is an object of cache_cache, a stock an object of a stock cache; those are
 * static and have no stocks themselves, so nothing here needs what it is about to make.
 *
 * Emptying the CPUs' stocks. Each CPU does it itself, in an interrupt (cpu_call_all). One that
 * was interrupted in the middle of its stock says so, and is asked again: a few instructions
 * later it is through.
 *
 * Locking  registry.lock, rank 1, is held while the list is walked: with it a cache stays alive.
 *          Whoever works on all caches takes it anew for each, and goes on by id: under one hold
 *          one stock is emptied, or a few slabs are unlisted. Node locks (4) are taken inside, and
 *          the page allocator's (5) where a stock's slabs become empty. No request for pages is
 *          made under it.
 * Start at cache_setup, slab_drain.
 */
#include "mm/slab/slab_cache.h"

#include "mm/base/log.h"
#include "mm/slab/depot.h"
#include "mm/slab/free_later.h"
#include "mm/slab/partial.h"
#include "mm/slab/rcu_slab.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_debug.h"

struct kmem_cache cache_cache QUARRY_STATE;
struct kmem_cache alias_cache QUARRY_STATE;

/* Rounds of asking a CPU that was interrupted in the middle of its stock. */
#define DRAIN_ROUNDS 64u

void cache_copy_name(char *to, const char *name)
{
	unsigned i = 0;

	for (; i < QUARRY_CACHE_NAME_MAX && name[i]; i++)
		to[i] = name[i];
	to[i] = '\0';
}

void cache_show_name(char *to, const char *name)
{
	cache_copy_name(to, name);
	for (; *to; to++)
		*to = (unsigned char)*to <= ' ' ? '_' : *to;
}

/* Choose the order in which slabs are handed out: one of 2048. */
static void set_order(struct kmem_cache *cache)
{
	/* Any number will do: two caches created at once may read the same one. */
	uint64_t seed = __atomic_load_n(&registry.last_id, __ATOMIC_RELAXED) + 1ull;
	uint64_t random = 0x9e3779b97f4a7c15ull * seed >> 32;

	if (QUARRY_HARDENING && mm_ops.random)
		random = mm_ops.random();
	cache->shift = random % 64;
	cache->stride = (random >> 6) % 64 | 1u;
	/* x * x == 1 (mod 8) for odd x; one step x(2 - x * x) doubles the number of right bits. */
	cache->stride_inverse =
		(uint8_t)(cache->stride * (2u - (unsigned)cache->stride * cache->stride) % 64);
}

static struct slab_shape shape_for(uint32_t size, slab_flags_t flags, unsigned order)
{
	return flags & QUARRY_SLAB_DEBUG_FLAGS
		       ? slab_shape_debugged(size, order, (flags & SLAB_RED_ZONE) != 0)
		       : slab_shape_of(size, order);
}

void cache_no_stocks(struct kmem_cache *cache)
{
	cache->stock_cap = 0;
	if (!cache->max_empty)
		cache->max_empty = 1;
}

void cache_setup(struct kmem_cache *cache, const char *name, uint32_t size, uint32_t align,
		 slab_flags_t flags, void (*ctor)(void *))
{
	__builtin_memset(cache, 0, sizeof(*cache));
	cpu_cache_none(cache);
	cache_copy_name(cache->name, name);
	cache->object_size = size;
	cache->object_room = size;
	cache->align = align;
	cache->size = (uint32_t)align_up(slab_debug_size(size, flags), align);
	cache->reciprocal = ((1ull << 40) + cache->size - 1) / cache->size;
	cache->shape[0] = shape_for(cache->size, flags, slab_preferred_order(cache->size));
	cache->shape[1] = shape_for(cache->size, flags, get_order(cache->size));
	cache->slab_mask = (PAGE_SIZE << cache->shape[0].order) - 1;
	cache->inverse = UINT64_MAX / cache->size + 1 + is_power_of_2(cache->size);
	cache->last_product = (cache->shape[0].slots - 1u) * (cache->size * cache->inverse);
	set_order(cache);
	cache->stock_cap = stock_cap_for(cache->size);
	cache->flags = flags;
	cache->ctor = ctor;
	slab_debug_settle(cache);
	if (!cache->stock_cap)
		cache_no_stocks(cache);
	if (flags & SLAB_TYPESAFE_BY_RCU)
		cache->max_empty = UINT32_MAX;
	if (flags & SLAB_RECLAIM_ACCOUNT)
		cache->page_gfp |= __GFP_RECLAIMABLE;
	if (flags & SLAB_CACHE_DMA)
		cache->page_gfp |= __GFP_DMA;
	else if (flags & SLAB_CACHE_DMA32)
		cache->page_gfp |= __GFP_DMA32;

	MM_ASSERT(cache->shape[0].objects >= 1 && cache->shape[1].objects >= 1);
	MM_ASSERT((unsigned)cache->stride * cache->stride_inverse % 64 == 1);
	cache->users = 1;
	cache_enlist(cache);
}

/* A cache of our own, which others are made of: it has no stocks. */
static void setup_builtin(struct kmem_cache *cache, const char *name, uint32_t size, uint32_t align)
{
	cache_setup(cache, name, size, align, 0, NULL);
	cache->builtin = true;
	cache_no_stocks(cache);
}

void registry_init(void)
{
	cache_list_init();
	rcu_slab_init();
	setup_builtin(&cache_cache, "kmem_cache", sizeof(struct kmem_cache), QUARRY_CACHE_LINE);
	setup_builtin(&alias_cache, "cache_alias", sizeof(struct cache_alias), 8);
	for (unsigned i = 0; i < STOCK_SIZES; i++) {
		char name[QUARRY_CACHE_NAME_MAX + 1];

		mm_format(name, sizeof(name), "stock-%u", stock_bytes(i));
		setup_builtin(&stock_caches[i], name, stock_bytes(i), stock_bytes(i) < 64 ? 8 : 64);
	}
}

/* ---- giving back ---- */

/* One cache: `only`, whom the caller keeps alive, or that with `id`, if there still is one. */
struct drain_request {
	struct kmem_cache *only;
	uint32_t id;
	unsigned busy;
};

/* Empty the stock of the CPU that this runs on. */
static void drain_here(void *arg)
{
	struct drain_request *request = arg;
	unsigned cpu = (unsigned)cpu_pin();
	bool done = true;

	if (request->only) {
		done = cpu_cache_drain(request->only, cpu);
	} else {
		unsigned long irq = mm_lock(&registry.lock);
		struct kmem_cache *cache = cache_after(request->id - 1);

		if (cache && cache->id == request->id)
			done = cpu_cache_drain(cache, cpu);
		mm_unlock(&registry.lock, irq);
	}
	cpu_unpin();
	if (!done)
		__atomic_fetch_add(&request->busy, 1u, __ATOMIC_RELAXED);
}

static void drain_everywhere(struct drain_request *request)
{
	if (cpu_context()) {
		drain_here(request);
		return;
	}
	for (unsigned round = 0; round < DRAIN_ROUNDS; round++) {
		__atomic_store_n(&request->busy, 0u, __ATOMIC_RELAXED);
		cpu_call_all(drain_here, request);
		if (!__atomic_load_n(&request->busy, __ATOMIC_RELAXED))
			break;
		arch_relax();
	}
}

void cache_drain(struct kmem_cache *cache)
{
	struct drain_request request = {.only = cache};

	free_later_step();
	drain_everywhere(&request);
	depot_drain(cache);
}

/* Give the pages of unlisted slabs back: those of a type-stable cache when readers are done. */
static void release(slab_flags_t flags, uint32_t chain)
{
	if ((flags & SLAB_TYPESAFE_BY_RCU) && rcu_slab_on())
		rcu_slab_release(chain, flags & SLAB_RECLAIM_ACCOUNT);
	else
		partial_release(chain);
}

/* Type-stable memory stays until the cache ends, if nobody can say when readers are done. */
static bool may_shrink(const struct kmem_cache *cache)
{
	return !(cache->flags & SLAB_TYPESAFE_BY_RCU) || rcu_slab_on();
}

unsigned long cache_shrink(struct kmem_cache *cache)
{
	for (;;) {
		uint32_t chain = 0;
		unsigned long left = partial_detach(cache, &chain);

		if (!chain)
			return left;
		release(cache->flags, chain);
	}
}

/* Next cache that has objects in stocks; its id, or 0 at the end. */
static uint32_t next_with_stocks(uint32_t id)
{
	unsigned long irq;

	for (struct kmem_cache *cache; (cache = cache_lock_next(&id, &irq)) != NULL;) {
		bool found = cpu_cache_count(cache) != 0;

		mm_unlock(&registry.lock, irq);
		if (found)
			return id;
	}
	return 0;
}

void slab_drain(void)
{
	struct drain_request request = {0};
	uint32_t id = 0;
	unsigned long irq;

	free_later_step();
	while ((request.id = next_with_stocks(request.id)) != 0)
		drain_everywhere(&request);
	for (struct kmem_cache *cache; (cache = cache_lock_next(&id, &irq)) != NULL;) {
		slab_flags_t flags = cache->flags;
		uint32_t chain = 0;

		depot_drain(cache);
		if (may_shrink(cache))
			partial_detach(cache, &chain);
		if (chain)
			id--; /* there may be more */
		mm_unlock(&registry.lock, irq);
		release(flags, chain);
	}
}

int kmem_cache_shrink(struct kmem_cache *cache)
{
	if (!cache) {
		mm_report(BAD_ARGUMENT, "kmem_cache_shrink", NULL, 0, 0);
		return 0;
	}
	if (__atomic_load_n(&cache->stocked, __ATOMIC_RELAXED))
		cache_drain(cache);
	return !may_shrink(cache) || cache_shrink(cache) != 0;
}

/* ---- CPUs ---- */

/* First cache above *id whose CPUs have stocks but `cpu` has none; its capacity, or 0 at the
 * end. */
static uint32_t next_without_stock(uint32_t *id, unsigned cpu)
{
	unsigned long irq = mm_lock(&registry.lock);
	uint32_t cap = 0;

	for (struct kmem_cache *cache = cache_after(*id); cache; cache = cache_next(cache)) {
		if (!cache->stocked || stock_of(cache, cpu) != STOCK_NONE)
			continue;
		*id = cache->id;
		cap = cache->stock_cap;
		break;
	}
	mm_unlock(&registry.lock, irq);
	return cap;
}

void slab_cpu_online(unsigned cpu)
{
	uint32_t id = 0, cap;

	/* Memory for a stock is asked for with no lock held; the cache may have gone when it is
	 * there. */
	while ((cap = next_without_stock(&id, cpu)) != 0) {
		struct object_stock *stock = stock_new(cap);

		if (!stock)
			return;
		unsigned long irq = mm_lock(&registry.lock);
		struct kmem_cache *cache = cache_after(id - 1);

		if (cache && cache->id == id)
			stock_install(cache, cpu, stock);
		else
			stock_free(stock);
		mm_unlock(&registry.lock, irq);
	}
}

void slab_cpu_offline(unsigned cpu)
{
	uint32_t id = 0;
	unsigned long irq;

	for (struct kmem_cache *cache; (cache = cache_lock_next(&id, &irq)) != NULL;) {
		cpu_cache_stop(cache, cpu);
		mm_unlock(&registry.lock, irq);
	}
}

unsigned long slab_pages(bool reclaimable)
{
	unsigned long irq = mm_lock(&registry.lock);
	unsigned long pages = 0;

	for (struct kmem_cache *cache = cache_after(0); cache; cache = cache_next(cache)) {
		if (((cache->flags & SLAB_RECLAIM_ACCOUNT) != 0) != reclaimable)
			continue;
		for (unsigned i = 0; i < QUARRY_MAX_NODES; i++) {
			unsigned long node_irq = mm_lock(&cache->node[i].lock);

			pages += cache->node[i].pages;
			mm_unlock(&cache->node[i].lock, node_irq);
		}
	}
	mm_unlock(&registry.lock, irq);
	return pages + rcu_slab_pages(reclaimable);
}
