/* SPDX-License-Identifier: MIT */
/*
 * page_list.c: requests that fill a list of pages, and freeing one.
 *
 * Start at: alloc_pages_bulk_list.
 */
#include <quarry/page_list.h>

#include "mm/base/log.h"
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

/*
 * Free up to `nr` pages from one end of a list on. Nothing is learned from a page that is not held,
 * or whose link back does not name the page before it: freed while listed, it may be another
 * owner's by now. Return: pages that were freed or reported.
 */
static unsigned long free_from_end(uint32_t at, unsigned long nr, bool forward)
{
	uint32_t behind = 0;
	unsigned long walked = 0;

	while (at && walked < nr) {
		struct page *page = pfn_to_page(at);
		bool held = page_is_known(page) && kind_is_used(page_kind(page));
		uint32_t next = 0;
		walked++;
		if (held) {
			next = forward ? page->lru.next : page->lru.prev;
			uint32_t back = forward ? page->lru.prev : page->lru.next;
			if (back != behind) {
				mm_report(PAGE_LIST, "free_page_list", page, back, behind);
				break;
			}
		}
		__free_pages(page,
			     held && page_flags(page) & QUARRY_PG_COMPOUND ? page_order(page) : 0);
		behind = at;
		at = next;
	}
	return walked;
}

unsigned long free_page_list(struct quarry_page_list *list)
{
	const struct quarry_page_list all = *list;
	unsigned long walked;

	quarry_page_list_init(list);
	walked = free_from_end(all.first, all.nr, true);
	return walked + free_from_end(all.last, all.nr - walked, false);
}
