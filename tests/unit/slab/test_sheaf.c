/* SPDX-License-Identifier: MIT */
/* test_sheaf.c: objects taken beforehand. */
#include "slab_test.h"

#define SHEAF 40

static struct kmem_cache *cache;

static void start(void)
{
	mock_start(NULL);
	cache = kmem_cache_create("t", 72, NULL, 0);
	assert_non_null(cache);
}
static void stop(void)
{
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* What was taken beforehand is there, whatever fails meanwhile, from any context. */
static void api23_never_fails(void **state)
{
	void *object[SHEAF];

	(void)state;
	start();
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, SHEAF);

	assert_non_null(sheaf);
	assert_int_equal(kmem_cache_sheaf_size(sheaf), SHEAF);
	mock_fail_site(-1, 1, true);
	mock_set_context(QUARRY_CTX_IRQ);
	for (unsigned i = 0; i < SHEAF; i++) {
		object[i] = kmem_cache_alloc_from_sheaf(cache, GFP_NOWAIT | __GFP_ZERO, sheaf);
		assert_non_null(object[i]);
		assert_true(all_bytes(object[i], 0, 72));
		memset(object[i], 0x55, 72);
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(object[i], object[j]);
	}
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(kmem_cache_alloc_from_sheaf(cache, GFP_NOWAIT, sheaf));
	for (unsigned i = 0; i < SHEAF; i++)
		kmem_cache_free(cache, object[i]);
	kmem_cache_return_sheaf(cache, GFP_NOWAIT, sheaf);
	mock_set_context(0);
	mock_fail_site(-1, 0, false);
	stop();
}

/* Refilling tops up, and grows; what is left goes back. */
static void api23_refill(void **state)
{
	(void)state;
	start();
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 4);
	void *p = kmem_cache_alloc_from_sheaf(cache, GFP_KERNEL, sheaf);

	assert_int_equal(kmem_cache_sheaf_size(sheaf), 3);
	assert_int_equal(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 2), 0);
	assert_int_equal(kmem_cache_sheaf_size(sheaf), 3);
	assert_int_equal(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 4), 0);
	assert_int_equal(kmem_cache_sheaf_size(sheaf), 4);
	assert_int_equal(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 300), 0);
	assert_int_equal(kmem_cache_sheaf_size(sheaf), 300);
	assert_int_equal(active_of("t"), 301);
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	assert_int_equal(active_of("t"), 1);
	kmem_cache_free(cache, p);
	kmem_cache_return_sheaf(cache, GFP_KERNEL, NULL);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	assert_null(kmem_cache_prefill_sheaf(NULL, GFP_KERNEL, 1));
	assert_null(kmem_cache_prefill_sheaf(cache, GFP_KERNEL | __GFP_ZERO, 1));
	stop();
}

static void construct(void *object)
{
	memset(object, 0x77, 40);
}

/* Constructed objects stay constructed. (G108, G138) */
static void g138_constructed(void **state)
{
	(void)state;
	start();
	struct kmem_cache *made = kmem_cache_create("made", 40, 8, 0, construct);
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(made, GFP_KERNEL, 3);

	mock_expect_report(QUARRY_RULE_OBJECT_CTOR_ZERO, 1);
	void *p = kmem_cache_alloc_from_sheaf(made, GFP_NOWAIT | __GFP_ZERO, sheaf);

	assert_true(all_bytes(p, 0x77, 40));
	kmem_cache_free(made, p);
	kmem_cache_return_sheaf(made, GFP_KERNEL, sheaf);
	kmem_cache_destroy(made);
	stop();
}

/* Calls that name another cache: reported, and no object is lost. */
static void api23_wrong_cache(void **state)
{
	(void)state;
	start();
	struct kmem_cache *other = kmem_cache_create("other", 1000, 8, 0, NULL);
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 3), *none = NULL;

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 5);
	assert_null(kmem_cache_alloc_from_sheaf(other, GFP_NOWAIT | __GFP_ZERO, sheaf));
	assert_null(kmem_cache_alloc_from_sheaf(cache, GFP_NOWAIT, NULL));
	assert_int_equal(kmem_cache_refill_sheaf(other, GFP_KERNEL, &sheaf, 9), -QUARRY_EINVAL);
	assert_int_equal(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &none, 9), -QUARRY_EINVAL);
	assert_int_equal(kmem_cache_sheaf_size(sheaf), 3);
	kmem_cache_return_sheaf(other, GFP_KERNEL, sheaf);
	kmem_cache_destroy(other);
	stop();
}

static int fill_and_use(void *arg)
{
	int error = 0;
	struct slab_sheaf *sheaf =
		kmem_cache_prefill_sheaf(cache, GFP_KERNEL | __GFP_NOWARN, 20);

	(void)arg;
	if (!sheaf)
		return -QUARRY_ENOMEM;
	if (kmem_cache_refill_sheaf(cache, GFP_KERNEL | __GFP_NOWARN, &sheaf, 100)) {
		assert_int_equal(kmem_cache_sheaf_size(sheaf), 20);
		error = -QUARRY_ENOMEM;
	}
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	return error;
}

static void failure_sweep(void **state)
{
	(void)state;
	start();
	assert_int_equal(fill_and_use(NULL), 0); /* the stocks of all caches concerned stay */
	assert_true(mock_sweep(fill_and_use, NULL) >= 6);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_never_fails),
		cmocka_unit_test(api23_refill),
		cmocka_unit_test(g138_constructed),
		cmocka_unit_test(api23_wrong_cache),
		cmocka_unit_test(failure_sweep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
