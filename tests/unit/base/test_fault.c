/* SPDX-License-Identifier: MIT */
/* test_fault.c: which requests a rule fails, and sweeps over all failures of a piece of code. */
#include "tests/unit/phys/page_test.h"

#include <quarry/fault.h>

#include "mm/base/fault.h"

static bool fails(gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages(gfp, order);

	if (page)
		__free_pages(page, order);
	return !page;
}

static void rules_choose_by_mask_order_site_and_count(void **state)
{
	const struct quarry_fault_rule rule = {
		.sites = 1u << QUARRY_FAULT_PAGE,
		.all = __GFP_DIRECT_RECLAIM,
		.none = __GFP_ZERO,
		.min_order = 1,
		.max_order = 3,
		.after = 2,
		.times = 3,
	};
	(void)state;
	mock_start(NULL);
	assert_int_equal(quarry_fault_set(&rule), 0);
	assert_false(fails(GFP_ATOMIC, 2));
	assert_false(fails(GFP_KERNEL | __GFP_ZERO, 2));
	assert_false(fails(GFP_KERNEL, 0));
	assert_false(fails(GFP_KERNEL, 4));
	kfree(kmalloc(100, GFP_KERNEL));
	assert_int_equal(quarry_fault_passes(), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(fails(GFP_KERNEL, 2), i >= 2 && i < 5);
	assert_int_equal(quarry_fault_passes(), 8);
	assert_int_equal(quarry_fault_failures(), 3);
	quarry_fault_set(NULL);
	assert_false(fails(GFP_KERNEL, 2));
	mock_stop();
}

/* G84: any request can be made to fail once; G104: but never one that must not. */
static void g104_nofail_is_never_failed(void **state)
{
	const struct quarry_fault_rule all = {.max_order = MAX_PAGE_ORDER, .times = ~0ul};
	(void)state;
	mock_start(NULL);
	quarry_fault_set(&all);
	assert_true(fails(GFP_KERNEL, 0)); /* G84 */
	assert_null(kmalloc(100, GFP_KERNEL));
	assert_false(fails(GFP_KERNEL | __GFP_NOFAIL, 0));
	void *object = kmalloc(100, GFP_KERNEL | __GFP_NOFAIL);
	assert_non_null(object);
	kfree(object);
	mock_fail_site(-1, 1, true);
	object = kmalloc(100, GFP_KERNEL | __GFP_NOFAIL);
	assert_non_null(object);
	kfree(object);
	quarry_fault_set(NULL);
	mock_stop();
}

/* ---- sweeps ---- */

/* A piece of code as users write it: several allocations, all undone if one fails. */
static int set_up_and_tear_down(void *arg)
{
	int error = -QUARRY_ENOMEM;
	char *name = kmalloc(40, GFP_KERNEL);
	struct page *block = alloc_pages(GFP_KERNEL, 2);
	void *area = vmalloc(5 * PAGE_SIZE);
	struct kmem_cache *cache = kmem_cache_create("swept", 72, 0, 0, NULL);
	void *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	(void)arg;
	if (name && block && area && object)
		error = 0;
	if (object)
		kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	vfree(area);
	if (block)
		__free_pages(block, 2);
	kfree(name);
	return error;
}

static void every_failure_of_a_piece_of_code(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned rule = 0; rule < QUARRY_NR_RULES; rule++)
		if (rule == QUARRY_RULE_NO_MEMORY || rule == QUARRY_RULE_VMAP_SPACE)
			mock_world.expected[rule] = 1000;
	unsigned long failures = mock_sweep(set_up_and_tear_down, NULL);
	assert_true(failures >= 10);
	memset(mock_world.expected, 0, sizeof(mock_world.expected));
	mock_stop();
}

static int leaks(void *arg)
{
	void **kept = arg;
	void *first = kmalloc(64, GFP_KERNEL);
	struct page *second = alloc_page(GFP_KERNEL);

	if (!second) {
		*kept = first; /* forgotten */
		return -QUARRY_ENOMEM;
	}
	__free_page(second);
	if (!first)
		return -QUARRY_ENOMEM;
	kfree(first);
	return 0;
}
static void run_leaky_sweep(void *arg)
{
	mock_sweep(leaks, arg);
}

/* The sweep finds the path that forgets. */
static void a_sweep_finds_leaks(void **state)
{
	void *kept = NULL;
	(void)state;
	mock_start(NULL);
	const char *why = mock_failure_of(run_leaky_sweep, &kept);
	assert_non_null(why);
	assert_non_null(strstr(why, "leak"));
	mock_abandon();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_choose_by_mask_order_site_and_count),
		cmocka_unit_test(g104_nofail_is_never_failed),
		cmocka_unit_test(every_failure_of_a_piece_of_code),
		cmocka_unit_test(a_sweep_finds_leaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
