/* SPDX-License-Identifier: MIT */
/*
 * depot.h: a node's store of full batches, between the CPUs' stocks and the slabs.
 *
 * What a stock has too much of goes to the depot as it is, a batch of pointers under one lock, and
 * the next stock of the node that is empty gets it: no slab is touched. Only what the depot has no
 * room for goes back to its slabs one by one.
 *
 * Terms
 *   batch    half a stock: cache_batch() objects
 *   depot    an array of batches, the newest last, in pages of its own
 *   room     batches that it takes at present; limit: that the array holds
 *   spilled  batches for which there was no room and that nobody has missed yet
 *   low      least number of batches since the last spill
 *
 * Invariants (validator: slab_check)
 *   D1  batches, room <= limit;  limit == 0 if there is no array
 *   D2  depot[0 .. batches * cache_batch) are free objects of the cache, taken from their slabs
 *
 * A depot is opened by an allocation that misses a batch after a free has spilled one, because a
 * free must not allocate, and ends when the cache is drained.
 *
 * Locking  the node's lock, as for the slabs.
 */
#ifndef QUARRY_MM_SLAB_DEPOT_H
#define QUARRY_MM_SLAB_DEPOT_H

#include "mm/slab/kmem_cache.h"

/* Objects that move at once between a stock and what is behind it. */
static inline uint32_t cache_batch(const struct kmem_cache *cache)
{
	return (cache->stock_cap + 1) / 2;
}

/* Batches of which one CPU may keep so many. */
uint32_t depot_share(const struct kmem_cache *cache) QUARRY_INT(depot_share);
/* Leave object[0 .. cache_batch) here. Context: any but NMI. Return: false: no room. */
bool depot_give(struct kmem_cache *cache, unsigned node, void *const *object)
	QUARRY_INT(depot_give);
/* Get a batch. Context: any but NMI. Return: how many objects: cache_batch, or 0. */
uint32_t depot_take(struct kmem_cache *cache, unsigned node, void **out) QUARRY_INT(depot_take);
/* The same, if there is more than there should be. */
uint32_t depot_take_excess(struct kmem_cache *cache, unsigned node, void **out)
	QUARRY_INT(depot_take_excess);
/* One object of any node's depot; the rest of its batch goes to the slabs. Context: any but NMI.
 * Return: NULL: there is none. */
void *depot_take_anywhere(struct kmem_cache *cache) QUARRY_INT(depot_take_anywhere);
/* Give what lay untouched since the last such call or spill back; close what is not needed.
 * Context: any but NMI. */
void depot_age(struct kmem_cache *cache, unsigned node) QUARRY_INT(depot_age);
/* Make a depot if one was missed and memory is at hand. Context: any but NMI, not pinned. */
void depot_open(struct kmem_cache *cache, unsigned node) QUARRY_INT(depot_open);
/* Give all objects to their slabs, and the arrays back. Context: any but NMI. */
void depot_drain(struct kmem_cache *cache) QUARRY_INT(depot_drain);
/* Objects in the depots of all nodes. */
unsigned long depot_count(struct kmem_cache *cache) QUARRY_INT(depot_count);

#endif
