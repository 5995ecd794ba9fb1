/* SPDX-License-Identifier: MIT */
/*
 * test_threads.c: CPUs as real threads: blocks of mixed orders, freed on other CPUs, drains,
 * given ranges, interrupts; and objects and virtual areas at the same time. For ThreadSanitizer
 * above all.
 *
 * A mailbox is one atomic pointer. Whoever takes a block out of it checks what the sender wrote.
 */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mm/phys/deferred.h"
#include "tests/mock/world.h"

#define MAILBOXES 64u
#define TURNS 6000u

struct parcel {
	uint64_t tag;
	unsigned order;
};
static struct page *mailbox[MAILBOXES];
static void *objects[MAILBOXES];

static const struct quarry_mem_range two_nodes_map[] = {
	{MOCK_MIB, 40 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{64 * MOCK_MIB, 40 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
};
static unsigned node_of_cpu(unsigned cpu)
{
	return cpu & 1;
}
static const struct mock_config machine = {
	.map = two_nodes_map, .nr_map = 2, .cpus = 4, .cpu_node = node_of_cpu};

static void clear_mailboxes(void)
{
	memset(mailbox, 0, sizeof(mailbox));
	memset(objects, 0, sizeof(objects));
}

static void seal(struct page *page, unsigned order)
{
	struct parcel *parcel = page_address(page);

	parcel->order = order;
	parcel->tag = page_to_pfn(page) * 0x9e3779b97f4a7c15ull ^ order;
}
static void open_and_free(struct page *page, bool nolock)
{
	struct parcel *parcel = page_address(page);
	unsigned order = parcel->order;

	if (parcel->tag != (page_to_pfn(page) * 0x9e3779b97f4a7c15ull ^ order))
		mock_fail("a block changed in the mail");
	if (nolock)
		free_pages_nolock(page, order);
	else
		__free_pages(page, order);
}

static void on_interrupt(void *arg)
{
	struct page **held = arg;

	if (*held) {
		__free_pages(*held, 1);
		*held = NULL;
	} else {
		*held = alloc_pages(GFP_NOWAIT, 1);
	}
}

static void on_interrupt_nolock(void *arg)
{
	struct page **held = arg;

	if (*held) {
		free_pages_nolock(*held, 1);
		*held = NULL;
	} else {
		*held = alloc_pages_nolock(NUMA_NO_NODE, 1);
	}
}

static void take_range(uint64_t random)
{
	unsigned long pfn = (64 + random % 32) * MOCK_MIB / PAGE_SIZE, nr = 1 + (random >> 8) % 300;

	if (!alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, GFP_KERNEL))
		free_contig_range(pfn, nr);
}

/* Hold a zone's lock for long: who frees and may not wait leaves blocks on the zone's list. */
static unsigned long deferred_seen;
static void hold_zone(uint64_t random)
{
	struct zone *zone = &zones[(random & 1) * MAX_NR_ZONES + ZONE_DMA32];
	unsigned long irq = zone_lock(zone);

	usleep(50);
	if (zone_has_deferred(zone))
		__atomic_fetch_add(&deferred_seen, 1ul, __ATOMIC_RELAXED);
	zone_unlock(zone, irq);
}

/* With `arg`, half of all takes and gives are those for any context. */
static void page_work(void *arg, unsigned cpu)
{
	uint64_t random = cpu + 1;
	struct page *of_interrupts = NULL;

	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t r = mock_random(&random);
		unsigned order = (unsigned)__builtin_ctz((unsigned)(r >> 40) | 1u << 9);
		gfp_t gfp = r & 1 ? GFP_HIGHUSER_MOVABLE : GFP_KERNEL;
		struct page *page = NULL;
		if (arg && r >> 40 & 1)
			page = alloc_pages_nolock(r >> 10 & 3 ? NUMA_NO_NODE : (int)(r >> 12 & 1),
						  order & 3);
		else if (r >> 8 & 3)
			page = alloc_pages_node(r >> 10 & 3 ? NUMA_NO_NODE : (int)(r >> 12 & 1),
						gfp | __GFP_NOWARN, order);
		if (page)
			seal(page, compound_order(page));
		page = __atomic_exchange_n(&mailbox[r >> 16 & (MAILBOXES - 1)], page,
					   __ATOMIC_ACQ_REL);
		if (page)
			open_and_free(page, arg && r >> 41 & 1);
		if (r >> 24 & 1)
			mock_interrupt_at(1 + (unsigned)(r >> 25 & 7),
					  arg ? on_interrupt_nolock : on_interrupt, &of_interrupts);
		if ((r >> 32 & 511) == 0)
			drain_all_pages();
		if ((r >> 32 & 511) == 1)
			drain_local_pages();
		if ((r >> 32 & 511) == 2)
			take_range(mock_random(&random));
		if (arg && (r >> 42 & 127) == 0)
			hold_zone(r >> 49);
	}
	mock_interrupt_at(0, NULL, NULL);
	if (of_interrupts)
		__free_pages(of_interrupts, 1);
}

static void pages_from_four_cpus(void **state)
{
	(void)state;
	clear_mailboxes();
	mock_start(&machine);
	mock_run_cpus(4, page_work, NULL);
	assert_int_equal(mm_check(), 0);
	for (unsigned i = 0; i < MAILBOXES; i++)
		if (mailbox[i])
			open_and_free(mailbox[i], false);
	mock_stop();
}

/* First hardly anything is parked, so nearly every call wants a zone's lock, and those that may not
 * wait for it leave what they free to whoever has it. */
static void nolock_against_ordinary_calls(void **state)
{
	struct mock_config config = machine;

	(void)state;
	deferred_seen = 0;
	for (unsigned parked = 0; parked < 2; parked++) {
		clear_mailboxes();
		config.extra.parking_limit = parked ? 0 : 1;
		mock_start(&config);
		mock_run_cpus(4, page_work, &config);
		assert_int_equal(mm_check(), 0);
		for (unsigned i = 0; i < MAILBOXES; i++)
			if (mailbox[i])
				open_and_free(mailbox[i], true);
		mock_stop();
	}
	assert_int_not_equal(deferred_seen, 0);
}

/* The last page is parked on another CPU: a request that may wait gets it. */
static void starve(void *arg, unsigned cpu)
{
	struct page *chain = NULL, *page;

	(void)arg;
	(void)cpu;
	for (unsigned round = 0; round < 3; round++) {
		while ((page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 2))) {
			set_page_private(page, (unsigned long)chain);
			chain = page;
		}
		while ((page = chain)) {
			chain = (struct page *)page_private(page);
			__free_pages(page, 2);
		}
	}
}
static void exhaustion_from_three_cpus(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 12 * MOCK_MIB, .cpus = 3, .no_vmalloc = true});
	mock_run_cpus(3, starve, NULL);
	mock_stop();
}

static void mixed_work(void *arg, unsigned cpu)
{
	uint64_t random = cpu + 77;

	(void)arg;
	for (unsigned i = 0; i < TURNS / 6; i++) {
		uint64_t r = mock_random(&random);
		size_t size = 1 + (r >> 32) % (r & 1 ? 300 : 9000);
		void *fresh = (r >> 8 & 7) == 0 ? vmalloc(size) : kmalloc(size, GFP_KERNEL);
		if (fresh)
			memset(fresh, (int)size, size < 64 ? size : 64);
		void *old = __atomic_exchange_n(&objects[r >> 16 & (MAILBOXES - 1)], fresh,
						__ATOMIC_ACQ_REL);
		kvfree(old);
	}
}
static void objects_and_areas_from_four_cpus(void **state)
{
	(void)state;
	clear_mailboxes();
	mock_start(&machine);
	mock_run_cpus(4, mixed_work, NULL);
	for (unsigned i = 0; i < MAILBOXES; i++)
		kvfree(objects[i]);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_from_four_cpus),
		cmocka_unit_test(nolock_against_ordinary_calls),
		cmocka_unit_test(exhaustion_from_three_cpus),
		cmocka_unit_test(objects_and_areas_from_four_cpus),
	};

	return cmocka_run_group_tests_name("stress_threads", tests, NULL, NULL);
}
