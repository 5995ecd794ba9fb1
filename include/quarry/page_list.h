/* SPDX-License-Identifier: MIT */
/*
 * page_list.h: lists of pages that their owner holds, linked through struct page itself.
 *
 * A list costs its owner 16 bytes and nothing per page: the links are page->lru, frame numbers
 * instead of pointers. Only the head of a block can be on a list, on one at a time, and only while
 * the owner holds the block: freeing a page that is still listed breaks the list. Nothing here is
 * locked.
 *
 *	QUARRY_PAGE_LIST(list);
 *	unsigned long got = alloc_pages_bulk_list(GFP_KERNEL, 100, &list);
 *	quarry_page_list_for_each(page, &list)
 *		use(page_address(page));
 *	free_page_list(&list);
 */
#ifndef QUARRY_PAGE_LIST_H
#define QUARRY_PAGE_LIST_H

#include <quarry/mm.h>

QUARRY_BEGIN_DECLS

/* All zero is an empty list. Invariant: nr pages are linked from first to last; first == 0 <=> last
 * == 0 <=> nr == 0. */
struct quarry_page_list {
	uint32_t first, last; /* frame numbers */
	unsigned long nr;
};
#define QUARRY_PAGE_LIST(name) struct quarry_page_list name = { 0, 0, 0 }

static inline void quarry_page_list_init(struct quarry_page_list *list)
{
	list->first = list->last = 0;
	list->nr = 0;
}
static inline bool quarry_page_list_empty(const struct quarry_page_list *list)
{
	return !list->nr;
}
/* The page that a link names; NULL for the end of a list. */
static inline struct page *quarry_page_of_link(uint32_t pfn)
{
	return pfn ? pfn_to_page(pfn) : NULL;
}
static inline struct page *quarry_page_list_first(const struct quarry_page_list *list)
{
	return quarry_page_of_link(list->first);
}
static inline struct page *quarry_page_list_last(const struct quarry_page_list *list)
{
	return quarry_page_of_link(list->last);
}
static inline struct page *quarry_page_list_next(const struct page *page)
{
	return quarry_page_of_link(page->lru.next);
}
static inline struct page *quarry_page_list_prev(const struct page *page)
{
	return quarry_page_of_link(page->lru.prev);
}

/* Put `page`, which is on no list, in front. */
static inline void quarry_page_list_add(struct quarry_page_list *list, struct page *page)
{
	uint32_t pfn = (uint32_t)page_to_pfn(page);

	page->lru.next = list->first;
	page->lru.prev = 0;
	if (list->first)
		pfn_to_page(list->first)->lru.prev = pfn;
	else
		list->last = pfn;
	list->first = pfn;
	list->nr++;
}
/* The same at the end. */
static inline void quarry_page_list_add_tail(struct quarry_page_list *list, struct page *page)
{
	uint32_t pfn = (uint32_t)page_to_pfn(page);

	page->lru.next = 0;
	page->lru.prev = list->last;
	if (list->last)
		pfn_to_page(list->last)->lru.next = pfn;
	else
		list->first = pfn;
	list->last = pfn;
	list->nr++;
}
/* Take `page` off the list that it is on. */
static inline void quarry_page_list_del(struct quarry_page_list *list, struct page *page)
{
	uint32_t next = page->lru.next, prev = page->lru.prev;

	if (next)
		pfn_to_page(next)->lru.prev = prev;
	else
		list->last = prev;
	if (prev)
		pfn_to_page(prev)->lru.next = next;
	else
		list->first = next;
	page->lru.next = page->lru.prev = 0;
	list->nr--;
}
/* Take the first page off. Return: NULL if the list is empty. */
static inline struct page *quarry_page_list_pop(struct quarry_page_list *list)
{
	struct page *page = quarry_page_list_first(list);

	if (page)
		quarry_page_list_del(list, page);
	return page;
}
/* Move all pages of `from` in front of those of `list`, in their order; `from` is empty then. */
static inline void quarry_page_list_splice(struct quarry_page_list *list,
					   struct quarry_page_list *from)
{
	if (!from->nr)
		return;
	if (list->nr) {
		pfn_to_page(from->last)->lru.next = list->first;
		pfn_to_page(list->first)->lru.prev = from->last;
	} else {
		list->last = from->last;
	}
	list->first = from->first;
	list->nr += from->nr;
	quarry_page_list_init(from);
}

/* From first to last; the body may not take `page` off. */
#define quarry_page_list_for_each(page, list)                                                      \
	for (struct page *page = quarry_page_list_first(list); page;                               \
	     page = quarry_page_list_next(page))
/* The same; the body may take `page` off, free it, or put it on another list. */
#define quarry_page_list_for_each_safe(page, following, list)                                      \
	for (struct page *page = quarry_page_list_first(list),                                     \
			 *following = page ? quarry_page_list_next(page) : NULL;                   \
	     page; page = following, following = page ? quarry_page_list_next(page) : NULL)

/*
 * Add up to `nr` single pages to the end of a list.
 * Context: as alloc_pages(gfp, 0). Return: how many were added; fewer than nr if memory ran out.
 */
unsigned long alloc_pages_bulk_list(gfp_t gfp, unsigned long nr, struct quarry_page_list *list)
	QUARRY_API(alloc_pages_bulk_list);

/*
 * Drop one reference of each single page or compound block of a list; the list is empty then. A
 * page on it that is not held is reported; so is one whose link back is wrong (PAGE_LIST), and left
 * alone. The link of such a page cannot be trusted, so the rest is freed from the other end: all
 * but what lies between two of them.
 * Context: any but NMI. Return: pages of the list that were walked.
 */
unsigned long free_page_list(struct quarry_page_list *list) QUARRY_API(free_page_list);

QUARRY_END_DECLS

#endif
