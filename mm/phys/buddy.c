/* SPDX-License-Identifier: MIT */
/*
 * buddy.c: splitting and merging free blocks.
 *
 * Terms
 *   block of order o   2^o pages, aligned to its size; its BUDDY differs in bit o of the frame
 *   number
 *   type               mobility of the pages inside; free blocks are listed under the type of their
 *                      pageblock
 *   extent             whole maximum-order blocks never handed out (zone.h); they join the lists
 *                      one at a time, when
 *                      the lists cannot serve, and take the type of the request: so types mix last
 *
 *      order 3   |               A               |      take order 0 from A:
 *      order 2   |       A       |    free       |      split 3 times, give the upper half back
 *      each time
 *      order 1   |   A   | free  |               |
 *      order 0   | A |fre|                       |      give A back: merge 3 times
 *
 * Which block to take: of the smallest order that fits, so that large blocks last; of that order,
 * rather one whose buddy is broken up. If the buddy is one block in use, a single free merges
 * the two, so that block is kept back: it is listed last, the others first. What the buddy is
 * cannot change while its neighbour is free, so nothing is moved about later (decision 9).
 *
 * Invariants: zone.h I2-I5.
 * A struct page is written only if it is the head of a block: splitting writes the upper half's
 * head, merging marks the absorbed head inner. So all heads are found by clearing low bits of a
 * frame number.
 *
 * Locking  the caller holds the zone's lock.
 * Cost     list operations are O(1): a bit map of non-empty orders for each type replaces
 *          searching.
 *          A take or give of order o costs O(MAX_PAGE_ORDER - o) list operations at most.
 * Start at buddy_take, buddy_give.
 */
#include "mm/phys/buddy.h"

#include "mm/base/bits.h"
#include "mm/phys/extent.h"
#include "mm/phys/free_list.h"

/* Where to steal when the own lists and extents are empty. Reclaimable and unmovable stay together
 * as long as possible: both are hard to clear; movable last of all for unmovable requests' sake
 * would be worse for large blocks. */
static const uint8_t fallback[MIGRATE_PCPTYPES][2] = {
	[MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
	[MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
	[MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

#define ATOMIC_SHARE                                                                               \
	100u /* 1 % of a zone (Linux's bound): one unlucky driver's bursts, not its whole memory */

/* ---- lists ---- */

/* Smallest order >= `order` with a block of `type`; NR_PAGE_ORDERS if none. */
static unsigned smallest_listed(const struct zone *zone, unsigned order, unsigned type)
{
	uint32_t orders = zone->orders[type] >> order;

	return orders ? order + lowest_bit(orders) : NR_PAGE_ORDERS;
}

/* ---- splitting ---- */

/* All struct pages that a block of `order` may need as heads after a split exist. */
static inline void prepare_split(struct zone *zone, struct page *head, unsigned order)
{
	if (order == pageblock_order)
		pageblock_make_ready(page_to_pfn(head), zone->number);
}

/* Cut a taken block of order `have` down to `order`; the upper halves go to the lists. */
static void split_down(struct zone *zone, struct page *head, unsigned have, unsigned order,
		       unsigned type)
{
	while (have > order) {
		prepare_split(zone, head, have);
		have--;
		if (have > order)
			free_list_push(zone, head + (1ul << have), have, type);
		else /* its buddy is in use as a whole */
			free_list_append(zone, head + (1ul << have), have, type);
	}
}

/* ---- pageblock types ---- */

/* Give every pageblock of a free block of at least pageblock size the type: nothing lives in it, so
 * nothing mixes. */
static void retype(unsigned long pfn, unsigned order, unsigned type)
{
	for (unsigned long b = 0; b < 1ul << (order - pageblock_order); b++)
		pageblock_set_mobility(pfn + (b << pageblock_order), type);
}

/* ---- giving back ---- */

/* May blocks of pageblock size or more with these types merge? Special types keep their borders
 * (H6). */
static bool may_merge(unsigned a, unsigned b)
{
	return a < MIGRATE_PCPTYPES && b < MIGRATE_PCPTYPES;
}

/* Lists that not every request may take from are counted apart, too. */
static QUARRY_NOINLINE void count_special(struct zone *zone, unsigned type, unsigned long pages)
{
	if (type == MIGRATE_ISOLATE)
		return;
	zone_count_free(zone, pages);
	unsigned long *apart = type == MIGRATE_CMA ? &zone->lent_free : &zone->atomic_free;
	__atomic_store_n(apart, *apart + pages, __ATOMIC_RELAXED);
}

/* Free pages enter (or leave, negated) the lists of `type`. */
static inline void count_listed(struct zone *zone, unsigned type, unsigned long pages)
{
	if (likely(type < MIGRATE_PCPTYPES))
		zone_count_free(zone, pages);
	else
		count_special(zone, type, pages);
}

/* A block of pageblock size or more: the next pageblock may be a hole, or of another type. */
static QUARRY_NOINLINE void give_large(struct zone *zone, unsigned long pfn, unsigned order,
				       unsigned type)
{
	const uint32_t mask = PAGE_TYPE_MASK | 0xffu << QUARRY_PG_ZONE_SHIFT;

	for (; order < MAX_PAGE_ORDER; order++) {
		unsigned long buddy_pfn = pfn ^ 1ul << order;
		struct page *buddy = pfn_to_page(buddy_pfn);
		if (!pageblock_state(buddy_pfn) ||
		    (page_flags(buddy) & mask) !=
			    page_state(QUARRY_PAGE_FREE, order, 0, zone->number))
			break;
		unsigned listed = page_mobility(buddy);
		if (!may_merge(type, listed))
			break;
		free_list_unlink(zone, buddy, order, listed);
		/* The upper one is no head any more. */
		page_set_flags(pfn_to_page(pfn | 1ul << order),
			       page_state(QUARRY_PAGE_INNER, 0, 0, zone->number));
		pfn &= ~(1ul << order);
		retype(pfn, order + 1, type);
	}
	free_list_push(zone, pfn_to_page(pfn), order, type);
}

/*
 * Merge a block with its buddies as far as they are free, and list it. Inside a pageblock every
 * struct page is meaningful and a free block is listed under the pageblock's type, so one
 * comparison of a whole flags word tells whether the buddy can merge. The loop counts in bytes of
 * the page array: struct pages are as far apart as a power of two, so what holds for the bits of
 * frame numbers holds for those of such offsets, and nothing is converted.
 */
static QUARRY_ALWAYS_INLINE void give(struct zone *zone, struct page *head, unsigned order,
				      unsigned type)
{
	const uintptr_t array = (uintptr_t)quarry_page_array;
	const uint32_t inner = page_state(QUARRY_PAGE_INNER, 0, 0, zone->number);
	uint32_t state = page_state(QUARRY_PAGE_FREE, order, type, zone->number);
	uintptr_t at = (uintptr_t)head - array, size = sizeof(struct page) << order;

	MM_ASSERT(order <= MAX_PAGE_ORDER && !(at & (size - 1)));
	MM_ASSERT(page_zone_number(head) == zone->number);
	for (; order < pageblock_order; order++, state += 1u << QUARRY_PG_ORDER_SHIFT, size *= 2) {
		struct page *buddy = (struct page *)(array + (at ^ size));
		uint32_t differs = page_flags(buddy) ^ state;
		if (differs) {
			head = (struct page *)(array + at);
			if (differs & 0xfu << QUARRY_PG_ORDER_SHIFT)
				free_list_push_as(zone, head, order, type, state);
			else
				free_list_append_as(zone, head, order, type, state);
			return;
		}
		free_list_unlink(zone, buddy, order, type);
		page_set_flags((struct page *)(array + (at | size)), inner); /* absorbed */
		at &= ~size;
	}
	give_large(zone, page_to_pfn((struct page *)(array + at)), order, type);
}

/* The same, counted, by the type of its first pageblock. */
static void give_counted(struct zone *zone, struct page *head, unsigned order)
{
	unsigned type = page_list(head);

	page_clear_count(head);
	count_listed(zone, type, 1ul << order);
	give(zone, head, order, type);
}

/* A block of more than a pageblock, of which a part may have been set apart while it was in use:
 * each pageblock joins the list that it belongs to, and merges with its neighbours of the same. */
static QUARRY_NOINLINE void give_by_pageblock(struct zone *zone, struct page *head, unsigned order)
{
	for (unsigned long i = 0; i < 1ul << order; i += pageblock_nr_pages)
		give_counted(zone, head + i, pageblock_order);
}

void buddy_give(struct zone *zone, struct page *head, unsigned order)
{
	if (unlikely(order > pageblock_order))
		give_by_pageblock(zone, head, order);
	else
		give_counted(zone, head, order);
}

struct page *buddy_give_many(struct zone *zone, struct page *head, unsigned nr, unsigned order)
{
	unsigned long usual;

	for (; unlikely(order > pageblock_order) && nr; nr--) {
		struct page *next = parked_next(head);
		give_by_pageblock(zone, head, order);
		head = next;
	}
	for (usual = nr; nr; nr--) {
		struct page *next = parked_next(head);
		unsigned type = page_list(head);
		if (unlikely(type >= MIGRATE_PCPTYPES)) {
			count_special(zone, type, 1ul << order);
			usual--;
		}
		give(zone, head, order, type);
		head = next;
	}
	zone_count_free(zone, usual << order);
	return head;
}

void pageblock_relist(struct zone *zone, unsigned long start)
{
	unsigned order;

	if (page_is_inner(pfn_to_page(start)))
		return; /* part of a larger block in use */
	for (unsigned long at = start; at < start + pageblock_nr_pages; at += 1ul << order) {
		struct page *head = pfn_to_page(at);
		order = page_order(head);
		if (page_kind(head) != QUARRY_PAGE_FREE || page_zone_number(head) != zone->number)
			continue;
		unsigned list = page_mobility(head);
		free_list_unlink(zone, head, order, list);
		count_listed(zone, list, 0ul - (1ul << order));
		buddy_give(zone, head, order);
	}
}

/* ---- stealing ---- */

/*
 * A block smaller than a pageblock is being stolen for `type`: if at least half of its pageblock is
 * free, the whole pageblock changes type and its free blocks move to the new lists, so that later
 * requests of `type` find room there instead of mixing into one more pageblock.
 * Return: the type under which the rest of the stolen block is to be listed.
 */
static unsigned claim_pageblock(struct zone *zone, unsigned long pfn, unsigned stolen_order,
				unsigned from, unsigned type)
{
	unsigned long start = pageblock_start(pfn);
	unsigned long free = 1ul << stolen_order;
	const struct page *page;

	if (pageblock_state(start) & BLOCK_MIXED)
		return from;

	for (unsigned long at = start; at < start + pageblock_nr_pages;
	     at += 1ul << page_order(page)) {
		page = pfn_to_page(at);
		if (page_is_inner(page) || page_order(page) >= pageblock_order)
			return from; /* hole or odd block: leave the pageblock alone */
		if (page_kind(page) == QUARRY_PAGE_FREE)
			free += 1ul << page_order(page);
	}
	if (free < pageblock_nr_pages / 2)
		return from;

	pageblock_set_mobility(start, type);
	pageblock_relist(zone, start);
	return type;
}

/* ---- where a block can come from ---- */

/* Memory of different mobility was mixed: let kswapd make room (watermark.c). */
static void boost_marks(struct zone *zone)
{
	unsigned long boost = __atomic_load_n(&zone->boost, __ATOMIC_RELAXED);

	boost = (unsigned long)min_u64(boost + pageblock_nr_pages, zone->boost_max);
	__atomic_store_n(&zone->boost, boost, __ATOMIC_RELAXED);
}

/* Take the largest block of another type: large blocks move whole pageblocks between types and
 * leave fewer mixed. */
static struct page *steal(struct zone *zone, unsigned order, unsigned type)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned from = fallback[type][i];
		if (!(zone->orders[from] >> order))
			continue;
		unsigned have = highest_bit(zone->orders[from]);
		struct page *head = free_list_take(zone, have, from);
		page_set_flags(head, page_state(QUARRY_PAGE_USED, have, from, zone->number));
		if (have >= pageblock_order) {
			retype(page_to_pfn(head), have, type);
			from = type;
		} else {
			boost_marks(zone);
			from = claim_pageblock(zone, page_to_pfn(head), have, from, type);
		}
		split_down(zone, head, have, order, from);
		return head;
	}
	return NULL;
}

/* Own lists, smallest fit. */
static struct page *take_own(struct zone *zone, unsigned order, unsigned type)
{
	unsigned have = smallest_listed(zone, order, type);

	if (have >= NR_PAGE_ORDERS)
		return NULL;
	struct page *head = free_list_take(zone, have, type);
	if (have > order)
		split_down(zone, head, have, order, type);
	return head;
}

/* From a CMA area, for a movable request. */
static struct page *take_lent(struct zone *zone, unsigned order)
{
	struct page *head = take_own(zone, order, MIGRATE_CMA);

	if (head)
		__atomic_store_n(&zone->lent_free, zone->lent_free - (1ul << order),
				 __ATOMIC_RELAXED);
	return head;
}

/*
 * A movable request takes lent memory first while that is more than half of what is free, so that
 * the rest lasts for the others; below, last before it would steal from them (Linux's rule).
 */
static struct page *take_uncounted(struct zone *zone, unsigned order, unsigned type)
{
	bool lent = type == MIGRATE_MOVABLE && unlikely(zone->lent_free);
	struct page *head = NULL;

	if (lent && zone->lent_free > zone->free / 2)
		head = take_lent(zone, order);
	if (!head)
		head = take_own(zone, order, type);
	if (head)
		return head;
	head = extent_take(zone, type);
	if (head) {
		split_down(zone, head, MAX_PAGE_ORDER, order, type);
		return head;
	}
	if (lent)
		head = take_lent(zone, order);
	return head ? head : steal(zone, order, type);
}

struct page *buddy_take(struct zone *zone, unsigned order, unsigned type)
{
	struct page *head = take_uncounted(zone, order, type);

	if (head)
		zone_count_free(zone, 0ul - (1ul << order));
	return head;
}

/* Order of the block to take when `need` blocks of `order` are missing: the smallest that is
 * listed, `have`, so that the fragments go first; but no larger than what holds all of them. */
static unsigned order_to_cut(unsigned have, unsigned order, unsigned need)
{
	unsigned most = order + (need > 1 ? highest_bit(need - 1) + 1 : 0);
	unsigned cut = have < most ? have : most;

	if (cut >= pageblock_order) /* parts need struct pages: of ready pageblocks alone */
		cut = pageblock_order - 1;
	return cut > order ? cut : order;
}

/* List the parts [used, 2^order) of a block that was cut up, part 0 at `head`, as free blocks. */
static void list_rest(struct zone *zone, struct page *head, unsigned used, unsigned parts,
		      unsigned order, unsigned type)
{
	if (type == MIGRATE_CMA)
		__atomic_store_n(&zone->lent_free,
				 zone->lent_free + ((unsigned long)(parts - used) << order),
				 __ATOMIC_RELAXED);
	for (unsigned size; used < parts; used += 1u << size) {
		size = lowest_bit(used);
		struct page *rest = head + ((unsigned long)used << order);
		if (size)
			free_list_push(zone, rest, order + size, type);
		else
			free_list_append(zone, rest, order, type);
	}
}

unsigned buddy_take_many(struct zone *zone, unsigned order, unsigned type, unsigned want,
			 struct page **chain, uint32_t state)
{
	unsigned got = 0;

	while (got < want) {
		unsigned have = smallest_listed(zone, order, type);
		/* Cut up here: its parts never see a list. */
		unsigned cut = order_to_cut(have, order, want - got);
		if (got && have > cut)
			break; /* the next batch starts with a whole block */
		struct page *head = take_uncounted(zone, cut, type);
		if (!head && cut > order)
			head = take_uncounted(zone, cut = order, type);
		if (!head)
			break;
		unsigned parts = 1u << (cut - order);
		unsigned used = parts < want - got ? parts : want - got;
		struct page *newest = *chain, *part = head + ((unsigned long)used << order);
		do { /* the lowest is the newest */
			part -= 1ul << order;
			page_set_word(part, state, 0);
			parked_link(part, newest);
			newest = part;
		} while (part > head);
		*chain = newest;
		got += used;
		if (used < parts) {
			unsigned rest = pageblock_list(page_to_pfn(head));
			list_rest(zone, head, used, parts, order, rest);
		}
	}
	zone_count_free(zone, 0ul - ((unsigned long)got << order));
	return got;
}

void buddy_take_listed(struct zone *zone, struct page *head)
{
	unsigned order = page_order(head), list = page_mobility(head);

	free_list_unlink(zone, head, order, list);
	count_listed(zone, list, 0ul - (1ul << order));
}

/* ---- the reserve of atomic requests ---- */

struct page *buddy_take_atomic(struct zone *zone, unsigned order)
{
	struct page *head = take_own(zone, order, MIGRATE_HIGHATOMIC);

	if (head) {
		count_listed(zone, MIGRATE_HIGHATOMIC, 0ul - (1ul << order));
	}
	return head;
}

void buddy_reserve_atomic(struct zone *zone, const struct page *head)
{
	unsigned long start = pageblock_start(page_to_pfn(head));
	unsigned long limit = 1 + zone_managed(zone) / ATOMIC_SHARE / pageblock_nr_pages;

	if (zone->atomic_blocks >= limit || pageblock_list(start) >= MIGRATE_PCPTYPES ||
	    page_order(head) >= pageblock_order || pageblock_state(start) & BLOCK_MIXED)
		return;
	zone->atomic_blocks++;
	pageblock_set_mobility(start, MIGRATE_HIGHATOMIC);
	pageblock_relist(zone, start);
}

void buddy_release_atomic(struct zone *zone, unsigned type)
{
	while (zone->orders[MIGRATE_HIGHATOMIC]) {
		unsigned order = highest_bit(zone->orders[MIGRATE_HIGHATOMIC]);
		unsigned long start = pageblock_start(zone->list[order][MIGRATE_HIGHATOMIC]);
		zone->atomic_blocks--;
		pageblock_set_mobility(start, type);
		pageblock_relist(zone, start);
	}
}

unsigned long buddy_count(const struct zone *zone, unsigned order)
{
	unsigned long count = order == MAX_PAGE_ORDER ? zone->extent_blocks : 0;

	for (unsigned type = 0; type < MIGRATE_TYPES; type++)
		count += zone->count[order][type];
	return count;
}

/* ---- feeding ---- */

static unsigned edge_mobility(const struct zone *zone)
{
	return zone->type == ZONE_MOVABLE ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE;
}

/*
 * The pageblock of a frame that `zone` is to get: if it is another's so far, it becomes mixed. The
 * reserve for atomic requests is counted by pageblocks of one zone, so it leaves that before, and
 * the mark keeps it out.
 */
static void share_pageblock(const struct zone *zone, unsigned long pfn)
{
	unsigned long start = pageblock_start(pfn);

	if (!(pageblock_state(start) & BLOCK_READY))
		return;
	struct zone *owner = head_zone(pfn_to_page(pfn));
	if (owner == zone)
		return;
	unsigned long irq = zone_lock(owner);
	unsigned state = pageblock_state(start);
	bool reserve = (state & BLOCK_MOBILITY) == MIGRATE_HIGHATOMIC;
	pageblock_set_state(start, state | BLOCK_MIXED);
	if (reserve) {
		owner->atomic_blocks--;
		pageblock_set_mobility(start, edge_mobility(owner));
		pageblock_relist(owner, start);
	}
	zone_unlock(owner, irq);
}

void buddy_share_edges(const struct zone *zone, unsigned long first, unsigned long end)
{
	share_pageblock(zone, first);
	share_pageblock(zone, end - 1);
}

/*
 * Frames of one pageblock that belong to no block yet: every struct page RESERVED, so that no merge
 * runs into a hole. Next to them lies what was taken at boot and never moves: so what is free there
 * goes to unmovable requests first, and no other pageblock is mixed for their sake.
 */
static void reserve_pageblock(struct zone *zone, unsigned long pfn)
{
	struct page *page = pfn_to_page(pageblock_start(pfn));

	if (pageblock_state(pfn))
		return;
	for (unsigned long i = 0; i < pageblock_nr_pages; i++) {
		page_set_flags(&page[i], page_state(QUARRY_PAGE_RESERVED, 0, 0, zone->number));
		page_clear_count(&page[i]);
	}
	pageblock_set_state(pfn, BLOCK_READY | edge_mobility(zone));
}

/* Frames [first, end), which do not fill a maximum-order block: as the largest aligned blocks. */
static void feed_edge(struct zone *zone, unsigned long first, unsigned long end)
{
	while (first < end) {
		unsigned order = first ? lowest_bit(first) : MAX_PAGE_ORDER;
		order = (unsigned)min_u64(order, highest_bit(end - first));
		order = (unsigned)min_u64(order, pageblock_order);
		reserve_pageblock(zone, first);
		struct page *page = pfn_to_page(first);
		for (unsigned long i = 0; i < 1ul << order; i++)
			page_set_flags(&page[i], page_state(QUARRY_PAGE_INNER, 0, 0, zone->number));
		buddy_give(zone, page, order);
		first += 1ul << order;
	}
}

void buddy_feed(struct zone *zone, unsigned long first, unsigned long end)
{
	unsigned long whole = (unsigned long)align_up(first, MAX_ORDER_NR_PAGES);
	unsigned long whole_end = (unsigned long)align_down(end, MAX_ORDER_NR_PAGES);

	zone_tally(&zone->managed, end - first);
	if (whole >= whole_end) {
		feed_edge(zone, first, end);
		return;
	}
	feed_edge(zone, first, whole);
	feed_edge(zone, whole_end, end);

	extent_add(zone, whole, whole_end);
}
