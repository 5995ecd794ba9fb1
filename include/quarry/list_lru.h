/* SPDX-License-Identifier: MIT */
/*
 * list_lru.h: lists of objects that a shrinker may free, the least recently used first (spec 2.3).
 *
 * One list and one lock for each node. An owner links an object when nobody uses it and unlinks it
 * when somebody does; its shrinker walks the list of the node that is short of memory:
 *
 *   count_objects(shrinker, sc)   return list_lru_shrink_count(&lru, sc);
 *   scan_objects(shrinker, sc)    return list_lru_shrink_walk(&lru, sc, isolate, &freed);
 *
 * Rules common to all functions here:
 *   - There are no memory groups: `memcg` is Linux's argument, not looked at, NULL at best.
 *   - A link is made ready by list_lru_item_init(), and is on one list at most. Adding one that is
 *     linked, and deleting one that is not, does nothing and says so by its result.
 *   - Context: any but NMI; the lock of a node's list is held, with interrupts masked, for some
 *     lines, or for a walk. `nid` outside the machine's nodes is reported.
 */
#ifndef QUARRY_LIST_LRU_H
#define QUARRY_LIST_LRU_H

#include <quarry/shrinker.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

struct mem_cgroup;
/* One node's list. The library's; callbacks pass it on. */
struct list_lru_one;

struct list_lru {
	struct list_lru_one *node; /* one for each node; NULL: not initialised */
};

/* An empty list for each node. Context: by GFP_KERNEL. Return: 0, -ENOMEM. */
int list_lru_init(struct list_lru *lru) QUARRY_API_CHECK(list_lru_init);
/* Free the lists. Links that are still there are reported (CACHE_BUSY), and nothing is freed: their
 * owners may still unlink them. One that is not initialised is ignored. Context: any but NMI. */
void list_lru_destroy(struct list_lru *lru) QUARRY_API(list_lru_destroy);

/* A link on no list. */
static inline void list_lru_item_init(struct quarry_list *item)
{
	item->next = item->prev = item;
}

/* Link an object as the newest of node `nid`. Return: false: it was linked already. */
bool list_lru_add(struct list_lru *lru, struct quarry_list *item, int nid, struct mem_cgroup *memcg)
	QUARRY_API(list_lru_add);
/* Unlink it from that node's list. Return: false: it was not linked. */
bool list_lru_del(struct list_lru *lru, struct quarry_list *item, int nid, struct mem_cgroup *memcg)
	QUARRY_API(list_lru_del);
/* The same on the node that the link's own page lies on: for links inside of objects of kmalloc, of
 * caches or of pages. A link that is in no page of ours counts as node 0's. */
bool list_lru_add_obj(struct list_lru *lru, struct quarry_list *item) QUARRY_API(list_lru_add_obj);
bool list_lru_del_obj(struct list_lru *lru, struct quarry_list *item) QUARRY_API(list_lru_del_obj);

/* Objects linked, of a node and of all; without a lock. */
unsigned long list_lru_count_node(struct list_lru *lru, int nid) QUARRY_API(list_lru_count_node);
unsigned long list_lru_count(struct list_lru *lru) QUARRY_API(list_lru_count);
static inline unsigned long list_lru_count_one(struct list_lru *lru, int nid,
					       struct mem_cgroup *memcg)
{
	(void)memcg;
	return list_lru_count_node(lru, nid);
}

/* What a callback made of an object. */
enum lru_status {
	LRU_REMOVED,	   /* unlinked by list_lru_isolate or list_lru_isolate_move */
	LRU_REMOVED_RETRY, /* the same, and the lock was dropped: begin again at the oldest */
	LRU_ROTATE,	   /* in use of late: it is the newest from now on */
	LRU_SKIP,	   /* not now; it stays where it is */
	LRU_RETRY,	   /* the lock was dropped, or may have been: begin again at the oldest */
	LRU_STOP,	   /* the walk ends here; it stays */
};
/*
 * Judge an object. Called with the list's lock held and interrupts masked: must not sleep, allocate
 * or call list_lru functions but those two and list_lru_unlock(). One that drops the lock may do
 * what its context allows from then on, and returns without the lock: LRU_REMOVED_RETRY, LRU_RETRY
 * or LRU_STOP.
 */
typedef enum lru_status (*list_lru_walk_cb)(struct quarry_list *item, struct list_lru_one *list,
					    void *cb_arg);

/* For callbacks: unlink the object; or move it to `head`, a list of the caller's, which he empties
 * after the walk. */
void list_lru_isolate(struct list_lru_one *list, struct quarry_list *item)
	QUARRY_API(list_lru_isolate);
void list_lru_isolate_move(struct list_lru_one *list, struct quarry_list *item,
			   struct quarry_list *head) QUARRY_API(list_lru_isolate_move);
/* For callbacks: drop the list's lock. Linux has the lock itself as a member. */
void list_lru_unlock(struct list_lru_one *list) QUARRY_API(list_lru_unlock);

/*
 * Show objects of a node to `isolate`, oldest first, at most *nr_to_walk calls, which is counted
 * down. Interrupts are masked for the walk: walk in steps (a shrinker does: SHRINK_BATCH).
 * Return: objects that were removed.
 */
unsigned long list_lru_walk_node(struct list_lru *lru, int nid, list_lru_walk_cb isolate,
				 void *cb_arg, unsigned long *nr_to_walk)
	QUARRY_API(list_lru_walk_node);
static inline unsigned long list_lru_walk_one(struct list_lru *lru, int nid,
					      struct mem_cgroup *memcg, list_lru_walk_cb isolate,
					      void *cb_arg, unsigned long *nr_to_walk)
{
	(void)memcg;
	return list_lru_walk_node(lru, nid, isolate, cb_arg, nr_to_walk);
}
/* Interrupts are masked in either. */
#define list_lru_walk_one_irq list_lru_walk_one
/* The same of all nodes in turn, at most nr_to_walk calls together. */
unsigned long list_lru_walk(struct list_lru *lru, list_lru_walk_cb isolate, void *cb_arg,
			    unsigned long nr_to_walk) QUARRY_API(list_lru_walk);

/* For shrinkers: of the node that is short of memory; at most what is asked for. */
static inline unsigned long list_lru_shrink_count(struct list_lru *lru, struct shrink_control *sc)
{
	return list_lru_count_node(lru, sc->nid);
}
static inline unsigned long list_lru_shrink_walk(struct list_lru *lru, struct shrink_control *sc,
						 list_lru_walk_cb isolate, void *cb_arg)
{
	return list_lru_walk_node(lru, sc->nid, isolate, cb_arg, &sc->nr_to_scan);
}
#define list_lru_shrink_walk_irq list_lru_shrink_walk

QUARRY_END_DECLS

#endif
