/* SPDX-License-Identifier: MIT */
/*
 * slab.c: allocating and freeing the objects of a cache.
 *
 *   kmem_cache_alloc   rare bits? -> context lint -> pop from the CPU's stock: ends here mostly
 *   slab_alloc_slow    refill the stock from the node's slabs -> new slab -> other nodes' slabs
 *   kmem_cache_free    address -> page -> cache, compare -> push on the CPU's stock: mostly the end
 *   slab_free_slow     give the older half of the stock to its slabs; each object is checked there
 *
 * What is checked when: a foreign pointer and a wrong cache at the free itself. At hardening 1 a
 * pointer into an object too (slab_starts_object), and a second free while the object is in the
 * CPU's stock (stock_holds); what these miss, and at hardening 0 both, when the stock is emptied.
 *
 * Start at kmem_cache_alloc, kmem_cache_free.
 */
#include "mm/slab/slab.h"

#include "mm/base/log.h"
#include "mm/phys/zone.h"
#include "mm/slab/alloc_tag.h"
#include "mm/slab/cellar.h"
#include "mm/slab/class_hint.h"
#include "mm/slab/debug_cache.h"
#include "mm/slab/depot.h"
#include "mm/slab/free_later.h"
#include "mm/slab/idle.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_wipe.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* What a caller is to find in an object that was free. */
static QUARRY_ALWAYS_INLINE void hand_out(struct kmem_cache *cache, void *object, bool debugged,
					  uintptr_t caller)
{
	if (unlikely(debugged)) {
		debug_cache_take(cache, object, caller);
		return;
	}
	object_unpoison(cache, object);
	slab_wipe_new(cache, object);
}

/* No page is to be had: any object there is, but for those of other CPUs' stocks. */
static QUARRY_NOINLINE QUARRY_COLD void *take_scarce(struct kmem_cache *cache)
{
	void *object = partial_take_anywhere(cache);

	return object ? object : depot_take_anywhere(cache);
}

/* The caller of it knows if the cache is debugged. */
static QUARRY_ALWAYS_INLINE void *refill(struct kmem_cache *cache, gfp_t gfp, bool debugged,
					 uintptr_t caller)
{
	void *object = slab_guard_due(cache) ? slab_guard_alloc(cache, caller) : NULL;

	if (unlikely(object)) {
		slab_wipe_new(cache, object);
		return object;
	}
	unsigned cpu = (unsigned)cpu_pin();

	if (stock_of(cache, cpu) == STOCK_NONE && cache->stock_cap)
		cpu_cache_start(cache);
	unsigned node = node_or_local(NUMA_NO_NODE);

	object = cpu_cache_refill(cache, cpu, node);
	cpu_unpin();
	free_later_step();
	idle_step(cache);
	depot_open(cache, node);
	cellar_open(cache, node);
	if (!object)
		object = partial_grow(cache, gfp, NUMA_NO_NODE);
	if (!object)
		object = take_scarce(cache);
	if (object)
		hand_out(cache, object, debugged, caller);
	return object;
}

/* Each in a function of its own, so that nobody before them needs a frame. */
static QUARRY_NOINLINE void *refill_plain(struct kmem_cache *cache, gfp_t gfp, uintptr_t caller)
{
	return refill(cache, gfp, false, caller);
}
static QUARRY_NOINLINE QUARRY_COLD void *refill_debugged(struct kmem_cache *cache, gfp_t gfp,
							  uintptr_t caller)
{
	return refill(cache, gfp, true, caller);
}
static QUARRY_NOINLINE void *alloc_debugged(struct kmem_cache *cache, gfp_t gfp, uintptr_t caller)
{
	if (slab_fails_marked(cache, gfp))
		return NULL;
	void *object = object_pop(stock_of(cache, cpu_pin()));

	cpu_unpin();
	return likely(object) ? debug_cache_take(cache, object, caller)
			      : refill_debugged(cache, gfp, caller);
}

void *slab_alloc_slow(struct kmem_cache *cache, gfp_t gfp)
{
	/* Reached by a jump, in optimised builds: CALLER is the public function's. */
	if (unlikely(slab_debugged(cache)))
		return alloc_debugged(cache, gfp, CALLER);
	return refill_plain(cache, gfp, CALLER);
}

/* The same from one node, past the stock, whose objects may come from anywhere. */
static void *alloc_on_node(struct kmem_cache *cache, gfp_t gfp, int node, uintptr_t caller)
{
	unsigned nid = node_or_local(node);
	void *object = NULL;

	if (slab_fails_marked(cache, gfp))
		return NULL;
	if (!partial_take(cache, nid, &object, 1))
		object = partial_grow(cache, gfp, node);
	/* Who asked for pages in vain may have emptied the stocks. */
	if (!object && !partial_take(cache, nid, &object, 1) && !gfp_has(gfp, __GFP_THISNODE))
		object = take_scarce(cache);
	if (object)
		hand_out(cache, object, slab_debugged(cache), caller);
	return object;
}

void *slab_alloc_context(struct kmem_cache *cache, gfp_t gfp, const char *call, uintptr_t caller)
{
	return slab_alloc_judged(cache, gfp_context_report(gfp, call, caller));
}

void *slab_alloc_rare(struct kmem_cache *cache, gfp_t gfp, int node, const char *call,
		      uintptr_t caller)
{
	gfp_t bad = __GFP_DMA32 | __GFP_HIGHMEM;
	bool zero = gfp_has(gfp, __GFP_ZERO);
	void *object;

	if (unlikely(node >= QUARRY_MAX_NODES)) {
		mm_report_at(QUARRY_RULE_BAD_ARGUMENT, call, cache, (unsigned long)node,
			     QUARRY_MAX_NODES, caller);
		return NULL;
	}
	/* A cache's zone was chosen when it was created. */
	if (!gfp_has(cache->page_gfp, __GFP_DMA))
		bad |= __GFP_DMA;
	if (gfp_has(cache->page_gfp, __GFP_DMA32))
		bad &= ~__GFP_DMA32;
	if (gfp_has(gfp, bad) || (QUARRY_DEBUG >= 1 && gfp_has(gfp, ~__GFP_BITS_MASK)))
		mm_report_at(QUARRY_RULE_BAD_GFP, call, cache, gfp_bits(gfp),
			     (unsigned long)cache->name, caller);
	if (zero && cache->ctor) {
		mm_report_at(QUARRY_RULE_OBJECT_CTOR_ZERO, call, cache, gfp_bits(gfp),
			     (unsigned long)cache->name, caller);
		zero = false;
	}
	gfp &= ~QUARRY_SLAB_GFP_RARE;
	if ((node == NUMA_NO_NODE || nodes.count <= 1) && !slab_debugged(cache)) {
		object = slab_alloc(cache, gfp, call, caller);
	} else {
		if (!gfp_context_ok(gfp))
			gfp = gfp_context_report(gfp, call, caller);
		if (fault_at(FAULT_OBJECT, gfp, 0))
			return NULL;
		object = node == NUMA_NO_NODE || nodes.count <= 1
				 ? alloc_debugged(cache, gfp, caller)
				 : alloc_on_node(cache, gfp, node, caller);
	}
	if (object && zero && !(cache->flags & SLAB_WIPE_NEW))
		__builtin_memset(object, 0, cache->object_size);
	return object;
}

void slab_report_free(struct kmem_cache *cache, const void *object, struct page *page,
		      const char *call, uintptr_t caller)
{
	struct kmem_cache *owner = page ? slab_cache_of(page) : NULL;

	if (owner)
		slab_debug_report_cache(owner, cache, object, call, caller);
	else
		mm_report_at(QUARRY_RULE_FREE_UNKNOWN, call, object,
			     cache ? (unsigned long)cache->name : 0, 0, caller);
}

static QUARRY_NOINLINE QUARRY_COLD void *no_cache(gfp_t gfp, uintptr_t caller)
{
	mm_report_at(QUARRY_RULE_BAD_ARGUMENT, "kmem_cache_alloc", NULL, gfp_bits(gfp), 0, caller);
	return NULL;
}

void *quarry_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (unlikely(!cache))
		return no_cache(gfp, CALLER);
	return slab_alloc(cache, gfp, "kmem_cache_alloc", CALLER);
}

void *quarry_cache_alloc_kernel(struct kmem_cache *cache)
{
	if (unlikely(!cache))
		return no_cache(GFP_KERNEL, CALLER);
	return slab_alloc_sleeping(cache, GFP_KERNEL, "kmem_cache_alloc");
}

void *quarry_cache_alloc_sleeping(struct kmem_cache *cache, gfp_t gfp)
{
	if (unlikely(!cache))
		return no_cache(gfp, CALLER);
	return slab_alloc_sleeping(cache, gfp, "kmem_cache_alloc");
}

void *quarry_cache_alloc_atomic(struct kmem_cache *cache, gfp_t gfp)
{
	if (unlikely(!cache))
		return no_cache(gfp, CALLER);
	return slab_alloc_judged(cache, gfp);
}

void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
{
	if (unlikely(!cache)) {
		mm_report(BAD_ARGUMENT, "kmem_cache_alloc_node", NULL, gfp_bits(gfp), 0);
		return NULL;
	}
	return slab_alloc_rare(cache, gfp, node, "kmem_cache_alloc_node", CALLER);
}

void slab_free_slow(struct kmem_cache *cache, void *object)
{
	slab_wipe_freed(cache, object);
	object_poison(cache, object);
	cpu_cache_put(cache, (unsigned)cpu_pin(), object);
	cpu_unpin();
	free_later_step();
	idle_step(cache);
}

void slab_free_checked(struct kmem_cache *cache, struct page *page, void *object, const char *call,
		       uintptr_t caller)
{
	struct page *head = slab_head(page);

	if (unlikely(slab_debugged(cache))) {
		debug_cache_free(cache, page, object, call, caller);
		return;
	}
	if (unlikely(slab_index(cache, head, slab_shape(cache, head), object) == NO_OBJECT)) {
		mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, call, object, (unsigned long)cache->name,
			     cache->size, caller);
		return;
	}
	/* A stock was tried, unless it was another cache's. */
	if (class_hint_correct(cache, object))
		slab_free(cache, object);
	else
		slab_free_slow(cache, object);
}

/* The CPU's stock refused it. */
static QUARRY_NOINLINE void free_other(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	struct page *page = page_of_address(object);

	if (likely(page && cache && page->mapping == cache))
		slab_free_checked(cache, page, object, "kmem_cache_free", caller);
	else if (!ZERO_OR_NULL_PTR(object) &&
		 !slab_guard_free(cache, object, "kmem_cache_free", caller))
		slab_report_free(cache, object, page, "kmem_cache_free", caller);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	alloc_tag_drop(object);
	if (unlikely(!cache) || unlikely(!slab_try_free(cache, NULL, object)))
		free_other(cache, object, CALLER);
}
