/* SPDX-License-Identifier: MIT */
/*
 * pcp.c: filling, draining and sizing the CPUs' stocks of pages.
 *
 * Size    A stock of order 0-3 has slots for 1/PARK_SHARE of the zone divided by the number of
 *         CPUs, and never for more than CAP_MAX pages; those of larger orders hold a few blocks.
 *         Small zones park nothing, so that a tiny machine has its last page at hand.
 * Demand  How many slots are used (cap) follows what the stock does. It starts with one. When it
 *         runs empty it doubles; when it overflows it shrinks and gives back the oldest blocks. So
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

/* Single pages a stock: covers the burst of a 16 MiB mapping, and what a refill left over. */
#define CAP_MAX (4096u + REFILL_PAGES)
#define CAP_START 1u /* where demand is not known */
#define CAP_MIN 8u   /* below this a stock of single pages does not pay: park nothing */
/* Pages of a CPU's share of the zone for each page of a stock: 1.6 % of the zone parked for each
 * stock that is full everywhere, and 0.017 % of memory for the slots. */
#define PARK_SHARE 64u
#define SHRINK_AFTER 3u /* orders 0-3 serve bursts; larger ones only alternating take and give */
#define HUGE_SHARE 64u /* a CPU parks one block for each 64 of its order in its share of the zone */
#define HUGE_CAP_MAX 4u
#define DRAIN_CHUNK 32u
#define DRAIN_MAX 256u /* blocks that one free may have to give back: bounds its time */
/* A stock is busy if no more than that many blocks moved for each of its own. */
#define BUSY_SHARE 2u
#define DRAIN_TRIES 1000u /* a CPU is busy for microseconds; only a broken cross-call gets here */

QUARRY_STATE struct page_cpu *page_cpus[QUARRY_MAX_CPUS];

static QUARRY_STATE struct {
	bool on;
	unsigned limit; /* of blocks in a stock */
	unsigned share; /* a stock of single pages holds 1/share of the zone */
	unsigned nr_cpus;
	unsigned nr_nodes;	  /* rows exist for the zones of these */
	struct page_cpu *nothing; /* what page_cpus points to for a CPU that is not started */
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

static uint32_t stock_room(const struct zone *zone, unsigned order)
{
	return __atomic_load_n(&zone->park_room[order], __ATOMIC_RELAXED);
}

/* Slots are laid out once, for the time when all memory that was announced is there. CPUs that do
 * this at once find the same; order 0 tells that it is done, so it is last. */
static void size_stocks(struct zone *zone)
{
	bool laid_out = stock_room(zone, 0) != 0;

	for (unsigned order = NR_PAGE_ORDERS; order-- > 0;) {
		if (!laid_out)
			__atomic_store_n(&zone->park_room[order],
					 capacity(zone_managed(zone) + zone->later, order),
					 __ATOMIC_RELAXED);
		uint64_t most =
			min_u64(capacity(zone_managed(zone), order), stock_room(zone, order));
		__atomic_store_n(&zone->park_max[order], (uint16_t)most, __ATOMIC_RELAXED);
	}
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

/* The stock moves `blocks` blocks. Return: did it serve its share of the CPU's traffic since the
 * last time? */
static bool stock_is_busy(struct page_stock *stock, uint32_t blocks)
{
	struct page_cpu *pages = page_cpus[cpu_number()];
	uint16_t others = (uint16_t)(pages->moved - stock->stamp);

	pages->moved += blocks;
	stock->stamp = (uint16_t)pages->moved;
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

static void stock_end(struct page_stock *stock, uint32_t n)
{
	__atomic_store_n(&stock->n, (uint16_t)n, __ATOMIC_RELAXED);
	stock_unmark(stock);
}

/* Give slot[0 .. nr) to the buddy. The stock is ours. */
static void give_slots(struct zone *zone, struct page **slot, uint32_t nr, unsigned order)
{
	while (nr) {
		uint32_t chunk = nr < DRAIN_CHUNK ? nr : DRAIN_CHUNK;
		unsigned long irq = zone_lock(zone);
		buddy_give_many(zone, slot, chunk, order);
		zone_unlock(zone, irq);
		slot += chunk;
		nr -= chunk;
	}
}

struct page *stock_refill_and_pop(struct zone *zone, struct page_stock *stock, unsigned order,
				  unsigned type, unsigned long most)
{
	if (!stock->slot || !stock_mark(stock))
		return NULL;
	uint32_t n = stock->n;
	if (!n && most) {
		unsigned want = (unsigned)min_u64(stock_grow(zone, stock, order), most);
		unsigned long irq = zone_lock(zone);
		deferred_collect(zone);
		n += buddy_take_many(zone, order, type, want, stock->slot + n,
				     page_state(QUARRY_PAGE_PARKED, order, type, zone->number));
		zone_unlock(zone, irq);
	}
	struct page *head = n ? stock->slot[--n] : NULL;
	if (head)
		count_one(&stock_traffic(stock)->taken);
	stock_end(stock, n);
	return head;
}

bool stock_drain_and_push(struct zone *zone, struct page_stock *stock, struct page *head,
			  unsigned order)
{
	if (!stock->slot || !stock_mark(stock))
		return false;
	uint32_t n = stock->n;
	if (n >= stock->cap) {
		/* The oldest go: the newer pages are warm in this CPU's cache. */
		uint32_t old = stock_shrink(stock, n);
		give_slots(zone, stock->slot, old, order);
		n -= old;
		__builtin_memmove(stock->slot, stock->slot + old, n * sizeof(stock->slot[0]));
	}
	bool room = n < stock->cap;
	if (room) {
		stock->slot[n++] = head;
		count_one(&stock_traffic(stock)->given);
	}
	stock_end(stock, n);
	return room;
}

/*
 * Each mask's row: the best zone's stocks for its mobility. Illegal masks get a row that parks
 * nothing. Zones appear when memory is added, so this is done again then, by the CPU itself.
 */
static void choose_rows(struct page_cpu *pages)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		gfp_t gfp = (QUARRY_FORCE gfp_t)bits;
		const struct zone *zone = zone_at(nodes.order[pages->node][gfp_zone(gfp)]);
		unsigned type = gfp_migratetype(gfp);
		bool legal = zone && type < MIGRATE_PCPTYPES && gfp_zones_legal(gfp);
		pages->take[bits] = legal ? stock_of_zone(pages, zone, type, 0)
					  : pages->give[MIGRATE_HIGHATOMIC];
	}
}

static void collect_deferred(struct zone *zone)
{
	if (!zone_has_deferred(zone))
		return;
	unsigned long irq = zone_lock(zone);
	deferred_collect(zone);
	zone_unlock(zone, irq);
}

/* Empty every stock of `pages`, and size it anew. Return: false if one was busy. */
static bool drain_pages(struct page_cpu *pages)
{
	bool all = true;

	for_every_populated_zone (zone) {
		collect_deferred(zone);
		size_stocks(zone);
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
			for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
				struct page_stock *stock = stock_of_zone(pages, zone, type, order);
				if (!stock->slot)
					continue;
				if (!stock_mark(stock)) {
					all = false;
					continue;
				}
				give_slots(zone, stock->slot, stock->n, order);
				stock_set_cap(stock, stock_start(zone, order));
				stock_end(stock, 0);
			}
		}
	}
	return all;
}

bool pcp_drain_local(void)
{
	struct page_cpu *pages = page_cpus[cpu_number()];

	if (pages != parking.nothing)
		choose_rows(pages);
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
static void add_counts(struct page_cpu *pages, const struct zone *zone, struct page_count *sum)
{
	for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
		unsigned order = i % NR_PAGE_ORDERS;
		const struct page_count *count =
			stock_traffic(stock_of_zone(pages, zone, i / NR_PAGE_ORDERS, order));
		sum->taken += __atomic_load_n(&count->taken, __ATOMIC_RELAXED) << order;
		sum->given += __atomic_load_n(&count->given, __ATOMIC_RELAXED) << order;
	}
}

struct page_count zone_traffic(const struct zone *zone)
{
	struct page_count sum = {
		.taken = __atomic_load_n(&zone->taken, __ATOMIC_RELAXED),
		.given = __atomic_load_n(&zone->given, __ATOMIC_RELAXED),
	};

	for_each_online_cpu (cpu)
		add_counts(page_cpus[cpu], zone, &sum);
	return sum;
}

/* The stocks of `pages` go: their zones keep the counts. */
static void keep_counts(struct page_cpu *pages)
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
	struct page_cpu *pages = page_cpus[cpu];

	if (pages == parking.nothing)
		return;
	page_cpus[cpu] = parking.nothing;
	drain_pages(pages);
	keep_counts(pages);

	struct page *head = virt_to_page(pages);
	struct zone *zone = head_zone(head);
	unsigned order = page_order(head);
	arch_mem_poison(pages, PAGE_SIZE << order);
	unsigned long irq = zone_lock(zone);
	buddy_give(zone, head, order);
	zone_tally(&zone->given, 1ul << order);
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
					page_cpus[cpu], zone, i / NR_PAGE_ORDERS, order);
				parked +=
					(unsigned long)__atomic_load_n(&stock->n, __ATOMIC_RELAXED)
					<< order;
			}
		}
	}
	for_every_populated_zone (zone)
		if (!only || zone == only)
			parked += __atomic_load_n(&zone->deferred_pages, __ATOMIC_RELAXED);
	return parked;
}

/* ---- arrays ---- */

static size_t rows_size(unsigned nr_nodes)
{
	return (size_t)nr_nodes * MAX_NR_ZONES * STOCK_MOBILITIES * STOCK_COLUMNS *
	       sizeof(struct page_stock);
}

size_t pcp_nothing_size(unsigned nr_nodes)
{
	return sizeof(struct page_cpu) + rows_size(nr_nodes);
}

uint64_t pcp_area_bound(uint64_t pages, unsigned nr_cpus, unsigned nr_nodes)
{
	uint64_t zone_max = nr_nodes * MAX_NR_ZONES;
	uint64_t single = min_u64(pages / nr_cpus / PARK_SHARE, zone_max * CAP_MAX);
	/* Orders 1-3 hold at most 1/2 + 1/4 + 1/8 as many; the larger ones HUGE_CAP_MAX. */
	uint64_t slots =
		single + single * 7 / 8 + zone_max * HUGE_CAP_MAX * (MAX_PAGE_ORDER - SHRINK_AFTER);
	uint64_t bytes =
		pcp_nothing_size(nr_nodes) + MIGRATE_PCPTYPES * slots * sizeof(struct page *);

	return PAGE_SIZE << get_order((size_t)bytes);
}

size_t pcp_area_size(void)
{
	size_t slots = 0;

	for_every_zone (zone) {
		size_stocks(zone);
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
			slots += (size_t)MIGRATE_PCPTYPES * stock_room(zone, order);
	}
	return slots ? pcp_nothing_size(parking.nr_nodes) + slots * sizeof(struct page *) : 0;
}

void pcp_cpu_start(unsigned cpu, unsigned node, void *area)
{
	struct page_cpu *pages = area;
	size_t head_size = pcp_nothing_size(parking.nr_nodes);
	struct page **slot = (struct page **)((char *)area + head_size);

	__builtin_memset(area, 0, head_size);
	for_every_zone (zone) {
		if (zone->node >= parking.nr_nodes)
			break;
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
			for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
				struct page_stock *stock = stock_of_zone(pages, zone, type, order);
				uint32_t room = stock_room(zone, order);
				if (!room)
					continue;
				stock_set_cap(stock, stock_start(zone, order));
				stock->slot = slot;
				slot += room;
			}
		}
	}
	pages->node = node;
	choose_rows(pages);
	page_cpus[cpu] = pages;
}

void pcp_init(bool park, unsigned limit, unsigned nr_cpus, void *nothing, unsigned nr_nodes)
{
	parking.on = park;
	parking.limit = limit ? limit : CAP_MAX;
	parking.share = PARK_SHARE;
	parking.nr_cpus = nr_cpus;
	parking.nr_nodes = nr_nodes;
	parking.nothing = nothing;
	__builtin_memset(nothing, 0, pcp_nothing_size(nr_nodes));
	/* Busy for ever: CPUs share it, so none of them may write to it. */
	for (size_t i = 0; i < rows_size(nr_nodes) / sizeof(struct page_stock); i++)
		if (i / STOCK_COLUMNS % STOCK_MOBILITIES < COUNT_ROW)
			parking.nothing->give[i / STOCK_COLUMNS][i % STOCK_COLUMNS].busy = 1;
	for (unsigned bits = 0; bits < 32; bits++)
		parking.nothing->take[bits] = parking.nothing->give[0];
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
		page_cpus[cpu] = nothing;
}

/* ---- validator ---- */

/* Slots of one stock: I2. */
static unsigned long check_slots(const struct zone *zone, const struct page_stock *stock,
				 unsigned type, unsigned order)
{
	const uint32_t expected = page_state(QUARRY_PAGE_PARKED, order, type, zone->number);
	unsigned long broken = 0;

	for (uint32_t i = 0; i < stock->n; i++) {
		if (page_flags(stock->slot[i]) == expected)
			continue;
		broken++;
		mm_report(VALIDATE, "pcp_check I2", stock->slot[i], page_flags(stock->slot[i]),
			  expected);
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
				const struct page_stock *stock =
					stock_of_zone(page_cpus[cpu], zone, type, order);
				if (stock->n > stock->cap || stock->cap > stock_room(zone, order)) {
					broken++;
					mm_report(VALIDATE, "pcp_check I1", stock, stock->n,
						  stock->cap);
				} else {
					broken += check_slots(zone, stock, type, order);
				}
			}
		}
	}
	return broken;
}
