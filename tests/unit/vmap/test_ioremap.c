/* SPDX-License-Identifier: MIT */
/*
 * test_ioremap.c: ioremap and memremap.
 *
 *   1M        65M   96M   97M          4G      4G+3G
 *   | usable   |     |res. |           | device |        "device" is in no range of the map
 */
#include "vmap_test.h"

#include "mm/vmap/pgtable.h"

#include <quarry/io.h>

#define RESERVED (96 * MOCK_MIB)
#define DEVICE (4 * MOCK_GIB)

static const unsigned formats[] = {MOCK_PT_LEVELS_3, MOCK_PT_LEVELS_4, MOCK_PT_LEVELS_5};

static const struct quarry_mem_range map[] = {
	{.base = MOCK_MIB, .size = 64 * MOCK_MIB, .type = QUARRY_MEM_USABLE},
	{.base = RESERVED, .size = MOCK_MIB, .type = QUARRY_MEM_RESERVED},
};

static void start(unsigned format, uint64_t window)
{
	struct mock_config config = {.map = map,
				     .nr_map = COUNT(map),
				     .format = format,
				     .vmalloc_size = window};

	mock_start(&config);
}

static struct pt_leaf leaf_at(const void *p)
{
	struct pt_leaf leaf;

	assert_int_equal(pgtable_query(va_of(p), true, &leaf), 0);
	return leaf;
}

/* Every first and last byte of a range, aligned or not, is at its physical address, and only its
 * pages are mapped. */
static void unaligned_ranges(void **state)
{
	static const unsigned long at[] = {0, 1, 100, PAGE_SIZE - 1, 5 * PAGE_SIZE + 7};
	static const size_t sizes[] = {1, 4, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 100000};

	(void)state;
	start(MOCK_PT_LEVELS_4, 0);
	for (unsigned i = 0; i < COUNT(at); i++) {
		for (unsigned k = 0; k < COUNT(sizes); k++) {
			phys_addr_t phys = DEVICE + at[i];
			char *p = ioremap(phys, sizes[k]);
			uintptr_t end = (va_of(p) + sizes[k] + PAGE_SIZE - 1) & PAGE_MASK;

			assert_non_null(p);
			assert_int_equal(mock_translate(va_of(p)), phys);
			assert_int_equal(mock_translate(va_of(p) + sizes[k] - 1),
					 phys + sizes[k] - 1);
			assert_true(mock_faults((va_of(p) & PAGE_MASK) - 1));
			assert_true(mock_faults(end));
			assert_null(vmalloc_to_page(p));
			assert_int_equal(vmalloc_to_pfn(p), phys >> PAGE_SHIFT);
			iounmap(p);
			assert_true(mock_faults(va_of(p)));
		}
	}
	mock_stop();
}

static void attributes(void **state)
{
	(void)state;
	start(MOCK_PT_LEVELS_4, 0);
	void *p[] = {ioremap(DEVICE, 1),	ioremap_uc(DEVICE, 1),
		     ioremap_wc(DEVICE, 1),	ioremap_wt(DEVICE, 1),
		     ioremap_cache(DEVICE, 1),	ioremap_prot(DEVICE, 1, QUARRY_PROT_READ),
		     memremap(DEVICE, 1, MEMREMAP_WB | MEMREMAP_WT),
		     memremap(DEVICE, 1, MEMREMAP_WT), memremap(DEVICE, 1, MEMREMAP_WC)};
	static const unsigned prot[] = {
		QUARRY_PROT_KERNEL | QUARRY_PROT_UNCACHED,
		QUARRY_PROT_KERNEL | QUARRY_PROT_UNCACHED,
		QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_COMBINE,
		QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_THROUGH,
		QUARRY_PROT_KERNEL,
		QUARRY_PROT_READ,
		QUARRY_PROT_KERNEL,
		QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_THROUGH,
		QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_COMBINE,
	};

	for (unsigned i = 0; i < COUNT(p); i++) {
		assert_non_null(p[i]);
		assert_int_equal(leaf_at(p[i]).prot, prot[i]);
		if (i < 6)
			iounmap(p[i]);
		else
			memunmap(p[i]);
	}
	assert_null(ioremap_np(DEVICE, 1));
	iounmap(NULL);
	memunmap(NULL);
	mock_stop();
}

/* The largest leaves that the range's start, its length and the levels allow; then smaller ones. */
static void huge_leaves(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(formats[f], 8 * MOCK_GIB);
		unsigned top = formats[f] == MOCK_PT_LEVELS_3 ? 1 : 2;
		unsigned long none = pgtable_pages();
		char *p = ioremap(DEVICE + 2 * MOCK_MIB, 5 * MOCK_MIB + 1);

		assert_int_equal(leaf_at(p).level, 1);
		assert_int_equal(leaf_at(p + 2 * MOCK_MIB).level, 1);
		assert_int_equal(leaf_at(p + 4 * MOCK_MIB).level, 0);
		assert_int_equal(leaf_at(p + 5 * MOCK_MIB).phys, DEVICE + 7 * MOCK_MIB);
		iounmap(p);
		vmap_drain(); /* tables that are there would be used */
		p = ioremap_wc(DEVICE, MOCK_GIB + 2 * MOCK_MIB + PAGE_SIZE);
		assert_int_equal(leaf_at(p).level, top);
		assert_int_equal(leaf_at(p + MOCK_GIB - 1).phys, DEVICE + MOCK_GIB - 1);
		assert_int_equal(leaf_at(p + MOCK_GIB).level, 1);
		assert_int_equal(leaf_at(p + MOCK_GIB + 2 * MOCK_MIB).level, 0);
		assert_true(mock_faults(va_of(p) + MOCK_GIB + 2 * MOCK_MIB + PAGE_SIZE));
		assert_int_equal(mm_check(), 0);
		iounmap(p);
		p = ioremap(DEVICE + PAGE_SIZE, 4 * MOCK_MIB);
		assert_int_equal(leaf_at(p + 2 * MOCK_MIB).level, 0);
		iounmap(p);
		vmap_drain();
		assert_int_equal(pgtable_pages(), none);
		mock_stop();
	}
}

/* Groups of leaves where the range has no room for huge ones. */
static void groups_of_leaves(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = COUNT(map), .groups = true});
	void *odd = ioremap(DEVICE, PAGE_SIZE);
	char *p = ioremap(DEVICE + 8 * PAGE_SIZE + 5, 19 * PAGE_SIZE);
	char *q = ioremap(DEVICE + PAGE_SIZE, 16 * PAGE_SIZE);

	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(is_grouped(va_of(p) + i * PAGE_SIZE), i < 16);
		assert_int_equal(mock_translate(va_of(p) + i * PAGE_SIZE),
				 DEVICE + (8 + i) * PAGE_SIZE + 5);
	}
	assert_int_equal(mock_translate(va_of(q) + 8 * PAGE_SIZE), DEVICE + 9 * PAGE_SIZE);
	assert_int_equal(mm_check(), 0);
	iounmap(odd);
	iounmap(p);
	iounmap(q);
	mock_stop();
}

/* Where no address has the best alignment, a worse one is taken. */
static void small_window(void **state)
{
	(void)state;
	start(MOCK_PT_LEVELS_4, 2 * MOCK_GIB);
	char *low = vmalloc(PAGE_SIZE), *p = ioremap(DEVICE, MOCK_GIB);

	assert_non_null(p);
	assert_int_equal(leaf_at(p).level, 1);
	assert_int_equal(leaf_at(p + 3 * MOCK_MIB).phys, DEVICE + 3 * MOCK_MIB);
	iounmap(p);
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(ioremap(DEVICE, 2 * MOCK_GIB - PAGE_SIZE));
	vfree(low);
	mock_stop();
}

static void memory_of_ours_is_refused(void **state)
{
	(void)state;
	start(MOCK_PT_LEVELS_4, 0);
	struct page *page = alloc_page(GFP_KERNEL);
	phys_addr_t phys = page_to_phys(page);
	unsigned long before = mock_free_pages();

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 7);
	assert_null(ioremap(phys, 1));
	assert_null(ioremap_cache(phys + 100, 8));
	/* From a hole into memory, and out of it. */
	assert_null(ioremap(0, 2 * MOCK_MIB));
	assert_null(ioremap(64 * MOCK_MIB, 2 * MOCK_MIB));
	assert_null(ioremap(0, 8 * MOCK_GIB));
	assert_null(memremap(phys, 8, MEMREMAP_WC));
	assert_null(memremap(64 * MOCK_MIB, 2 * MOCK_MIB, MEMREMAP_WB));
	/* As memory it has an address already. */
	assert_ptr_equal(memremap(phys + 5, 8, MEMREMAP_WB), (char *)page_address(page) + 5);
	memunmap((char *)page_address(page) + 5);
	assert_int_equal(mock_free_pages(), before);
	__free_page(page);
	mock_stop();
}

static void impossible_ranges_are_refused(void **state)
{
	(void)state;
	start(MOCK_PT_LEVELS_4, 0);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 9);
	assert_null(ioremap(DEVICE, 0));
	assert_null(ioremap(DEVICE, SIZE_MAX));
	assert_null(ioremap(~(phys_addr_t)0, 1));
	assert_null(ioremap(~(phys_addr_t)0 - 10, 100));
	assert_null(ioremap_prot(DEVICE, 1, 0));
	assert_null(ioremap_prot(DEVICE, 1, QUARRY_PROT_READ | QUARRY_PROT_EXEC));
	assert_null(ioremap_prot(DEVICE, 1, QUARRY_PROT_READ | 24));
	assert_null(memremap(DEVICE, 1, 0));
	assert_null(memremap(DEVICE, 1, 8));
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(ioremap(1ull << 40, 1ull << 40));
	mock_stop();
}

/* Reserved memory is really there: what is written by one address is read by the other. */
static void reserved_memory(void **state)
{
	(void)state;
	start(MOCK_PT_LEVELS_4, 0);
	char *p = memremap(RESERVED + 5000, 100, MEMREMAP_WB);

	mock_store(va_of(p), 77);
	assert_int_equal(*(volatile char *)phys_to_virt(RESERVED + 5000), 77);
	memunmap(p);
	mock_stop();
}

static void wrong_frees_are_reported(void **state)
{
	(void)state;
	start(MOCK_PT_LEVELS_4, 0);
	void *area = vmalloc(1);
	char *p = ioremap(DEVICE + 10, PAGE_SIZE);

	mock_expect_report(QUARRY_RULE_FREE_KIND, 3);
	vfree(p - 10);
	vunmap(p - 10);
	iounmap(area);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 2);
	iounmap(p + PAGE_SIZE);
	assert_int_equal(mock_translate(va_of(p)), DEVICE + 10);
	iounmap(p);
	iounmap(p);
	vfree(area);
	mock_stop();
}

static int map_and_unmap(void *arg)
{
	char *p = ioremap(DEVICE + 2 * MOCK_MIB + 100, 3 * MOCK_MIB);
	char *q = ioremap(DEVICE, 2 * MOCK_MIB + 100);
	char *r = memremap(DEVICE, 100, MEMREMAP_WB);
	int failed = !p || !q || !r;

	(void)arg;
	iounmap(p);
	iounmap(q);
	memunmap(r);
	return failed;
}

static void failure_at_every_step(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(formats[f], 4 * MOCK_GIB);
		mock_expect_report(QUARRY_RULE_NO_MEMORY, 1000);
		assert_true(mock_sweep(map_and_unmap, NULL) > 10);
		mock_abandon();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unaligned_ranges),
		cmocka_unit_test(attributes),
		cmocka_unit_test(huge_leaves),
		cmocka_unit_test(groups_of_leaves),
		cmocka_unit_test(small_window),
		cmocka_unit_test(memory_of_ours_is_refused),
		cmocka_unit_test(impossible_ranges_are_refused),
		cmocka_unit_test(reserved_memory),
		cmocka_unit_test(wrong_frees_are_reported),
		cmocka_unit_test(failure_at_every_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
