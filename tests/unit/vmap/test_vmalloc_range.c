/* SPDX-License-Identifier: MIT */
/* test_vmalloc_range.c: __vmalloc_node_range: where, and with what protection. */
#include "vmap_test.h"

#include "mm/vmap/pgtable.h"

#include <quarry/arch/pgtable.h>
#include <quarry/set_memory.h>

#define BLOCK (2 * MOCK_MIB)
#define ANYWHERE 0, UINTPTR_MAX

static void *in_range(size_t size, uintptr_t start, uintptr_t end)
{
	return __vmalloc_node_range(size, 1, start, end, GFP_KERNEL | __GFP_NOWARN, PAGE_KERNEL, 0,
				    NUMA_NO_NODE, NULL);
}

static unsigned prot_at(const char *p)
{
	struct pt_leaf leaf;

	assert_int_equal(pgtable_query(va_of(p), true, &leaf), 0);
	return leaf.prot;
}

/* Small and large areas, each in its part of the window, until that is full. */
static void within_a_range(void **state)
{
	(void)state;
	mock_start(NULL);
	const uintptr_t start = vmap_area_start() + 3 * BLOCK, end = start + 2 * BLOCK;
	unsigned long before = mock_free_pages();
	void *p[200];
	unsigned n = 0;

	p[n++] = in_range(BLOCK, start, end);
	assert_int_equal(va_of(p[0]), start);
	for (; (p[n] = in_range(7 * PAGE_SIZE, start, end)); n++)
		assert_true(va_of(p[n]) >= start && va_of(p[n]) + 8 * PAGE_SIZE <= end);
	assert_int_equal(n, 1 + 511 / 8);
	touch_pages(p[n - 1], 7);
	/* A parked area of that size lies elsewhere and is not taken. */
	vfree(vmalloc(7 * PAGE_SIZE));
	assert_null(in_range(7 * PAGE_SIZE, start, end));
	p[n] = in_range(7 * PAGE_SIZE, ANYWHERE);
	assert_true(va_of(p[n]) < start || va_of(p[n]) >= end);
	/* Room comes back. */
	vfree(p[1]);
	p[1] = in_range(7 * PAGE_SIZE, start, end);
	assert_true(va_of(p[1]) >= start && va_of(p[1]) < end);
	for (unsigned i = 0; i <= n; i++)
		vfree(p[i]);
	vmap_drain();
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* Of a range its whole blocks count, and the window's ends; never what is outside the window. */
static void ends_of_a_range(void **state)
{
	(void)state;
	mock_start(NULL);
	const uintptr_t first = vmap_area_start(), last = vmap_area_end();

	assert_null(in_range(1, first + 1, first + 2 * BLOCK - 1));
	assert_null(in_range(1, first + BLOCK, first + BLOCK));
	assert_null(in_range(1, first + 2 * BLOCK, first + BLOCK));
	assert_null(in_range(1, last, UINTPTR_MAX));
	assert_null(in_range(1, 0, first));
	assert_null(in_range(BLOCK, first + BLOCK, first + 2 * BLOCK)); /* the guard */
	void *p = in_range(1, first + BLOCK - 1, first + 2 * BLOCK + 1), *q = in_range(1, 0, last),
	     *r = in_range(PAGE_SIZE, last - BLOCK, UINTPTR_MAX);

	assert_int_equal(va_of(p), first + BLOCK);
	assert_non_null(q);
	assert_true(va_of(r) >= last - BLOCK && va_of(r) < last);
	vfree(p);
	vfree(q);
	vfree(r);
	mock_stop();
}

static void aligned_in_a_range(void **state)
{
	(void)state;
	mock_start(NULL);
	const uintptr_t start = vmap_area_start() + 5 * BLOCK, end = start + 16 * BLOCK;

	for (size_t align = 1; align <= 4 * BLOCK; align *= 2) {
		void *p = __vmalloc_node_range(PAGE_SIZE, align, start, end, GFP_KERNEL,
					       PAGE_KERNEL, VM_ALLOW_HUGE_VMAP, 0, NULL);

		assert_int_equal(va_of(p) % align, 0);
		assert_true(va_of(p) >= start && va_of(p) < end);
		vfree(p);
	}
	mock_stop();
}

/* The area and its pages' other address allow what was asked for, until vfree. */
static void protection(void **state)
{
	static const unsigned prots[] = {PAGE_KERNEL, PAGE_KERNEL_RO, PAGE_KERNEL_ROX,
					 PAGE_KERNEL_NOCACHE,
					 QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_COMBINE};

	(void)state;
	for (unsigned i = 0; i < COUNT(prots); i++) {
		mock_start(&(struct mock_config){.protect_direct = true});
		char *p = __vmalloc_node_range(5 * PAGE_SIZE, 1, ANYWHERE, GFP_KERNEL | __GFP_ZERO,
					       prots[i], VM_FLUSH_RESET_PERMS, NUMA_NO_NODE, NULL);

		for (unsigned k = 0; k < 5; k++) {
			void *alias = page_address(vmalloc_to_page(p + k * PAGE_SIZE));

			assert_int_equal(prot_at(p + k * PAGE_SIZE), prots[i]);
			assert_int_equal(mock_direct_prot(alias), prots[i] & ~QUARRY_PROT_EXEC);
			assert_int_equal(mock_load(va_of(p) + k * PAGE_SIZE), 0);
		}
		void *alias = page_address(vmalloc_to_page(p));
		vfree(p);
		assert_int_equal(mock_direct_prot(alias), QUARRY_PROT_KERNEL);
		p = vmalloc(5 * PAGE_SIZE);
		assert_int_equal(prot_at(p), QUARRY_PROT_KERNEL);
		vfree(p);
		mock_stop();
	}
}

/* The OS cannot protect the direct map: one report, and nothing is kept. */
static void protection_fails(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.protect_direct = true});
	unsigned long before = mock_free_pages();

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	mock_fail_protect(1);
	assert_null(__vmalloc_node_range(3 * PAGE_SIZE, 1, ANYWHERE, GFP_KERNEL, PAGE_KERNEL_RO, 0,
					 NUMA_NO_NODE, NULL));
	vmap_drain();
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

static void *with(size_t align, gfp_t gfp, unsigned prot, unsigned long flags)
{
	return __vmalloc_node_range(PAGE_SIZE, align, ANYWHERE, gfp, prot, flags, NUMA_NO_NODE,
				    NULL);
}

static void wrong_requests_are_refused(void **state)
{
	volatile size_t none = 0;

	(void)state;
	mock_start(NULL);
	unsigned long before = mock_free_pages();

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 6);
	assert_null(with(3 * PAGE_SIZE, GFP_KERNEL, PAGE_KERNEL, 0));
	assert_null(with(0, GFP_KERNEL, PAGE_KERNEL, 0));
	assert_null(with(1, GFP_KERNEL, 0, 0));
	assert_null(with(1, GFP_KERNEL, PAGE_KERNEL_EXEC, 0));
	assert_null(with(1, GFP_KERNEL, PAGE_KERNEL, VM_MAP_PUT_PAGES));
	assert_null(in_range(none, ANYWHERE));
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(__vmalloc_node_range(1, 1, 0, PAGE_SIZE, GFP_KERNEL, PAGE_KERNEL, 0, 0, NULL));
	/* Where nobody may wait only what is mapped by default can be had. */
	mock_set_context(QUARRY_CTX_IRQ);
	void *p = with(1, GFP_ATOMIC, PAGE_KERNEL, 0);
	assert_non_null(p);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	assert_null(with(1, GFP_ATOMIC, PAGE_KERNEL_RO, 0));
	mock_set_context(0);
	mock_run_deferred();
	vfree(p);
	vmap_drain();
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_a_range),
		cmocka_unit_test(ends_of_a_range),
		cmocka_unit_test(aligned_in_a_range),
		cmocka_unit_test(protection),
		cmocka_unit_test(protection_fails),
		cmocka_unit_test(wrong_requests_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
