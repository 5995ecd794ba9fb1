/* SPDX-License-Identifier: MIT */
/* test_bulk.c: many objects at once. */
#include "slab_test.h"

#define MOST 600
static void *object[MOST];

/* Every count: all distinct, all usable; freeing brings the counter to zero. (G139) */
static void g139_bulk_counts(void **state)
{
	static const size_t counts[] = {0, 1, 2, 16, 17, 61, 62, 64, 65, 130, 600};

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 56, NULL, 0);

	for (unsigned c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		size_t n = counts[c];

		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, n, object), n);
		assert_int_equal(active_of("t"), n);
		for (size_t i = 0; i < n; i++)
			memset(object[i], (int)i, 56);
		for (size_t i = 0; i < n; i++)
			assert_true(all_bytes(object[i], (unsigned char)i, 56));
		kmem_cache_free_bulk(cache, n, object);
		assert_int_equal(active_of("t"), 0);
		assert_int_equal(slab_check(), 0);
	}
	kmem_cache_destroy(cache);
	mock_stop();
}

/* A failure at any point gives nothing and loses nothing. (G139, H53) */
static void h053_all_or_nothing(void **state)
{
	(void)state;
	for (unsigned long n = 1; n < 200; n++) {
		mock_start(NULL);
		struct kmem_cache *cache = kmem_cache_create("t", 1000, NULL, 0);
		unsigned long before = mock_fault_passes(-1);

		mock_fail_site(-1, n, true);
		int got = kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_NOWARN, 100, object);
		bool done = mock_fault_passes(-1) - before < n;

		assert_true(got == 0 || got == 100);
		assert_int_equal(active_of("t"), got);
		kmem_cache_free_bulk(cache, (size_t)got, object);
		mock_fail_site(-1, 0, false);
		kmem_cache_destroy(cache);
		mock_stop();
		if (done) {
			assert_true(n > 3);
			return;
		}
	}
	fail_msg("the sweep did not end");
}

static void zeroed_bulk(void **state)
{
	struct mock_config config = {.bytes = 8 * MOCK_MIB, .dirty_memory = true};

	(void)state;
	mock_start(&config);
	struct kmem_cache *cache = kmem_cache_create("t", 200, NULL, 0);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 30, object), 30);
	for (unsigned i = 0; i < 30; i++)
		assert_true(all_bytes(object[i], 0, 200));
	kmem_cache_free_bulk(cache, 30, object);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Objects of several caches, NULLs between them. */
static void kfree_bulk_mixed(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 200, NULL, 0);
	void *p[6] = {
		kmalloc(10, GFP_KERNEL),    NULL,	   kmem_cache_alloc(cache, GFP_KERNEL),
		kmalloc(10000, GFP_KERNEL), ZERO_SIZE_PTR, kmalloc(500, GFP_KERNEL)};

	kfree_bulk(6, p);
	assert_int_equal(active_of("t"), 0);
	p[0] = kmalloc(10, GFP_KERNEL);
	p[1] = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free_bulk(NULL, 2, p);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* A foreign pointer in the array is reported; the others are freed. (H40) */
static void h040_foreign_pointer_in_bulk(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);
	void *other = kmalloc(64, GFP_KERNEL);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 20, object), 20);
	void *right = object[7];

	object[7] = other;
	mock_expect_report(QUARRY_RULE_OBJECT_CACHE, 1);
	kmem_cache_free_bulk(cache, 20, object);
	assert_int_equal(active_of("t"), 1);
	assert_int_equal(active_of("kmalloc-64"), 1);
	kmem_cache_free(cache, right);
	kfree(other);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* The same pointer twice in one array. (H42) */
static void h042_twice_in_bulk(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 10, object), 10);
	object[10] = object[3];
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kmem_cache_free_bulk(cache, 11, object);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 1);
	kmem_cache_shrink(cache);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* What was taken last and comes back in its order goes back to where it was; a wrong pointer in
 * between ends that, and is reported. */
static void back_in_their_order(void **state)
{
	void *again[64];

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 64, object), 64);
	kmem_cache_free_bulk(cache, 64, object);
	struct object_stock *stock = stock_of(cache, 0);
	size_t n = stock_count(stock);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 64, object), 64);
	assert_int_equal(stock_count(stock), n - 64);
	assert_int_equal(cpu_cache_push_back(cache, 0, object, 10), 10);
	assert_int_equal(stock_count(stock), n - 54);
	assert_int_equal(cpu_cache_push_back(cache, 0, object + 11, 1), 0);
	assert_int_equal(cpu_cache_push_back(cache, 0, object + 10, 54), 54);
	assert_int_equal(stock_count(stock), n);
	assert_int_equal(cpu_cache_push_back(cache, 0, object, 64), 0);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kmem_cache_free_bulk(cache, 1, &object[63]);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 1);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 64, again), 64);
	assert_memory_equal(again, object, sizeof(again));
	again[5] = (char *)again[5] + 4;
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 1);
	kmem_cache_free_bulk(cache, 64, again);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_INTERIOR), 1);
	assert_int_equal(active_of("t"), 1);
	kmem_cache_free(cache, object[5]);
	assert_int_equal(slab_check(), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g139_bulk_counts),
		cmocka_unit_test(h053_all_or_nothing),
		cmocka_unit_test(zeroed_bulk),
		cmocka_unit_test(kfree_bulk_mixed),
		cmocka_unit_test(h040_foreign_pointer_in_bulk),
		cmocka_unit_test(h042_twice_in_bulk),
		cmocka_unit_test(back_in_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
