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
#include "mm/base/count.h"
#include "mm/base/state.h"

#define PAGE_TYPE_MASK (QUARRY_PG_KIND_MASK | 0xfu << QUARRY_PG_ORDER_SHIFT)
#define PAGE_PLACE_MASK                                                                            \
	(0x7fffu << QUARRY_PG_ORDER_SHIFT) /* order (4), mobility (3) and zone number (8) */

static inline uint32_t page_state(enum quarry_page_kind kind, unsigned order, unsigned mobility,
				  unsigned zone)
{
	return (uint32_t)kind | order << QUARRY_PG_ORDER_SHIFT |
	       mobility << QUARRY_PG_MOBILITY_SHIFT | zone << QUARRY_PG_ZONE_SHIFT;
}
/*
 * The owner of a block writes its flags without a lock while a neighbour's merge may read them, so
 * both sides are relaxed atomics. A reader can only act on FREE, which changes under the zone's
 * lock alone.
 */
static inline uint32_t page_flags(const struct page *page)
{
	return __atomic_load_n(&page->flags, __ATOMIC_RELAXED);
}
static inline void page_set_flags(struct page *page, uint32_t flags)
{
	__atomic_store_n(&page->flags, flags, __ATOMIC_RELAXED);
}
/* Flags and reference count in one store: they are the first eight bytes. */
typedef uint64_t __attribute__((may_alias)) page_word_t;
static inline uint64_t page_word(const struct page *page)
{
	return __atomic_load_n((const page_word_t *)(const void *)page, __ATOMIC_RELAXED);
}
static inline void page_set_word(struct page *page, uint32_t flags, unsigned refcount)
{
	__atomic_store_n((page_word_t *)(void *)page, flags | (uint64_t)refcount << 32,
			 __ATOMIC_RELAXED);
}
/* Heads of parked blocks form chains, NULL at the end. */
static QUARRY_ALWAYS_INLINE struct page *parked_next(const struct page *head)
{
	return (struct page *)head->private_;
}
static QUARRY_ALWAYS_INLINE void parked_link(struct page *head, const struct page *next)
{
	head->private_ = (unsigned long)next;
}
/* Has a page one reference? One instruction, where an atomic load and a comparison are two. */
static QUARRY_ALWAYS_INLINE bool page_sole_reference(const struct page *page)
{
#ifdef RACES_ARE_CHECKED
	return page_ref_count(page) == 1;
#else
	return page->refcount == 1;
#endif
}
/* Nobody refers to the block. Scanners read the count of any head without a lock. */
static inline void page_clear_count(struct page *head)
{
	__atomic_store_n(&head->refcount, 0, __ATOMIC_RELAXED);
}
static inline enum quarry_page_kind flags_kind(uint32_t flags)
{
	return (enum quarry_page_kind)(flags & QUARRY_PG_KIND_MASK);
}
static inline unsigned flags_order(uint32_t flags)
{
	return flags >> QUARRY_PG_ORDER_SHIFT & 0xfu;
}
static inline enum quarry_page_kind page_kind(const struct page *page)
{
	return flags_kind(page_flags(page));
}
static inline unsigned page_order(const struct page *page)
{
	return flags_order(page_flags(page));
}
static inline unsigned page_mobility(const struct page *page)
{
	return page_flags(page) >> QUARRY_PG_MOBILITY_SHIFT & 7u;
}
/* Handed out by the page layer, and its owner's to free? */
static inline bool kind_is_used(enum quarry_page_kind kind)
{
	return kind == QUARRY_PAGE_USED || kind == QUARRY_PAGE_MOVABLE;
}
/* Frame behind an address, if the direct map holds it: of any address, silent. */
static inline unsigned long direct_frame(uintptr_t address)
{
	return (address - quarry_direct_offset) >> PAGE_SHIFT;
}
/* Addresses that are not in the direct map, because vmalloc hands them out. */
void direct_map_exclude(uintptr_t start, uintptr_t end) QUARRY_INT(direct_map_exclude);

/* Not the head of a block: inner, or a member page of a slab. */
static inline bool page_is_inner(const struct page *page)
{
	uint32_t flags = page_flags(page);
	return flags_kind(flags) == QUARRY_PAGE_INNER ||
	       (flags & QUARRY_PG_MEMBER) == QUARRY_PG_MEMBER;
}
/* Zone number: node * MAX_NR_ZONES + zone type. */
static inline unsigned page_zone_number(const struct page *page)
{
	return page_flags(page) >> QUARRY_PG_ZONE_SHIFT & 0xffu;
}

/*
 * Change the kind of an allocated block's head (USED <-> SLAB, LARGE, VMALLOC, TABLE), keeping
 * order, mobility and zone. The owner of the block may call it at any time; no lock.
 */
static inline void page_set_kind(struct page *page, enum quarry_page_kind kind)
{
	page_set_flags(page, (page_flags(page) & ~QUARRY_PG_KIND_MASK) | (uint32_t)kind);
}
/* Give an inner page of an allocated block a kind of its own, with the head's place: slabs mark
 * every page, so that any address finds its cache in one step. Must be set back to INNER
 * (page_set_inner) before the block is freed. */
static inline void page_set_member(struct page *inner, const struct page *head,
				   enum quarry_page_kind kind)
{
	page_set_flags(inner,
		       (page_flags(head) & ~PAGE_TYPE_MASK) | QUARRY_PG_MEMBER | (uint32_t)kind);
}
static inline void page_set_inner(struct page *inner)
{
	page_set_flags(inner, (page_flags(inner) & ~PAGE_TYPE_MASK) | (uint32_t)QUARRY_PAGE_INNER);
}
/* Head of the block that `page`, any page of it, stands for; NULL if no struct page of ours lies
 * there. */
struct page *page_block(const struct page *page) QUARRY_INT(page_block);

#endif
