/* SPDX-License-Identifier: MIT */
/*
 * bulk.c: many objects of a cache at once: one pin, one mark of the stock and one lock for a batch.
 *
 * A bulk that comes back as it was taken, and nothing was freed here in between, finds all its
 * objects recorded above the stock's newest (kmem_cache.h): it is compared and counted, not copied.
 *
 * Start at kmem_cache_alloc_bulk.
 */
#include "mm/base/bits.h"
#include "mm/phys/zone.h"
#include "mm/slab/alloc_tag.h"
#include "mm/slab/idle.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_wipe.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))
/* Objects moved under one lock: bounds the time with interrupts masked. */
#define BULK_STEP 64u

/* Objects that can be had without new pages: the stock's, then the node's. */
static size_t take_ready(struct kmem_cache *cache, size_t n, void **p)
{
	unsigned cpu = (unsigned)cpu_pin();
	unsigned node = node_or_local(NUMA_NO_NODE);
	size_t got = cpu_cache_pop_many(cache, cpu, p, (unsigned)n);

	while (got < n) {
		unsigned step = n - got < BULK_STEP ? (unsigned)(n - got) : BULK_STEP;
		unsigned taken = partial_take(cache, node, p + got, step);

		got += taken;
		if (taken < step)
			break;
	}
	cpu_unpin();
	for (size_t i = 0; i < got; i++)
		object_unpoison(cache, p[i]);
	return got;
}

int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **p)
{
	size_t got = 0;

	if (unlikely(!cache || n > INT32_MAX)) {
		mm_report(BAD_ARGUMENT, "kmem_cache_alloc_bulk", cache, n, 0);
		return 0;
	}
	if (likely(!gfp_has(gfp, QUARRY_SLAB_GFP_RARE) && !cache_is_closed(cache)) &&
	    !fault_at(FAULT_OBJECT, gfp, 0)) {
		if (unlikely(!gfp_context_ok(gfp)))
			gfp = gfp_context_report(gfp, "kmem_cache_alloc_bulk", CALLER);
		got = take_ready(cache, n, p);
	}
	/* The rest one by one, from new slabs; with rare bits, all of them. */
	for (; got < n; got++) {
		p[got] = slab_debugged(cache)
				 ? slab_alloc_rare(cache, gfp, NUMA_NO_NODE,
						   "kmem_cache_alloc_bulk", CALLER)
				 : slab_alloc(cache, gfp, "kmem_cache_alloc_bulk", CALLER);
		if (unlikely(!p[got])) {
			kmem_cache_free_bulk(cache, got, p);
			return 0;
		}
	}
	return (int)n;
}

/* Free what the fast loop refused: an object of a slab of the smaller shape, or a mistake. */
static void free_odd(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	struct page *page = page_of_address(object);

	if (slab_guard_free(cache, object, "kmem_cache_free_bulk", caller))
		return;
	if (page && page->mapping == cache)
		slab_free_checked(cache, page, object, "kmem_cache_free_bulk", caller);
	else
		slab_report_free(cache, object, page, "kmem_cache_free_bulk", caller);
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **p)
{
	if (!cache) {
		kfree_bulk(n, p);
		return;
	}
	for (size_t i = 0; QUARRY_ALLOCINFO && i < n; i++)
		alloc_tag_drop(p[i]);
	size_t done = cpu_cache_push_back(cache, (unsigned)cpu_pin(), p, (unsigned)min_u64(n, 255));

	cpu_unpin();
	/* Debugged ones one by one. */
	size_t step = slab_debugged(cache) ? 0 : BULK_STEP;

	while (done < n) {
		size_t end = done;

		/* The longest run, up to a step, of objects that belong here. */
		for (; end < n && end - done < step; end++) {
			if (unlikely(!slab_has(cache, p[end])))
				break;
			slab_wipe_freed(cache, p[end]);
			object_poison(cache, p[end]);
		}
		if (end > done) {
			cpu_cache_push_many(cache, (unsigned)cpu_pin(), p + done,
					    (unsigned)(end - done));
			cpu_unpin();
			idle_step(cache);
			done = end;
			continue;
		}
		if (!ZERO_OR_NULL_PTR(p[done]))
			free_odd(cache, p[done], CALLER);
		done++;
	}
}
