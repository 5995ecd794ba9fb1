/* SPDX-License-Identifier: MIT */
/*
 * freepage.c: walk the zones, take from the CPU's stock or the buddy; give back.
 *
 * The watermark is tested here, for each zone, before its stock or its buddy is asked; the fast
 * path pops from the nearest zone's stock without: what is parked there passed when it was taken,
 * in the same batch (architecture: pay at the refill).
 *
 * The reserves are for those with a right to them, and stay theirs. A page that was taken below the
 * floor of ordinary requests is taken alone, and says HIGHATOMIC where others have their mobility:
 * no stock takes such pages, so it goes home when it is freed.
 *
 *   parked pages are of what lay above the ordinary floor when they were taken
 *
 * Start at: freepage_take_first, freepage_give.
 */
#include "mm/phys/freepage.h"

#include "mm/base/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"

/* May it take from the reserve of atomic requests? Only what that is for, and whoever may take
 * everything. */
static bool may_use_atomic(const struct page_request *request, enum gfp_reserve_depth depth)
{
	return request->order &&
	       (depth >= RESERVE_ATOMIC || gfp_reserve(request->gfp) >= RESERVE_ATOMIC);
}

unsigned long freepage_kept(const struct zone *zone, const struct page_request *request,
			    enum gfp_reserve_depth depth)
{
	return zone_kept(zone, request->type == MIGRATE_MOVABLE, may_use_atomic(request, depth));
}

/* How far down a request may go in a zone. */
struct floors {
	unsigned long usual; /* who has no right to reserves */
	unsigned long own;
	bool atomic; /* may it take from the reserve of atomic requests? */
};

/* A block from the zone itself, past the stocks. */
static struct page *take_from_buddy(struct zone *zone, const struct page_request *request,
				    const struct floors *floors)
{
	const unsigned long pages = 1ul << request->order;
	struct page *head = NULL;
	unsigned long irq = zone_lock(zone);

	deferred_collect(zone);
	/* Again under the lock: another CPU may have been faster. */
	if (zone->free >= floors->own + pages) {
		unsigned type = MIGRATE_HIGHATOMIC;
		bool ordinary = zone->free >= floors->usual + pages;
		if (floors->atomic)
			head = buddy_take_atomic(zone, request->order);
		if (!head) {
			head = buddy_take(zone, request->order, request->type);
			type = ordinary ? request->type : type;
		}
		if (head) {
			zone_tally(&zone->taken, pages);
			page_set_word(
				head,
				page_state(QUARRY_PAGE_PARKED, request->order, type, zone->number),
				0);
		}
	}
	zone_unlock(zone, irq);
	return head;
}

/*
 * The request itself may go down to its floor; what it takes along in a batch leaves as much again
 * above the ordinary one. The CPU is pinned; `stock` is its stock of the zone.
 */
static QUARRY_NOINLINE struct page *take_from_zone(struct zone *zone, struct page_stock *stock,
						   const struct page_request *request,
						   const struct floors *floors)
{
	struct page *head = stock_pop(stock);
	unsigned long free = zone_free(zone);

	if (!head && free >= floors->usual + (1ul << request->order)) {
		unsigned long spare = (free - floors->usual) >> request->order;
		head = stock_refill_and_pop(zone, stock, request->order, request->type,
					    (spare + 1) / 2);
	}
	return head ? head : take_from_buddy(zone, request, floors);
}

/*
 * One pass over the zones. One that has nothing for the request is told at a glance; inlined, so
 * that a pass at a constant mark is short.
 */
static QUARRY_ALWAYS_INLINE struct page *pass(const struct page_cpu *pages,
					      struct zone *const *place,
					      const struct page_request *request,
					      enum zone_mark mark, enum gfp_reserve_depth depth)
{
	const bool lent = request->type == MIGRATE_MOVABLE;
	struct floors floors = {.atomic = may_use_atomic(request, depth)};

	for (struct zone *zone; (zone = request_zone(request, place)); place++) {
		floors.own = watermark_floor(zone, mark, depth, request->highest) +
			     zone_kept(zone, lent, floors.atomic);
		if (zone_free(zone) < floors.own + (1ul << request->order))
			continue;
		floors.usual = watermark_floor(zone, mark, RESERVE_NONE, request->highest) +
			       zone_kept(zone, lent, false);
		struct page *head = take_from_zone(
			zone, stock_of_zone(pages, zone, request->type, request->order), request,
			&floors);
		if (head)
			return head;
	}
	return NULL;
}

static inline struct zone *const *zones_for(const struct page_request *request)
{
	return nodes.order[request->node][request->highest];
}

static inline struct page *handed_out(struct page *head)
{
	cpu_unpin();
	if (head)
		page_hand_out(head);
	return head;
}

struct page *freepage_take(const struct page_request *request, enum zone_mark mark,
			   enum gfp_reserve_depth depth)
{
	return handed_out(pass(&page_cpus[cpu_pin()], zones_for(request), request, mark, depth));
}

struct page *freepage_take_first(const struct page_request *request,
				 enum gfp_reserve_depth (*below_low)(const struct page_request *))
{
	const struct page_cpu *pages = &page_cpus[cpu_pin()];
	struct zone *const *place = zones_for(request);
	struct page *head = pass(pages, place, request, MARK_LOW, RESERVE_NONE);

	if (!head) {
		enum gfp_reserve_depth depth = below_low(request);
		if (depth != RESERVE_ALL)
			head = pass(pages, place, request, MARK_MIN, depth);
	}
	return handed_out(head);
}

unsigned freepage_largest(unsigned node, gfp_t gfp)
{
	const struct page_request request = {.gfp = gfp, .node = node, .highest = gfp_zone(gfp)};
	bool lent = gfp_migratetype(gfp) == MIGRATE_MOVABLE;
	uint32_t orders = 1;

	for_each_zone_of (zone, &request) {
		unsigned long floor =
			watermark_floor(zone, MARK_LOW, RESERVE_NONE, request.highest) +
			zone_kept(zone, lent, false);
		unsigned long free = zone_free(zone);
		if (free > floor)
			orders |= zone_free_orders(zone, lent) &
				  ((2u << highest_bit(free - floor)) - 1);
	}
	return highest_bit(orders);
}

void freepage_give_home(struct page *head)
{
	struct zone *zone = head_zone(head);
	unsigned order = page_order(head);

	if (QUARRY_ALLOCINFO)
		page_tag_drop(head, page_flags(head));
	unsigned long irq = zone_lock(zone);

	buddy_give(zone, head, order);
	deferred_collect(zone);
	zone_tally(&zone->given, 1ul << order);
	zone_unlock(zone, irq);
}

void freepage_give(struct page *head, uint32_t flags)
{
	struct zone *zone = head_zone(head);
	unsigned order = flags_order(flags);
	const struct page_cpu *pages = &page_cpus[cpu_pin()];

	if (!freepage_park(pages, head, flags) &&
	    !stock_drain_and_push(zone, stock_of_flags(pages, flags), head, order))
		freepage_give_home(head);
	cpu_unpin();
}
