/* SPDX-License-Identifier: MIT */
/*
 * partial.c: the shared side of a cache: lists of slabs on each node, under the node's lock.
 *
 * A slab is in one of three lists by the number of objects taken from it (kmem_cache.h I3).
 * Objects are taken from partly used slabs before empty ones, newest partial first: a slab that
 * just became partial is the fullest, so the others get a chance to become empty. Empty slabs go
 * back at once; a cache without stocks keeps one (max_empty).
 *
 * Locking  one lock a node, rank 4. Pages are given back, and requested, with no lock held; a
 *          slab's pages are marked and unmarked under the lock, so that under it "kind SLAB and
 *          mapping is the cache" proves that the slab is listed.
 *          At most SHRINK_STEP slabs are unlisted while a lock is held.
 * Cost     one lock for a whole batch; an object given costs about 20 instructions beside others
 *          of its slab, about 60 alone.
 * Start at partial_take, partial_give.
 */
#include "mm/slab/partial.h"

#include "mm/base/log.h"
#include "mm/phys/zone.h"
#include "mm/slab/class_hint.h"
#include "mm/slab/slab_page.h"
#include "mm/slab/stock.h"

/* Slabs that a shrink unlists under one hold of a node's lock. */
#define SHRINK_STEP 16u

static uint32_t frame_of(const struct page *head)
{
	return (uint32_t)page_to_pfn(head);
}

static struct page *list_head_page(const struct slab_list *list)
{
	return list->first ? pfn_to_page(list->first) : NULL;
}

static void list_push(struct slab_list *list, struct page *head)
{
	MM_ASSERT(!list->first == !list->last);
	MM_ASSERT(slab_head(head) == head);
	head->lru.prev = 0;
	head->lru.next = list->first;
	*(list->first ? &pfn_to_page(list->first)->lru.prev : &list->last) = frame_of(head);
	list->first = frame_of(head);
}

static void list_remove(struct slab_list *list, struct page *head)
{
	uint32_t next = head->lru.next, prev = head->lru.prev;

	MM_ASSERT(prev ? pfn_to_page(prev)->lru.next == frame_of(head)
		       : list->first == frame_of(head));
	MM_ASSERT(next ? pfn_to_page(next)->lru.prev == frame_of(head)
		       : list->last == frame_of(head));
	*(prev ? &pfn_to_page(prev)->lru.next : &list->first) = next;
	*(next ? &pfn_to_page(next)->lru.prev : &list->last) = prev;
}

/* List of a slab from which `taken` of `objects` are taken (I3). */
static struct slab_list *list_for(struct slab_node *node, uint32_t taken, uint32_t objects)
{
	return taken == 0 ? &node->empty : taken == objects ? &node->full : &node->partial;
}

/* `taken` of the slab was `before`: keep I3 and I4 true. */
static void relist(struct slab_node *node, struct page *head, uint32_t before, uint32_t objects)
{
	struct slab_list *from = list_for(node, before, objects);
	struct slab_list *to = list_for(node, slab_taken(head), objects);

	if (from == to)
		return;
	list_remove(from, head);
	list_push(to, head);
	node->empties += (uint32_t)(to == &node->empty) - (uint32_t)(from == &node->empty);
	MM_ASSERT(!node->empties == !node->empty.first);
	MM_ASSERT(node->empties <= node->slabs);
}

/* Unlist an empty slab and chain it to `chain` for release_chain(). */
static void detach_empty(struct kmem_cache *cache, struct slab_node *node, struct page *head,
			 uint32_t *chain)
{
	uint32_t objects = slab_shape(cache, head)->objects;

	MM_ASSERT(slab_taken(head) == 0);
	MM_ASSERT(node->empties && node->slabs && node->objects >= objects);
	list_remove(&node->empty, head);
	node->empties--;
	node->slabs--;
	node->pages -= 1ul << page_order(head);
	node->objects -= objects;
	slab_unmark(head);
	stocks_set_apart(cache);
	head->lru.next = *chain;
	*chain = frame_of(head);
}

void partial_release(uint32_t chain)
{
	while (chain) {
		struct page *head = pfn_to_page(chain);

		chain = head->lru.next;
		slab_release(head);
	}
}

static unsigned take_locked(struct kmem_cache *cache, struct slab_node *node, void **out,
			    unsigned most)
{
	unsigned n = 0;

	while (n < most) {
		struct page *head =
			list_head_page(node->partial.first ? &node->partial : &node->empty);

		if (!head)
			break;
		uint32_t before = slab_taken(head);

		n += slab_take(cache, head, out + n, most - n);
		class_hint_slab(cache, head);
		relist(node, head, before, slab_shape(cache, head)->objects);
	}
	node->taken += n;
	MM_ASSERT(n <= most && node->taken <= node->objects);
	return n;
}

/* Not a lock's: a count that gets lost among nodes does not matter. */
static void count_moved(struct kmem_cache *cache, unsigned n)
{
	__atomic_store_n(&cache->moved, __atomic_load_n(&cache->moved, __ATOMIC_RELAXED) + n,
			 __ATOMIC_RELAXED);
}

unsigned partial_take(struct kmem_cache *cache, unsigned node, void **out, unsigned most)
{
	struct slab_node *from = &cache->node[node];
	unsigned long irq = mm_lock(&from->lock);
	unsigned n = take_locked(cache, from, out, most);

	count_moved(cache, n);
	mm_unlock(&from->lock, irq);
	return n;
}

void *partial_take_anywhere(struct kmem_cache *cache)
{
	void *object;

	for (unsigned node = 0; node < nodes.count; node++)
		if (partial_take(cache, node, &object, 1))
			return object;
	return NULL;
}

/* List a new slab and take one object of it; the node is locked. */
static void *list_new(struct kmem_cache *cache, struct slab_node *node, struct page *head)
{
	uint32_t objects = slab_shape(cache, head)->objects;
	void *object;

	MM_ASSERT(objects >= 1 && page_kind(head) == QUARRY_PAGE_USED);
	slab_mark(cache, head);
	slab_take(cache, head, &object, 1);
	list_push(list_for(node, 1, objects), head);
	node->slabs++;
	node->pages += 1ul << page_order(head);
	node->objects += objects;
	node->taken++;
	MM_ASSERT(node->taken <= node->objects);
	return object;
}

void *partial_grow(struct kmem_cache *cache, gfp_t gfp, int nid)
{
	struct page *head = slab_new(cache, gfp, nid);

	if (!head)
		return NULL;
	struct slab_node *node = slab_node_of(cache, head);
	unsigned long irq = mm_lock(&node->lock);
	void *object = list_new(cache, node, head);

	mm_unlock(&node->lock, irq);
	return object;
}

/*
 * Give back object[0] and those after it, up to `n`, that are in the same slab; the node is locked.
 * A slab to release is added to `chain`. Return: how many were dealt with.
 */
static unsigned give_locked(struct kmem_cache *cache, struct slab_node *node, struct page *page,
			    void *const *object, unsigned n, uint32_t *chain)
{
	if (unlikely(page_kind(page) != QUARRY_PAGE_SLAB || page->mapping != cache)) {
		/* It was in a slab of this cache when it was freed, and the slab has gone since:
		 * freed twice. */
		mm_report(OBJECT_TWICE, "kfree", object[0], cache->name, 0);
		return 1;
	}
	struct page *head = slab_head(page);
	uint32_t objects = slab_shape(cache, head)->objects;
	uint32_t before = slab_taken(head);
	unsigned done = slab_give(cache, head, object, n);
	uint32_t given = before - slab_taken(head);

	MM_ASSERT(done >= 1 && given <= done && given <= node->taken);
	node->taken -= given;
	relist(node, head, before, objects);
	if (given && given == before && node->empties > cache->max_empty)
		detach_empty(cache, node, head, chain);
	return done;
}

void partial_give(struct kmem_cache *cache, void *const *object, unsigned n)
{
	struct slab_node *locked = NULL;
	unsigned long irq = 0;
	uint32_t chain = 0;

	count_moved(cache, n);
	for (unsigned i = 0; i < n;) {
		struct page *page = page_of_address(object[i]);

		if (unlikely(!page)) {
			mm_report(FREE_UNKNOWN, "kfree", object[i], cache->name, 0);
			i++;
			continue;
		}
		struct slab_node *node = slab_node_of(cache, page);

		if (node != locked) {
			if (locked)
				mm_unlock(&locked->lock, irq);
			irq = mm_lock(&node->lock);
			locked = node;
		}
		i += give_locked(cache, node, page, object + i, n - i, &chain);
	}
	if (locked)
		mm_unlock(&locked->lock, irq);
	partial_release(chain);
}

/* ---- without waiting ---- */

static void *try_take(struct kmem_cache *cache, unsigned node)
{
	struct slab_node *from = &cache->node[node];
	unsigned long irq;
	void *object = NULL;

	if (!mm_lock_if_free(&from->lock, &irq))
		return NULL;
	take_locked(cache, from, &object, 1);
	mm_unlock(&from->lock, irq);
	return object;
}

static void *try_grow(struct kmem_cache *cache, unsigned nid)
{
	struct page *head = slab_new_nolock(cache, (int)nid);
	unsigned long irq;

	if (!head)
		return NULL;
	struct slab_node *node = slab_node_of(cache, head);

	if (!mm_lock_if_free(&node->lock, &irq)) {
		slab_release_nolock(head);
		return NULL;
	}
	void *object = list_new(cache, node, head);

	mm_unlock(&node->lock, irq);
	return object;
}

void *partial_try_take(struct kmem_cache *cache, unsigned first)
{
	void *object = try_take(cache, first);

	if (!object)
		object = try_grow(cache, first);
	for (unsigned node = 0; !object && node < nodes.count; node++)
		if (node != first)
			object = try_take(cache, node);
	return object;
}

bool partial_try_give(struct kmem_cache *cache, void *object)
{
	struct page *page = virt_to_page(object);
	struct slab_node *node = slab_node_of(cache, page);
	uint32_t chain = 0;
	unsigned long irq;

	if (!mm_lock_if_free(&node->lock, &irq))
		return false;
	give_locked(cache, node, page, &object, 1, &chain);
	mm_unlock(&node->lock, irq);
	if (chain) /* one slab */
		slab_release_nolock(pfn_to_page(chain));
	return true;
}

unsigned long partial_detach(struct kmem_cache *cache, uint32_t *chain)
{
	unsigned long left = 0;

	for (unsigned i = 0; i < QUARRY_MAX_NODES; i++) {
		struct slab_node *node = &cache->node[i];
		unsigned long irq = mm_lock(&node->lock);

		for (unsigned step = 0; step < SHRINK_STEP && node->empty.first; step++) {
			struct page *head = pfn_to_page(node->empty.first);

			detach_empty(cache, node, head, chain);
		}
		left += node->slabs;
		mm_unlock(&node->lock, irq);
	}
	return left;
}

unsigned long partial_taken(struct kmem_cache *cache)
{
	unsigned long taken = 0;

	for (unsigned i = 0; i < QUARRY_MAX_NODES; i++) {
		unsigned long irq = mm_lock(&cache->node[i].lock);

		taken += cache->node[i].taken;
		mm_unlock(&cache->node[i].lock, irq);
	}
	return taken;
}
