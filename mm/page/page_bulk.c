/* SPDX-License-Identifier: MIT */
/*
 * page_bulk.c: many pages in one call, exact sizes, splitting a block.
 *
 * Start at: alloc_pages_bulk_node, split_page.
 */
#include "mm/base/bits.h"
#include "mm/base/fault.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"

#include <quarry/mm.h>

unsigned long alloc_pages_bulk_node(gfp_t gfp, int node, unsigned long nr, struct page **pages)
{
	unsigned long i = 0;

	for (; i < nr; i++) {
		if (pages[i])
			continue;
		if (fault_here(FAULT_PAGE_BULK))
			break;
		pages[i] = alloc_pages_node(node, gfp, 0);
		if (!pages[i])
			break;
	}
	return i;
}

unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages)
{
	return alloc_pages_bulk_node(gfp, NUMA_NO_NODE, nr, pages);
}

void free_pages_bulk(unsigned long nr, struct page **pages)
{
	for (unsigned long i = 0; i < nr; i++)
		if (pages[i])
			__free_page(pages[i]);
}

void split_page(struct page *page, unsigned order)
{
	uint32_t flags = page_flags(page);
	unsigned long pfn = page_to_pfn(page);
	bool ours = page_is_known(page) && flags_kind(flags) == QUARRY_PAGE_USED;

	if (!ours || flags_order(flags) != order || flags & QUARRY_PG_COMPOUND) {
		mm_report(FREE_ORDER, "split_page", page, order, ours ? flags : 0);
		return;
	}
	struct zone *zone = page_zone(page);
	if (order >= pageblock_order) {
		unsigned long irq = zone_lock(zone);
		for (unsigned long at = pfn; at < pfn + (1ul << order); at += pageblock_nr_pages)
			pageblock_make_ready(at, zone->number);
		zone_unlock(zone, irq);
	}
	unsigned references = (unsigned)page_ref_count(page);
	uint32_t single = flags & ~(0xfu << QUARRY_PG_ORDER_SHIFT);
	for (unsigned long i = 0; i < 1ul << order; i++)
		page_set_word(page + i, single, references);
}

void *alloc_pages_exact_nid(int node, size_t size, gfp_t gfp)
{
	unsigned order = get_order(size);
	size_t nr = PFN_UP(size);

	if (!size || nr > MAX_ORDER_NR_PAGES) {
		mm_report(BAD_ORDER, "alloc_pages_exact", NULL, size, MAX_PAGE_ORDER);
		return NULL;
	}
	struct page *head = alloc_pages_node(node, gfp & ~(__GFP_COMP | __GFP_HIGHMEM), order);
	if (!head)
		return NULL;
	split_page(head, order);
	for (size_t i = nr; i < 1ul << order; i++)
		__free_page(head + i);
	return page_address(head);
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	return alloc_pages_exact_nid(NUMA_NO_NODE, size, gfp);
}

void free_pages_exact(void *address, size_t size)
{
	for (size_t at = 0; address && at < size; at += PAGE_SIZE)
		free_page((unsigned long)address + at);
}
