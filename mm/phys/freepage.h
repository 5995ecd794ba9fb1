/* SPDX-License-Identifier: MIT */
/*
 * freepage.h: one pass over the zones that a request may use, and the way back.
 */
#ifndef QUARRY_MM_PHYS_FREEPAGE_H
#define QUARRY_MM_PHYS_FREEPAGE_H

#include "mm/phys/page_tag.h"
#include "mm/phys/pcp.h"
#include "mm/phys/watermark.h"

/* A request as the layers below see it: decoded once. */
struct page_request {
	gfp_t gfp;
	unsigned order;
	unsigned node;
	enum zone_type highest;
	unsigned type;
	const char *call; /* for reports */
	uintptr_t caller;
};

/*
 * Try every zone of the request against `mark` with `depth` of reserves, nearest and highest first.
 * Context: any but NMI; pins and locks inside. Return: a USED head with reference count 1, or NULL.
 */
struct page *freepage_take(const struct page_request *request, enum zone_mark mark,
			   enum gfp_reserve_depth depth) QUARRY_INT(freepage_take);
/*
 * What every request tries first: the low mark, without reserves. If every zone is below it,
 * below_low() tells whom that concerns and says how deep the request may go at the minimum mark;
 * RESERVE_ALL: let the slow path decide. The CPU is pinned when it is called.
 */
struct page *freepage_take_first(const struct page_request *request,
				 enum gfp_reserve_depth (*below_low)(const struct page_request *))
	QUARRY_INT(freepage_take_first);

/* Of the zones that a request may use, best first: the one at `place`; NULL behind the last. */
static inline struct zone *request_zone(const struct page_request *request,
					struct zone *const *place)
{
	struct zone *zone = zone_at(place);

	if (gfp_has(request->gfp, __GFP_THISNODE) && zone && zone->node != request->node)
		return NULL; /* and so are all behind it */
	return zone;
}
#define for_each_zone_of(zone, request)                                                            \
	for (struct zone *const *at = nodes.order[(request)->node][(request)->highest], *zone;     \
	     (zone = request_zone(request, at)); at++)
/* The first of them; NULL: none has memory. */
static inline struct zone *freepage_first_zone(const struct page_request *request)
{
	return request_zone(request, nodes.order[request->node][request->highest]);
}

/* Free pages of a zone that are not for the request: zone_kept() for it. */
unsigned long freepage_kept(const struct zone *zone, const struct page_request *request,
			    enum gfp_reserve_depth depth) QUARRY_INT(freepage_kept);
/* It is served by a zone while free > floor, and a block for it is there. */
static inline unsigned long freepage_floor(const struct zone *zone,
					   const struct page_request *request, enum zone_mark mark,
					   enum gfp_reserve_depth depth)
{
	return watermark_floor(zone, mark, depth, request->highest) +
	       freepage_kept(zone, request, depth);
}

/* The largest order of which the zones of such a request list a block now that it may have above
 * their low marks; 0 also if there is none. For who can do with less: asking for what is not there
 * costs a climb. */
unsigned freepage_largest(unsigned node, gfp_t gfp) QUARRY_INT(freepage_largest);

/* A parked head becomes the caller's: USED, reference count 1, the owner's words cleared. */
static QUARRY_ALWAYS_INLINE void page_hand_out_as(struct page *head, uint32_t used_flags)
{
	page_set_word(head, used_flags, 1);
	head->mapping = NULL;
	head->private_ = 0;
}
static QUARRY_ALWAYS_INLINE uint32_t page_used_flags(const struct page *parked)
{
	return page_flags(parked) ^ ((unsigned)QUARRY_PAGE_PARKED ^ (unsigned)QUARRY_PAGE_USED);
}
static QUARRY_ALWAYS_INLINE void page_hand_out(struct page *head)
{
	page_hand_out_as(head, page_used_flags(head));
}

/* Debug builds remember whom a block in use is for (G13). A movable one's mobility says so. */
static QUARRY_ALWAYS_INLINE void page_mark_user(struct page *head, gfp_t gfp)
{
	if (QUARRY_DEBUG >= 1 && gfp_has(gfp, __GFP_HARDWALL) && !gfp_has(gfp, __GFP_MOVABLE))
		page_set_flags(head, page_flags(head) | QUARRY_PG_USER);
}

/*
 * Take back a block whose owner holds the only reference, with flags word `flags` as it stands.
 * Context: any but NMI. Cost: a push, or a zone's lock.
 */
void freepage_give(struct page *head, uint32_t flags) QUARRY_INT(freepage_give);

/* The same past the stocks: the block is listed, and merged, at once. */
void freepage_give_home(struct page *head) QUARRY_INT(freepage_give_home);

/* Parks a block on the pinned CPU if its stock takes it at once. */
static QUARRY_ALWAYS_INLINE bool freepage_park(const struct page_cpu *pages,
					       struct page *head, uint32_t flags)
{
	page_tag_drop(head, flags);
	page_set_word(head, (flags & PAGE_PLACE_MASK) | QUARRY_PAGE_PARKED, 0);
	return stock_push(stock_of_flags(pages, flags), head);
}

#endif
