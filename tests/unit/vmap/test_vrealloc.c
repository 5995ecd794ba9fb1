/* SPDX-License-Identifier: MIT */
/* test_vrealloc.c: the rest of the vmalloc family: resizing, zones, user pages, vm_map_ram. */
#include "vmap_test.h"

static void fill(char *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		mock_store(va_of(p) + i, (uint8_t)(i * 13));
}
static void check_filled(const char *p, size_t to)
{
	for (size_t i = 0; i < to; i++)
		assert_int_equal(mock_load(va_of(p) + i), (uint8_t)(i * 13));
}

static void vrealloc_keeps_contents(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = vrealloc(NULL, 5000, GFP_KERNEL), *q;

	fill(p, 0, 5000);
	/* Within two pages it stays. */
	assert_ptr_equal(vrealloc(p, 8192, GFP_KERNEL), p);
	assert_ptr_equal(vrealloc(p, 100, GFP_KERNEL), p);
	assert_ptr_equal(vrealloc(p, 5000, GFP_KERNEL), p);
	check_filled(p, 5000);
	q = vrealloc(p, 100000, GFP_KERNEL);
	assert_ptr_not_equal(q, p);
	assert_true(mock_faults(va_of(p)));
	check_filled(q, 5000);
	assert_null(vrealloc(q, 0, GFP_KERNEL));
	assert_true(mock_faults(va_of(q)));
	mock_stop();
}

static void vrealloc_zeroes_growth(void **state)
{
	struct mock_config config = {.bytes = 4 * MOCK_MIB, .dirty_memory = true};

	(void)state;
	mock_start(&config);
	char *p = vrealloc(NULL, 10000, GFP_KERNEL | __GFP_ZERO);
	fill(p, 0, 10000);
	p = vrealloc(p, 300, GFP_KERNEL | __GFP_ZERO);
	p = vrealloc(p, 12000, GFP_KERNEL | __GFP_ZERO);
	p = vrealloc(p, 30000, GFP_KERNEL | __GFP_ZERO);
	check_filled(p, 300);
	for (size_t i = 300; i < 30000; i++)
		assert_int_equal(mock_load(va_of(p) + i), 0);
	vfree(p);
	mock_stop();
}

static void vrealloc_that_fails_keeps_the_area(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = vmalloc(5000);
	volatile size_t too_much = SIZE_MAX / 2;

	fill(p, 0, 5000);
	mock_fail_site(-1, 1, true);
	assert_null(vrealloc(p, 50000, GFP_KERNEL | __GFP_NOWARN));
	mock_fail_site(-1, 0, false);
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 1);
	assert_null(vrealloc(p, too_much, GFP_KERNEL));
	check_filled(p, 5000);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 2);
	assert_null(vrealloc(p + PAGE_SIZE, 100, GFP_KERNEL));
	assert_null(vrealloc(&p, 100, GFP_KERNEL));
	vfree(p);
	mock_stop();
}

static unsigned zone_of(const void *p, unsigned long pages)
{
	unsigned highest = 0;

	for (unsigned long i = 0; i < pages; i++) {
		unsigned long pfn = vmalloc_to_pfn((const char *)p + i * PAGE_SIZE);

		if (pfn >> (32 - PAGE_SHIFT))
			highest = 1;
	}
	return highest;
}

/* Memory on both sides of 4 GiB: only vmalloc_32 stays below. */
static void vmalloc_32_stays_below_4_gib(void **state)
{
	struct mock_config config = {.base = 4 * MOCK_GIB - 16 * MOCK_MIB, .bytes = 64 * MOCK_MIB};

	(void)state;
	mock_start(&config);
	char *p = vmalloc(2 * MOCK_MIB), *q = vmalloc_32(2 * MOCK_MIB), *r = vmalloc_32_user(9000);

	assert_int_equal(zone_of(p, 512), 1);
	assert_int_equal(zone_of(q, 512), 0);
	assert_int_equal(zone_of(r, 3), 0);
	touch_pages(q, 512);
	vfree(p);
	vfree(q);
	vfree(r);
	mock_stop();
}

/* Nothing of what was there before can be seen in the pages that user space gets. */
static void vmalloc_user_is_zero_to_the_end(void **state)
{
	struct mock_config config = {
		.bytes = 4 * MOCK_MIB, .dirty_memory = true, .park_areas = true};

	(void)state;
	mock_start(&config);
	for (unsigned round = 0; round < 3; round++) {
		char *p = vmalloc_user(9000);

		for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
			assert_int_equal(mock_load(va_of(p) + i), 0);
		for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
			mock_store(va_of(p) + i, 0x55);
		vfree(p);
	}
	mock_stop();
}

static unsigned node_of_cpu(unsigned cpu)
{
	return cpu & 1;
}

/* Every form with a node takes its pages there. */
static void node_forms(void **state)
{
	static const struct quarry_mem_range map[] = {
		{.base = 16 * MOCK_MIB, .size = 32 * MOCK_MIB, .type = QUARRY_MEM_USABLE},
		{.base = 64 * MOCK_MIB,
		 .size = 32 * MOCK_MIB,
		 .type = QUARRY_MEM_USABLE,
		 .node = 1},
	};
	struct mock_config config = {
		.map = map, .nr_map = 2, .cpus = 2, .cpu_node = node_of_cpu, .park_areas = true};

	(void)state;
	mock_start(&config);
	for (int node = 0; node < 2; node++) {
		void *p[] = {vmalloc_node(9000, node), vzalloc_node(9000, node),
			     vmalloc_huge_node(2 * MOCK_MIB, GFP_KERNEL, node),
			     kvmalloc_node(8 * MOCK_MIB, GFP_KERNEL, node)};

		for (unsigned i = 0; i < COUNT(p); i++) {
			assert_non_null(p[i]);
			assert_int_equal(page_to_nid(vmalloc_to_page(p[i])), node);
			vfree(p[i]);
		}
	}
	mock_stop();
}

static void arrays_refuse_overflow(void **state)
{
	volatile size_t half = SIZE_MAX / 2;

	(void)state;
	mock_start(NULL);
	char *p = vmalloc_array(100, 100), *q = __vcalloc(10, 1000, GFP_KERNEL);

	touch_pages(p, 3);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(mock_load(va_of(q) + i), 0);
	assert_null(vmalloc_array(half, 3));
	assert_null(vcalloc(3, half));
	assert_null(__vmalloc_array(half, 4, GFP_KERNEL));
	char *huge = vmalloc_huge(4 * MOCK_MIB, GFP_KERNEL);
	touch_pages(huge, 1024);
	vfree(huge);
	vfree(p);
	vfree(q);
	mock_stop();
}

static void vm_map_ram_maps_and_unmaps_whole(void **state)
{
	struct page *pages[7];
	char *p;

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 7; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	p = vm_map_ram(pages, 7, NUMA_NO_NODE);
	assert_non_null(p);
	touch_pages(p, 7);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	vm_unmap_ram(p, 3);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 2);
	vunmap(p);
	vfree(p);
	touch_pages(p, 7);
	vm_unmap_ram(p, 7);
	assert_true(mock_faults(va_of(p)));
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 1);
	vm_unmap_ram(p, 7);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(vm_map_ram(pages, 0, NUMA_NO_NODE));
	vm_unmap_aliases();
	for (unsigned i = 0; i < 7; i++)
		__free_page(pages[i]);
	mock_stop();
}

/* Protections as kernels write them; one caching attribute at most. */
static void vmap_protections(void **state)
{
	static const unsigned prots[] = {
		PAGE_KERNEL,	     PAGE_KERNEL_RO,
		PAGE_KERNEL_ROX,     PAGE_KERNEL_EXEC,
		PAGE_KERNEL_NOCACHE, pgprot_writecombine(PAGE_KERNEL_NOCACHE),
		pgprot_writethrough(PAGE_KERNEL_RO), pgprot_noncached(PAGE_KERNEL),
	};
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_page(GFP_KERNEL);
	for (unsigned i = 0; i < COUNT(prots); i++) {
		char *p = vmap(&page, 1, VM_MAP, prots[i]);

		assert_int_equal(mock_tlb_prot(va_of(p)), prots[i]);
		vunmap(p);
	}
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	assert_null(vmap(&page, 1, VM_MAP,
			 PAGE_KERNEL | QUARRY_PROT_UNCACHED | QUARRY_PROT_WRITE_COMBINE));
	assert_null(vmap(&page, 1, VM_MAP, QUARRY_PROT_WRITE));
	vm_unmap_aliases();
	__free_page(page);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vrealloc_keeps_contents),
		cmocka_unit_test(vrealloc_zeroes_growth),
		cmocka_unit_test(vrealloc_that_fails_keeps_the_area),
		cmocka_unit_test(vmalloc_32_stays_below_4_gib),
		cmocka_unit_test(vmalloc_user_is_zero_to_the_end),
		cmocka_unit_test(node_forms),
		cmocka_unit_test(arrays_refuse_overflow),
		cmocka_unit_test(vm_map_ram_maps_and_unmaps_whole),
		cmocka_unit_test(vmap_protections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
