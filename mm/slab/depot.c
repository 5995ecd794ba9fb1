/* SPDX-License-Identifier: MIT */
/*
 * depot.c: giving and taking batches, opening and draining a depot. Terms: depot.h.
 *
 * Room   what callers were seen to want: it grows by a batch for each that is missed and was
 *        spilled before, and shrinks by what lay at the bottom untouched since the last spill,
 *        or since idle.c looked. So a burst that comes again finds its objects, one that was the
 *        last does not keep memory.
 * Limit  at most DEPOT_BYTES of objects, and 1/DEPOT_SHARE of memory, for a cache on a node; at
 *        most DEPOT_POINTERS objects for each CPU, DEPOT_CPUS at most. Fewer than two batches: no
 *        depot. (Two CPUs with bursts of 1000 objects took twice as long with room for one burst.)
 * Cost   a batch is one lock and a copy: two instructions an object, where a slab costs about 50.
 */
#include "mm/slab/depot.h"

#include "mm/base/bits.h"
#include "mm/phys/zone.h"
#include "mm/slab/partial.h"

/* A burst of 1000 objects of up to 4 KiB, if memory is 2 GiB. */
#define DEPOT_BYTES (4ul << 20)
#define DEPOT_SHARE 512u
#define DEPOT_POINTERS (2 * PAGE_SIZE / sizeof(void *))
#define DEPOT_CPUS 8u
/* Largest batch: half of the largest stock (cpu_cache.c). */
#define BATCH_MAX 64u
/* Batches that depot_age() gives back at once. */
#define AGE_BATCHES 4u
/* Value of `low` that no batch was taken since. */
#define UNTOUCHED 255u
/* Batches that a new depot has room for. */
#define ROOM_FIRST 2u

/* Batches for `cpus` of all CPUs. */
static uint32_t limit_for(const struct kmem_cache *cache, unsigned cpus, unsigned all)
{
	uint64_t memory = 0;

	for_every_populated_zone (zone)
		memory += (uint64_t)zone_managed(zone) << PAGE_SHIFT;
	uint64_t bytes = min_u64(memory / DEPOT_SHARE, DEPOT_BYTES) * cpus / all;

	return (uint32_t)(min_u64(bytes / cache->size, cpus * DEPOT_POINTERS) / cache_batch(cache));
}

static unsigned count_cpus(void)
{
	unsigned cpus = 0;

	for_each_online_cpu (cpu)
		cpus++;
	return cpus ? cpus : 1;
}

static uint32_t depot_limit(const struct kmem_cache *cache)
{
	unsigned cpus = (unsigned)min_u64(count_cpus(), DEPOT_CPUS);
	uint32_t limit = limit_for(cache, cpus, cpus);

	return limit < 2 ? 0 : limit;
}

uint32_t depot_share(const struct kmem_cache *cache)
{
	return limit_for(cache, 1, count_cpus());
}

/* One batch more or less. Return: where that batch is. Readers may look on without the lock. */
static void **depot_shift(struct slab_node *node, uint32_t batch, int step)
{
	unsigned before = node->batches, after = before + (unsigned)step;

	__atomic_store_n(&node->batches, (uint16_t)after, __ATOMIC_RELAXED);
	return node->depot + batch * (step > 0 ? before : after);
}

/* Locked; cellar_open() reads it without. */
static void set_room(struct slab_node *node, uint64_t room)
{
	__atomic_store_n(&node->room, (uint16_t)room, __ATOMIC_RELAXED);
}

static uint8_t at_most_255(unsigned n)
{
	return (uint8_t)(n < 255 ? n : 255);
}

/* `spilled` is a hint that whoever opens a depot clears without the lock: a count may get lost. */

/* What lay at the bottom all the time since this was asked last, nobody wanted: have less room, but
 * for `least` batches. */
static void shrink_room(struct slab_node *node, uint32_t least)
{
	uint32_t idle = (uint32_t)min_u64(node->low, node->batches);

	if (node->room >= least)
		set_room(node, max_u64(node->room - min_u64(idle, node->room), least));
	node->low = at_most_255(node->batches < node->room ? node->batches : node->room);
}

/* A batch goes to the slabs for want of room. */
static void count_spilled(struct slab_node *node)
{
	unsigned spilled = __atomic_load_n(&node->spilled, __ATOMIC_RELAXED);

	__atomic_store_n(&node->spilled, at_most_255(spilled + 1), __ATOMIC_RELAXED);
}

/* A batch is missed. If one was spilled, then with more room it were here. */
static void miss(struct slab_node *node)
{
	unsigned spilled = __atomic_load_n(&node->spilled, __ATOMIC_RELAXED);

	if (!spilled || !node->depot)
		return;
	set_room(node, node->room + (uint64_t)(node->room < node->limit));
	__atomic_store_n(&node->spilled, (uint8_t)(spilled - 1), __ATOMIC_RELAXED);
}

bool depot_give(struct kmem_cache *cache, unsigned nid, void *const *object)
{
	struct slab_node *node = &cache->node[nid];
	uint32_t batch = cache_batch(cache);
	unsigned long irq = mm_lock(&node->lock);
	bool room = node->batches < node->room;

	if (room) {
		__builtin_memcpy(depot_shift(node, batch, 1), object, batch * sizeof(*object));
	} else {
		shrink_room(node, 1);
		count_spilled(node);
	}
	mm_unlock(&node->lock, irq);
	return room;
}

uint32_t depot_take(struct kmem_cache *cache, unsigned nid, void **out)
{
	struct slab_node *node = &cache->node[nid];
	uint32_t batch = cache_batch(cache);
	unsigned long irq = mm_lock(&node->lock);
	bool any = node->batches;

	if (any) {
		__builtin_memcpy(out, depot_shift(node, batch, -1), batch * sizeof(*out));
		node->low = node->batches < node->low ? (uint8_t)node->batches : node->low;
	} else {
		miss(node);
	}
	mm_unlock(&node->lock, irq);
	return any ? batch : 0;
}

uint32_t depot_take_excess(struct kmem_cache *cache, unsigned nid, void **out)
{
	struct slab_node *node = &cache->node[nid];
	uint32_t batch = cache_batch(cache);
	unsigned long irq = mm_lock(&node->lock);
	bool any = node->batches > node->room;

	if (any) {
		__builtin_memcpy(out, depot_shift(node, batch, -1), batch * sizeof(*out));
		count_spilled(node);
	}
	mm_unlock(&node->lock, irq);
	return any ? batch : 0;
}

/* A block of pointers for *limit batches, or for as many of them as there is one for. Return: NULL:
 * not even for two. */
static struct page *new_array(const struct kmem_cache *cache, uint32_t *limit)
{
	for (; *limit >= 2; *limit /= 2) {
		size_t bytes = (size_t)*limit * cache_batch(cache) * sizeof(void *);
		struct page *block = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, get_order(bytes));

		if (block)
			return block;
	}
	return NULL;
}

void depot_open(struct kmem_cache *cache, unsigned nid)
{
	struct slab_node *node = &cache->node[nid];

	if (likely(!__atomic_load_n(&node->spilled, __ATOMIC_RELAXED)) ||
	    __atomic_load_n(&node->depot, __ATOMIC_RELAXED))
		return;
	/* Not tried again before the next spill; and room is for what comes again twice. */
	__atomic_store_n(&node->spilled, 0, __ATOMIC_RELAXED);

	uint32_t limit = depot_limit(cache);
	struct page *block = new_array(cache, &limit);

	if (!block)
		return;
	unsigned long irq = mm_lock(&node->lock);
	bool mine = !node->depot;

	if (mine) {
		__atomic_store_n(&node->depot, page_address(block), __ATOMIC_RELAXED);
		node->limit = (uint16_t)limit;
		set_room(node, ROOM_FIRST);
		node->low = 0;
	}
	mm_unlock(&node->lock, irq);
	if (!mine)
		__free_pages(block, page_order(block));
}

/* Close an empty depot. Return: false: it is not empty. */
static bool close(struct slab_node *node)
{
	unsigned long irq = mm_lock(&node->lock);
	void **depot = node->depot;
	bool empty = !node->batches;

	if (empty) {
		__atomic_store_n(&node->depot, NULL, __ATOMIC_RELAXED);
		set_room(node, 0);
		node->limit = 0;
		node->low = 0;
	}
	mm_unlock(&node->lock, irq);
	if (empty && depot)
		__free_pages(virt_to_page(depot), page_order(virt_to_page(depot)));
	return empty;
}

void depot_age(struct kmem_cache *cache, unsigned nid)
{
	struct slab_node *node = &cache->node[nid];
	void *object[BATCH_MAX];

	/* What was spilled so long ago says nothing about what comes again. */
	__atomic_store_n(&node->spilled, 0, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&node->depot, __ATOMIC_RELAXED))
		return;
	unsigned long irq = mm_lock(&node->lock);

	bool wanted = node->batches || node->low != UNTOUCHED;

	shrink_room(node, 0);
	if (!node->batches)
		node->low = UNTOUCHED;
	mm_unlock(&node->lock, irq);
	for (unsigned i = 0; i < AGE_BATCHES; i++)
		partial_give(cache, object, depot_take_excess(cache, nid, object));
	if (!wanted)
		close(node);
}

void depot_drain(struct kmem_cache *cache)
{
	void *object[BATCH_MAX];

	MM_ASSERT(cache_batch(cache) <= BATCH_MAX);
	for (unsigned nid = 0; nid < QUARRY_MAX_NODES; nid++)
		do {
			partial_give(cache, object, depot_take(cache, nid, object));
		} while (!close(&cache->node[nid]));
}

void *depot_take_anywhere(struct kmem_cache *cache)
{
	void *object[BATCH_MAX];
	uint32_t n = 0;

	for (unsigned nid = 0; nid < nodes.count && !n; nid++)
		if (__atomic_load_n(&cache->node[nid].batches, __ATOMIC_RELAXED))
			n = depot_take(cache, nid, object);
	if (!n)
		return NULL;
	partial_give(cache, object, n - 1);
	return object[n - 1];
}

unsigned long depot_count(struct kmem_cache *cache)
{
	unsigned long batches = 0;

	for (unsigned nid = 0; nid < QUARRY_MAX_NODES; nid++)
		batches += __atomic_load_n(&cache->node[nid].batches, __ATOMIC_RELAXED);
	return batches * cache_batch(cache);
}
