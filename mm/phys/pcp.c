/* SPDX-License-Identifier: MIT */
/*
 * pcp.c: filling, draining and sizing the CPUs' stocks of pages.
 *
 * Size    A stock of order 0-3 holds at most 1/PARK_SHARE of the zone divided by the number of
 *         CPUs, and never more than CAP_MAX pages; those of larger orders hold a few blocks.
 *         Small zones park nothing, so that a tiny machine has its last page at hand. Nor do CPUs
 *         whose tables of stocks would be more than 1/TABLE_SHARE of memory.
 * Demand  How many of them are used (cap) follows what the stock does. It starts with one. When it
 *         runs empty it doubles; when it overflows it shrinks and gives back older blocks. So
 *         it grows to what is taken and given by turns, and frees alone do not fill it. Both hold
 *         for a stock that is busy: that had, since the last time, at least 1/(BUSY_SHARE + 1) of
 *         the blocks that the CPU's stocks moved. One that is not halves each time, down to
 *         nothing: its few blocks would lie about and keep large blocks from merging, and the lock
 *         for each is a small part of what the CPU does anyway (decision 9).
 * Cost    pop and push: about ten instructions. A refill takes the zone's lock once for at most
 *         REFILL_PAGES pages, a drain once for DRAIN_CHUNK blocks: the bound on work with
 *         interrupts masked.
 *
 * Locking  none of its own; zone locks inside refill and drain, with the stock marked busy.
 */
#include "mm/phys/pcp.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"
#include "mm/phys/pageblock.h"

/* Single pages a stock: covers the burst of a 16 MiB mapping, and what a refill left over. */
#define CAP_MAX (4096u + REFILL_PAGES)
#define CAP_START 1u /* where demand is not known */
#define CAP_MIN 8u   /* below this a stock of single pages does not pay: park nothing */
/* Pages of a CPU's share of the zone for each page of a stock: 1.6 % of the zone parked for each
 * stock that is full everywhere. */
#define PARK_SHARE 64u
/* Pages of memory for each page of tables, that of CPUs not started included: with 1/128 for struct
 * pages, and what rounding takes, all metadata stays below 0.9 %. */
#define TABLE_SHARE 950u
#define SHRINK_AFTER 3u /* orders 0-3 serve bursts; larger ones only alternating take and give */
#define HUGE_SHARE 64u /* a CPU parks one block for each 64 of its order in its share of the zone */
#define HUGE_CAP_MAX 4u
#define DRAIN_CHUNK 32u
#define DRAIN_MAX 256u /* blocks that one free may have to give back: bounds its time */
#define KEEP_MAX 64u   /* newest blocks that stay when others go, being warm in the CPU's cache */
/* A stock is busy if no more than that many blocks moved for each of its own. */
#define BUSY_SHARE 2u
#define DRAIN_TRIES 1000u /* a CPU is busy for microseconds; only a broken cross-call gets here */

QUARRY_STATE struct page_cpu page_cpus[QUARRY_MAX_CPUS];

static QUARRY_STATE struct {
	bool on;
	unsigned limit; /* of blocks in a stock */
	unsigned share; /* a stock of single pages holds 1/share of the zone */
	unsigned nr_cpus;
	unsigned nr_zones;	    /* rows exist for the zones with numbers below */
	struct page_stock *nothing; /* table of a CPU that is not started */
} parking;

/* ---- sizing ---- */

/*
 * Blocks of `order` that a CPU may park for a mobility of a zone of `pages` pages: as many pages in
 * each of orders 0-3, and at most 4 blocks above.
 */
static uint16_t capacity(unsigned long pages, unsigned order)
{
	uint64_t share = pages / parking.nr_cpus;
	uint64_t single = min_u64(share / parking.share, CAP_MAX);

	if (!parking.on || single < CAP_MIN)
		return 0;
	if (order > SHRINK_AFTER)
		single = min_u64((share >> order) / HUGE_SHARE, HUGE_CAP_MAX);
	else if (order)
		single >>= order;
	return (uint16_t)min_u64(single, parking.limit);
}

/* CPUs that do this at once find the same. */
static void size_stocks(struct zone *zone)
{
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
		__atomic_store_n(&zone->park_max[order], capacity(zone_managed(zone), order),
				 __ATOMIC_RELAXED);
}
static uint32_t stock_most(const struct zone *zone, unsigned order)
{
	return __atomic_load_n(&zone->park_max[order], __ATOMIC_RELAXED);
}

/* ---- demand ---- */

static void stock_set_cap(struct page_stock *stock, uint32_t cap)
{
	__atomic_store_n(&stock->cap, (uint16_t)cap, __ATOMIC_RELAXED);
}

static uint32_t stock_start(const struct zone *zone, unsigned order)
{
	return (uint32_t)min_u64(CAP_START, stock_most(zone, order));
}

/* Blocks that refills and drains moved on a CPU: kept where no stock needs its stamp. */
static uint16_t *cpu_clock(const struct page_cpu *pages)
{
	return &pages->take[TAKE_NONE]->stamp;
}

/* The stock moves `blocks` blocks. Return: did it serve its share of the CPU's traffic since the
 * last time? */
static bool stock_is_busy(struct page_stock *stock, uint32_t blocks)
{
	uint16_t *moved = cpu_clock(&page_cpus[cpu_number()]);
	uint16_t others = (uint16_t)(*moved - stock->stamp);

	*moved = (uint16_t)(*moved + blocks);
	stock->stamp = *moved;
	return others <= BUSY_SHARE * blocks;
}

/* It ran empty. Return: blocks to fetch. */
static uint32_t stock_grow(const struct zone *zone, struct page_stock *stock, unsigned order)
{
	uint32_t cap = stock->cap, batch = stock_batch(stock, order);

	if (stock_is_busy(stock, batch ? batch : 1))
		cap = (uint32_t)min_u64(2 * cap, stock_most(zone, order));
	else
		cap /= 2;
	stock_set_cap(stock, cap ? cap : 1);
	return stock_batch(stock, order);
}

/* It is full with n blocks. Return: blocks to give back, oldest first. */
static uint32_t stock_shrink(struct page_stock *stock, uint32_t n)
{
	uint32_t cap = stock->cap / 2;

	if (stock_is_busy(stock, n / 4)) {
		cap += cap / 2;
		if (cap < DRAIN_CHUNK) /* never lock for each block */
			cap = (uint32_t)min_u64(DRAIN_CHUNK, stock->cap);
	}
	uint32_t old = (uint32_t)min_u64(n - cap / 4, DRAIN_MAX);
	if (cap && cap <= n - old)
		cap = n - old + 1;
	stock_set_cap(stock, cap);
	return old;
}

/* ---- refill and drain ---- */

/* Give `nr` heads of a chain to the buddy. The stock is ours. Return: the rest of the chain. */
static struct page *give_chain(struct zone *zone, struct page *head, uint32_t nr, unsigned order)
{
	while (nr) {
		uint32_t chunk = nr < DRAIN_CHUNK ? nr : DRAIN_CHUNK;
		unsigned long irq = zone_lock(zone);
		head = buddy_give_many(zone, head, chunk, order);
		zone_unlock(zone, irq);
		nr -= chunk;
	}
	return head;
}

/* Blocks came from the buddy, or (negated) went back. */
static void stock_count(struct page_stock *stock, unsigned long more)
{
	count_add(&stock->held_taken, more);
}

/* May it hold anything? Stocks of other mobilities are marked for ever. */
static bool is_parking(const struct zone *zone, const struct page_stock *stock, unsigned order)
{
	return stock_most(zone, order) && !stock->busy;
}

struct page *stock_refill_and_pop(struct zone *zone, struct page_stock *stock, unsigned order,
				  unsigned type, unsigned long most)
{
	if (!is_parking(zone, stock, order) || !stock_mark(stock))
		return NULL;
	if (!stock->newest && most) {
		unsigned want = (unsigned)min_u64(stock_grow(zone, stock, order), most);
		unsigned long irq = zone_lock(zone);
		deferred_collect(zone);
		unsigned got = buddy_take_many(
			zone, order, type, want, &stock->newest,
			page_state(QUARRY_PAGE_PARKED, order, type, zone->number));
		zone_unlock(zone, irq);
		stock_count(stock, got);
	}
	struct page *head = stock->newest;
	if (head)
		stock_take_end(stock, parked_next(head), 1);
	else
		stock_unmark(stock);
	return head;
}

/* A full stock gives older blocks back; the newest are warm in this CPU's cache. */
static void stock_drain(struct zone *zone, struct page_stock *stock, unsigned order)
{
	uint32_t n = stock_held(stock), old = stock_shrink(stock, n), keep = n - old;
	struct page *last = NULL;

	for (uint32_t i = keep < KEEP_MAX ? keep : KEEP_MAX; i; i--)
		last = last ? parked_next(last) : stock->newest;
	if (last)
		parked_link(last, give_chain(zone, parked_next(last), old, order));
	else
		stock->newest = give_chain(zone, stock->newest, old, order);
	stock_count(stock, 0ul - old);
}

bool stock_drain_and_push(struct zone *zone, struct page_stock *stock, struct page *head,
			  unsigned order)
{
	if (!is_parking(zone, stock, order) || !stock_mark(stock))
		return false;
	if (stock_held(stock) >= stock->cap)
		stock_drain(zone, stock, order);
	bool room = stock_held(stock) < stock->cap;
	if (room)
		stock_park(stock, head);
	stock_unmark(stock);
	return room;
}

/*
 * Each mask's row: the best zone's stocks for its mobility. Illegal masks get a row that parks
 * nothing. Zones appear when memory is added, so this is done again then, by the CPU itself.
 */
static void choose_rows(struct page_cpu *pages, unsigned node)
{
	for (unsigned bits = 0; bits <= TAKE_MASK; bits++) {
		gfp_t gfp = (QUARRY_FORCE gfp_t)bits;
		const struct zone *zone = zone_at(nodes.order[node][gfp_zone(gfp)]);
		unsigned type = gfp_migratetype(gfp);
		bool legal = zone && type < MIGRATE_PCPTYPES && gfp_zones_legal(gfp);
		pages->take[bits] = legal ? stock_of_zone(pages, zone, type, 0)
					  : pages->take[TAKE_NONE];
	}
}

/* All requests of a CPU go to the table `rows`. */
static void set_rows(struct page_cpu *pages, struct page_stock *rows)
{
	for (unsigned bits = 0; bits <= TAKE_MASK; bits++)
		pages->take[bits] = rows + (unsigned)MIGRATE_HIGHATOMIC * STOCK_COLUMNS;
}

static void collect_deferred(struct zone *zone)
{
	if (!zone_has_deferred(zone))
		return;
	unsigned long irq = zone_lock(zone);
	deferred_collect(zone);
	zone_unlock(zone, irq);
}

/* Empty a CPU's stocks of a zone. Return: false if one was busy. */
static bool drain_zone(const struct page_cpu *pages, struct zone *zone)
{
	bool all = true;

	for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
		unsigned order = i % NR_PAGE_ORDERS;
		struct page_stock *stock = stock_of_zone(pages, zone, i / NR_PAGE_ORDERS, order);
		if (!stock_mark(stock)) {
			all = false;
			continue;
		}
		unsigned held = stock_held(stock);
		stock->newest = give_chain(zone, stock->newest, held, order);
		stock_count(stock, 0ul - held);
		stock_set_cap(stock, stock_start(zone, order));
		stock_unmark(stock);
	}
	return all;
}

/* Empty every stock of `pages`, and size it anew. Return: false if one was busy. */
static bool drain_pages(const struct page_cpu *pages)
{
	bool all = true;

	for_every_populated_zone (zone) {
		collect_deferred(zone);
		size_stocks(zone);
		if (pcp_rows(pages) != parking.nothing)
			all &= drain_zone(pages, zone);
	}
	return all;
}

bool pcp_drain_local(void)
{
	struct page_cpu *pages = &page_cpus[cpu_number()];

	if (pcp_rows(pages) != parking.nothing)
		choose_rows(pages, node_or_local(NUMA_NO_NODE));
	return drain_pages(pages);
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

void pcp_tune(unsigned fraction)
{
	parking.share = fraction ? fraction : PARK_SHARE;
	pcp_drain_all(); /* each CPU sizes its stocks when they are empty */
}

/* Add what the stocks of `pages` counted for a zone, in pages. */
static void add_counts(const struct page_cpu *pages, const struct zone *zone,
		       struct page_count *sum)
{
	for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
		unsigned order = i % NR_PAGE_ORDERS;
		const struct page_stock *stock =
			stock_of_zone(pages, zone, i / NR_PAGE_ORDERS, order);
		unsigned long word = __atomic_load_n(&stock->held_taken, __ATOMIC_RELAXED);
		sum->taken += word >> STOCK_TAKEN_SHIFT << order;
		sum->given += __atomic_load_n(&stock->given, __ATOMIC_RELAXED) << order;
	}
}

struct page_count zone_traffic(const struct zone *zone)
{
	struct page_count sum = {
		.taken = __atomic_load_n(&zone->taken, __ATOMIC_RELAXED),
		.given = __atomic_load_n(&zone->given, __ATOMIC_RELAXED),
	};

	for_each_online_cpu (cpu)
		add_counts(&page_cpus[cpu], zone, &sum);
	return sum;
}

/* The stocks of `pages` go: their zones keep the counts. */
static void keep_counts(const struct page_cpu *pages)
{
	for_every_populated_zone (zone) {
		unsigned long irq = zone_lock(zone);
		struct page_count sum = {zone->taken, zone->given};
		add_counts(pages, zone, &sum);
		__atomic_store_n(&zone->taken, sum.taken, __ATOMIC_RELAXED);
		__atomic_store_n(&zone->given, sum.given, __ATOMIC_RELAXED);
		zone_unlock(zone, irq);
	}
}

void pcp_drain_dead(unsigned cpu)
{
	struct page_cpu *pages = &page_cpus[cpu];
	struct page_stock *rows = pcp_rows(pages);
	unsigned long nr = pcp_cpu_pages(cpu);

	if (!nr)
		return;
	drain_pages(pages);
	keep_counts(pages);
	set_rows(pages, parking.nothing);

	struct page *page = virt_to_page(rows);
	struct zone *zone = head_zone(page);
	arch_mem_poison(rows, nr << PAGE_SHIFT);
	unsigned long irq = zone_lock(zone);
	for (unsigned long i = 0; i < nr; i++)
		buddy_give(zone, page + i, 0);
	zone_tally(&zone->given, nr);
	zone_unlock(zone, irq);
}

unsigned long pcp_parked(const struct zone *only)
{
	unsigned long parked = 0;

	for_each_online_cpu (cpu) {
		for_every_populated_zone (zone) {
			if (only && zone != only)
				continue;
			for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
				unsigned order = i % NR_PAGE_ORDERS;
				const struct page_stock *stock = stock_of_zone(
					&page_cpus[cpu], zone, i / NR_PAGE_ORDERS, order);
				parked += (unsigned long)stock_held(stock) << order;
			}
		}
	}
	for_every_populated_zone (zone)
		if (!only || zone == only)
			parked += __atomic_load_n(&zone->deferred_pages, __ATOMIC_RELAXED);
	return parked;
}

/* ---- tables ---- */

size_t pcp_rows_size(unsigned nr_zones)
{
	return (size_t)nr_zones * STOCK_MOBILITIES * STOCK_COLUMNS * sizeof(struct page_stock);
}

size_t pcp_area_size(void)
{
	uint64_t pages = 0, most = 0;

	for_every_zone (zone) {
		size_stocks(zone);
		pages += zone_managed(zone) + zone->later;
		most = max_u64(most, capacity(zone_managed(zone) + zone->later, 0));
	}
	size_t size = pcp_rows_size(parking.nr_zones);
	uint64_t tables = (parking.nr_cpus + 1) * PFN_UP(size);
	return most && tables * TABLE_SHARE <= pages ? size : 0;
}

unsigned long pcp_cpu_pages(unsigned cpu)
{
	bool own = pcp_rows(&page_cpus[cpu]) != parking.nothing;

	return own ? PFN_UP(pcp_rows_size(parking.nr_zones)) : 0;
}

/* An empty table: stocks of other mobilities, or all, are marked busy for ever. */
static void rows_init(struct page_stock *rows, bool all)
{
	size_t size = pcp_rows_size(parking.nr_zones);

	__builtin_memset(rows, 0, size);
	for (size_t i = 0; i < size / sizeof(*rows); i++)
		rows[i].busy = all || i / STOCK_COLUMNS % STOCK_MOBILITIES >= MIGRATE_PCPTYPES;
}

void pcp_cpu_start(unsigned cpu, void *area)
{
	struct page_cpu *pages = &page_cpus[cpu];

	rows_init(area, false);
	set_rows(pages, area);
	for_every_populated_zone (zone)
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++)
			for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
				stock_set_cap(stock_of_zone(pages, zone, type, order),
					      stock_start(zone, order));
	choose_rows(pages, node_or_local(NUMA_NO_NODE));
}

void pcp_init(bool park, unsigned limit, unsigned nr_cpus, void *nothing, unsigned nr_zones)
{
	parking.on = park;
	parking.limit = limit ? limit : CAP_MAX;
	parking.share = PARK_SHARE;
	parking.nr_cpus = nr_cpus;
	parking.nr_zones = nr_zones;
	parking.nothing = nothing;
	rows_init(nothing, true); /* CPUs share it, so none of them may write to it */
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
		set_rows(&page_cpus[cpu], nothing);
}

/* ---- validator ---- */

/* The chain of one stock: I2. Return: broken invariants; *n heads are sound. */
static unsigned long check_chain(const struct zone *zone, const struct page_stock *stock,
				 unsigned type, unsigned order, unsigned long *n)
{
	const uint32_t expected = page_state(QUARRY_PAGE_PARKED, order, type, zone->number);

	*n = 0;
	for (const struct page *head = stock->newest; head && *n <= stock_held(stock);
	     head = parked_next(head), ++*n) {
		uint32_t flags = page_is_known(head) ? page_flags(head) : 0;
		if (flags == expected)
			continue;
		mm_report(VALIDATE, "pcp_check I2", head, flags, expected);
		return 1;
	}
	return 0;
}

static unsigned long check_stock(const struct zone *zone, const struct page_stock *stock,
				 unsigned type, unsigned order)
{
	unsigned long n, broken = check_chain(zone, stock, type, order, &n);

	if (!broken && (n > stock->cap || n != stock_held(stock))) {
		broken++;
		mm_report(VALIDATE, "pcp_check I1", stock, n, stock_held(stock));
	}
	return broken;
}

unsigned long pcp_check(void)
{
	unsigned long broken = 0;

	for_each_online_cpu (cpu) {
		for_every_populated_zone (zone) {
			for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
				unsigned order = i % NR_PAGE_ORDERS, type = i / NR_PAGE_ORDERS;
				broken += check_stock(
					zone, stock_of_zone(&page_cpus[cpu], zone, type, order),
					type, order);
			}
		}
	}
	return broken;
}
