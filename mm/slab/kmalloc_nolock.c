/* SPDX-License-Identifier: MIT */
/*
 * kmalloc_nolock.c: kmalloc for callers that may not wait, up to non-maskable interrupts.
 *
 * Such a caller may have interrupted anybody at any instruction:
 *
 *   stock   its owner marks it before reading it and unmarks it last; who finds it marked leaves it
 *           alone (cpu_cache.h)
 *   node    a slab's bitmap and lists are consistent whenever the lock is free; interrupts are
 *           masked while we hold it, and only an NMI can come in between, which tries, too
 *   pages   come and go without waiting (mm/phys/nolock.h)
 *   guard   nobody asks it here, and its objects are freed later
 *
 *   take    stock -> the node's slabs -> a new slab -> other nodes' slabs -> the next larger class
 *   give    stock -> the slab -> noted, for whoever next comes by a slow path (free_later.h)
 *
 * Start at kmalloc_nolock, kfree_nolock.
 */
#include "mm/base/log.h"
#include "mm/page/page_alloc.h"
#include "mm/phys/nolock.h"
#include "mm/phys/zone.h"
#include "mm/slab/alloc_tag.h"
#include "mm/slab/debug_cache.h"
#include "mm/slab/free_later.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_wipe.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* ---- taking ---- */

/* A stock's objects may come from anywhere. Pinned. */
static void *take(struct kmem_cache *cache, int node)
{
	bool anywhere = node == NUMA_NO_NODE || nodes.count <= 1;
	void *object = anywhere ? object_pop(stock_of(cache, cpu_number())) : NULL;

	return object ? object : partial_try_take(cache, node_or_local(node));
}

/* ---- giving ---- */

static bool put_on_stock(struct kmem_cache *cache, struct object_stock *stock, void *object)
{
	bool done = false;

	if (!stock_begin(stock))
		return false;
	size_t n = stock_count(stock);

	if (stock->object[n] != object && stock_holds(stock, n, object)) {
		mm_report(OBJECT_TWICE, "kfree_nolock", object, cache->name, 0);
		done = true;
	} else if (n < stock->cap) {
		stock_put(stock, n, object);
		stock_close(stock, n + 1);
		done = true;
	}
	stock_end(stock);
	return done;
}

/* All of its free is done but this. */
static void give(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	unsigned cpu = (unsigned)cpu_pin();

	if (free_later_has(object))
		mm_report_at(QUARRY_RULE_OBJECT_TWICE, "kfree_nolock", object,
			     (unsigned long)cache->name, 0, caller);
	else if (!put_on_stock(cache, stock_of(cache, cpu), object) &&
		 !partial_try_give(cache, object))
		free_later_note(object, true, caller);
	cpu_unpin();
}

/* ---- objects of slabs ---- */

static void *alloc_object(struct kmem_cache *cache, int node, uintptr_t caller)
{
	if (slab_fails_marked(cache, (gfp_t)0))
		return NULL;
	cpu_pin();
	void *object = take(cache, node);

	if (object && !slab_debugged(cache)) {
		object_unpoison(cache, object);
		slab_wipe_new(cache, object);
	} else if (object && !debug_cache_try_take(cache, object, caller)) {
		give(cache, object, caller);
		object = NULL;
	}
	cpu_unpin();
	return object;
}

static void free_object(struct kmem_cache *cache, struct page *page, void *object,
			uintptr_t caller)
{
	struct page *head = slab_head(page);

	if (slab_debugged(cache)) {
		switch (debug_cache_try_free(cache, page, object, "kfree_nolock", caller)) {
		case DEBUG_FREED:
			give(cache, object, caller);
			break;
		case DEBUG_NOT_NOW:
			free_later_note(object, false, caller);
			break;
		case DEBUG_REPORTED:
			break;
		}
	} else if (slab_index(cache, head, slab_shape(cache, head), object) == NO_OBJECT) {
		mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, "kfree_nolock", object,
			     (unsigned long)cache->name, cache->size, caller);
	} else {
		slab_wipe_freed(cache, object);
		object_poison(cache, object);
		give(cache, object, caller);
	}
}

/* ---- large blocks ---- */

static void *alloc_large(size_t size, int node)
{
	struct page *head = alloc_pages_nolock(node, get_order(size));

	return head ? large_block(head, size) : NULL;
}

static void free_large(struct page *page, void *p, uintptr_t caller)
{
	if (page_address(page) != p) {
		mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, "kfree_nolock", p,
			     (unsigned long)page_address(page), 0, caller);
		return;
	}
	if (wipe_choice.on_free && page_ref_count(page) == 1)
		__builtin_memset(p, 0, page_size(page));
	page->private_ = 0;
	page_set_kind(page, QUARRY_PAGE_USED);
	free_pages_nolock(page, page_order(page));
}

/* ---- the calls ---- */

void *kmalloc_nolock(size_t size, gfp_t gfp, int node)
{
	gfp_t illegal = ~(__GFP_ACCOUNT | __GFP_ZERO);
	void *object = NULL;

	if (unlikely(gfp_has(gfp, illegal)))
		mm_report(BAD_GFP, "kmalloc_nolock", NULL, gfp_bits(gfp), size);
	if (unlikely(node >= QUARRY_MAX_NODES)) {
		mm_report(BAD_ARGUMENT, "kmalloc_nolock", NULL, node, QUARRY_MAX_NODES);
		return NULL;
	}
	if (unlikely(size - 1 >= KMALLOC_MAX_SIZE)) {
		if (!size)
			return ZERO_SIZE_PTR;
		mm_report(SIZE_LIMIT, "kmalloc_nolock", NULL, size, KMALLOC_MAX_SIZE);
		return NULL;
	}
	if (fault_at(FAULT_OBJECT, gfp, 0))
		return NULL;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return alloc_large(size, node);
	for (unsigned i = 0; i < 2 && !object && size <= KMALLOC_MAX_CACHE_SIZE; i++) {
		unsigned cls = quarry_kmalloc_class(size);

		object = alloc_object(quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, cls), node,
				      CALLER);
		size = quarry_kmalloc_class_size(cls) + 1; /* the next one may have some */
	}
	if (object && gfp_has(gfp, __GFP_ZERO))
		__builtin_memset(object, 0, size - 1);
	return object;
}

void kfree_nolock(const void *constant)
{
	void *p = (void *)(uintptr_t)constant;

	alloc_tag_drop(p);
	struct page *page = page_of_address(p);
	enum quarry_page_kind kind = page ? page_kind(page) : QUARRY_PAGE_INNER;

	/* A second free may come while the slab ends on another CPU. */
	struct kmem_cache *cache = kind == QUARRY_PAGE_SLAB
					   ? __atomic_load_n(&page->mapping, __ATOMIC_RELAXED)
					   : NULL;

	if (cache && !cache_is_internal(cache))
		free_object(cache, page, p, CALLER);
	else if (kind == QUARRY_PAGE_LARGE)
		free_large(page, p, CALLER);
	else if (slab_guard_covers(p))
		free_later_note(p, false, CALLER);
	else
		slab_free_other(p, "kfree_nolock", CALLER); /* nothing, or a mistake */
}
