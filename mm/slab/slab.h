/* SPDX-License-Identifier: MIT */
/*
 * slab.h: the object layer's face to the layers above, and the inlined halves of allocating and
 * freeing.
 */
#ifndef QUARRY_MM_SLAB_SLAB_H
#define QUARRY_MM_SLAB_SLAB_H

#include "mm/base/fault.h"
#include "mm/gfp/gfp.h"
#include "mm/slab/cpu_cache.h"
#include "mm/slab/slab_page.h"

/*
 * The parts of an allocation that are not the fast path. They end in a tail call's place, so
 * that the fast path needs no frame; `caller` is for reports.
 */
/* A mask with rare bits (QUARRY_SLAB_GFP_RARE), or a given node. */
void *slab_alloc_rare(struct kmem_cache *cache, gfp_t gfp, int node, const char *call,
		      uintptr_t caller) QUARRY_INT(slab_alloc_rare) QUARRY_NOINLINE;
/* The caller may not sleep but the mask says so: report, then allocate without sleeping. */
void *slab_alloc_context(struct kmem_cache *cache, gfp_t gfp, const char *call, uintptr_t caller)
	QUARRY_INT(slab_alloc_context) QUARRY_COLD;
/* The stock gave nothing. */
void *slab_alloc_slow(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_INT(slab_alloc_slow) QUARRY_NOINLINE;

/* Allocate from the CPU's stock. The mask was judged. */
static QUARRY_ALWAYS_INLINE void *slab_alloc_judged(struct kmem_cache *cache, gfp_t gfp)
{
	if (fault_at(FAULT_OBJECT, gfp, 0))
		return NULL;
	void *object = object_pop(stock_fast(cache, cpu_pin()));

	cpu_unpin();
	if (unlikely(!object))
		return slab_alloc_slow(cache, gfp);
	object_unpoison(cache, object);
	return object;
}

/* Is a request to a debugged cache to fail? */
static inline bool slab_fails_marked(const struct kmem_cache *cache, gfp_t gfp)
{
	return QUARRY_FAULT_INJECTION && (cache->flags & SLAB_FAILSLAB) &&
	       fault_asked(FAULT_FAILSLAB, gfp, 0);
}

/* The mask may sleep and has no rare bits. The caller is read where it is needed, not before. */
static QUARRY_ALWAYS_INLINE void *slab_alloc_sleeping(struct kmem_cache *cache, gfp_t gfp,
						      const char *call)
{
	if (unlikely(!gfp_context_ok(__GFP_DIRECT_RECLAIM)))
		return slab_alloc_context(cache, gfp, call,
					  (uintptr_t)__builtin_return_address(0));
	return slab_alloc_judged(cache, gfp);
}

/* Allocate an object: rare bits aside, context lint, the CPU's stock. */
static QUARRY_ALWAYS_INLINE void *slab_alloc(struct kmem_cache *cache, gfp_t gfp, const char *call,
					     uintptr_t caller)
{
	if (unlikely(gfp_has(gfp, QUARRY_SLAB_GFP_RARE)))
		return slab_alloc_rare(cache, gfp, NUMA_NO_NODE, call, caller);
	if (unlikely(!gfp_context_ok(gfp)))
		return slab_alloc_context(cache, gfp, call, caller);
	return slab_alloc_judged(cache, gfp);
}

/* Free an object that the CPU's stock refused; report what is not the start of an object. */
void slab_free_checked(struct kmem_cache *cache, struct page *page, void *object, const char *call,
		       uintptr_t caller) QUARRY_INT(slab_free_checked) QUARRY_NOINLINE;

/* Free any pointer to `cache`, which may be the wrong one. `hint`: as for object_push(). Return:
 * false: not done. */
static QUARRY_ALWAYS_INLINE bool slab_try_free(struct kmem_cache *cache, const uintptr_t *hint,
					       void *object)
{
	bool done = object_push(cache, stock_fast(cache, cpu_pin()), hint, object);

	cpu_unpin();
	return likely(done);
}
/* Free an object of `cache` that its CPU's stock refused. */
void slab_free_slow(struct kmem_cache *cache, void *object)
	QUARRY_INT(slab_free_slow) QUARRY_NOINLINE;
/* Free an object of `cache`. */
static inline void slab_free(struct kmem_cache *cache, void *object)
{
	if (!slab_try_free(cache, NULL, object))
		slab_free_slow(cache, object);
}

/* A block of pages becomes kmalloc's, for `size` bytes. Return: its address. */
static inline void *large_block(struct page *head, size_t size)
{
	head->private_ = size;
	page_set_flags(head, (page_flags(head) & ~QUARRY_PG_KIND_MASK) | QUARRY_PG_COMPOUND |
				     (uint32_t)QUARRY_PAGE_LARGE);
	return page_address(head);
}
/* kfree() for those who know that it is no small object, mostly. */
void slab_free_any(const void *p, uintptr_t caller) QUARRY_INT(slab_free_any) QUARRY_NOINLINE;

/* Free what is no caller's object and starts no large block: a guarded object, nothing, or a
 * mistake, which is reported for `call`. */
void slab_free_other(const void *p, const char *call, uintptr_t caller)
	QUARRY_INT(slab_free_other) QUARRY_NOINLINE;

/* krealloc() for who called from `caller`. */
void *slab_realloc(const void *p, size_t size, gfp_t gfp, uintptr_t caller)
	QUARRY_INT(slab_realloc) QUARRY_NOINLINE;

/* Say what is wrong with freeing `object` of `page` (NULL: not ours) to `cache`; the object
 * stays out of use. */
void slab_report_free(struct kmem_cache *cache, const void *object, struct page *page,
		      const char *call, uintptr_t caller) QUARRY_INT(slab_report_free) QUARRY_COLD;

/* The cache that a live object belongs to; NULL if `page` is not part of a slab. */
static inline struct kmem_cache *slab_cache_of(const struct page *page)
{
	return page_kind(page) == QUARRY_PAGE_SLAB ? page->mapping : NULL;
}

/* Its objects are the library's own: no caller's to free. */
static inline bool cache_is_internal(const struct kmem_cache *cache)
{
	return cache->builtin && !cache->usersize;
}

/* ---- whole layer (slab_cache.c, kmalloc.c, slab_check.c) ---- */

/* Start the layer: the caches it needs itself, and kmalloc's. The page allocator works already;
 * no CPU has stocks. */
void slab_init(unsigned nr_cpus) QUARRY_INT(slab_init);
/* Give a CPU that was marked online its stocks. */
void slab_cpu_online(unsigned cpu) QUARRY_INT(slab_cpu_online);
/* Take back the stocks of a CPU that does not run any more. */
void slab_cpu_offline(unsigned cpu) QUARRY_INT(slab_cpu_offline);
/* Empty the stocks of all CPUs and give all empty slabs back. Context: task, irqs on; else only
 * this CPU's stocks. */
void slab_drain(void) QUARRY_INT(slab_drain);
/* Pages of slabs whose objects can (not) be freed by a shrinker, and of those that are given back
 * when readers are done. */
unsigned long slab_pages(bool reclaimable) QUARRY_INT(slab_pages);

/* One cache, for slabinfo. */
struct slab_info {
	char name[QUARRY_CACHE_NAME_MAX + 1];
	uint32_t object_size, size, objects_per_slab, pages_per_slab; /* of the preferred shape */
	uint32_t stock_cap, stock_batch;
	unsigned long active; /* objects that callers have */
	unsigned long total;  /* objects of all slabs */
	unsigned long in_stocks;
	unsigned long slabs, empty_slabs, pages;
	unsigned long guarded; /* of the active ones, outside the slabs (slab_guard.h) */
	unsigned long misses, fetched;
	bool reclaimable;
};
/* Describe the first cache whose id is above *cursor (start with 0) and advance. Return: false
 * after the last. */
bool slab_info_next(uint32_t *cursor, struct slab_info *info) QUARRY_INT(slab_info_next);
/* Look-alikes share a cache from now on, or do not. */
void slab_set_merging(bool merge) QUARRY_INT(slab_set_merging);
/* The n-th alias, and the name of the cache that it stands for. Return: false: there are fewer. */
bool slab_alias(unsigned n, char *alias, char *of) QUARRY_INT(slab_alias);
/* Validator: return the number of broken invariants, each reported. */
unsigned long slab_check(void) QUARRY_INT(slab_check);

#endif
