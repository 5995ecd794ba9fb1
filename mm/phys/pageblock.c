/* SPDX-License-Identifier: MIT */
/*
 * pageblock.c: the byte map of pageblocks, and making one ready.
 *
 * Cost  pageblock_make_ready writes 512 flag words once in a block's life: 8 bytes a page, when the
 * block is first split.
 */
#include "mm/phys/pageblock.h"

QUARRY_STATE struct pageblock_map pageblocks;

void pageblock_make_ready(unsigned long pfn, unsigned zone)
{
	unsigned state = pageblock_state(pfn);
	struct page *page = pfn_to_page(pageblock_start(pfn));

	if (state & BLOCK_READY)
		return;
	/* A whole block's first page is a head; it keeps what it says. */
	for (unsigned long i = state & BLOCK_WHOLE ? 1 : 0; i < pageblock_nr_pages; i++) {
		page_set_flags(&page[i], page_state(QUARRY_PAGE_INNER, 0, 0, zone));
		page[i].refcount = 0;
	}
	pageblock_set_state(pfn, (state & ~BLOCK_WHOLE) | BLOCK_READY);
}

void pageblock_init(uint8_t *state, unsigned long first, unsigned long count)
{
	unsigned long pfn = first << pageblock_order;

	pageblocks = (struct pageblock_map){
		.state = state,
		.first = first,
		.count = count,
		.first_page = (uintptr_t)pfn_to_page(pfn),
		.first_address = (uintptr_t)phys_to_virt(PFN_PHYS(pfn)),
	};
	__builtin_memset(state, 0, count);
}
