/* SPDX-License-Identifier: MIT */
/*
 * extent.c: memory that nobody ever had.
 *
 * An extent is described in the struct page of its first frame: lru.next is the first frame of the
 * next extent, private_ its length in maximum-order blocks. Nothing else of it is touched, so
 * taking over a terabyte costs as much as a megabyte. Blocks leave from the end, so the description
 * stays where it is.
 *
 * Start at: extent_take.
 */
#include "mm/phys/extent.h"

#include "mm/phys/free_list.h"
#include "mm/phys/pageblock.h"

void extent_add(struct zone *zone, unsigned long first, unsigned long end)
{
	struct page *header = pfn_to_page(first);

	page_set_flags(header, page_state(QUARRY_PAGE_INNER, 0, 0, zone->number));
	header->private_ = (end - first) >> MAX_PAGE_ORDER;
	header->lru.next = zone->extent;
	zone->extent = (uint32_t)first;
	zone->extent_blocks += header->private_;
	zone_count_free(zone, end - first);
}

/* The block at `pfn` is in no extent any more: give its pageblocks their first state. */
static struct page *touch_block(struct zone *zone, unsigned long pfn, unsigned type)
{
	zone->extent_blocks--;
	for (unsigned long at = pfn; at < pfn + MAX_ORDER_NR_PAGES; at += pageblock_nr_pages) {
		struct page *head = pfn_to_page(at);
		page_set_flags(head, page_state(QUARRY_PAGE_INNER, 0, type, zone->number));
		page_clear_count(head);
		pageblock_set_state(at, BLOCK_WHOLE | type);
	}
	return pfn_to_page(pfn);
}

struct page *extent_take(struct zone *zone, unsigned type)
{
	struct page *header;
	unsigned long pfn;

	if (!zone->extent)
		return NULL;
	header = pfn_to_page(zone->extent);
	pfn = zone->extent + (--header->private_ << MAX_PAGE_ORDER);
	if (!header->private_)
		zone->extent = header->lru.next;
	return touch_block(zone, pfn, type);
}

bool extent_holds(const struct zone *zone, unsigned long pfn)
{
	for (uint32_t first = zone->extent; first; first = pfn_to_page(first)->lru.next)
		if (pfn >= first && pfn - first < pfn_to_page(first)->private_ << MAX_PAGE_ORDER)
			return true;
	return false;
}

void extent_open(struct zone *zone, unsigned long pfn)
{
	unsigned long block = pfn & ~(MAX_ORDER_NR_PAGES - 1);
	uint32_t *link = &zone->extent;

	while (*link) {
		unsigned long first = *link;
		struct page *header = pfn_to_page(first);
		unsigned long end = first + (header->private_ << MAX_PAGE_ORDER);
		if (block < first || block >= end) {
			link = &header->lru.next;
			continue;
		}
		/* Cut the extent in two around the block; both parts may be empty. */
		unsigned long upper = block + MAX_ORDER_NR_PAGES;
		uint32_t next = header->lru.next;
		header->private_ = (block - first) >> MAX_PAGE_ORDER;
		if (!header->private_)
			*link = next;
		if (upper < end) {
			struct page *rest = pfn_to_page(upper);
			page_set_flags(rest, page_state(QUARRY_PAGE_INNER, 0, 0, zone->number));
			rest->private_ = (end - upper) >> MAX_PAGE_ORDER;
			rest->lru.next = next;
			*(block > first ? &header->lru.next : link) = (uint32_t)upper;
		}
		free_list_push(zone, touch_block(zone, block, MIGRATE_MOVABLE), MAX_PAGE_ORDER,
			       MIGRATE_MOVABLE);
		return;
	}
}
