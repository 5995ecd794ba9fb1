/* SPDX-License-Identifier: MIT */
/* test_depot.c: batches of free objects between the CPUs' stocks and the slabs. */
#include "slab_test.h"

#include "mm/slab/depot.h"

#define MANY 1000u

static struct kmem_cache *cache;
static void *object[MANY];

static void start(const struct mock_config *config, unsigned size)
{
	mock_start(config);
	cache = kmem_cache_create("t", size, NULL, 0);
	assert_non_null(cache);
}
static void stop(void)
{
	kmem_cache_destroy(cache);
	mock_stop();
}

static void take_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(object[i]);
		memset(object[i], (int)i, kmem_cache_size(cache));
	}
}
static void give_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		kmem_cache_free(cache, object[i * 11 % n]);
}

/* Objects in the depot and in cellars. */
static unsigned long parked(void)
{
	unsigned long batches = 0;

	for (unsigned cpu = 0; cpu < 2; cpu++)
		batches += stock_of(cache, cpu)->stored;
	return depot_count(cache) + batches * cache_batch(cache);
}

/* After two bursts have shown what room is wanted, the next one touches no slab. */
static void bursts_leave_the_slabs_alone(void **state)
{
	struct slab_info info;

	(void)state;
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB}, 64);
	assert_int_equal(depot_count(cache), 0);
	take_all(MANY);
	give_all(MANY); /* missed: there is no depot */
	assert_int_equal(depot_count(cache), 0);
	take_all(MANY); /* opened */
	give_all(MANY); /* spilled, mostly */
	assert_in_range(depot_count(cache), 1, MANY / 4);
	take_all(MANY); /* missed: more room */
	give_all(MANY);
	unsigned long all = parked();
	assert_true(all > MANY / 2 && all % cache_batch(cache) == 0);
	assert_int_equal(mm_check(), 0);
	assert_true(find_info("t", &info));
	assert_int_equal(info.active, 0);

	unsigned long taken = cache->node[0].taken;
	take_all((unsigned)all);
	assert_int_equal(cache->node[0].taken, taken);
	assert_true(parked() <= cache->stock_cap); /* as many as the stock had */
	give_all((unsigned)all);
	stop();
}

/* Bursts on two CPUs at once have room for both. */
static void room_for_each_cpu(void **state)
{
	void *other[MANY];

	(void)state;
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB, .cpus = 2}, 64);
	for (unsigned round = 0; round < 5; round++) {
		mock_set_cpu(0);
		take_all(MANY);
		mock_set_cpu(1);
		for (unsigned i = 0; i < MANY; i++)
			assert_non_null(other[i] = kmem_cache_alloc(cache, GFP_KERNEL));
		for (unsigned i = 0; i < MANY; i++)
			kmem_cache_free(cache, other[i]);
		mock_set_cpu(0);
		give_all(MANY);
	}
	assert_true(parked() > MANY * 3 / 2);
	stop();
}

/* A burst that came again has room; when only a part of it is used, the rest of the room goes, and
 * what lay there comes back to its slabs. */
static void room_follows_use(void **state)
{
	static void *other[MANY];
	struct slab_node *node;

	(void)state;
	/* So little memory for a CPU that none has a cellar. */
	start(&(struct mock_config){.bytes = 32 * MOCK_MIB, .cpus = 16}, 64);
	node = &cache->node[0];
	for (unsigned round = 0; round < 4; round++) {
		take_all(MANY);
		give_all(MANY);
	}
	unsigned room = node->room, few = cache->stock_cap;

	assert_in_range(room * cache_batch(cache), MANY - 2 * few, MANY + 2 * few);
	take_all(MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_non_null(other[i] = kmem_cache_alloc(cache, GFP_KERNEL));
	give_all(MANY);
	assert_true(node->batches + 2u >= room);
	/* Fewer than a third of the objects come and go, and the depot is full each time. */
	for (unsigned given = 0; given + few <= MANY; given += few) {
		take_all(2 * few);
		give_all(2 * few);
		for (unsigned i = 0; i < few; i++)
			kmem_cache_free(cache, other[given + i]);
		assert_int_equal(mm_check(), 0);
	}
	for (unsigned i = MANY / few * few; i < MANY; i++)
		kmem_cache_free(cache, other[i]);
	assert_in_range(node->room, 1, room * 2 / 3);
	assert_in_range(node->batches, 1, node->room + 1u);
	stop();
}

/* What is there comes back: from a shrink, from want of memory, and with the cache. */
static void drained(void **state)
{
	(void)state;
	start(&(struct mock_config){.bytes = 64 * MOCK_MIB}, 64);
	for (unsigned round = 0; round < 3; round++) {
		take_all(MANY);
		give_all(MANY);
	}
	assert_true(parked() > 0);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	assert_int_equal(parked(), 0);
	assert_int_equal(cache->node[0].slabs, 0);

	for (unsigned round = 0; round < 2; round++) {
		take_all(MANY);
		give_all(MANY);
	}
	assert_true(parked() > 0);
	struct page *all = NULL, *page;
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		set_page_private(page, (unsigned long)all);
		all = page;
	}
	assert_int_equal(parked(), 0);
	while ((page = all)) {
		all = (struct page *)page_private(page);
		__free_page(page);
	}
	stop();
}

/* A small machine, or large objects, have none: nothing waits there. */
static void small_machines_have_none(void **state)
{
	(void)state;
	start(&(struct mock_config){.bytes = 4 * MOCK_MIB}, 512);
	for (unsigned round = 0; round < 3; round++) {
		take_all(200);
		give_all(200);
		assert_null(cache->node[0].depot);
	}
	stop();
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB}, 32768);
	for (unsigned round = 0; round < 3; round++) {
		take_all(100);
		give_all(100);
		assert_true(depot_count(cache) * 32768 <= 1 << 20);
	}
	stop();
}

/* An object that is in the depot and is freed again is found when both come to their slab. */
static void second_free_is_found_at_the_drain(void **state)
{
	(void)state;
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB}, 64);
	for (unsigned round = 0; round < 2; round++) {
		take_all(MANY);
		give_all(MANY);
	}
	void *victim = cache->node[0].depot[0];
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kmem_cache_free(cache, victim);
	kmem_cache_shrink(cache);
	stop();
}

/* No memory for a depot: frees go to the slabs. */
static void none_without_memory(void **state)
{
	(void)state;
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB}, 64);
	take_all(MANY);
	give_all(MANY);
	mock_fail_site(FAULT_PAGE, 1, true);
	for (unsigned i = 0; i < cache->stock_cap + 1; i++) { /* up to the first refill */
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(object[i]);
	}
	mock_fail_site(FAULT_PAGE, 0, false);
	assert_int_equal(cache->node[0].spilled, 0);
	assert_null(cache->node[0].depot);
	give_all(cache->stock_cap + 1);
	stop();
}

/* Where there is no block for all of it, a smaller one serves. */
static void less_with_less_memory(void **state)
{
	(void)state;
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB}, 64);
	take_all(MANY);
	give_all(MANY);
	mock_fail_site(FAULT_PAGE, 1, false);
	take_all(cache->stock_cap + 1);
	mock_fail_site(FAULT_PAGE, 0, false);
	assert_non_null(cache->node[0].depot);
	assert_int_equal(cache->node[0].limit, 1024 / cache_batch(cache) / 2);
	give_all(cache->stock_cap + 1);
	stop();
}

static unsigned node_of_cpu(unsigned cpu)
{
	return cpu;
}

/* Before a request that cannot wait for pages fails, it gets what lies in depots, of other nodes
 * too. */
static void emptied_before_a_request_fails(void **state)
{
	static const struct quarry_mem_range map[] = {
		{16 * MOCK_MIB, 240 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{256 * MOCK_MIB, 256 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	};
	struct slab_info info;
	unsigned n = 0;

	(void)state;
	start(&(struct mock_config){
		      .map = map, .nr_map = 2, .cpus = 2, .cpu_node = node_of_cpu}, 64);
	for (unsigned round = 0; round < 2; round++) {
		take_all(MANY);
		give_all(MANY);
	}
	assert_true(depot_count(cache) > 0);
	assert_true(find_info("t", &info));
	unsigned long out_of_reach = stock_count(stock_of(cache, 0));

	mock_set_cpu(1);
	mock_fail_site(FAULT_PAGE, 1, true);
	while (n < MANY && (object[n] = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN)))
		memset(object[n++], 1, 64);
	assert_int_equal(depot_count(cache), 0);
	assert_int_equal(n, info.total - out_of_reach);
	mock_fail_site(FAULT_PAGE, 0, false);
	give_all(n);
	mock_set_cpu(0);
	stop();
}

static void work(void *arg, unsigned cpu)
{
	void *mine[300];

	(void)arg;
	for (unsigned round = 0; round < 40; round++) {
		unsigned n = 100 + (round * 37 + cpu * 11) % 200;
		for (unsigned i = 0; i < n; i++)
			mine[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (unsigned i = 0; i < n; i++)
			memset(mine[i], (int)cpu, 64);
		for (unsigned i = 0; i < n; i++)
			kmem_cache_free(cache, mine[i]);
		if (round % 16 == cpu)
			kmem_cache_shrink(cache);
	}
}
static void from_four_cpus(void **state)
{
	(void)state;
	start(&(struct mock_config){.bytes = 512 * MOCK_MIB, .cpus = 4}, 64);
	mock_run_cpus(4, work, NULL);
	assert_int_equal(mm_check(), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_leave_the_slabs_alone),
		cmocka_unit_test(room_for_each_cpu),
		cmocka_unit_test(room_follows_use),
		cmocka_unit_test(drained),
		cmocka_unit_test(small_machines_have_none),
		cmocka_unit_test(second_free_is_found_at_the_drain),
		cmocka_unit_test(none_without_memory),
		cmocka_unit_test(less_with_less_memory),
		cmocka_unit_test(emptied_before_a_request_fails),
		cmocka_unit_test(from_four_cpus),
	};

	return cmocka_run_group_tests_name("slab_depot", tests, NULL, NULL);
}
