/* SPDX-License-Identifier: MIT */
/* test_contexts.c: calls from where they may not come: told, and nothing is lost. */
#include "tests/unit/phys/page_test.h"

#define HIGH (4 * MOCK_GIB)

static const struct quarry_mem_range map[] = {
	{HIGH, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{HIGH + 64 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_LATER, 0},
};

static void start(unsigned cpus)
{
	mock_start(&(struct mock_config){
		.map = map, .nr_map = 2, .cpus = cpus, .extra = {.no_parking = true}});
}

static void in_nmi(bool on)
{
	mock_set_context(on ? QUARRY_CTX_NMI | QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC : 0);
}

/* H28: a free that needs a zone's lock does not wait for it in an NMI, even if the owner was
 * interrupted; the pages come home. */
static void h028_frees_in_an_nmi(void **state)
{
	(void)state;
	start(1);
	for (unsigned locked = 0; locked < 2; locked++) {
		struct page *a = alloc_pages(GFP_KERNEL, 3), *b = alloc_pages(GFP_KERNEL, 3);
		unsigned long c = __get_free_pages(GFP_KERNEL, 3);
		struct zone *zone = head_zone(a);
		unsigned long irq = 0;

		get_page(b);
		put_page(b);
		if (locked)
			irq = zone_lock(zone);
		in_nmi(true);
		mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 3);
		__free_pages(a, 3);
		__free_pages(b, 3);
		free_pages(c, 3);
		in_nmi(false);
		if (locked)
			zone_unlock(zone, irq);
		drain_all_pages();
		assert_int_equal(nr_parked_pages(), 0);
		assert_int_equal(mm_check(), 0);
	}
	mock_stop();
}

/* What would wait for a lock there is refused. */
static void h028_refused_in_an_nmi(void **state)
{
	(void)state;
	start(1);
	struct page *large = alloc_pages(GFP_KERNEL, 9);

	in_nmi(true);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 3);
	split_page(large, 9);
	drain_local_pages();
	drain_all_pages();
	in_nmi(false);
	__free_pages(large, 9);
	mock_stop();
}

/* What runs on every CPU needs a context that may wait, unless there is one CPU. */
static void h028_what_calls_other_cpus(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= 2; cpus++) {
		start(cpus);
		int error = cpus > 1 ? -QUARRY_EINVAL : 0;
		struct quarry_tunables tunables;

		quarry_get_tunables(&tunables);
		if (cpus > 1)
			mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 3);
		mock_set_context(QUARRY_CTX_ATOMIC | QUARRY_CTX_IRQ);
		drain_all_pages();
		assert_int_equal(quarry_set_tunables(&tunables), error);
		assert_int_equal(quarry_add_memory(map[1].base, map[1].size), error);
		mock_set_context(0);
		if (cpus > 1)
			assert_int_equal(quarry_add_memory(map[1].base, map[1].size), 0);
		assert_int_equal(quarry_remove_memory(map[1].base, map[1].size), 0);
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(h028_frees_in_an_nmi),
		page_test(h028_refused_in_an_nmi),
		page_test(h028_what_calls_other_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
