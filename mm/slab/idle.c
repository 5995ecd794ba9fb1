/* SPDX-License-Identifier: MIT */
/*
 * idle.c: free objects that nobody used for a while go back to their slabs.
 *
 * Stocks and depots keep what was freed, because it is mostly wanted again. What is not holds
 * memory, a page or more for each object in the worst case. Time is measured in work: a cache that
 * has moved IDLE_OBJECTS objects to or from its slabs looks at IDLE_CACHES caches, the next in turn
 * that keep any. There goes back
 *
 *   of this CPU's stock    all, if it was neither refilled nor made room in since the last look
 *   of this node's depot   what lay at the bottom all the time since (depot_age)
 *
 * So what one cache does not use is given back while others work, and a depot as large as a burst
 * stays while bursts come faster than its turn. While stocks and depots are enough for all, no slab
 * is touched and nobody looks: the paths that stay in them pay nothing.
 *
 * Locking  registry.lock, if nobody has it: else there is no look. Under it the locks of one node
 *          and of zones, for a few batches.
 * Cost     about 150 instructions for IDLE_OBJECTS objects, and what goes back. Where few caches
 *          keep something, a look mostly ends at once, as a round takes IDLE_ROUND of them.
 */
#include "mm/slab/idle.h"

#include "mm/phys/zone.h"
#include "mm/slab/cpu_cache.h"
#include "mm/slab/depot.h"
#include "mm/slab/slab_cache.h"

/* Caches that a look comes by at most, for those that keep something. */
#define IDLE_PASS 16u
/* Caches that are looked at under one lock. */
#define IDLE_CACHES 2u
/* Looks that a round takes at least, however few caches keep something. */
#define IDLE_ROUND 20u

static bool keeps_any(struct kmem_cache *cache, unsigned cpu, unsigned node)
{
	const struct object_stock *stock = stock_of(cache, cpu);

	return stock_count(stock) || stock->cellar ||
	       __atomic_load_n(&cache->node[node].depot, __ATOMIC_RELAXED);
}

/* The next cache to look at. Under registry.lock. Return: NULL: there is none now. */
static struct kmem_cache *next_idle(unsigned cpu, unsigned node, unsigned *passes)
{
	while (*passes) {
		--*passes;
		struct kmem_cache *cache = cache_turn_hand(registry.looks >= IDLE_ROUND);

		if (!cache) {
			registry.looks = registry.looks >= IDLE_ROUND ? 0 : registry.looks;
			return NULL;
		}
		if (keeps_any(cache, cpu, node))
			return cache;
	}
	return NULL;
}

void idle_look(struct kmem_cache *worker)
{
	unsigned cpu = (unsigned)cpu_pin(), node = node_or_local(NUMA_NO_NODE);
	unsigned long irq = arch_irq_save();

	__atomic_store_n(&worker->moved, 0, __ATOMIC_RELAXED);
	if (mm_trylock(&registry.lock)) {
		unsigned passes = IDLE_PASS;

		registry.looks++;
		for (unsigned i = 0; i < IDLE_CACHES; i++) {
			struct kmem_cache *cache = next_idle(cpu, node, &passes);

			if (!cache)
				break;
			if (cache == worker)
				continue;
			cpu_cache_age(cache, cpu);
			depot_age(cache, node);
		}
		mm_unlock_raw(&registry.lock);
	}
	arch_irq_restore(irq);
	cpu_unpin();
}
