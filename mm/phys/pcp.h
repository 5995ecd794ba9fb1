/* SPDX-License-Identifier: MIT */
/*
 * pcp.h: blocks parked on a CPU, the fast path of every page request.
 *
 * Terms
 *   stock    heads of PARKED blocks, newest first, chained through private_: one for each CPU,
 *            zone, mobility and order
 *   place    order (4 bits), mobility (3 bits) and zone number (8 bits) as they stand in a head's
 *            flags: selects where a freed block goes. A stock is 32 bytes and bits 0-3 of the flags
 *            are the kind, so the place bits in their place are half the stock's offset in bytes:
 *            finding it is one AND. Large orders hold few blocks.
 *   row      a CPU's 16 stocks of one zone and mobility. Mobilities that nothing is parked in have
 *            rows, too; their stocks are marked busy for ever.
 *
 * What a request touches: the line of page_cpus that says which row, the stock, and the struct page
 * that it hands out; a free the same. Nothing of it is another CPU's (decision 11).
 *
 * Exclusion. Only its own CPU touches a stock, kept there by a pin. Against interrupts on that CPU
 * the owner first sets `busy`, then reads, works, and clears `busy` last. An interrupt before the
 * mark runs to its end before the owner reads anything; one that finds the mark takes or gives at
 * the zone itself. (Were the mark a value of n, an interrupt between reading n and marking would be
 * undone.) So the fast path has no lock, no locked instruction and no interrupt masking. Remote
 * drains are calls to the CPU (cpu_call_all), never accesses from outside.
 *
 * Invariants (validator: pcp_check)
 *   I1  held <= cap, and the chain has as many heads; busy only while the owner works
 *   I2  they are heads of PARKED blocks of the stock's order, zone and mobility, each in one stock
 *       once
 *   I3  parked pages are not counted in zone->free: they passed the watermark when they were taken
 *
 * Start at: stock_pop, stock_push.
 */
#ifndef QUARRY_MM_PHYS_PCP_H
#define QUARRY_MM_PHYS_PCP_H

#include "mm/base/count.h"
#include "mm/base/lock.h"
#include "mm/phys/zone.h"

struct page_stock {
	struct page *newest; /* NULL: empty */
	/* Blocks parked now (16 bits) and handed out since the CPU started (48): one addition
	 * changes both. Only the owner writes, while its mark stands; a reader elsewhere sees a
	 * word that may be a moment old. So with `given`, blocks taken back. */
	unsigned long held_taken, given;
	uint16_t cap;	/* blocks that it may hold now */
	uint16_t stamp; /* the CPU's clock after the last refill or drain */
	uint8_t busy;
};

#define STOCK_TAKEN_SHIFT 16

/* Blocks parked. */
static QUARRY_ALWAYS_INLINE uint16_t stock_held(const struct page_stock *stock)
{
	return (uint16_t)__atomic_load_n(&stock->held_taken, __ATOMIC_RELAXED);
}

/* Blocks that it may hold now; for others than its owner, too. */
static QUARRY_ALWAYS_INLINE uint32_t stock_cap(const struct page_stock *stock)
{
	return __atomic_load_n(&stock->cap, __ATOMIC_RELAXED);
}

#define STOCK_COLUMNS 16u   /* the 4 order bits of a flags word */
#define STOCK_MOBILITIES 8u /* rows of a zone: the 3 mobility bits of a flags word */

QUARRY_STATIC_ASSERT(sizeof(struct page_stock) == 2u << QUARRY_PG_ORDER_SHIFT &&
			     QUARRY_CACHE_LINE % sizeof(struct page_stock) == 0,
		     "a stock's offset is twice its place, and it lies in one line");

#define TAKE_MASK 31u /* the bits of a mask that say which row */
#define TAKE_NONE 7u  /* three zones at once */

/*
 * Where a CPU's requests look: the first stock of the row, by the low five bits of the mask. Masks
 * that are not legal get the one of HIGHATOMIC of the first zone, in which nothing is parked. So
 * take[TAKE_NONE] leads to all rows: the table's start lies a constant distance before it.
 */
struct page_cpu {
	struct page_stock *take[TAKE_MASK + 1];
} __attribute__((aligned(QUARRY_CACHE_LINE)));

/* Before a CPU is online its entries lead to a table that parks nothing. */
extern struct page_cpu page_cpus[QUARRY_MAX_CPUS] QUARRY_INT(page_cpus);

static QUARRY_ALWAYS_INLINE struct page_stock *pcp_rows(const struct page_cpu *pages)
{
	return pages->take[TAKE_NONE] - (unsigned)MIGRATE_HIGHATOMIC * STOCK_COLUMNS;
}

/* Mark the stock ours. Pinned. Return: false if we interrupted its owner. Only this CPU reads and
 * writes the mark, so it is a plain word; irq_order() keeps its place. What CPUs share is marked
 * for ever. */
static QUARRY_ALWAYS_INLINE bool stock_mark(struct page_stock *stock)
{
	if (unlikely(stock->busy))
		return false;
	stock->busy = 1;
	irq_order();
	return true;
}
static QUARRY_ALWAYS_INLINE void stock_unmark(struct page_stock *stock)
{
	irq_order();
	stock->busy = 0;
}

/* Take the newest parked head; NULL if there is none or the stock is busy. Pinned. */
static QUARRY_ALWAYS_INLINE struct page *stock_pop(struct page_stock *stock)
{
	if (!stock_mark(stock))
		return NULL;
	struct page *head = stock->newest;
	if (likely(head)) {
		MM_ASSERT(page_kind(head) == QUARRY_PAGE_PARKED); /* or private_ was written to */
		stock->newest = parked_next(head);
		count_add(&stock->held_taken, (1ul << STOCK_TAKEN_SHIFT) - 1);
	}
	stock_unmark(stock);
	return head;
}

/* After stock_mark: `nr` heads were taken off the chain, which begins with `newest` now. Ends the
 * mark. */
static QUARRY_ALWAYS_INLINE void stock_take_end(struct page_stock *stock, struct page *newest,
						size_t nr)
{
	stock->newest = newest;
	count_add(&stock->held_taken, (nr << STOCK_TAKEN_SHIFT) - nr);
	stock_unmark(stock);
}

/* After stock_mark: `nr` heads were put on the chain, which begins with `newest` now. Ends the
 * mark. */
static QUARRY_ALWAYS_INLINE void stock_give_end(struct page_stock *stock, struct page *newest,
						size_t nr)
{
	stock->newest = newest;
	count_add(&stock->held_taken, nr);
	count_add(&stock->given, nr);
	stock_unmark(stock);
}

/* Put a head on top. The stock is ours and not full. */
static QUARRY_ALWAYS_INLINE void stock_park(struct page_stock *stock, struct page *head)
{
	parked_link(head, stock->newest);
	stock->newest = head;
	count_one(&stock->held_taken);
	count_one(&stock->given);
}

/* Park a head whose state is PARKED already. Pinned. Return: false if the stock is full or busy. */
static QUARRY_ALWAYS_INLINE bool stock_push(struct page_stock *stock, struct page *head)
{
	if (!stock_mark(stock))
		return false;
	bool room = likely((uint16_t)stock->held_taken < stock->cap);
	if (room)
		stock_park(stock, head);
	stock_unmark(stock);
	return room;
}

/* Stock that a freed block with these flags belongs to. */
static QUARRY_ALWAYS_INLINE struct page_stock *stock_of_flags(const struct page_cpu *pages,
							      uint32_t flags)
{
	return (struct page_stock *)((char *)pcp_rows(pages) +
				     2 * (uintptr_t)(flags & PAGE_PLACE_MASK));
}

/* Stock of zone, mobility and order on `pages`. */
static inline struct page_stock *stock_of_zone(const struct page_cpu *pages,
					       const struct zone *zone, unsigned type,
					       unsigned order)
{
	return &pcp_rows(pages)[((unsigned)zone->number * STOCK_MOBILITIES + type) * STOCK_COLUMNS +
				order];
}

#define REFILL_PAGES 128u /* that a refill takes under one lock; one block if that is more */

/* Blocks that one refill moves at most. */
static inline uint32_t stock_batch(const struct page_stock *stock, unsigned order)
{
	uint32_t most = REFILL_PAGES >> order ? REFILL_PAGES >> order : 1;
	uint32_t cap = stock_cap(stock);
	return cap < most ? cap : most;
}

/*
 * Refill an empty stock with at most `most` blocks and take one. Pinned; the zone is not locked.
 * Return: a PARKED head, or NULL: stock busy or nothing parked here (go to the buddy), or the zone
 * has no block.
 */
struct page *stock_refill_and_pop(struct zone *zone, struct page_stock *stock, unsigned order,
				  unsigned type, unsigned long most)
	QUARRY_INT(stock_refill_and_pop);

/* Make room in a full stock by giving its oldest blocks to the buddy, then park `head`. Pinned.
 * Return: false: busy or nothing parked here. */
bool stock_drain_and_push(struct zone *zone, struct page_stock *stock, struct page *head,
			  unsigned order) QUARRY_INT(stock_drain_and_push);

/* Give back what the calling CPU parks. Pinned. Return: false if a stock was busy (an interrupted
 * owner). */
bool pcp_drain_local(void) QUARRY_INT(pcp_drain_local);
/* The same for all CPUs. Context: task, irqs on, no lock. */
void pcp_drain_all(void) QUARRY_INT(pcp_drain_all);
/* Give back what `cpu`, which is not running, parks, and its table. */
void pcp_drain_dead(unsigned cpu) QUARRY_INT(pcp_drain_dead);

/* All CPUs together park at most 1/fraction of a zone in each mobility's single pages (0: the
 * built-in rule). Context: as pcp_drain_all. */
void pcp_tune(unsigned fraction) QUARRY_INT(pcp_tune);

/* Pages parked on all CPUs, or deferred (deferred.h), of one zone or all (zone NULL). */
unsigned long pcp_parked(const struct zone *zone) QUARRY_INT(pcp_parked);
struct page_count {
	unsigned long taken, given;
};
/* Pages of a zone that were handed out, and that were freed, since boot; neither falls, but for the
 * moment in which a CPU goes away. */
struct page_count zone_traffic(const struct zone *zone) QUARRY_INT(zone_traffic);

/*
 * No CPU parks anything until it is started; if `park` is false not then either: every request
 * reaches the zones, so that floors are page-exact. No stock holds more than `limit` blocks (0: no
 * such limit). Zones have numbers below `nr_zones`. `nothing` is pcp_rows_size() bytes, for the
 * table to which all CPUs that are not started point.
 */
void pcp_init(bool park, unsigned limit, unsigned nr_cpus, void *nothing, unsigned nr_zones)
	QUARRY_INT(pcp_init);
/* Bytes of a table of all rows. */
size_t pcp_rows_size(unsigned nr_zones) QUARRY_INT(pcp_rows_size);
/* Bytes that one CPU's table takes; 0 if it would park nothing. */
size_t pcp_area_size(void) QUARRY_INT(pcp_area_size);
/* Give the calling CPU its table, in pages of its own of at least pcp_area_size() bytes, single
 * ones. */
void pcp_cpu_start(unsigned cpu, void *area) QUARRY_INT(pcp_cpu_start);
/* Pages of a CPU's table. */
unsigned long pcp_cpu_pages(unsigned cpu) QUARRY_INT(pcp_cpu_pages);

/* Validator: return the number of broken invariants, reported. */
unsigned long pcp_check(void) QUARRY_INT(pcp_check);

#endif
