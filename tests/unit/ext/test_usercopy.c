/* SPDX-License-Identifier: MIT */
/* test_usercopy.c: what may be copied to and from a user. */
#include "../slab/slab_test.h"
#include "mm/base/log.h"

static void yes(const void *p, size_t n)
{
	assert_true(quarry_usercopy_ok(p, n, true));
	assert_true(quarry_usercopy_ok(p, n, false));
}
static void no(const void *p, size_t n)
{
	mock_expect_report(QUARRY_RULE_USERCOPY, 1);
	assert_false(quarry_usercopy_ok(p, n, true));
	assert_ptr_equal(mock_last_report()->subject, p);
	assert_int_equal(mock_last_report()->a, n);
}

/* Inside the window: yes; one byte before or after it: no. (G137) */
static void g137_window(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache =
		kmem_cache_create_usercopy("w", 100, 8, 0, 20, 30, NULL);
	struct kmem_cache *plain = kmem_cache_create("plain", 100, NULL, SLAB_NO_MERGE);

	for (unsigned i = 0; i < 50; i++) {
		char *p = kmem_cache_alloc(cache, GFP_KERNEL);

		yes(p + 20, 30);
		yes(p + 20, 1);
		yes(p + 49, 1);
		yes(p + 50, 0);
		yes(p, 0);
		no(p + 19, 1);
		no(p + 19, 31);
		no(p + 50, 1);
		no(p + 20, 31);
		no(p, 100);
		no(p + 20, SIZE_MAX);
		no(p + 20, (size_t)-20);
		kmem_cache_free(cache, p);
	}
	char *p = kmem_cache_alloc(plain, GFP_KERNEL);

	no(p, 1);
	no(p, 100);
	no(p + 99, 1);
	kmem_cache_free(plain, p);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Objects of kmalloc: all of it, and nothing beyond. (G137) */
static void g137_kmalloc(void **state)
{
	static const size_t sizes[] = {8, 24, 96, 100, 192, 1000, 4096, 8192, 8193, 70000};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = kmalloc(run_time(sizes[i]), GFP_KERNEL);
		size_t have = ksize(p);

		yes(p, have);
		yes(p + have - 1, 1);
		yes(p + have / 2, have / 2);
		no(p, have + 1);
		no(p + 1, have);
		no(p + have - 1, 2);
		kfree(p);
	}
	no(NULL, 1);
	no(ZERO_SIZE_PTR, 8);
	yes(NULL, 0);
	mock_stop();
}

/* Blocks of pages, areas of vmalloc with their guard pages, free pages, page tables. (G137) */
static void g137_pages_and_areas(void **state)
{
	(void)state;
	mock_start(NULL);
	char *pages = (char *)__get_free_pages(GFP_KERNEL, 2);
	char *area = vmalloc(3 * PAGE_SIZE);

	yes(pages, 4 * PAGE_SIZE);
	yes(pages + 5000, 4 * PAGE_SIZE - 5000);
	no(pages + 5000, 4 * PAGE_SIZE - 4999);
	no(pages, 4 * PAGE_SIZE + 1);
	yes(area, 3 * PAGE_SIZE);
	yes(area + 1, 3 * PAGE_SIZE - 1);
	no(area + 1, 3 * PAGE_SIZE);
	no(area + 3 * PAGE_SIZE, 1); /* the guard page */
	no(area + 3 * PAGE_SIZE - 1, 2);
	vfree(area);
	free_pages((unsigned long)pages, 2);
	no(pages, 1);
	/* A block of a whole pageblock: only its first page has state. */
	pages = (char *)__get_free_pages(GFP_KERNEL, pageblock_order);
	yes(pages + 5000, pageblock_nr_pages * PAGE_SIZE - 5000);
	no(pages + 5000, pageblock_nr_pages * PAGE_SIZE - 4999);
	free_pages((unsigned long)pages, pageblock_order);
	no(pages + 5000, 1);
	/* Not ours: a function, a constant, a local. */
	yes(no, 16);
	yes("text", 4);
	yes(&area, sizeof(area));
	mock_stop();
}

/* A copy that cannot be refused ends in the kernel's hook. (G137, H25) */
static void g137_abort_hook(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = kmalloc(64, GFP_KERNEL);

	check_object_size(p, 64, true);
	assert_int_equal(mock_usercopy_aborts(), 0);
	mock_expect_report(QUARRY_RULE_USERCOPY, 2);
	check_object_size(p, 65, true);
	check_object_size(p + 60, 5, false);
	assert_int_equal(mock_usercopy_aborts(), 2);
	kfree(p);
	mock_stop();
}

static void copy_too_much(void *arg)
{
	check_object_size(arg, 65, true);
}

/* Without a hook it is a panic. (H25) */
static void h025_without_a_hook(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.no_optional = true});
	mock_expect_report(QUARRY_RULE_USERCOPY, 1);
	void *p = kmalloc(64, GFP_KERNEL);
	const char *why = mock_failure_of(copy_too_much, p);

	assert_non_null(why);
	assert_non_null(strstr(why, "leaves its object"));
	kfree(p);
	mock_stop();
}

static uintptr_t stack_low, stack_high;
static bool running_stack(uintptr_t *low, uintptr_t *high)
{
	*low = stack_low;
	*high = stack_high;
	return true;
}

/* All of it on the stack, or nothing of it. */
static void g137_stack(void **state)
{
	char local[100];

	(void)state;
	mock_start(NULL);
	mm_ops.stack = running_stack;
	stack_low = (uintptr_t)local + 10;
	stack_high = (uintptr_t)local + 90;
	yes(local + 10, 80);
	yes(local, 10);
	yes(local + 90, 10);
	no(local + 9, 2);
	no(local + 89, 2);
	no(local, 100);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g137_window),
		cmocka_unit_test(g137_kmalloc),
		cmocka_unit_test(g137_pages_and_areas),
		cmocka_unit_test(g137_abort_hook),
		cmocka_unit_test(h025_without_a_hook),
		cmocka_unit_test(g137_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
