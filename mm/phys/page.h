/* SPDX-License-Identifier: MIT */
/*
 * page.h: reading and writing struct page's flags word, and the page array.
 *
 * A page's state is one 32-bit word (layout: quarry/mm_types.h). States are built whole and stored
 * at once; nobody edits single fields of somebody else's page.
 */
#ifndef QUARRY_MM_PHYS_PAGE_H
#define QUARRY_MM_PHYS_PAGE_H

#include <quarry/mm.h>

#include "mm/base/assert.h"
#include "mm/base/state.h"

#define PAGE_TYPE_MASK (QUARRY_PG_KIND_MASK | 0xfu << QUARRY_PG_ORDER_SHIFT)
#define PAGE_PLACE_SHIFT QUARRY_PG_MOBILITY_SHIFT
#define PAGE_PLACE_MASK 0x7ffu /* mobility (3) and zone number (8), after the shift */

static inline uint32_t page_state(enum quarry_page_kind kind, unsigned order, unsigned mobility,
				  unsigned zone)
{
	return (uint32_t)kind | order << QUARRY_PG_ORDER_SHIFT |
	       mobility << QUARRY_PG_MOBILITY_SHIFT | zone << QUARRY_PG_ZONE_SHIFT;
}
static inline enum quarry_page_kind page_kind(const struct page *page)
{
	return (enum quarry_page_kind)(page->flags & QUARRY_PG_KIND_MASK);
}
static inline unsigned page_order(const struct page *page)
{
	return page->flags >> QUARRY_PG_ORDER_SHIFT & 0xfu;
}
static inline unsigned page_mobility(const struct page *page)
{
	return page->flags >> QUARRY_PG_MOBILITY_SHIFT & 7u;
}
/* Not the head of a block: inner, or a member page of a slab. */
static inline bool page_is_inner(const struct page *page)
{
	return page_kind(page) == QUARRY_PAGE_INNER ||
	       (page->flags & QUARRY_PG_MEMBER) == QUARRY_PG_MEMBER;
}
/* Zone number: node * MAX_NR_ZONES + zone type. */
static inline unsigned page_zone_number(const struct page *page)
{
	return page->flags >> QUARRY_PG_ZONE_SHIFT & 0xffu;
}

/*
 * Change the kind of an allocated block's head (USED <-> SLAB, LARGE, VMALLOC, TABLE), keeping order,
 * mobility and zone. The owner of the block may call it at any time; no lock.
 */
static inline void page_set_kind(struct page *page, enum quarry_page_kind kind)
{
	page->flags = (page->flags & ~QUARRY_PG_KIND_MASK) | (uint32_t)kind;
}
/* Give an inner page of an allocated block a kind of its own, with the head's place: slabs mark every page, so that
 * any address finds its cache in one step. Must be set back to INNER (page_set_inner) before the block is freed. */
static inline void page_set_member(struct page *inner, const struct page *head,
				   enum quarry_page_kind kind)
{
	inner->flags = (head->flags & ~PAGE_TYPE_MASK) | QUARRY_PG_MEMBER | (uint32_t)kind;
}
static inline void page_set_inner(struct page *inner)
{
	inner->flags = (inner->flags & ~PAGE_TYPE_MASK) | (uint32_t)QUARRY_PAGE_INNER;
}

#endif
