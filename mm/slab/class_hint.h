/* SPDX-License-Identifier: MIT */
/*
 * class_hint.h: a guess which of kmalloc's caches an address belongs to.
 *
 * A pointer for each value of the low bits of a page number, written when a slab is made of the
 * page, or when a free found the guess wrong: the last one counts. kfree looks at the stock of that
 * cache first. A guess proves nothing: it costs four instructions where looking up a page costs
 * twenty, and a wrong one costs those. Any address may be asked about.
 *
 * Cost  16 KiB; exact while slabs lie within 8 MiB, and mostly in a larger span.
 */
#ifndef QUARRY_MM_SLAB_CLASS_HINT_H
#define QUARRY_MM_SLAB_CLASS_HINT_H

#include "mm/slab/kmem_cache.h"

#define CLASS_HINTS (QUARRY_MAX_CPUS > 1 ? 2048u : 256u)

extern struct kmem_cache *class_hints[CLASS_HINTS] QUARRY_INT(class_hints);

static QUARRY_ALWAYS_INLINE struct kmem_cache **class_hint_at(const void *address)
{
	return &class_hints[((uintptr_t)address >> PAGE_SHIFT) % CLASS_HINTS];
}
/* Never NULL. */
static QUARRY_ALWAYS_INLINE struct kmem_cache *class_hint(const void *address)
{
	return __atomic_load_n(class_hint_at(address), __ATOMIC_RELAXED);
}
/* The page at `address` is one of a slab of `cache`. */
static inline void class_hint_set(struct kmem_cache *cache, const void *address)
{
	if (cache->hinted)
		__atomic_store_n(class_hint_at(address), cache, __ATOMIC_RELAXED);
}

#endif
