/* SPDX-License-Identifier: MIT */
/*
 * folio.h: a block of pages as one thing, under the names of newer Linux code.
 *
 * A folio is the head of a compound block (or a single page) seen as a type of its own, so that
 * code which has a folio need not ask whether a page is a tail. It is the head's struct page;
 * nothing is stored besides it.
 */
#ifndef QUARRY_FOLIO_H
#define QUARRY_FOLIO_H

#include <quarry/mm.h>

QUARRY_BEGIN_DECLS

struct folio {
	struct page page; /* the head */
};

/* The folio that any page of a block belongs to. Context: any, by a holder of a reference. */
static inline struct folio *page_folio(const struct page *page)
{
	return (struct folio *)compound_head(page);
}
/* Page `n` of a folio, n < folio_nr_pages(folio). */
static inline struct page *folio_page(struct folio *folio, unsigned long n)
{
	return &folio->page + n;
}
static inline unsigned folio_order(const struct folio *folio)
{
	return compound_order(&folio->page);
}
static inline unsigned long folio_nr_pages(const struct folio *folio)
{
	return 1ul << folio_order(folio);
}
static inline size_t folio_size(const struct folio *folio)
{
	return PAGE_SIZE << folio_order(folio);
}
/* More than one page? */
static inline bool folio_test_large(const struct folio *folio)
{
	return folio_order(folio) != 0;
}
static inline unsigned long folio_pfn(const struct folio *folio)
{
	return page_to_pfn(&folio->page);
}
static inline void *folio_address(const struct folio *folio)
{
	return page_address(&folio->page);
}
static inline int folio_nid(const struct folio *folio)
{
	return page_to_nid(&folio->page);
}
/* The folio of an address in the direct map. */
static inline struct folio *virt_to_folio(const void *address)
{
	return page_folio(virt_to_page(address));
}

/*
 * Ask for 2^order pages, always compound, with one reference.
 * Context: as alloc_pages. Return: NULL if there is no memory or the order is too large (reported).
 */
static inline struct folio *folio_alloc(gfp_t gfp, unsigned order)
{
	return (struct folio *)alloc_pages(gfp | __GFP_COMP, order);
}
static inline struct folio *folio_alloc_node(gfp_t gfp, unsigned order, int node)
{
	return (struct folio *)alloc_pages_node(node, gfp | __GFP_COMP, order);
}

/* References; the last put frees. Context: any but NMI. */
static inline int folio_ref_count(const struct folio *folio)
{
	return page_ref_count(&folio->page);
}
static inline void folio_get(struct folio *folio)
{
	get_page(&folio->page);
}
static inline void folio_put(struct folio *folio)
{
	put_page(&folio->page);
}
static inline bool folio_put_testzero(struct folio *folio)
{
	return put_page_testzero(&folio->page);
}

QUARRY_END_DECLS

#endif
