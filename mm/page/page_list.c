/* SPDX-License-Identifier: MIT */
/*
 * page_list.c: requests that fill a list of pages, and freeing one.
 *
 * Start at: alloc_pages_bulk_list.
 */
#include <quarry/page_list.h>

#include "mm/phys/pageblock.h"

#define BATCH 32u /* pages asked for at once, on the stack */

unsigned long alloc_pages_bulk_list(gfp_t gfp, unsigned long nr, struct quarry_page_list *list)
{
	unsigned long added = 0;

	while (added < nr) {
		struct page *pages[BATCH] = {NULL};
		unsigned long want = nr - added < BATCH ? nr - added : BATCH;
		unsigned long got = alloc_pages_bulk(gfp, want, pages);
		for (unsigned long i = 0; i < got; i++)
			quarry_page_list_add_tail(list, pages[i]);
		added += got;
		if (got < want)
			break;
	}
	return added;
}

unsigned long free_page_list(struct quarry_page_list *list)
{
	unsigned long nr = list->nr, walked = 0;
	struct page *page = quarry_page_list_first(list);

	quarry_page_list_init(list);
	while (page && walked < nr) {
		bool held = page_is_known(page) && kind_is_used(page_kind(page));
		struct page *next = held ? quarry_page_list_next(page) : NULL;
		__free_pages(page,
			     held && page_flags(page) & QUARRY_PG_COMPOUND ? page_order(page) : 0);
		walked++;
		page = next;
	}
	return walked;
}
