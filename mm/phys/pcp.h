/* SPDX-License-Identifier: MIT */
/*
 * pcp.h: blocks parked on a CPU, the fast path of every page request.
 *
 * Terms
 *   stock    an array of heads of PARKED blocks: one for each CPU, zone, mobility and order
 *   place    order (4 bits), mobility (3 bits) and zone number (8 bits) as they stand in a head's
 *            flags: selects where a
 *            freed block goes. A stock is 16 bytes and bits 0-3 of the flags are the kind, so the
 *            place bits in
 *            their place are the stock's offset in bytes: finding it is one AND. Large orders hold
 *            few blocks.
 *
 * Exclusion. Only its own CPU touches a stock, kept there by a pin. Against interrupts on that CPU
 * the owner first sets `busy`, then reads n, works, and clears `busy` last. An interrupt before the
 * mark runs to its end before the owner reads anything; one that finds the mark takes or gives at
 * the zone itself. (Were the mark a value of n, an interrupt between reading n and marking would be
 * undone.) So the fast path has no lock, no locked instruction and no interrupt masking. Remote
 * drains are calls to the CPU (cpu_call_all), never accesses from outside.
 *
 * Invariants (validator: pcp_check)
 *   I1  n <= cap <= park_room of the zone and order; busy only while the owner works
 *   I2  slot[0 .. n) are heads of PARKED blocks of the stock's order, zone and mobility, each in
 *       one stock once
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
	uint16_t n, cap;
	uint16_t stamp; /* page_cpu.moved after the last refill or drain */
	uint8_t busy;
	struct page **slot;
};

#define STOCK_COLUMNS 16u   /* the 4 order bits of a flags word */
#define STOCK_MOBILITIES 8u /* rows of a zone: the 3 mobility bits of a flags word */

QUARRY_STATIC_ASSERT(sizeof(struct page_stock) == 1u << QUARRY_PG_ORDER_SHIFT,
		     "a stock's offset is its place");

/*
 * How many blocks a stock has handed out and taken back since its CPU started. The counts of the
 * parked mobilities lie COUNT_ROW rows behind their stocks, in rows that no block selects: at a
 * constant distance, so counting is one instruction and the table is no larger. Only the owner
 * writes, while its mark stands; a reader elsewhere sees a word that may be a moment old.
 */
struct page_count {
	unsigned long taken, given;
};

#define COUNT_ROW ((unsigned)MIGRATE_ISOLATE)

QUARRY_STATIC_ASSERT(COUNT_ROW + MIGRATE_PCPTYPES <= STOCK_MOBILITIES &&
			     sizeof(struct page_count) == sizeof(struct page_stock),
		     "counts fit into unused rows");

/* What a CPU parks. `give` is indexed by place; rows and columns that nothing is parked in have cap
 * 0. */
struct page_cpu {
	unsigned node;
	unsigned moved; /* blocks that refills and drains moved: the clock of stamps */
	struct page_stock
		*take[32]; /* by the low five bits of a mask: row of the preferred zone's stocks */
	struct page_stock give[][STOCK_COLUMNS];
};

/* One for each CPU; before a CPU is online it points to one that parks nothing. */
extern struct page_cpu *page_cpus[QUARRY_MAX_CPUS] QUARRY_INT(page_cpus);

static QUARRY_ALWAYS_INLINE struct page_count *stock_traffic(const struct page_stock *stock)
{
	return (struct page_count *)((uintptr_t)stock +
				     COUNT_ROW * STOCK_COLUMNS * sizeof(struct page_stock));
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
	struct page *head = NULL;
	size_t left;

	if (!stock_mark(stock))
		return NULL;
	if (likely(!__builtin_sub_overflow((size_t)stock->n, (size_t)1, &left))) {
		head = stock->slot[left];
		if (!head) /* I2; spares the caller a second test */
			__builtin_unreachable();
		__atomic_store_n(&stock->n, (uint16_t)left, __ATOMIC_RELAXED);
		count_one(&stock_traffic(stock)->taken);
	}
	stock_unmark(stock);
	return head;
}

/* After stock_mark: the newest parked heads are slot[0 .. n). Close with stock_take_end(). */
static QUARRY_ALWAYS_INLINE void stock_take_end(struct page_stock *stock, size_t n)
{
	struct page_count *count = stock_traffic(stock);

	__atomic_store_n(&count->taken, count->taken + stock->n - n, __ATOMIC_RELAXED);
	__atomic_store_n(&stock->n, (uint16_t)n, __ATOMIC_RELAXED);
	stock_unmark(stock);
}

/* After stock_mark: slot[0 .. n) are parked, n - stock->n of them just now. */
static QUARRY_ALWAYS_INLINE void stock_give_end(struct page_stock *stock, size_t n)
{
	struct page_count *count = stock_traffic(stock);

	__atomic_store_n(&count->given, count->given + n - stock->n, __ATOMIC_RELAXED);
	__atomic_store_n(&stock->n, (uint16_t)n, __ATOMIC_RELAXED);
	stock_unmark(stock);
}

/* Park a head whose state is PARKED already. Pinned. Return: false if the stock is full or busy. */
static QUARRY_ALWAYS_INLINE bool stock_push(struct page_stock *stock, struct page *head)
{
	if (!stock_mark(stock))
		return false;
	size_t n = stock->n;
	bool room = likely(n < stock->cap);
	if (room) {
		stock->slot[n] = head;
		__atomic_store_n(&stock->n, (uint16_t)(n + 1), __ATOMIC_RELAXED);
		count_one(&stock_traffic(stock)->given);
	}
	stock_unmark(stock);
	return room;
}

/* Stock that a freed block with these flags belongs to. */
static QUARRY_ALWAYS_INLINE struct page_stock *stock_of_flags(struct page_cpu *pages,
							      uint32_t flags)
{
	return (struct page_stock *)((char *)pages->give + (flags & PAGE_PLACE_MASK));
}

/* Stock of zone, mobility and order on `pages`. */
static inline struct page_stock *stock_of_zone(struct page_cpu *pages, const struct zone *zone,
					       unsigned type, unsigned order)
{
	return &pages->give[(unsigned)zone->number * STOCK_MOBILITIES + type][order];
}

#define REFILL_PAGES 128u /* that a refill takes under one lock; one block if that is more */

/* Blocks that one refill moves at most. */
static inline uint32_t stock_batch(const struct page_stock *stock, unsigned order)
{
	uint32_t most = REFILL_PAGES >> order ? REFILL_PAGES >> order : 1;
	return stock->cap < most ? stock->cap : most;
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
/* Give back what `cpu`, which is not running, parks, and its own arrays. */
void pcp_drain_dead(unsigned cpu) QUARRY_INT(pcp_drain_dead);

/* All CPUs together park at most 1/fraction of a zone in each mobility's single pages (0: the
 * built-in rule). Context: as pcp_drain_all. */
void pcp_tune(unsigned fraction) QUARRY_INT(pcp_tune);

/* Pages parked on all CPUs, or deferred (deferred.h), of one zone or all (zone NULL). */
unsigned long pcp_parked(const struct zone *zone) QUARRY_INT(pcp_parked);
/* Pages of a zone that were handed out, and that were freed, since boot; neither falls, but for the
 * moment in which a CPU goes away. */
struct page_count zone_traffic(const struct zone *zone) QUARRY_INT(zone_traffic);

/*
 * No CPU parks anything until it is started; if `park` is false not then either: every request
 * reaches the zones, so that floors are page-exact. No stock holds more than `limit` blocks (0: no
 * such limit). `nothing` is pcp_nothing_size() bytes, for rows without room, to which all CPUs that
 * are not started point.
 */
void pcp_init(bool park, unsigned limit, unsigned nr_cpus, void *nothing, unsigned nr_nodes)
	QUARRY_INT(pcp_init);
size_t pcp_nothing_size(unsigned nr_nodes) QUARRY_INT(pcp_nothing_size);
/* The same for a CPU's arrays at most, before there are zones: with `pages` frames of all kinds. */
uint64_t pcp_area_bound(uint64_t pages, unsigned nr_cpus, unsigned nr_nodes)
	QUARRY_INT(pcp_area_bound);
/* Bytes that one CPU's arrays take; 0 if it would park nothing. */
size_t pcp_area_size(void) QUARRY_INT(pcp_area_size);
/* Give `cpu` of `node` its arrays, in a block of pages of at least pcp_area_size() bytes. */
void pcp_cpu_start(unsigned cpu, unsigned node, void *area) QUARRY_INT(pcp_cpu_start);

/* Validator: return the number of broken invariants, reported. */
unsigned long pcp_check(void) QUARRY_INT(pcp_check);

#endif
