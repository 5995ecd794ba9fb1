/* SPDX-License-Identifier: MIT */
/* test_kvmalloc.c: which of the two allocators serves, resizing, and one free for all. */
#include "vmap_test.h"

static struct page *held[20000];

static void g126_kmalloc_first(void **state)
{
	static const size_t sizes[] = {1, 100, 4096, 4097, 65536, 1 << 20, 4 << 20};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		void *p = kvmalloc(sizes[i], GFP_KERNEL);

		assert_non_null(p);
		assert_false(is_vmalloc_addr(p));
		memset(p, 1, sizes[i]);
		kvfree(p);
	}
	mock_stop();
}

static void g127_then_vmalloc(void **state)
{
	unsigned long n;

	(void)state;
	mock_start(NULL);
	n = fragment_memory(held, COUNT(held));
	/* 8193: the smallest size above kmalloc's caches. */
	for (size_t size = 16384; size <= MOCK_MIB; size *= 4) {
		void *p = kvmalloc(size, GFP_KERNEL);

		assert_non_null(p);
		assert_true(is_vmalloc_addr(p));
		touch_pages(p, size / PAGE_SIZE);
		kvfree(p);
	}
	/* No warning from the first try (G128): mock_stop checks that nothing was reported. */
	release_memory(held, n);
	mock_stop();
}

static void above_the_largest_block(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = kvmalloc(5 * MOCK_MIB, GFP_KERNEL);
	assert_non_null(p);
	assert_true(is_vmalloc_addr(p));
	touch_pages(p, 1280);
	kvfree(p);
	mock_stop();
}

/* Up to a page, and for masks that cannot sleep, a failed kmalloc is the end. */
static void g129_g130_no_second_try(void **state)
{
	unsigned long n, passes;

	(void)state;
	mock_start(NULL);
	n = fragment_memory(held, COUNT(held));
	passes = mock_fault_passes(FAULT_VMAP_AREA);
	mock_fail_site(FAULT_OBJECT, 1, true);
	assert_null(kvmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN));
	mock_fail_site(FAULT_OBJECT, 0, false);
	assert_null(kvmalloc(65536, GFP_NOWAIT));
	assert_null(kvmalloc(65536, GFP_ATOMIC));
	assert_null(kvmalloc(8 * MOCK_MIB, GFP_ATOMIC));
	assert_int_equal(mock_fault_passes(FAULT_VMAP_AREA), passes);
	mock_expect_report(QUARRY_RULE_BAD_GFP, 1);
	void *p = kvmalloc(65536, GFP_KERNEL | __GFP_NORETRY);
	assert_true(is_vmalloc_addr(p));
	kvfree(p);
	release_memory(held, n);
	mock_stop();
}

static void g131_size_cap(void **state)
{
	volatile size_t large = (size_t)INT32_MAX + 1;

	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 2);
	assert_null(kvmalloc(large, GFP_KERNEL));
	assert_null(kvmalloc(SIZE_MAX - large + large, GFP_KERNEL));
	assert_null(kvmalloc(large, GFP_KERNEL | __GFP_NOWARN));
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 1);
	assert_null(kvmalloc(large - 1, GFP_KERNEL)); /* vmalloc refuses: more than memory */
	mock_stop();
}

static void g133_zero_and_arrays(void **state)
{
	struct mock_config config = {.bytes = 16 * MOCK_MIB, .dirty_memory = true};
	volatile size_t half = SIZE_MAX / 2;

	(void)state;
	mock_start(&config);
	for (unsigned i = 0; i < 2; i++) {
		size_t size = i ? 5 * MOCK_MIB : 30000;
		char *p = kvzalloc(size, GFP_KERNEL);

		assert_non_null(p);
		assert_int_equal(is_vmalloc_addr(p), i);
		for (size_t k = 0; k < size; k += 61)
			assert_int_equal(p[k], 0);
		kvfree(p);
	}
	void *p = kvcalloc(1000, 6000, GFP_KERNEL);
	assert_int_equal(mock_load(va_of(p) + 5999999), 0);
	kvfree(p);
	p = kvmalloc_array(10, 10, GFP_KERNEL);
	assert_non_null(p);
	kvfree(p);
	assert_null(kvmalloc_array(half, 3, GFP_KERNEL));
	assert_null(kvcalloc(3, half, GFP_KERNEL));
	mock_stop();
}

static void fill(void *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		mock_store(va_of(p) + i, (uint8_t)(i * 31 + i / 4096));
}
static void expect_filled(const void *p, size_t to)
{
	for (size_t i = 0; i < to; i++)
		if (mock_load(va_of(p) + i) != (uint8_t)(i * 31 + i / 4096))
			fail_msg("byte %zu changed", i);
}

/* Growing and shrinking across both allocators keeps the content up to the smaller size. */
static void g133_kvrealloc_keeps_content(void **state)
{
	static const size_t sizes[] = {
		10, 5000, 5 * MOCK_MIB, 5 * MOCK_MIB - 9000, 300, 70000, 70001, 6 * MOCK_MIB, 1};
	size_t old = 0;
	void *p = NULL;

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		p = kvrealloc(p, sizes[i], GFP_KERNEL);
		assert_non_null(p);
		expect_filled(p, old < sizes[i] ? old : sizes[i]);
		fill(p, 0, sizes[i]);
		old = sizes[i];
	}
	assert_ptr_equal(kvrealloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	p = vmalloc(PAGE_SIZE);
	assert_ptr_equal(kvrealloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	kvfree(ZERO_SIZE_PTR);
	mock_stop();
}

/* A vmalloc area that shrank grows again with zeros, to the byte. */
static void h059_growth_is_zeroed_exactly(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = vmalloc(20000);
	fill(p, 0, 20000);
	assert_ptr_equal(kvrealloc(p, 9001, GFP_KERNEL), p);
	assert_ptr_equal(kvrealloc(p, 20480, GFP_KERNEL | __GFP_ZERO), p);
	expect_filled(p, 9001);
	for (size_t i = 9001; i < 20480; i++)
		assert_int_equal(mock_load(va_of(p) + i), 0);
	kvfree(p);
	mock_stop();
}

/* Failure leaves the old block as it was. */
static void failed_kvrealloc_keeps_the_block(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = vmalloc(9000), *q = kmalloc(100, GFP_KERNEL);
	fill(p, 0, 9000);
	fill(q, 0, 100);
	mock_fail_site(-1, 1, true);
	assert_null(kvrealloc(p, 90000, GFP_KERNEL | __GFP_NOWARN));
	assert_null(kvrealloc(q, 90000, GFP_KERNEL | __GFP_NOWARN));
	mock_fail_site(-1, 0, false);
	expect_filled(p, 9000);
	expect_filled(q, 100);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 1);
	assert_null(kvrealloc((char *)p + 1, 100000, GFP_KERNEL));
	kvfree(p);
	kvfree(q);
	mock_stop();
}

static void g142_g144_kvfree_takes_all(void **state)
{
	struct kmem_cache *cache;

	(void)state;
	mock_start(NULL);
	cache = kmem_cache_create("kv", 72, 8, 0, NULL);
	for (unsigned i = 0; i < 2; i++) {
		void *p[] = {kmalloc(50, GFP_KERNEL),
			     kmalloc(MOCK_MIB, GFP_KERNEL),
			     vmalloc(50),
			     vmalloc(3 * MOCK_MIB),
			     kvmalloc(50, GFP_KERNEL),
			     kvmalloc(5 * MOCK_MIB, GFP_KERNEL),
			     kmem_cache_alloc(cache, GFP_KERNEL),
			     NULL};

		mock_set_context(i ? QUARRY_CTX_IRQ : 0);
		for (unsigned k = 0; k < COUNT(p); k++)
			kvfree(p[k]);
		mock_set_context(0);
		mock_run_deferred();
	}
	kmem_cache_destroy(cache);
	mock_stop();
}

/* kfree of a vmalloc address is seen and changes nothing. */
static void g145_kfree_of_vmalloc_memory(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = vmalloc(5000);
	touch_pages(p, 2);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	kfree(p);
	touch_pages(p, 2);
	vfree(p);
	mock_stop();
}

static void g154_sensitive_memory_is_wiped(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = vmalloc(6000);
	phys_addr_t phys[2];

	for (unsigned i = 0; i < 2; i++)
		phys[i] = mock_translate(va_of(p) + i * PAGE_SIZE);
	for (unsigned i = 0; i < 6000; i++)
		mock_store(va_of(p) + i, 0x5e);
	kvfree_sensitive(p, 6000);
	/* Free, but not handed out again yet: it waits for a flush. */
	for (unsigned i = 0; i < 6000; i++)
		assert_int_equal(
			*((volatile uint8_t *)phys_to_virt(phys[i / PAGE_SIZE]) + i % PAGE_SIZE),
			0);
	kvfree_sensitive(NULL, 10);
	kvfree_sensitive(kmalloc(100, GFP_KERNEL), 100);
	/* More than there is: what is there is wiped, and nothing behind it. */
	char *pair[2] = {kmalloc(4096, GFP_KERNEL), vmalloc(3 * PAGE_SIZE)};

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	kvfree_sensitive(pair[0], 4097);
	kvfree_sensitive(pair[1], 3 * PAGE_SIZE + 1);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	kvfree_sensitive(&pair, sizeof(pair));
	assert_true(pair[0] && pair[1]);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g126_kmalloc_first),
		cmocka_unit_test(g127_then_vmalloc),
		cmocka_unit_test(above_the_largest_block),
		cmocka_unit_test(g129_g130_no_second_try),
		cmocka_unit_test(g131_size_cap),
		cmocka_unit_test(g133_zero_and_arrays),
		cmocka_unit_test(g133_kvrealloc_keeps_content),
		cmocka_unit_test(h059_growth_is_zeroed_exactly),
		cmocka_unit_test(failed_kvrealloc_keeps_the_block),
		cmocka_unit_test(g142_g144_kvfree_takes_all),
		cmocka_unit_test(g145_kfree_of_vmalloc_memory),
		cmocka_unit_test(g154_sensitive_memory_is_wiped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
