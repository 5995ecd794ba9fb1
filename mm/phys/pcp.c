/* SPDX-License-Identifier: MIT */
/*
 * pcp.c: filling, draining and sizing the CPUs' stocks of pages.
 *
 * Size  A CPU parks at most 1/PARK_SHARE of a zone, divided by the number of CPUs, per mobility and column; never
 *       more than CAP_MAX blocks. Small zones park nothing, so that a tiny machine has its last page at hand.
 * Cost  pop and push: about ten instructions. A refill takes the zone's lock once for cap / 4 blocks, a drain once for
 *       DRAIN_CHUNK blocks: the bound on work with interrupts masked.
 *
 * Locking  none of its own; zone locks inside refill and drain, with the stock marked busy.
 */
#include "mm/phys/pcp.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/phys/buddy.h"

#define CAP_MAX 512u     /* single pages a stock: covers the burst of a 2 MiB mapping */
#define CAP_MIN 8u       /* below this a stock does not pay: park nothing */
#define PARK_SHARE 512u  /* with three mobilities and five columns: about 3 % of a zone over all CPUs */
#define HUGE_SHARE 64u   /* a CPU parks one huge block for each 64 in its share of the zone */
#define HUGE_CAP_MAX 4u
#define DRAIN_CHUNK 32u
#define DRAIN_TRIES 1000u /* a CPU is busy for microseconds; only a broken cross-call gets here */

#define DUMMY_ROWS (NR_ZONES * STOCK_MOBILITIES)
#define NR_COLUMNS 5u
static const uint8_t column_order[NR_COLUMNS] = { 0, 1, 2, 3, pageblock_order };
const uint8_t stock_column[16] = { 0, 1, 2, 3, 7, 7, 7, 7, 7, 4, 7, 7, 7, 7, 7, 7 };

QUARRY_STATE struct page_cpu *page_cpus[QUARRY_MAX_CPUS];

/* What page_cpus points to for a CPU that is not online: every row has cap 0. */
static QUARRY_STATE union {
	struct page_cpu pages;
	char room[sizeof(struct page_cpu) + DUMMY_ROWS * STOCK_COLUMNS * sizeof(struct page_stock)];
} nothing_parked;

static QUARRY_STATE struct {
	bool on;
} parking; /* set at boot */

/* ---- refill and drain ---- */

/* Take the stock for longer work. Return: its n, or STOCK_BUSY if an interrupted owner holds it. */
static uint32_t stock_begin(struct page_stock *stock)
{
	uint32_t n = __atomic_load_n(&stock->n, __ATOMIC_RELAXED);

	__atomic_store_n(&stock->n, STOCK_BUSY, __ATOMIC_RELAXED);
	irq_order();
	return n;
}
static void stock_end(struct page_stock *stock, uint32_t n)
{
	irq_order();
	__atomic_store_n(&stock->n, n, __ATOMIC_RELAXED);
}

/* Give slot[0 .. nr) to the buddy. The stock is ours. */
static void give_slots(struct zone *zone, struct page **slot, uint32_t nr, unsigned order)
{
	while (nr) {
		uint32_t chunk = nr < DRAIN_CHUNK ? nr : DRAIN_CHUNK;
		unsigned long irq = zone_lock(zone);
		for (uint32_t i = 0; i < chunk; i++)
			buddy_give(zone, slot[i], order);
		zone_unlock(zone, irq);
		slot += chunk;
		nr -= chunk;
	}
}

struct page *stock_refill_and_pop(struct zone *zone, struct page_stock *stock, unsigned order,
				  unsigned type, unsigned long most)
{
	uint32_t cap = stock->cap;
	uint32_t n;

	if (!cap || (n = stock_begin(stock)) == STOCK_BUSY)
		return NULL;
	unsigned want = (unsigned)min_u64(min_u64(cap - n, cap / 4 ? cap / 4 : 1), most);
	if (want) {
		unsigned long irq = zone_lock(zone);
		n += buddy_take_many(zone, order, type, want, stock->slot + n,
				     page_state(QUARRY_PAGE_PARKED, order, type, zone->number));
		zone_unlock(zone, irq);
	}
	struct page *head = n ? stock->slot[--n] : NULL;
	stock_end(stock, n);
	return head;
}

bool stock_drain_and_push(struct zone *zone, struct page_stock *stock, struct page *head, unsigned order)
{
	uint32_t n;

	if (!stock->cap || (n = stock_begin(stock)) == STOCK_BUSY)
		return false;
	if (n == stock->cap) {
		/* The older half goes: the newer pages are warm in this CPU's cache. */
		uint32_t old = (n + 1) / 2;
		give_slots(zone, stock->slot, old, order);
		n -= old;
		__builtin_memmove(stock->slot, stock->slot + old, n * sizeof(stock->slot[0]));
	}
	stock->slot[n++] = head;
	stock_end(stock, n);
	return true;
}

/* Empty every stock of `pages`. Return: false if one was busy. */
static bool drain_pages(struct page_cpu *pages)
{
	bool all = true;

	for_each_populated_zone(zone) {
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
			for (unsigned column = 0; column < NR_COLUMNS; column++) {
				unsigned order = column_order[column];
				struct page_stock *stock = stock_of_zone(pages, zone, type, order);
				if (!stock->cap)
					continue;
				uint32_t n = stock_begin(stock);
				if (n == STOCK_BUSY) {
					all = false;
					continue;
				}
				give_slots(zone, stock->slot, n, order);
				stock_end(stock, 0);
			}
		}
	}
	return all;
}

bool pcp_drain_local(void)
{
	return drain_pages(page_cpus[cpu_number()]);
}

static void drain_call(void *busy)
{
	if (!pcp_drain_local())
		__atomic_store_n((unsigned *)busy, 1u, __ATOMIC_RELAXED);
}

void pcp_drain_all(void)
{
	unsigned busy, tries = 0;

	do {
		busy = 0;
		cpu_call_all(drain_call, &busy);
	} while (__atomic_load_n(&busy, __ATOMIC_RELAXED) && ++tries < DRAIN_TRIES);
}

void pcp_drain_dead(unsigned cpu)
{
	struct page_cpu *pages = page_cpus[cpu];

	if (pages == &nothing_parked.pages)
		return;
	page_cpus[cpu] = &nothing_parked.pages;
	drain_pages(pages);

	struct page *head = virt_to_page(pages);
	struct zone *zone = page_zone(head);
	unsigned order = pages->area_order;
	unsigned long irq = zone_lock(zone);
	buddy_give(zone, head, order);
	zone_unlock(zone, irq);
}

unsigned long pcp_parked(const struct zone *only)
{
	unsigned long parked = 0;

	for_each_online_cpu(cpu) {
		for_each_populated_zone(zone) {
			if (only && zone != only)
				continue;
			for (unsigned row = 0; row < MIGRATE_PCPTYPES * NR_COLUMNS; row++) {
				unsigned order = column_order[row % NR_COLUMNS];
				const struct page_stock *stock =
					stock_of_zone(page_cpus[cpu], zone, row / NR_COLUMNS, order);
				uint32_t n = __atomic_load_n(&stock->n, __ATOMIC_RELAXED);
				if (n != STOCK_BUSY)
					parked += (unsigned long)n << order;
			}
		}
	}
	return parked;
}

/* ---- sizing ---- */

static uint32_t stock_capacity(const struct zone *zone, unsigned column, unsigned nr_cpus)
{
	uint64_t single = zone->managed / PARK_SHARE / nr_cpus;

	if (!parking.on)
		return 0;
	if (column_order[column] == pageblock_order)
		return (uint32_t)min_u64(single * PARK_SHARE / pageblock_nr_pages / HUGE_SHARE, HUGE_CAP_MAX);
	single = min_u64(single, CAP_MAX);
	if (single < CAP_MIN)
		return 0;
	/* Half as many pages in each larger order: 512, 128, 64, 32 blocks. */
	return (uint32_t)(column ? single >> (column_order[column] + 1) : single);
}

static size_t rows_size(void)
{
	return (size_t)nodes.count * MAX_NR_ZONES * STOCK_MOBILITIES * STOCK_COLUMNS *
	       sizeof(struct page_stock);
}

size_t pcp_area_size(unsigned nr_cpus)
{
	size_t slots = 0;

	for_each_populated_zone(zone)
		for (unsigned column = 0; column < NR_COLUMNS; column++)
			slots += MIGRATE_PCPTYPES * stock_capacity(zone, column, nr_cpus);
	return sizeof(struct page_cpu) + rows_size() + slots * sizeof(struct page *);
}

void pcp_cpu_start(unsigned cpu, unsigned node, void *area, unsigned area_order, unsigned nr_cpus)
{
	struct page_cpu *pages = area;
	struct page **slot = (struct page **)((char *)area + sizeof(*pages) + rows_size());

	__builtin_memset(area, 0, sizeof(*pages) + rows_size());
	pages->node = node;
	pages->area_order = area_order;
	for_each_populated_zone(zone) {
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
			for (unsigned column = 0; column < NR_COLUMNS; column++) {
				struct page_stock *stock =
					stock_of_zone(pages, zone, type, column_order[column]);
				stock->cap = stock_capacity(zone, column, nr_cpus);
				stock->slot = slot;
				slot += stock->cap;
			}
		}
	}
	/* A mask's row: the best zone's stocks for its mobility. Illegal masks get a row that parks nothing. */
	for (unsigned bits = 0; bits < 32; bits++) {
		gfp_t gfp = (QUARRY_FORCE gfp_t)bits;
		const struct zone *zone = nodes.order[node][gfp_zone(gfp)][0];
		unsigned type = gfp_migratetype(gfp);
		bool legal = zone && type < MIGRATE_PCPTYPES &&
			     !(QUARRY_ZONE_ILLEGAL >> gfp_bits(gfp & GFP_ZONEMASK) & 1u);
		pages->take[bits] = legal ? stock_of_zone(pages, zone, type, 0) :
					    pages->give[STOCK_MOBILITIES - 1];
	}
	page_cpus[cpu] = pages;
}

void pcp_init(bool park)
{
	parking.on = park;
	for (unsigned bits = 0; bits < 32; bits++)
		nothing_parked.pages.take[bits] = nothing_parked.pages.give[0];
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
		page_cpus[cpu] = &nothing_parked.pages;
}

/* ---- validator ---- */

/* Slots of one stock: I2. */
static unsigned long check_slots(const struct zone *zone, const struct page_stock *stock, unsigned type,
				 unsigned order)
{
	const uint32_t expected = page_state(QUARRY_PAGE_PARKED, order, type, zone->number);
	unsigned long broken = 0;

	for (uint32_t i = 0; i < stock->n; i++) {
		if (page_flags(stock->slot[i]) == expected)
			continue;
		broken++;
		mm_report(VALIDATE, "pcp_check I2", stock->slot[i], page_flags(stock->slot[i]), expected);
	}
	return broken;
}

unsigned long pcp_check(void)
{
	unsigned long broken = 0;

	for_each_online_cpu(cpu) {
		for_each_populated_zone(zone) {
			for (unsigned row = 0; row < MIGRATE_PCPTYPES * NR_COLUMNS; row++) {
				unsigned order = column_order[row % NR_COLUMNS], type = row / NR_COLUMNS;
				const struct page_stock *stock = stock_of_zone(page_cpus[cpu], zone, type, order);
				if (stock->n > stock->cap) {
					broken++;
					mm_report(VALIDATE, "pcp_check I1", stock, stock->n, stock->cap);
				} else {
					broken += check_slots(zone, stock, type, order);
				}
			}
		}
	}
	return broken;
}
