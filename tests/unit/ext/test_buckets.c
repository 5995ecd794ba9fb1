/* SPDX-License-Identifier: MIT */
/* test_buckets.c: size classes of their own. */
#include "../slab/slab_test.h"

/* Objects of a set never share a slab with kmalloc's or another set's; sizes and alignment are
 * kmalloc's. */
static void api23_buckets_lie_apart(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 128 * MOCK_MIB, .extra.merge_caches = true});
	struct kmem_buckets *a = kmem_buckets_create("a", 0, 0, UINT32_MAX, NULL),
			    *b = kmem_buckets_create("b", SLAB_PANIC, 16, 8, NULL);

	assert_non_null(a);
	assert_non_null(b);
	for (size_t size = 1; size <= 8192; size += size < 200 ? 1 : 61) {
		char *p[3] = {kmalloc(run_time(size), GFP_KERNEL),
			      kmem_buckets_alloc(a, size, GFP_KERNEL),
			      kmem_buckets_valloc(b, size, GFP_KERNEL | __GFP_ZERO)};
		size_t have = ksize(p[0]);

		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(ksize(p[i]), have);
			assert_int_equal((uintptr_t)p[i] % divisor(size), 0);
			for (unsigned j = 0; j < i; j++)
				assert_ptr_not_equal(slab_head(virt_to_page(p[i])),
						     slab_head(virt_to_page(p[j])));
		}
		assert_true(all_bytes(p[2], 0, have));
		assert_true(quarry_usercopy_ok(p[1], have, true));
		if (have >= 24)
			assert_true(quarry_usercopy_ok(p[2] + 16, 8, true));
		for (unsigned i = 0; i < 3; i++)
			kfree(p[i]);
	}
	char *p = kmem_buckets_alloc(b, 100, GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_USERCOPY, 1);
	assert_false(quarry_usercopy_ok(p + 15, 2, true));
	kfree(p);
	assert_ptr_equal(kmem_buckets_alloc(a, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	kvfree(kmem_buckets_valloc(a, 100000, GFP_KERNEL));
	kfree(kmem_buckets_alloc(a, 100000, GFP_KERNEL));
	kfree(kmem_buckets_alloc(NULL, 100, GFP_KERNEL));
	kmem_buckets_destroy(NULL);
	kmem_buckets_destroy(a);
	kmem_buckets_destroy(b);
	mock_stop();
}

/* A name that is too long is cut so that each class has a name of its own. */
static void api23_long_names(void **state)
{
	struct slab_info info;

	(void)state;
	mock_start(NULL);
	struct kmem_buckets *buckets =
		kmem_buckets_create("copies-of-what-strangers-sent", 0, 0, 0, NULL);

	assert_true(find_info("copies-of-what-strangers-s-8192", &info));
	assert_int_equal(info.object_size, 8192);
	assert_true(find_info("copies-of-what-strangers-s-64", &info));
	kmem_buckets_destroy(buckets);
	mock_stop();
}

static int use(void *arg)
{
	struct kmem_buckets *buckets = kmem_buckets_create("t", 0, 0, 0, NULL);

	(void)arg;
	if (!buckets)
		return -QUARRY_ENOMEM;
	void *p = kmem_buckets_alloc(buckets, 100, GFP_KERNEL | __GFP_NOWARN);

	kfree(p);
	kmem_buckets_destroy(buckets);
	return p ? 0 : -QUARRY_ENOMEM;
}

static void failure_sweep(void **state)
{
	(void)state;
	mock_start(NULL);
	assert_true(mock_sweep(use, NULL) > QUARRY_KMALLOC_CLASSES);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_buckets_lie_apart),
		cmocka_unit_test(api23_long_names),
		cmocka_unit_test(failure_sweep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
