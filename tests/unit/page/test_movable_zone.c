/* SPDX-License-Identifier: MIT */
/*
 * test_movable_zone.c: ZONE_MOVABLE by bytes, by percent and by nodes, and who gets in.
 */
#define MOCK_OWNER_THREADS 0
#include "tests/unit/reclaim/owner.h"

#define HIGH (4 * MOCK_GIB)

static const struct quarry_mem_range two_nodes[] = {
	{HIGH, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{HIGH + 64 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
};

static void start(struct quarry_params extra)
{
	owner_reset();
	extra.no_parking = true;
	mock_start(&(struct mock_config){.map = two_nodes, .nr_map = 2, .extra = extra});
}

static unsigned long present(unsigned node, enum zone_type type)
{
	return zones[node * MAX_NR_ZONES + type].present;
}

/* Sizes: bytes of each node, per cent of each node, nodes as a whole; the latter win. */
static void sizes(void **state)
{
	const unsigned long all = 64 * MOCK_MIB / PAGE_SIZE;
	(void)state;
	start((struct quarry_params){.movable_bytes = 16 * MOCK_MIB});
	assert_int_equal(present(0, ZONE_MOVABLE), all / 4);
	assert_int_equal(present(1, ZONE_MOVABLE), all / 4);
	mock_stop();
	start((struct quarry_params){.movable_percent = 50});
	assert_in_range(present(0, ZONE_MOVABLE), all / 2 - MAX_ORDER_NR_PAGES, all / 2);
	assert_int_equal(present(0, ZONE_MOVABLE) + present(0, ZONE_NORMAL), all);
	mock_stop();
	start((struct quarry_params){.movable_nodes = 2, .movable_bytes = 16 * MOCK_MIB});
	assert_int_equal(present(0, ZONE_MOVABLE), all / 4);
	assert_int_equal(present(1, ZONE_MOVABLE), all);
	assert_int_equal(present(1, ZONE_NORMAL), 0);
	mock_stop();
}

/* A setting that would leave nothing for everybody else. */
static void all_of_it_is_refused(void **state)
{
	static const struct quarry_params bad[] = {
		{.movable_nodes = ~0ull},      {.movable_bytes = 64 * MOCK_MIB},
		{.movable_bytes = UINT64_MAX}, {.movable_percent = 100},
		{.movable_percent = 1000},     {.movable_nodes = 1, .movable_bytes = 64 * MOCK_MIB},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
		start(bad[i]);
		assert_int_equal(present(0, ZONE_MOVABLE) + present(1, ZONE_MOVABLE), 0);
		mock_stop();
	}
}

/* Memory that comes later is nothing that the others could use now. */
static void later_memory_does_not_count_as_left(void **state)
{
	static const struct quarry_mem_range later[] = {
		{HIGH, 64 * MOCK_MIB, QUARRY_MEM_LATER, 0},
		{HIGH + 64 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	};
	struct mock_config config = {.map = later, .nr_map = 2};

	(void)state;
	for (unsigned half = 0; half < 2; half++) {
		config.extra.movable_bytes = (half ? 32 : 64) * MOCK_MIB;
		mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, !half);
		mock_start(&config);
		assert_int_equal(present(0, ZONE_MOVABLE), half * 32 * MOCK_MIB / PAGE_SIZE);
		void *object = kmalloc(64, GFP_KERNEL);
		assert_non_null(object);
		kfree(object);
		mock_stop();
	}
}

/* Whatever asks, and however memory runs out: all that lies in ZONE_MOVABLE was asked for as
 * movable, so the node can be emptied and removed while its pages are in use. */
static void only_movable_pages_get_in(void **state)
{
	static const gfp_t masks[] = {GFP_KERNEL,
				      GFP_ATOMIC,
				      GFP_HIGHUSER,
				      GFP_USER,
				      GFP_KERNEL | __GFP_MOVABLE,
				      GFP_KERNEL | __GFP_RECLAIMABLE,
				      ATOMIC_ALL};
	uint64_t random = 3;
	unsigned slots = 0;
	(void)state;
	start((struct quarry_params){.movable_nodes = 2});
	for (unsigned step = 0; step < 40000; step++) {
		unsigned i = (unsigned)(mock_random(&random) % (sizeof(masks) / sizeof(masks[0])));
		unsigned order = (unsigned)(mock_random(&random) % 4);
		if (step % 2 && slots < 4000) {
			if (owner_take(slots, order, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
				slots++;
			continue;
		}
		struct page *page =
			alloc_pages_node((int)(step / 2 % 2), masks[i] | __GFP_NOWARN, order);
		if (!page)
			continue;
		assert_int_not_equal(page_zonenum(page), ZONE_MOVABLE);
		hold_block(page, order);
	}
	assert_null(alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	unsigned there = 0;
	for (unsigned i = 0; i < slots; i++)
		there += page_to_nid(owner.slot[i].page) == 1;
	assert_true(there > 100);
	assert_true(zones[MAX_NR_ZONES + ZONE_MOVABLE].managed > 0);
	free_held(); /* room on the other node */
	for (unsigned i = 0; i < slots; i += 3)
		owner_free(i);
	/* The tables of the library are in its last pages. */
	uint64_t part = 48 * MOCK_MIB;
	assert_int_equal(quarry_remove_memory(two_nodes[1].base, part), 0);
	owner_check_all();
	for (unsigned i = 0; i < slots; i++)
		if (owner.slot[i].page)
			assert_true(page_to_phys(owner.slot[i].page) < two_nodes[1].base ||
				    page_to_phys(owner.slot[i].page) >= two_nodes[1].base + part);
	assert_int_equal(quarry_add_memory(two_nodes[1].base, part), 0);
	owner_free_all();
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(sizes),
		page_test(all_of_it_is_refused),
		page_test(later_memory_does_not_count_as_left),
		page_test(only_movable_pages_get_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
