/* SPDX-License-Identifier: MIT */
/* test_idle.c: what one cache does not use goes back while others work. */
#include "slab_test.h"

#include "mm/slab/depot.h"

#define MANY 1000u
#define ROUNDS 100u

static void *object[MANY];

static void burst(struct kmem_cache *cache, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_non_null(object[i] = kmem_cache_alloc(cache, GFP_KERNEL));
	for (unsigned i = 0; i < n; i++)
		kmem_cache_free(cache, object[i]);
}

/* Work that goes to slabs, as no stock nor depot is large enough for it. */
static void work(struct kmem_cache *cache)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		burst(cache, 100);
}

/* Stock, depot and pages of a cache that is not used go back; those of its depot's array too. */
static void unused_objects_go_back(void **state)
{
	struct slab_info info;

	(void)state;
	mock_start(&(struct mock_config){.bytes = 512 * MOCK_MIB});
	struct kmem_cache *idle = kmem_cache_create("idle", 512, NULL, 0);
	struct kmem_cache *busy = kmem_cache_create("busy", 32768, NULL, 0);

	for (unsigned i = 0; i < 4; i++)
		burst(idle, MANY);
	assert_true(find_info("idle", &info));
	assert_true(info.in_stocks > idle->stock_cap && info.pages > 50);
	work(busy);
	assert_true(find_info("idle", &info));
	assert_int_equal(info.in_stocks + info.pages, 0);
	assert_null(idle->node[0].depot);
	assert_int_equal(mm_check(), 0);
	kmem_cache_destroy(idle);
	kmem_cache_destroy(busy);
	mock_stop();
}

/* Nothing goes back while a cache works alone, so bursts that come again find their objects; nor
 * what is used between two looks. */
static void used_objects_stay(void **state)
{
	struct slab_info info;

	(void)state;
	mock_start(&(struct mock_config){.bytes = 512 * MOCK_MIB});
	struct kmem_cache *cache = kmem_cache_create("t", 512, NULL, 0);

	for (unsigned i = 0; i < 50; i++)
		burst(cache, MANY);
	unsigned long taken = cache->node[0].taken;
	assert_true(find_info("t", &info) && info.in_stocks > MANY / 2);
	burst(cache, MANY);
	assert_int_equal(cache->node[0].taken, taken);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* From slabs a stock takes more from refill to refill, and little again after it was looked at;
 * what was not used between two looks goes back. */
static void refills_grow(void **state)
{
	static void *kept[200];
	size_t most = 0, n = 0;

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);

	for (unsigned i = 0; i < 64; i++) /* slabs with free objects */
		kept[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	cache->max_empty = 8;
	kmem_cache_free_bulk(cache, 64, kept);
	assert_true(cpu_cache_drain(cache, 0));
	struct object_stock *stock = stock_of(cache, 0);

	cpu_cache_age(cache, 0);
	for (unsigned i = 0; i < 200; i++) {
		size_t before = stock_count(stock);

		kept[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (before || stock_count(stock) <= most)
			continue;
		assert_true(stock_count(stock) <= 2 * most + 2);
		most = stock_count(stock);
		n++;
	}
	assert_true(n >= 4);
	assert_int_equal(most, cache_batch(cache) - 1);
	kmem_cache_free_bulk(cache, 100, kept);
	n = stock_count(stock);
	assert_true(n > 10);
	cpu_cache_age(cache, 0);
	assert_int_equal(stock_count(stock), n);
	cpu_cache_age(cache, 0);
	assert_int_equal(stock_count(stock), 0);
	kept[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(stock_count(stock), 0);
	kept[1] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(stock_count(stock), 2);
	kmem_cache_free_bulk(cache, 2, kept);
	kmem_cache_free_bulk(cache, 100, kept + 100);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* The cache that was looked at last ends; the round goes on. */
static void caches_end_between_looks(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 512 * MOCK_MIB});
	struct kmem_cache *busy = kmem_cache_create("busy", 32768, NULL, 0);

	for (unsigned i = 0; i < 40; i++) {
		struct kmem_cache *brief = kmem_cache_create("brief", 64, NULL, 0);

		burst(brief, 20);
		burst(busy, 100 / (1 + i % 3));
		kmem_cache_destroy(brief);
	}
	assert_int_equal(mm_check(), 0);
	kmem_cache_destroy(busy);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unused_objects_go_back),
		cmocka_unit_test(used_objects_stay),
		cmocka_unit_test(refills_grow),
		cmocka_unit_test(caches_end_between_looks),
	};

	return cmocka_run_group_tests_name("slab_idle", tests, NULL, NULL);
}
