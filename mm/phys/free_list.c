/* SPDX-License-Identifier: MIT */
/*
 * free_list.c: a free list whose links somebody overwrote.
 *
 * The links lie in page->lru, which was the owner's while the block was in use: who writes there
 * after the free breaks the list. Links are a second record of what the heads' flags say, so a list
 * is put together anew from those, and nothing is lost.
 *
 * Cost     the struct pages of the zone, under its lock; once a fault.
 * Start at free_list_mend.
 */
#include "mm/phys/free_list.h"

#include "mm/base/log.h"

/* The list's heads among the struct pages of a pageblock that are meaningful join it. */
static void relist(struct zone *zone, unsigned long start, unsigned order, unsigned type)
{
	const uint32_t listed = page_state(QUARRY_PAGE_FREE, order, type, zone->number);
	unsigned long pages = pageblock_state(start) & BLOCK_READY ? pageblock_nr_pages : 1;

	for (unsigned long i = 0; i < pages; i++)
		if (page_flags(pfn_to_page(start + i)) == listed)
			free_list_append(zone, pfn_to_page(start + i), order, type);
}

void free_list_mend(struct zone *zone, const struct page *head, unsigned order, unsigned type)
{
	const struct quarry_report report = {.rule = QUARRY_RULE_PAGE_LIST,
					     .call = "free list",
					     .subject = head,
					     .a = head->lru.next,
					     .b = head->lru.prev};

	mm_report_deep(&report);
	zone->list[order][type] = zone->last[order][type] = 0;
	zone->count[order][type] = 0;
	for (unsigned long at = pageblock_start(zone->first); at < zone->end;
	     at += pageblock_nr_pages)
		if (pageblock_state(at))
			relist(zone, at, order, type);
}
