/* SPDX-License-Identifier: MIT */
/* test_cellar.c: a CPU's own store of batches. */
#include "slab_test.h"

#include "mm/slab/cellar.h"
#include "mm/slab/depot.h"

#define MANY 1000u

static struct kmem_cache *cache;
static void *object[2][MANY];

static void start(unsigned cpus)
{
	mock_start(&(struct mock_config){.bytes = 512 * MOCK_MIB, .cpus = cpus});
	cache = kmem_cache_create("t", 64, NULL, 0);
	assert_non_null(cache);
}
static void stop(void)
{
	kmem_cache_destroy(cache);
	mock_stop();
}

static void take_all(unsigned cpu)
{
	mock_set_cpu(cpu);
	for (unsigned i = 0; i < MANY; i++) {
		assert_non_null(object[cpu][i] = kmem_cache_alloc(cache, GFP_KERNEL));
		memset(object[cpu][i], (int)i, 64);
	}
}
static void give_all(unsigned cpu, unsigned whose)
{
	mock_set_cpu(cpu);
	for (unsigned i = 0; i < MANY; i++)
		kmem_cache_free(cache, object[whose][i * 11 % MANY]);
}
static void bursts(unsigned rounds, unsigned cpus)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned cpu = 0; cpu < cpus; cpu++)
			take_all(cpu);
		for (unsigned cpu = 0; cpu < cpus; cpu++)
			give_all(cpu, cpu);
	}
	mock_set_cpu(0);
}
static unsigned stored(unsigned cpu)
{
	return stock_of(cache, cpu)->stored;
}
static unsigned long locks(void)
{
	return cache->node[0].taken + cache->node[0].batches;
}

/* Bursts that come again are the CPU's own business: depot and slabs do not change. */
static void bursts_stay_at_home(void **state)
{
	(void)state;
	start(2);
	bursts(8, 2);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		assert_true(stored(cpu) * cache_batch(cache) > MANY / 2);
	unsigned long before = locks();

	for (unsigned round = 0; round < 3; round++) {
		take_all(1);
		assert_int_equal(locks(), before);
		give_all(1, 1);
		assert_int_equal(locks(), before);
	}
	assert_int_equal(mm_check(), 0);
	stop();
}

/* What one CPU takes and another frees goes by the depot, past full cellars. */
static void exchanged(void **state)
{
	(void)state;
	start(2);
	bursts(8, 2);
	for (unsigned round = 0; round < 10; round++) {
		take_all(0);
		give_all(1, 0);
	}
	assert_true(depot_count(cache) > 0);
	assert_int_equal(mm_check(), 0);
	stop();
}

/* All comes back: from a drain, a CPU that goes, and an end of the cache; the array too. */
static void comes_back(void **state)
{
	(void)state;
	start(2);
	bursts(8, 2);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	assert_int_equal(cache->node[0].pages + stored(0) + stored(1), 0);
	assert_int_equal(stock_of(cache, 0)->cellar + stock_of(cache, 1)->cellar, 0);
	bursts(8, 2);
	assert_true(stored(1) > 0);
	assert_int_equal(quarry_cpu_offline(1), 0);
	mock_cpu_stop(1);
	assert_int_equal(stored(1), 0);
	assert_int_equal(mm_check(), 0);
	bursts(2, 1);
	kmem_cache_destroy(cache);
	mock_cpu_start(1);
	mock_set_cpu(1);
	assert_int_equal(quarry_cpu_online(), 0);
	kfree(kmalloc(24, GFP_KERNEL));
	mock_set_cpu(0);
	mock_stop();
}

/* Small bursts, and machines with little memory for each CPU, have none. */
static void only_where_wanted(void **state)
{
	(void)state;
	start(2);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 3 * cache->stock_cap; i++)
			object[0][i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (unsigned i = 0; i < 3 * cache->stock_cap; i++)
			kmem_cache_free(cache, object[0][i]);
	}
	assert_int_equal(stock_of(cache, 0)->cellar, 0);
	stop();
	mock_start(&(struct mock_config){.bytes = 32 * MOCK_MIB, .cpus = 16});
	cache = kmem_cache_create("t", 64, NULL, 0);
	bursts(8, 1);
	assert_int_equal(stock_of(cache, 0)->cellar, 0);
	stop();
}

/* Nothing is lost where no page is to be had for one. */
static void without_memory(void **state)
{
	(void)state;
	start(1);
	bursts(2, 1);
	for (unsigned n = 1; n < 40; n++) {
		mock_fail_site(FAULT_PAGE, n, false);
		bursts(1, 1);
		mock_fail_site(FAULT_PAGE, 0, false);
		assert_int_equal(mm_check(), 0);
	}
	assert_true(stored(0) > 0);
	stop();
}

static void churn(void *arg, unsigned cpu)
{
	static void *held[3][MANY];

	(void)arg;
	for (unsigned round = 0; round < MOCK_STEPS(60u) + 10; round++) {
		for (unsigned i = 0; i < MANY; i++)
			held[cpu][i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (unsigned i = 0; i < MANY; i++)
			kmem_cache_free(cache, held[cpu][i]);
		if (cpu == 2 && round % 4 == 0)
			kmem_cache_shrink(cache);
		arch_irq_restore(arch_irq_save()); /* answer the others' calls */
	}
}

static void three_cpus_and_drains(void **state)
{
	(void)state;
	start(3);
	mock_run_cpus(3, churn, NULL);
	assert_int_equal(mm_check(), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_stay_at_home), cmocka_unit_test(exchanged),
		cmocka_unit_test(comes_back),	       cmocka_unit_test(only_where_wanted),
		cmocka_unit_test(without_memory),      cmocka_unit_test(three_cpus_and_drains),
	};

	return cmocka_run_group_tests_name("slab_cellar", tests, NULL, NULL);
}
