/* SPDX-License-Identifier: MIT */
/*
 * sheaf.c: objects taken beforehand, for when a request must not fail nor sleep.
 *
 * A sheaf is an array of objects that belong to its holder alone: nothing here is shared, so
 * allocating from it is a load and a count.
 *
 * Invariant  object[0 .. n) are objects of `cache`; n <= room
 * Start at kmem_cache_prefill_sheaf.
 */
#include <quarry/slab.h>

#include "mm/base/log.h"
#include "mm/slab/slab.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

struct slab_sheaf {
	struct kmem_cache *cache;
	unsigned n, room;
	void *object[];
};

/* Is it a sheaf of this cache? If not, say so for `call`. */
static bool is_sheaf_of(const struct slab_sheaf *sheaf, const struct kmem_cache *cache,
			const char *call, uintptr_t caller)
{
	bool ok = sheaf && sheaf->cache == cache;

	if (unlikely(!ok))
		mm_report_at(QUARRY_RULE_BAD_ARGUMENT, call, cache, (unsigned long)sheaf, 0,
			     caller);
	return ok;
}

struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *cache, gfp_t gfp, unsigned size)
{
	struct slab_sheaf *sheaf;

	if (!cache || gfp_has(gfp, __GFP_ZERO)) {
		mm_report(BAD_ARGUMENT, "kmem_cache_prefill_sheaf", cache, gfp_bits(gfp), size);
		return NULL;
	}
	sheaf = kmalloc(struct_size(sheaf, object, size), gfp);
	if (!sheaf)
		return NULL;
	sheaf->cache = cache;
	sheaf->n = 0;
	sheaf->room = size;
	if (kmem_cache_refill_sheaf(cache, gfp, &sheaf, size)) {
		kfree(sheaf);
		return NULL;
	}
	return sheaf;
}

int kmem_cache_refill_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf **place,
			    unsigned size)
{
	struct slab_sheaf *sheaf = *place;

	if (!is_sheaf_of(sheaf, cache, "kmem_cache_refill_sheaf", CALLER))
		return -QUARRY_EINVAL;
	if (size > sheaf->room) {
		struct slab_sheaf *larger =
			krealloc(sheaf, struct_size(sheaf, object, size), gfp);

		if (!larger)
			return -QUARRY_ENOMEM;
		*place = sheaf = larger;
		sheaf->room = size;
	}
	if (size > sheaf->n) {
		unsigned more = size - sheaf->n;

		if (!kmem_cache_alloc_bulk(cache, gfp, more, sheaf->object + sheaf->n))
			return -QUARRY_ENOMEM;
		sheaf->n = size;
	}
	return 0;
}

void *kmem_cache_alloc_from_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf *sheaf)
{
	if (unlikely(!is_sheaf_of(sheaf, cache, "kmem_cache_alloc_from_sheaf", CALLER)))
		return NULL;
	if (unlikely(!sheaf->n)) {
		mm_report(BAD_ARGUMENT, "kmem_cache_alloc_from_sheaf", cache, sheaf->room, 0);
		return NULL;
	}
	void *object = sheaf->object[--sheaf->n];

	if (!gfp_has(gfp, __GFP_ZERO))
		return object;
	if (unlikely(cache->ctor))
		mm_report(OBJECT_CTOR_ZERO, "kmem_cache_alloc_from_sheaf", cache, gfp_bits(gfp),
			  cache->name);
	else
		__builtin_memset(object, 0, cache->object_size);
	return object;
}

unsigned kmem_cache_sheaf_size(const struct slab_sheaf *sheaf)
{
	return sheaf->n;
}

void kmem_cache_return_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf *sheaf)
{
	(void)gfp;
	if (!sheaf)
		return;
	is_sheaf_of(sheaf, cache, "kmem_cache_return_sheaf", CALLER);
	kmem_cache_free_bulk(sheaf->cache, sheaf->n, sheaf->object);
	kfree(sheaf);
}
