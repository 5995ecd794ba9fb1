/* SPDX-License-Identifier: MIT */
/* idle.h: free objects that nobody used for a while go back to their slabs. */
#ifndef QUARRY_MM_SLAB_IDLE_H
#define QUARRY_MM_SLAB_IDLE_H

#include "mm/slab/kmem_cache.h"

/* Objects that a cache moves to or from its slabs before it looks for idle ones. */
#define IDLE_OBJECTS 4u

/* Look at one cache for what lies idle. Context: any but NMI. */
void idle_look(struct kmem_cache *cache) QUARRY_INT(idle_look) QUARRY_NOINLINE;

/* The same, if this cache has worked enough to owe it. */
static inline void idle_step(struct kmem_cache *cache)
{
	if (__atomic_load_n(&cache->moved, __ATOMIC_RELAXED) >= IDLE_OBJECTS)
		idle_look(cache);
}

#endif
