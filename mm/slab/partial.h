/* SPDX-License-Identifier: MIT */
/*
 * partial.h: a cache's slabs on each node, and moving objects between them and arrays of pointers.
 *
 * Context, where none is said: any but NMI. They take the node's lock.
 */
#ifndef QUARRY_MM_SLAB_PARTIAL_H
#define QUARRY_MM_SLAB_PARTIAL_H

#include "mm/slab/kmem_cache.h"

/* Take at most `most` free objects of the slabs on `node`. Return: how many. */
unsigned partial_take(struct kmem_cache *cache, unsigned node, void **out, unsigned most)
	QUARRY_INT(partial_take);
/* Take one from any node. Return: an object or NULL. */
void *partial_take_anywhere(struct kmem_cache *cache) QUARRY_INT(partial_take_anywhere);
/* Add a slab of new pages and take one object of it. May sleep if the mask allows. Return: an
 * object or NULL. */
void *partial_grow(struct kmem_cache *cache, gfp_t gfp, int node) QUARRY_INT(partial_grow);
/* Give objects back to their slabs; what is not a taken object of the cache is reported and left
 * alone. */
void partial_give(struct kmem_cache *cache, void *const *object, unsigned n)
	QUARRY_INT(partial_give);
/* Take one object, of slabs on `node`, a new one, or slabs on other nodes, without waiting for a
 * lock. Context: any. Return: an object; NULL: not now. */
void *partial_try_take(struct kmem_cache *cache, unsigned node) QUARRY_INT(partial_try_take);
/* Give one object of the cache back without waiting. Context: any. Return: false: not now. */
bool partial_try_give(struct kmem_cache *cache, void *object) QUARRY_INT(partial_try_give);
/* Unlist some empty slabs and chain them to `chain` for partial_release(); none are left if it
 * stays as it was. Return: slabs that remain. */
unsigned long partial_detach(struct kmem_cache *cache, uint32_t *chain) QUARRY_INT(partial_detach);
/* Give the pages of unlisted slabs back. No lock held. */
void partial_release(uint32_t chain) QUARRY_INT(partial_release);
/* Objects taken from the slabs of all nodes. */
unsigned long partial_taken(struct kmem_cache *cache) QUARRY_INT(partial_taken);

#endif
