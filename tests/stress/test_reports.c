/* SPDX-License-Identifier: MIT */
/*
 * test_reports.c: every report written on one CPU while the others take and free pages, objects
 * and areas, set tunables, remove and add memory. For ThreadSanitizer: a report reads what others
 * change.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/mock/world.h"

#define TURNS 10u /* of traffic that the reports see on each CPU */
#define HELD 200u

static unsigned turns[3], done;
static unsigned long pieces;

static void count(void *ctx, const char *text)
{
	(void)ctx;
	pieces += text[0] != '\0';
	if (pieces % 8 == 0)
		sched_yield(); /* so that things change in the middle of a report, too */
}

static void write_all(const void *object)
{
	static void (*const reports[])(quarry_write_fn, void *) = {
		quarry_report_buddyinfo,      quarry_report_pagetypeinfo,
		quarry_report_unusable_index, quarry_report_extfrag_index,
		quarry_report_vmstat,	      quarry_report_show_mem,
		quarry_report_zoneinfo,	      quarry_report_meminfo,
		quarry_report_slabinfo,	      quarry_report_slabs,
		quarry_report_vmallocinfo,    quarry_report_allocinfo,
	};

	for (unsigned i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		unsigned long before = pieces;
		reports[i](count, NULL);
		/* Nothing here is tracked by place. */
		if (pieces == before && reports[i] != quarry_report_allocinfo)
			mock_fail("report %u says nothing", i);
	}
	quarry_report_leaks(count, NULL);
	quarry_report_pagemap(count, NULL, 0, 0);
	quarry_report_object(count, NULL, object);
}

/* Enough at once, and of each size, for the stocks to grow and shrink. */
static void traffic(void)
{
	struct page *page[HELD];
	void *object[HELD];

	for (unsigned i = 0; i < HELD; i++) {
		page[i] = alloc_pages(i % 2 ? GFP_HIGHUSER_MOVABLE : GFP_KERNEL, i % 4);
		object[i] = i % 50 ? kmalloc(8 + i * 7 % 3000, GFP_KERNEL)
				   : vmalloc((1 + i % 3) * PAGE_SIZE);
		if (!page[i] || !object[i])
			mock_fail("no memory");
	}
	for (unsigned i = 0; i < HELD; i++) {
		__free_pages(page[i], i % 4);
		kvfree(object[i]);
	}
}

/* Marks, and sizes of stocks, change too; so does the amount of memory. */
static void administer(void)
{
	struct quarry_tunables tunables;

	quarry_get_tunables(&tunables);
	tunables.watermark_scale_factor = 10 + turns[1] % 2;
	if (quarry_set_tunables(&tunables))
		mock_fail("tunables refused");
	if (!quarry_remove_memory(80 * MOCK_MIB, 4 * MOCK_MIB) &&
	    quarry_add_memory(80 * MOCK_MIB, 4 * MOCK_MIB))
		mock_fail("memory does not come back");
}

static void work(void *arg, unsigned cpu)
{
	while (cpu && !__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		traffic();
		if (cpu == 1)
			administer();
		__atomic_fetch_add(&turns[cpu], 1u, __ATOMIC_RELAXED);
	}
	if (cpu)
		return;
	while (__atomic_load_n(&turns[1], __ATOMIC_RELAXED) < TURNS ||
	       __atomic_load_n(&turns[2], __ATOMIC_RELAXED) < TURNS)
		write_all(arg);
	__atomic_store_n(&done, 1u, __ATOMIC_RELAXED);
}

static void every_report_beside_traffic(void **state)
{
	static const struct quarry_mem_range map[] = {
		{MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{64 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	};

	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2, .cpus = 3});
	void *object = kmalloc(100, GFP_KERNEL), *area = vmalloc(PAGE_SIZE);
	mock_run_cpus(3, work, object);
	vfree(area);
	kfree(object);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_report_beside_traffic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
