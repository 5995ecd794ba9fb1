/* SPDX-License-Identifier: MIT */
/*
 * list_lru.c: lists of objects that a shrinker may free, one for each node. Terms:
 * quarry/list_lru.h.
 *
 * Invariant  of a list whose lock is free: count == links; each has its neighbours' pointers
 * Locking    a lock a node, a leaf: callbacks that need more drop it first (list_lru_unlock). Who
 *            holds it keeps the saved interrupt state beside it, so that a callback can drop it.
 * Cost       one lock and four pointers for an object that comes or goes; a walk holds the lock.
 * Start at list_lru_add, list_lru_walk_node.
 */
#include <quarry/list_lru.h>
#include <quarry/slab.h>

#include "mm/base/list.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"

struct list_lru_one {
	struct quarry_list list; /* the oldest first */
	unsigned long count;
	unsigned long irq; /* the holder's */
	struct mm_lock lock;
	uint32_t drops; /* of the lock by callbacks */
} __attribute__((aligned(QUARRY_CACHE_LINE)));

/* The list of a node, or NULL, reported. */
static struct list_lru_one *list_of(const struct list_lru *lru, int nid, const char *call)
{
	if (likely((unsigned)nid < nodes.count && lru->node))
		return &lru->node[nid];
	mm_report(BAD_ARGUMENT, call, lru, nid, nodes.count);
	return NULL;
}

static int node_of(const void *object)
{
	const struct page *page = page_of_address(object);

	return page ? (int)(page_zone_number(page) / MAX_NR_ZONES) : 0;
}

static void lock(struct list_lru_one *one)
{
	unsigned long irq = mm_lock(&one->lock);

	one->irq = irq;
}

static void unlock(struct list_lru_one *one)
{
	mm_unlock(&one->lock, one->irq);
}

/* Readers take no lock. */
static void count(struct list_lru_one *one, long change)
{
	__atomic_store_n(&one->count, one->count + (unsigned long)change, __ATOMIC_RELAXED);
}

static void remove_link(struct list_lru_one *one, struct quarry_list *item)
{
	MM_ASSERT(mm_lock_is_held(&one->lock) && one->count && !list_empty(item));
	list_del(item);
	list_init(item);
	count(one, -1);
}

int list_lru_init(struct list_lru *lru)
{
	lru->node = kcalloc(nodes.count, sizeof(*lru->node), GFP_KERNEL);
	if (!lru->node)
		return -QUARRY_ENOMEM;
	for (unsigned nid = 0; nid < nodes.count; nid++)
		list_init(&lru->node[nid].list);
	return 0;
}

void list_lru_destroy(struct list_lru *lru)
{
	unsigned long left;

	if (!lru->node)
		return;
	left = list_lru_count(lru);
	if (left) {
		mm_report(CACHE_BUSY, "list_lru_destroy", lru, left, 0);
		return;
	}
	kfree(lru->node);
	lru->node = NULL;
}

bool list_lru_add(struct list_lru *lru, struct quarry_list *item, int nid, struct mem_cgroup *memcg)
{
	struct list_lru_one *one = list_of(lru, nid, "list_lru_add");
	bool added = false;

	(void)memcg;
	if (!one)
		return false;
	lock(one);
	if (list_empty(item)) {
		list_add_tail(item, &one->list);
		count(one, 1);
		added = true;
	}
	unlock(one);
	return added;
}

bool list_lru_del(struct list_lru *lru, struct quarry_list *item, int nid, struct mem_cgroup *memcg)
{
	struct list_lru_one *one = list_of(lru, nid, "list_lru_del");
	bool removed = false;

	(void)memcg;
	if (!one)
		return false;
	lock(one);
	if (!list_empty(item)) {
		remove_link(one, item);
		removed = true;
	}
	unlock(one);
	return removed;
}

bool list_lru_add_obj(struct list_lru *lru, struct quarry_list *item)
{
	return list_lru_add(lru, item, node_of(item), NULL);
}

bool list_lru_del_obj(struct list_lru *lru, struct quarry_list *item)
{
	return list_lru_del(lru, item, node_of(item), NULL);
}

unsigned long list_lru_count_node(struct list_lru *lru, int nid)
{
	const struct list_lru_one *one = list_of(lru, nid, "list_lru_count_node");

	return one ? __atomic_load_n(&one->count, __ATOMIC_RELAXED) : 0;
}

unsigned long list_lru_count(struct list_lru *lru)
{
	unsigned long sum = 0;

	for (unsigned nid = 0; nid < nodes.count; nid++)
		sum += list_lru_count_node(lru, (int)nid);
	return sum;
}

/* ---- walking ---- */

void list_lru_isolate(struct list_lru_one *one, struct quarry_list *item)
{
	remove_link(one, item);
}

void list_lru_isolate_move(struct list_lru_one *one, struct quarry_list *item,
			   struct quarry_list *head)
{
	remove_link(one, item);
	list_add_tail(item, head);
}

void list_lru_unlock(struct list_lru_one *one)
{
	__atomic_store_n(&one->drops, one->drops + 1, __ATOMIC_RELAXED);
	unlock(one);
}

/* Show one object. Return: what the callback made of it; *dropped: it dropped the lock, which was
 * taken again: the object may be gone, and the next one. */
static enum lru_status show(struct list_lru_one *one, struct quarry_list *item,
			    list_lru_walk_cb isolate, void *arg, bool *dropped)
{
	/* Only who holds the lock changes it: if nobody did, we hold it still. */
	uint32_t drops = one->drops;
	enum lru_status status = isolate(item, one, arg);

	*dropped = __atomic_load_n(&one->drops, __ATOMIC_RELAXED) != drops;
	if (*dropped)
		lock(one);
	return status;
}

/* From the oldest on. Return: true: once more. */
static bool walk_once(struct list_lru_one *one, list_lru_walk_cb isolate, void *arg,
		      unsigned long *left, unsigned long *removed)
{
	list_for_each_safe (item, next, &one->list) {
		bool dropped;

		if (!*left)
			return false;
		--*left;
		enum lru_status status = show(one, item, isolate, arg, &dropped);

		*removed += status == LRU_REMOVED || status == LRU_REMOVED_RETRY;
		if (status == LRU_STOP) {
			*left = 0;
			return false;
		}
		if (dropped || status == LRU_RETRY || status == LRU_REMOVED_RETRY)
			return true;
		if (status == LRU_ROTATE) {
			list_del(item);
			list_add_tail(item, &one->list);
		}
	}
	return false;
}

unsigned long list_lru_walk_node(struct list_lru *lru, int nid, list_lru_walk_cb isolate,
				 void *arg, unsigned long *nr_to_walk)
{
	struct list_lru_one *one = list_of(lru, nid, "list_lru_walk_node");
	unsigned long removed = 0;

	if (!one)
		return 0;
	lock(one);
	while (walk_once(one, isolate, arg, nr_to_walk, &removed))
		;
	unlock(one);
	return removed;
}

unsigned long list_lru_walk(struct list_lru *lru, list_lru_walk_cb isolate, void *arg,
			    unsigned long nr_to_walk)
{
	unsigned long removed = 0;

	for (unsigned nid = 0; nid < nodes.count && nr_to_walk; nid++)
		removed += list_lru_walk_node(lru, (int)nid, isolate, arg, &nr_to_walk);
	return removed;
}
