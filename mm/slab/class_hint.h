/* SPDX-License-Identifier: MIT */
/*
 * class_hint.h: which of kmalloc's caches an address belongs to: a guess, and mostly a proof.
 *
 * An entry for each value of the low bits of a page number has
 *   cache  a guess: of the slab that was last made of such a page or took such objects out, or that
 *          a free found where it had guessed wrong. Never NULL. kfree looks at its stock first.
 *   slab   minus the first address of a listed slab with such a page, minus its cache's token; or
 *          a value that no address of this entry fits. What an address and the token of the cache
 *          add to it is the offset in that slab, if it is small. So nothing of the page needs to
 *          be read: 8 instructions where looking it up costs 22.
 *
 * Invariant (validator: slab_check)  slab names a listed slab of the preferred shape. So it is set
 * and ended under the lock of the slab's node.
 *
 * The two are read one after the other without exclusion, so they may be of different caches. The
 * tokens tell: they differ, above all bits in which two mapped addresses of the kernel do (of
 * 57-bit addresses, the largest there are), so that a sum of what does not fit is not small.
 *
 * Cost  32 KiB; exact while slabs lie within 8 MiB, and in a larger span mostly for those that
 *       objects were taken from last.
 */
#ifndef QUARRY_MM_SLAB_CLASS_HINT_H
#define QUARRY_MM_SLAB_CLASS_HINT_H

#include "mm/slab/slab_page.h"

#define CLASS_HINTS (QUARRY_MAX_CPUS > 1 ? 2048u : 256u)
#define CLASS_TOKEN_SHIFT 57u

struct class_hint {
	struct kmem_cache *cache;
	uintptr_t slab;
};
extern struct class_hint class_hints[CLASS_HINTS] QUARRY_INT(class_hints);

static QUARRY_ALWAYS_INLINE struct class_hint *class_hint_at(const void *address)
{
	return &class_hints[((uintptr_t)address >> PAGE_SHIFT) % CLASS_HINTS];
}
static QUARRY_ALWAYS_INLINE struct kmem_cache *class_hint(const struct class_hint *hint)
{
	return __atomic_load_n(&hint->cache, __ATOMIC_RELAXED);
}

/* The page at `address` is one of a slab of `cache`. Return: false: it was guessed so. */
static inline bool class_hint_correct(struct kmem_cache *cache, const void *address)
{
	struct class_hint *hint = class_hint_at(address);

	if (class_hint(hint) == cache)
		return false;
	if (cache->token)
		__atomic_store_n(&hint->cache, cache, __ATOMIC_RELAXED);
	return true;
}

/* All entries guess `cache` and name no slab. */
void class_hint_init(struct kmem_cache *cache) QUARRY_INT(class_hint_init);
/* All pages of a slab lead to it / no entry names it. Under its node's lock. */
void class_hint_slab(struct kmem_cache *cache, const struct page *head)
	QUARRY_INT(class_hint_slab);
void class_hint_end(const struct kmem_cache *cache, const struct page *head)
	QUARRY_INT(class_hint_end);
/* Validator: return the number of entries that break the invariant, each reported. */
unsigned long class_hint_check(void) QUARRY_INT(class_hint_check);

#endif
