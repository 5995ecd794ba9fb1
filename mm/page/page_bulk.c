/* SPDX-License-Identifier: MIT */
/*
 * page_bulk.c: many pages in one call, exact sizes, splitting a block.
 *
 * Start at: alloc_pages_bulk_node, split_page.
 */
#include "mm/base/bits.h"
#include "mm/base/fault.h"
#include "mm/phys/freepage.h"
#include "mm/phys/pageblock.h"

#include <quarry/mm.h>

/* Fill NULL slots of pages[i .. nr) from this CPU's stock. Return: the first slot that is still NULL. */
static unsigned long fill_from_stock(gfp_t gfp, unsigned long i, unsigned long nr, struct page **pages)
{
	const struct page_cpu *cpu = page_cpus[cpu_pin()];
	struct page_stock *stock = cpu->take[gfp_bits(gfp) & 31u];

	for (; i < nr; i++) {
		if (pages[i])
			continue;
		struct page *page = stock_pop(stock);
		if (!page)
			break;
		page_hand_out(page);
		arch_mem_unpoison(page_address(page), PAGE_SIZE);
		pages[i] = page;
	}
	cpu_unpin();
	return i;
}

unsigned long alloc_pages_bulk_node(gfp_t gfp, int node, unsigned long nr, struct page **pages)
{
	/* Only what needs no look at the mask: the rest goes page by page. */
	bool plain = node < 0 && !gfp_has(gfp, __GFP_ZERO | ~__GFP_BITS_MASK) && gfp_context_ok(gfp);
	unsigned long i = 0;

	while (i < nr) {
		if (fault_here(FAULT_PAGE_BULK))
			break;
		if (plain && (i = fill_from_stock(gfp, i, nr, pages)) == nr)
			break;
		if (!pages[i] && !(pages[i] = alloc_pages_node(node, gfp, 0)))
			break;
		i++;
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
