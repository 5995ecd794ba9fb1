/* SPDX-License-Identifier: MIT */
/*
 * kmalloc.c: memory by size: classes served by caches, larger sizes by blocks of pages.
 *
 *   size        1 ..... 8192                     8193 ................ KMALLOC_MAX_SIZE
 *   from        36 classes x 3 types of caches   a block of get_order(size)
 *   address ->  page of kind SLAB -> cache       page of kind LARGE, private_: the size asked for
 *
 * The class of a constant size is found at compile time (quarry/slab.h), that of others in two
 * small tables.
 *
 * Start at __kmalloc, kfree.
 */
#include "mm/base/log.h"
#include "mm/page/page_alloc.h"
#include "mm/slab/alloc_tag.h"
#include "mm/slab/class_hint.h"
#include "mm/slab/free_later.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_cache.h"
#include "mm/slab/slab_wipe.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))
#define NR_KMALLOC_CACHES (QUARRY_NR_KMALLOC_TYPES * QUARRY_KMALLOC_CLASSES)
QUARRY_STATIC_ASSERT(NR_KMALLOC_CACHES >> (64 - CLASS_TOKEN_SHIFT) == 0, "tokens differ");

unsigned char quarry_kmalloc_caches[NR_KMALLOC_CACHES * QUARRY_KMEM_CACHE_SIZE] QUARRY_STATE
	__attribute__((aligned(QUARRY_CACHE_LINE)));

/* Normal caches by (size - 1) / 8 for sizes up to 1 KiB, and by (size - 1) / 256 up to 8 KiB: every
 * class above 1 KiB is a multiple of 256. */
#define SMALL_MAX 1024u
struct cache_tables {
	struct kmem_cache *small[SMALL_MAX / 8];
	struct kmem_cache *large[KMALLOC_MAX_CACHE_SIZE / 256];
};
static struct cache_tables cache_of QUARRY_STATE;

static QUARRY_ALWAYS_INLINE struct kmem_cache *normal_cache_for(size_t size)
{
	return likely(size - 1 < SMALL_MAX) ? cache_of.small[(size - 1) / 8]
					    : cache_of.large[(size - 1) / 256];
}

static struct kmem_cache *cache_for(size_t size, gfp_t gfp)
{
	enum quarry_kmalloc_type type = QUARRY_KMALLOC_RECLAIM;

	if (!gfp_has(gfp, QUARRY_KMALLOC_TYPE_BITS))
		return normal_cache_for(size);
	if (gfp_has(gfp, __GFP_DMA))
		type = QUARRY_KMALLOC_DMA;
	return quarry_kmalloc_cache(type, quarry_kmalloc_class(size));
}

/* A block of pages; `size` above KMALLOC_MAX_CACHE_SIZE, or 0. */
static QUARRY_NOINLINE void *large_alloc(size_t size, gfp_t gfp, int node, const char *call,
					 uintptr_t caller)
{
	gfp_t illegal = __GFP_DMA32 | __GFP_HIGHMEM | __GFP_MOVABLE;

	if (unlikely(size - 1 >= KMALLOC_MAX_SIZE)) {
		if (!size)
			return ZERO_SIZE_PTR;
		if (!gfp_has(gfp, __GFP_NOWARN))
			mm_report_at(QUARRY_RULE_SIZE_LIMIT, call, NULL, size, KMALLOC_MAX_SIZE,
				     caller);
		return NULL;
	}
	if (unlikely(gfp_has(gfp, illegal))) {
		mm_report_at(QUARRY_RULE_BAD_GFP, call, NULL, gfp_bits(gfp), size, caller);
		gfp &= ~illegal;
	}
	struct page *head = alloc_pages_node(node, (gfp & ~__GFP_COMP) | wipe_choice.on_alloc,
					     get_order(size));

	return head ? large_block(head, size) : NULL;
}

void *quarry_kmalloc_from(struct kmem_cache *cache, gfp_t gfp)
{
	return slab_alloc(cache, gfp, "kmalloc", CALLER);
}

void *quarry_kmalloc_kernel(struct kmem_cache *cache)
{
	return slab_alloc_sleeping(cache, GFP_KERNEL, "kmalloc");
}

void *quarry_kmalloc_sleeping(struct kmem_cache *cache, gfp_t gfp)
{
	return slab_alloc_sleeping(cache, gfp, "kmalloc");
}

void *quarry_kmalloc_atomic(struct kmem_cache *cache, gfp_t gfp)
{
	return slab_alloc_judged(cache, gfp);
}

/* Any size and mask. */
static QUARRY_NOINLINE void *alloc_any(size_t size, gfp_t gfp, uintptr_t caller)
{
	if (likely(size - 1 < KMALLOC_MAX_CACHE_SIZE))
		return slab_alloc(cache_for(size, gfp), gfp, "kmalloc", caller);
	return large_alloc(size, gfp, NUMA_NO_NODE, "kmalloc", caller);
}

void *__kmalloc(size_t size, gfp_t gfp)
{
	struct kmem_cache *cache;

	if (unlikely(gfp_has(gfp, QUARRY_SLAB_GFP_RARE | QUARRY_KMALLOC_TYPE_BITS)))
		return alloc_any(size, gfp, CALLER);
	if (likely(size - 1 < SMALL_MAX))
		cache = cache_of.small[(size - 1) / 8];
	else if (likely(size - 1 < KMALLOC_MAX_CACHE_SIZE))
		cache = cache_of.large[(size - 1) / 256];
	else
		return large_alloc(size, gfp, NUMA_NO_NODE, "kmalloc", CALLER);
	if (unlikely(!gfp_context_ok(gfp)))
		return slab_alloc_context(cache, gfp, "kmalloc", CALLER);
	return slab_alloc_judged(cache, gfp);
}

void *__kmalloc_node(size_t size, gfp_t gfp, int node)
{
	if (likely(size - 1 < KMALLOC_MAX_CACHE_SIZE))
		return slab_alloc_rare(cache_for(size, gfp), gfp, node, "kmalloc_node", CALLER);
	return large_alloc(size, gfp, node, "kmalloc_node", CALLER);
}

void *quarry_kmalloc_for(size_t size, gfp_t gfp, int node, uintptr_t caller)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE))
		return large_alloc(size, gfp, node, "kmalloc", caller);
	struct kmem_cache *cache = cache_for(size, gfp);

	if (likely(node == NUMA_NO_NODE && !slab_debugged(cache)))
		return slab_alloc(cache, gfp, "kmalloc", caller);
	return slab_alloc_rare(cache, gfp, node, "kmalloc", caller);
}

void slab_free_other(const void *p, const char *call, uintptr_t caller)
{
	if (ZERO_OR_NULL_PTR(p) || slab_guard_free(NULL, p, call, caller))
		return;
	const struct page *head = block_of_address(p);
	enum quarry_page_kind kind = head ? page_kind(head) : QUARRY_PAGE_INNER;

	if (!head)
		mm_report_at(QUARRY_RULE_FREE_UNKNOWN, call, p, 0, 0, caller);
	else if (kind == QUARRY_PAGE_LARGE)
		mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, call, p,
			     (unsigned long)page_address(head), 0, caller);
	else
		mm_report_at(kind == QUARRY_PAGE_FREE || kind == QUARRY_PAGE_PARKED
				     ? QUARRY_RULE_FREE_TWICE
				     : QUARRY_RULE_FREE_KIND,
			     call, p, (unsigned long)kind, 0, caller);
}

static QUARRY_ALWAYS_INLINE void free_large(const void *p, struct page *page, uintptr_t caller)
{
	if (unlikely(page_address(page) != p)) {
		mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, "kfree", p,
			     (unsigned long)page_address(page), 0, caller);
		return;
	}
	if (likely(page_ref_count(page) == 1)) {
		if (unlikely(wipe_choice.on_free))
			__builtin_memset((void *)(uintptr_t)p, 0, page_size(page));
		page_give(page);
		return;
	}
	page->private_ = 0;
	page_set_kind(page, QUARRY_PAGE_USED);
	put_page(page);
}

void slab_free_any(const void *p, uintptr_t caller)
{
	alloc_tag_drop(p); /* kvfree() comes from here */
	/* NULL and ZERO_SIZE_PTR have no page, or frame 0, which is never a slab's. */
	struct page *page = page_of_address(p);
	enum quarry_page_kind kind = page ? page_kind(page) : QUARRY_PAGE_INNER;

	if (likely(kind == QUARRY_PAGE_LARGE)) {
		free_large(p, page, caller);
		return;
	}
	/* A second free may come while the slab ends on another CPU. */
	struct kmem_cache *cache = likely(kind == QUARRY_PAGE_SLAB)
					   ? __atomic_load_n(&page->mapping, __ATOMIC_RELAXED)
					   : NULL;

	if (likely(cache) && likely(!cache_is_internal(cache)))
		slab_free_checked(cache, page, (void *)(uintptr_t)p, "kfree", caller);
	else
		slab_free_other(p, "kfree", caller);
}

/* To the stock of the cache that it is guessed to be of. Return: false: not done. */
static QUARRY_ALWAYS_INLINE bool free_guessed(const void *p)
{
	const struct class_hint *hint = class_hint_at(p);

	alloc_tag_drop(p);
	return likely(slab_try_free(class_hint(hint), &hint->slab, (void *)(uintptr_t)p));
}

void kfree(const void *p)
{
	if (!free_guessed(p))
		slab_free_any(p, CALLER);
}

/* For others than kfree(): it reads its caller where it is needed, not before. */
static inline void free_for(const void *p, uintptr_t caller)
{
	if (!free_guessed(p))
		slab_free_any(p, caller);
}

static bool starts_object(const struct kmem_cache *cache, struct page *page, const void *p)
{
	struct page *head = slab_head(page);

	if (likely(!(page_flags(page) & SLAB_PAGE_SMALL) && slab_starts_object(cache, p)))
		return true;
	return slab_index(cache, head, slab_shape(cache, head), p) != NO_OBJECT;
}

/* Bytes of a caller's object that starts at `p`, and of them `*used` that may hold something; 0 if
 * none does: beyond its start, its size would reach into the next one. */
static size_t object_bytes(const void *p, size_t *used)
{
	struct page *page = page_of_address(p);
	size_t bytes = 0;

	*used = 0;
	if (page && page_kind(page) == QUARRY_PAGE_SLAB) {
		const struct kmem_cache *cache = page->mapping;

		if (likely(starts_object(cache, page, p)) && likely(!cache_is_internal(cache)))
			*used = bytes = cache->object_size;
	} else if (page && page_kind(page) == QUARRY_PAGE_LARGE && page_address(page) == p) {
		bytes = page_size(page);
		*used = page->private_;
	} else {
		*used = bytes = slab_guard_size(p);
	}
	return bytes;
}

size_t ksize(const void *p)
{
	size_t used;

	return ZERO_OR_NULL_PTR(p) ? 0 : object_bytes(p, &used);
}

size_t kmalloc_size_roundup(size_t size)
{
	if (size == 0)
		return 0;
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		return cache_for(size, GFP_KERNEL)->object_size;
	return size <= KMALLOC_MAX_SIZE ? PAGE_SIZE << get_order(size) : size;
}

void kfree_sensitive(const void *p)
{
	wipe_for_good((void *)(uintptr_t)p, ksize(p));
	free_for(p, CALLER);
}

void kfree_sized(const void *p, size_t size)
{
	if (unlikely(!ZERO_OR_NULL_PTR(p) && size > ksize(p)))
		mm_report(BAD_ARGUMENT, "kfree_sized", p, size, ksize(p));
	free_for(p, CALLER);
}

void kfree_bulk(size_t n, void **p)
{
	for (size_t i = 0; i < n; i++)
		free_for(p[i], CALLER);
}

void *slab_realloc(const void *p, size_t size, gfp_t gfp, uintptr_t caller)
{
	size_t used, have;

	if (ZERO_OR_NULL_PTR(p))
		return quarry_kmalloc_for(size, gfp, NUMA_NO_NODE, caller);
	if (!size) {
		slab_free_any(p, caller);
		return ZERO_SIZE_PTR;
	}
	have = object_bytes(p, &used);
	if (unlikely(!have)) {
		mm_report_at(QUARRY_RULE_FREE_UNKNOWN, "krealloc", p, size, 0, caller);
		return NULL;
	}
	if (size <= have) {
		struct page *page = page_of_address(p);

		/* With __GFP_ZERO at every call, what lies beyond the size is zero from now on. */
		if (gfp_has(gfp, __GFP_ZERO) && size < have)
			__builtin_memset((char *)(uintptr_t)p + size, 0, have - size);
		if (page_kind(page) == QUARRY_PAGE_LARGE)
			page->private_ = size;
		return (void *)(uintptr_t)p;
	}
	void *moved = quarry_kmalloc_for(size, gfp, NUMA_NO_NODE, caller);

	if (moved) {
		__builtin_memcpy(moved, p, used);
		free_for(p, caller);
	}
	return moved;
}

void *krealloc(const void *p, size_t size, gfp_t gfp)
{
	const struct kmem_cache *cache = gfp_has(gfp, __GFP_ZERO) ? NULL : slab_cache_at(p);

	if (likely(cache) && likely(size - 1 < cache->object_room))
		return (void *)(uintptr_t)p;
	/* It does not stay in its slab's object, or is to be zeroed. */
	return slab_realloc(p, size, gfp, CALLER);
}

/* ---- start ---- */

static void setup_kmalloc_cache(enum quarry_kmalloc_type type, unsigned cls)
{
	static const char *const prefix[] = {"kmalloc", "kmalloc-rcl", "dma-kmalloc"};
	static const slab_flags_t flags[] = {0, SLAB_RECLAIM_ACCOUNT, SLAB_CACHE_DMA};
	struct kmem_cache *cache = quarry_kmalloc_cache(type, cls);
	uint32_t size = (uint32_t)quarry_kmalloc_class_size(cls);
	char name[QUARRY_CACHE_NAME_MAX + 1];

	/* No size is rounded to these, but a hint may name them. */
	cpu_cache_none(cache);
	if (size < KMALLOC_MIN_SIZE || size % ARCH_KMALLOC_MINALIGN)
		return;
	if (size % 1024)
		mm_format(name, sizeof(name), "%s-%u", prefix[type], size);
	else
		mm_format(name, sizeof(name), "%s-%uk", prefix[type], size / 1024);
	/* A slab is aligned to its pages, so each object is aligned to what its size is
	 * divisible by. */
	/* A debugged cache's slots are larger than its objects: alignment must be asked for. */
	uint32_t natural = size & -size;
	slab_flags_t with_debug = slab_debug_flags(name, size, natural, flags[type]);
	bool debug = with_debug & QUARRY_SLAB_DEBUG_FLAGS;

	with_debug |= slab_wipe_flags(with_debug, false);

	cache_setup(cache, name, size, debug ? natural : (uint32_t)ARCH_SLAB_MINALIGN, with_debug,
		    NULL);
	cache->builtin = true;
	cache->usersize = size;
	/* DMA memory is rare and scarce: none of it waits in stocks. */
	cache->stocked = type != QUARRY_KMALLOC_DMA;
	if (cache->stocked && !debug)
		cache->token = (type * QUARRY_KMALLOC_CLASSES + cls + 1ull) << CLASS_TOKEN_SHIFT;
	if (!cache->stocked)
		cache_no_stocks(cache);
}

void slab_init(unsigned nr_cpus)
{
	(void)nr_cpus;
	__builtin_memset(quarry_kmalloc_caches, 0, sizeof(quarry_kmalloc_caches));
	class_hint_init(quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, 0));
	for (unsigned i = 0; i < SMALL_MAX / 8; i++)
		cache_of.small[i] = quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL,
							 quarry_kmalloc_class((i + 1) * 8));
	for (unsigned i = 0; i < KMALLOC_MAX_CACHE_SIZE / 256; i++)
		cache_of.large[i] = quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL,
							 quarry_kmalloc_class((i + 1) * 256));
	free_later_init();
	registry_init();
	for (unsigned cls = 0; cls < QUARRY_KMALLOC_CLASSES; cls++)
		for (unsigned type = 0; type < QUARRY_NR_KMALLOC_TYPES; type++)
			setup_kmalloc_cache((enum quarry_kmalloc_type)type, cls);
}
