/* SPDX-License-Identifier: MIT */
/*
 * cellar.h: a CPU's own store of full batches, between its stock and the depot.
 *
 * CPUs that exchange batches with their node's depot at the same time meet at its lock, and at the
 * lines of what the other one left there. A CPU whose bursts are seen to come again, by the room
 * that the depot has made, gets a cellar: an array of batches that belongs to its stock. It is used
 * by that CPU alone while the stock is marked: no lock, no line of another CPU's.
 *
 * Invariant (validator: slab_check)  stored <= cellar->limit; the first `stored` batches are free
 *                                    objects of the cache, taken from their slabs
 *
 * It ends, and its objects go home, with the stock: when it is emptied, or, some batches at a time,
 * when idle.c finds it idle.
 */
#ifndef QUARRY_MM_SLAB_CELLAR_H
#define QUARRY_MM_SLAB_CELLAR_H

#include "mm/slab/kmem_cache.h"

struct stock_cellar {
	uint32_t limit;		  /* batches */
	uint32_t misses, fetched; /* of the stock, not yet added to the cache's */
	void *object[];
};

static inline struct stock_cellar *cellar_of(const struct object_stock *stock)
{
	uint32_t frame = __atomic_load_n(&stock->cellar, __ATOMIC_RELAXED);

	return frame ? page_address(pfn_to_page(frame)) : NULL;
}

/* The marked stock had nothing for a request, and fetched so many. */
void cellar_count_miss(struct kmem_cache *cache, const struct object_stock *stock, size_t fetched)
	QUARRY_INT(cellar_count_miss);
/* Add to what the cache counts for all CPUs. */
void cache_count_missed(struct kmem_cache *cache, uint32_t misses, uint32_t fetched)
	QUARRY_INT(cache_count_missed);
/* Of the marked stock: leave a batch there. Return: false: no room. */
bool cellar_give(const struct kmem_cache *cache, struct object_stock *stock, void *const *object)
	QUARRY_INT(cellar_give);
/* Of the marked stock: get a batch. Return: how many objects: a batch, or 0. */
uint32_t cellar_take(const struct kmem_cache *cache, struct object_stock *stock, void **out)
	QUARRY_INT(cellar_take);
/* Of the marked stock: give some batches to their slabs, and the array back when none is left.
 * Context: any but NMI. */
#define CELLAR_ALL 255u
void cellar_empty(struct kmem_cache *cache, struct object_stock *stock, unsigned batches)
	QUARRY_INT(cellar_empty);
/* Give the calling CPU a cellar if it has none, the depot is seen to be wanted, and memory is at
 * hand. Context: any but NMI, not pinned. */
void cellar_open(struct kmem_cache *cache, unsigned node) QUARRY_INT(cellar_open);

#endif
