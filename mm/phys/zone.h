/* SPDX-License-Identifier: MIT */
/*
 * zone.h: nodes, zones, and in which order a request looks at them.
 *
 * Terms
 *   zone number   node * MAX_NR_ZONES + zone type; kept in every head's flags word
 *   spanned       last frame + 1 - first frame      present   frames that exist      managed
 *                 frames given to the buddy
 *   extent        a run of whole maximum-order blocks that were never handed out; not in the free
 *                 lists yet
 *
 * Invariants (validator: zone_check)
 *   I1  managed <= present <= spanned
 *   I2  free == sum over orders and types but ISOLATE of count[order][type] << order  +
 *       extent_blocks << MAX_PAGE_ORDER
 *   I3  bit o of orders[type] is set  <=>  list[o][type] is not empty
 *   I4  every listed page is the head of a FREE block of that order, in this zone, aligned to its
 *       size
 *   I11 atomic_free == pages in the HIGHATOMIC lists, atomic_blocks == pageblocks of that type
 *   I13 lent_free == pages in the CMA lists, lent_blocks == pageblocks of that type
 *   I5  two free buddies of the same order below the maximum are never both free (they would have
 *       merged),
 *       unless their pageblocks' types forbid the merge
 *
 * Locking  `lock` protects lists, counts, free, extents and the states of the zone's pageblocks.
 * Marks and
 *          reserves are written under every zone's lock in turn and read without.
 */
#ifndef QUARRY_MM_PHYS_ZONE_H
#define QUARRY_MM_PHYS_ZONE_H

#include "mm/base/lock.h"
#include "mm/gfp/gfp.h"
#include "mm/phys/page.h"

#define NR_ZONES ((unsigned)QUARRY_MAX_NODES * MAX_NR_ZONES)

enum zone_mark { MARK_MIN, MARK_LOW, MARK_HIGH, NR_ZONE_MARKS };

struct zone {
	struct mm_lock lock;
	uint8_t number, node, type;

	unsigned long free; /* pages in the lists and extents */
	unsigned long mark[NR_ZONE_MARKS];
	/* Added to the low and high marks since a part of a pageblock was stolen; kswapd ends it.
	 * */
	unsigned long boost, boost_max;
	/* Pages that a request whose highest zone is [t] must leave here beyond the mark (G16). */
	unsigned long reserve[MAX_NR_ZONES];

	uint32_t orders[MIGRATE_TYPES];		      /* which lists are not empty */
	uint32_t list[NR_PAGE_ORDERS][MIGRATE_TYPES]; /* first frame, 0: empty */
	uint32_t last[NR_PAGE_ORDERS][MIGRATE_TYPES]; /* last frame, unless the list is empty */
	uint32_t count[NR_PAGE_ORDERS][MIGRATE_TYPES];

	/* First frames of the extents, chained through lru.next of their first struct page, length
	 * in private_ (blocks). */
	uint32_t extent;
	unsigned long extent_blocks;

	/* Pageblocks kept for atomic requests of more than one page, and their free pages (counted
	 * in `free` too). */
	unsigned long atomic_blocks, atomic_free;

	/* Pageblocks of CMA areas, lent to movable requests alone, and their free pages (counted in
	 * `free` too). */
	unsigned long lent_blocks, lent_free;

	/* Blocks freed where no lock could be had (mm/phys/deferred.h): first frame, pages. */
	uint32_t deferred;
	unsigned long deferred_pages;

	unsigned long first, end; /* span in frames; first == end: empty */
	unsigned long present, managed;
	unsigned long later; /* announced frames that were not added yet */

	/* Pages handed out and taken back past the stocks, ever (with the stocks': zone_traffic).
	 * */
	unsigned long taken, given;

	/* Blocks of each order that a CPU's stock may hold (pcp.c). */
	uint16_t park_max[NR_PAGE_ORDERS];

	unsigned long lock_count; /* acquisitions, for the benchmark of shared-lock traffic */
};

extern struct zone zones[NR_ZONES] QUARRY_INT(zones);

struct mm_nodes {
	unsigned count; /* nodes with memory have numbers below this */
	/* Zones that a request on [node] with highest zone [type] may use, best first, NULL at the
	 * end (G15). */
	struct zone *order[QUARRY_MAX_NODES][MAX_NR_ZONES][NR_ZONES + 1];
	uint64_t with[MAX_NR_ZONES]; /* set of nodes that occur in the lists of [type] */
	uint8_t distance[QUARRY_MAX_NODES][QUARRY_MAX_NODES];
	uint8_t of_cpu[QUARRY_MAX_CPUS];
};
extern struct mm_nodes nodes QUARRY_INT(nodes);

static inline struct zone *head_zone(const struct page *head)
{
	return &zones[page_zone_number(head)];
}
/* Memory may come and go meanwhile: whoever has not the lock reads these words so. */
static inline unsigned long zone_present(const struct zone *zone)
{
	return __atomic_load_n(&zone->present, __ATOMIC_RELAXED);
}
static inline unsigned long zone_managed(const struct zone *zone)
{
	return __atomic_load_n(&zone->managed, __ATOMIC_RELAXED);
}
static inline bool zone_populated(const struct zone *zone)
{
	return zone_present(zone) != 0;
}
/* The zone at a place of a list in nodes.order, which may grow meanwhile. */
static inline struct zone *zone_at(struct zone *const *place)
{
	return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}
static inline unsigned long zone_free(const struct zone *zone)
{
	return __atomic_load_n(&zone->free, __ATOMIC_RELAXED);
}

/* Count pages handed out or taken back, under the lock; readers are not locked. */
static inline void zone_tally(unsigned long *count, unsigned long pages)
{
	__atomic_store_n(count, *count + pages, __ATOMIC_RELAXED);
}
/* Change the count of free pages; readers are not locked. */
static inline void zone_count_free(struct zone *zone, unsigned long pages)
{
	zone_tally(&zone->free, pages);
}

#define for_every_zone(pos) for (struct zone *pos = zones; pos < zones + NR_ZONES; pos++)
#define for_every_populated_zone(pos)                                                              \
	for_every_zone (pos)                                                                       \
		if (!zone_populated(pos)) {                                                        \
		} else

static inline unsigned long zone_lock(struct zone *zone)
{
	unsigned long irq = mm_lock(&zone->lock);
	zone->lock_count++;
	return irq;
}
static inline void zone_unlock(struct zone *zone, unsigned long irq)
{
	mm_unlock(&zone->lock, irq);
}

/* Bit o: there is a free block of order o that any request may have (`lent`: or movable ones). The
 * zone's lock is taken. */
uint32_t zone_free_orders(struct zone *zone, bool lent) QUARRY_INT(zone_free_orders);
/* Is there one of `order` or more? */
static inline bool zone_has_block(struct zone *zone, unsigned order, bool lent)
{
	return zone_free_orders(zone, lent) >> order != 0;
}

const char *zone_name(enum zone_type type) QUARRY_INT(zone_name);

/* Forget everything; `distance` as in quarry_params, reported if it makes no sense. */
void zones_init(const uint8_t *distance, unsigned nr_nodes) QUARRY_INT(zones_init);
/* Count the frames [first, end) of `node` as present in zone `type`. */
void zone_grow(unsigned node, enum zone_type type, unsigned long first, unsigned long end)
	QUARRY_INT(zone_grow);
/* Build nodes.order from the zones that are populated now. */
void zones_build_order(void) QUARRY_INT(zones_build_order);
/* Ask the OS which node `cpu` belongs to, once, when it comes online. */
void node_learn_cpu(unsigned cpu) QUARRY_INT(node_learn_cpu);
/* Node that the calling CPU belongs to, or `node` if it names one with zones. */
unsigned node_or_local(int node) QUARRY_INT(node_or_local);

#endif
