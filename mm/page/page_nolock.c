/* SPDX-License-Identifier: MIT */
/*
 * page_nolock.c: pages for any context.
 *
 * Start at: alloc_pages_nolock.
 */
#include <quarry/gfp.h>

#include "mm/base/fault.h"
#include "mm/page/page_alloc.h"
#include "mm/phys/nolock.h"

struct page *alloc_pages_nolock(int node, unsigned order)
{
	if (order > MAX_PAGE_ORDER) {
		mm_report(BAD_ORDER, "alloc_pages_nolock", NULL, order, MAX_PAGE_ORDER);
		return NULL;
	}
	if (fault_here(FAULT_PAGE))
		return NULL;
	const struct page_request request = {
		.gfp = __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_ZERO,
		.order = order,
		.node = node_or_local(node),
		.highest = ZONE_NORMAL,
		.type = MIGRATE_UNMOVABLE,
		.call = "alloc_pages_nolock",
	};
	struct page *head = nolock_take(&request);
	if (!head)
		return NULL;
	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	for (unsigned long i = 0; i < 1ul << order; i++)
		arch_clear_page(page_address(head + i));
	return head;
}

void free_pages_nolock(struct page *page, unsigned order)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	if (!page || !page_drop("free_pages_nolock", page, order, caller))
		return;
	uint32_t flags = page_flags(page);
	arch_mem_poison(page_address(page), PAGE_SIZE << flags_order(flags));
	nolock_give(page, flags);
}
