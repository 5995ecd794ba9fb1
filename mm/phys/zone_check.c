/* SPDX-License-Identifier: MIT */
/*
 * zone_check.c: recount what the zones say about themselves.
 *
 * Three passes a zone, each independent of the figures that it checks:
 *   lists    follow every free list and every extent from its head
 *   walk     step from block to block through the zone's pageblocks, and count frames by kind
 *   sums     compare both with each other and with the zone's counters
 *
 * Invariants  I1-I5 of zone.h, and:
 *   I6  count[o][t] == length of list[o][t];  extent_blocks == sum over the extents
 *   I7  the walk finds a block at every step: the head aligned to the block's size, all its other
 *       pages inner, inside the zone's span; a pageblock byte is 0, WHOLE or READY, with a mobility
 *       type; a WHOLE pageblock is one block or part of one; extents cover only untouched ones
 *   I8  free + isolated free == FREE frames of the walk + extents: no free block is unlisted
 *   I9  PARKED frames of the walk == what the CPUs' stocks hold, and the deferred blocks
 *   I12 deferred_pages == pages of the zone's chain of deferred blocks
 *   I10 managed == frames of all blocks of the walk + extents: each managed frame is in one block
 * I8-I10 are judged only if the walk was not broken: else they would repeat its reports.
 *
 * Locking  one zone's lock at a time. Cost: O(blocks) and a byte for each untouched pageblock.
 * Start at zone_check.
 */
#include "mm/phys/zone_check.h"

#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/pcp.h"

/* Report a broken invariant. Return: 1, to be added up. */
#define BROKEN(invariant, subject, found, expected)                                                \
	(mm_report(VALIDATE, "zone_check " invariant, (subject), (found), (expected)), 1ul)

static bool in_span(const struct zone *zone, unsigned long pfn, unsigned long pages)
{
	return pfn >= zone->first && pfn < zone->end && zone->end - pfn >= pages;
}

/* ---- lists ---- */

static unsigned long check_list(const struct zone *zone, unsigned order, unsigned type)
{
	const uint32_t expected = page_state(QUARRY_PAGE_FREE, order, type, zone->number);
	uint32_t length = 0, prev = 0;

	for (uint32_t pfn = zone->list[order][type]; pfn; length++) {
		const struct page *head = page_if_known(pfn);
		if (length == zone->count[order][type]) /* a cycle ends here too */
			return BROKEN("I6", zone, length + 1, zone->count[order][type]);
		if (!head || pfn & ((1ul << order) - 1) || !in_span(zone, pfn, 1ul << order))
			return BROKEN("I4", zone, pfn, order);
		if (page_flags(head) != expected)
			return BROKEN("I4", head, page_flags(head), expected);
		if (head->lru.prev != prev)
			return BROKEN("I4", head, head->lru.prev, prev);
		prev = pfn;
		pfn = head->lru.next;
	}
	if (length != zone->count[order][type])
		return BROKEN("I6", zone, length, zone->count[order][type]);
	if (length && zone->last[order][type] != prev)
		return BROKEN("I4", zone, zone->last[order][type], prev);
	return 0;
}

static unsigned long check_lists(const struct zone *zone)
{
	unsigned long broken = 0, listed = 0;

	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		for (unsigned type = 0; type < MIGRATE_TYPES; type++) {
			bool filled = zone->list[order][type] != 0;
			if ((zone->orders[type] >> order & 1) != filled)
				broken += BROKEN("I3", zone, zone->orders[type], order);
			broken += check_list(zone, order, type);
			if (type != MIGRATE_ISOLATE)
				listed += (unsigned long)zone->count[order][type] << order;
		}
	}
	listed += zone->extent_blocks << MAX_PAGE_ORDER;
	if (zone->free != listed)
		broken += BROKEN("I2", zone, zone->free, listed);
	return broken;
}

static unsigned long check_extents(const struct zone *zone)
{
	unsigned long blocks = 0;

	for (unsigned long pfn = zone->extent; pfn;) {
		const struct page *header = pfn_to_page(pfn);
		if (pfn & (MAX_ORDER_NR_PAGES - 1) || !in_span(zone, pfn, MAX_ORDER_NR_PAGES))
			return BROKEN("I6", zone, pfn, zone->first);
		unsigned long length = header->private_;
		if (!length || length > zone->extent_blocks - blocks)
			return BROKEN("I6", header, blocks + length, zone->extent_blocks);
		unsigned long end = pfn + (length << MAX_PAGE_ORDER);
		for (unsigned long at = pfn; at < end; at += pageblock_nr_pages)
			if (pageblock_state(at))
				return BROKEN("I7", header, pageblock_state(at), 0);
		blocks += length;
		pfn = header->lru.next;
	}
	return blocks == zone->extent_blocks ? 0 : BROKEN("I6", zone, blocks, zone->extent_blocks);
}

/* ---- walk ---- */

static bool state_is_sane(unsigned state)
{
	unsigned form = state & ~(BLOCK_MOBILITY | BLOCK_ISOLATED | BLOCK_MIXED);

	return (form == BLOCK_WHOLE || form == BLOCK_READY) &&
	       (state & BLOCK_MOBILITY) < MIGRATE_TYPES;
}

/* Is every frame of a block but its first one inner, in pageblocks that are in use? */
static bool block_is_sound(unsigned long pfn, unsigned order)
{
	for (unsigned long at = pfn + 1; at < pfn + (1ul << order); at++) {
		unsigned state = pageblock_state(at);
		if (!state_is_sane(state))
			return false;
		if (state & BLOCK_READY || at == pageblock_start(at)) {
			if (!page_is_inner(pfn_to_page(at)))
				return false;
		} else {
			at = pageblock_start(at) + pageblock_nr_pages - 1;
		}
	}
	return true;
}

/* Should the free block at `pfn`, of this order, have merged with its upper buddy? (I5) */
static bool buddy_was_missed(const struct page *head, unsigned long pfn, unsigned order)
{
	const struct page *buddy = page_if_known(pfn ^ 1ul << order);
	const uint32_t same = PAGE_TYPE_MASK | 0xffu << QUARRY_PG_ZONE_SHIFT;

	if (order == MAX_PAGE_ORDER || pfn >> order & 1 || !buddy ||
	    (page_flags(buddy) ^ page_flags(head)) & same)
		return false;
	return order < pageblock_order ||
	       (page_mobility(head) < MIGRATE_PCPTYPES && page_mobility(buddy) < MIGRATE_PCPTYPES);
}

/* Does a block of the order that its head says start at `pfn`, in a pageblock in use? */
static bool block_starts_at(unsigned long pfn)
{
	const struct page *head = pfn_to_page(pfn);
	unsigned state = pageblock_state(pfn);
	unsigned order = page_order(head);

	return state_is_sane(state) && !page_is_inner(head) &&
	       page_kind(head) < QUARRY_NR_PAGE_KINDS && order <= MAX_PAGE_ORDER &&
	       !(pfn & ((1ul << order) - 1)) && !(state & BLOCK_WHOLE && order < pageblock_order) &&
	       block_is_sound(pfn, order);
}

/* Count the block that starts at `pfn`. Return: frames to step over. */
static unsigned long count_block(const struct zone *zone, unsigned long pfn,
				 struct zone_census *census)
{
	const struct page *head = pfn_to_page(pfn);
	enum quarry_page_kind kind = page_kind(head);
	unsigned order = page_order(head);

	if (!block_starts_at(pfn)) {
		census->broken += BROKEN("I7", head, page_flags(head), pageblock_state(pfn));
		return pageblock_start(pfn) + pageblock_nr_pages - pfn;
	}
	if (page_zone_number(head) != zone->number)
		return 1ul << order;
	/* The frames around a zone's edge that share its pageblock are marked as reserved in it. */
	if (kind != QUARRY_PAGE_RESERVED && !in_span(zone, pfn, 1ul << order))
		census->broken += BROKEN("I7", head, pfn, order);
	if (kind == QUARRY_PAGE_FREE && buddy_was_missed(head, pfn, order))
		census->broken += BROKEN("I5", head, pfn, order);
	census->pages[kind] += 1ul << order;
	return 1ul << order;
}

void zone_count(const struct zone *zone, struct zone_census *census)
{
	*census = (struct zone_census){0};
	for (unsigned long pfn = pageblock_start(zone->first); pfn < zone->end;)
		pfn += pageblock_state(pfn) ? count_block(zone, pfn, census)
					    : pageblock_start(pfn) + pageblock_nr_pages - pfn;
}

/* ---- sums ---- */

/* Free pages in the lists of one type. */
static unsigned long listed_pages(const struct zone *zone, unsigned type)
{
	unsigned long pages = 0;

	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
		pages += (unsigned long)zone->count[order][type] << order;
	return pages;
}

/* Pageblocks of a special type. One that two zones share counts for both. */
static unsigned long pageblocks_of(const struct zone *zone, unsigned type)
{
	unsigned long blocks = 0;

	for (unsigned long pfn = pageblock_start(zone->first); pfn < zone->end;
	     pfn += pageblock_nr_pages)
		blocks += pageblock_state(pfn) && pageblock_mobility(pfn) == type;
	return blocks;
}

/* Pages of the chain of deferred blocks. Pushes only change its start. */
static unsigned long deferred_pages(const struct zone *zone)
{
	unsigned long pages = 0;

	for (uint32_t pfn = __atomic_load_n(&zone->deferred, __ATOMIC_ACQUIRE); pfn;) {
		const struct page *head = page_if_known(pfn);
		if (!head || page_kind(head) != QUARRY_PAGE_PARKED || pages > zone->deferred_pages)
			break;
		pages += 1ul << page_order(head);
		pfn = head->lru.next;
	}
	return pages;
}

static unsigned long check_sums(const struct zone *zone, const struct zone_census *census)
{
	unsigned long extents = zone->extent_blocks << MAX_PAGE_ORDER;
	unsigned long free = zone->free + listed_pages(zone, MIGRATE_ISOLATE);
	unsigned long blocks = 0, broken = 0;

	for (unsigned kind = 0; kind < QUARRY_NR_PAGE_KINDS; kind++)
		if (kind != QUARRY_PAGE_RESERVED && kind != QUARRY_PAGE_OFFLINE)
			blocks += census->pages[kind];
	if (census->pages[QUARRY_PAGE_FREE] + extents != free)
		broken += BROKEN("I8", zone, census->pages[QUARRY_PAGE_FREE] + extents, free);
	if (census->pages[QUARRY_PAGE_PARKED] != pcp_parked(zone))
		broken += BROKEN("I9", zone, census->pages[QUARRY_PAGE_PARKED], pcp_parked(zone));
	if (zone->deferred_pages != deferred_pages(zone))
		broken += BROKEN("I12", zone, zone->deferred_pages, deferred_pages(zone));
	if (zone->atomic_blocks != pageblocks_of(zone, MIGRATE_HIGHATOMIC))
		broken += BROKEN("I11", zone, zone->atomic_blocks,
				 pageblocks_of(zone, MIGRATE_HIGHATOMIC));
	if (zone->lent_blocks != pageblocks_of(zone, MIGRATE_CMA))
		broken += BROKEN("I13", zone, zone->lent_blocks, pageblocks_of(zone, MIGRATE_CMA));
	if (zone->lent_free != listed_pages(zone, MIGRATE_CMA))
		broken += BROKEN("I13", zone, zone->lent_free, listed_pages(zone, MIGRATE_CMA));
	if (zone->atomic_free != listed_pages(zone, MIGRATE_HIGHATOMIC))
		broken += BROKEN("I11", zone, zone->atomic_free,
				 listed_pages(zone, MIGRATE_HIGHATOMIC));
	if (blocks + extents != zone_managed(zone))
		broken += BROKEN("I10", zone, blocks + extents, zone_managed(zone));
	return broken;
}

static unsigned long check_zone(struct zone *zone)
{
	struct zone_census census;
	unsigned long broken = 0;
	unsigned long irq = zone_lock(zone);

	if (zone_managed(zone) > zone_present(zone) || zone_present(zone) > zone->end - zone->first)
		broken += BROKEN("I1", zone, zone_managed(zone), zone_present(zone));
	broken += check_lists(zone);
	broken += check_extents(zone);
	zone_count(zone, &census);
	broken += census.broken ? census.broken : check_sums(zone, &census);
	zone_unlock(zone, irq);
	return broken;
}

unsigned long zone_check(void)
{
	unsigned long broken = 0;

	for_every_populated_zone (zone)
		broken += check_zone(zone);
	return broken;
}
