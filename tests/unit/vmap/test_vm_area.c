/* SPDX-License-Identifier: MIT */
/*
 * test_vm_area.c: get_vm_area and what fills it, find_vm_area.
 *
 *   1M        65M          4G
 *   | usable   |           | device |        "device" is in no range of the map
 */
#include "vmap_test.h"

#include "mm/vmap/pgtable.h"

#include <quarry/execmem.h>
#include <quarry/io.h>
#include <quarry/set_memory.h>

#define DEVICE (4 * MOCK_GIB)

static const struct quarry_mem_range map[] = {
	{.base = MOCK_MIB, .size = 64 * MOCK_MIB, .type = QUARRY_MEM_USABLE},
};

static void start(void)
{
	mock_start(&(struct mock_config){
		.map = map, .nr_map = COUNT(map), .vmalloc_size = 4 * MOCK_GIB});
}

static struct pt_leaf leaf_at(uintptr_t va)
{
	struct pt_leaf leaf;

	assert_int_equal(pgtable_query(va, true, &leaf), 0);
	return leaf;
}

/* Two registers' pages in one area, in any order, with a hole between them. */
static void filled_in_pieces(void **state)
{
	(void)state;
	start();
	struct vm_struct *area = get_vm_area(5 * PAGE_SIZE - 100, VM_IOREMAP);
	uintptr_t va = va_of(area->addr);

	assert_int_equal(area->size, 6 * PAGE_SIZE);
	assert_int_equal(get_vm_area_size(area), 5 * PAGE_SIZE);
	assert_int_equal(area->flags, VM_IOREMAP);
	assert_int_equal(area->phys_addr, 0);
	assert_true(mock_faults(va));
	assert_int_equal(mm_check(), 0);
	assert_int_equal(ioremap_page_range(va + 3 * PAGE_SIZE, va + 5 * PAGE_SIZE, DEVICE,
					    PAGE_KERNEL_NOCACHE),
			 0);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(ioremap_page_range(va, va + PAGE_SIZE, DEVICE + 7 * PAGE_SIZE,
					    PAGE_KERNEL_RO),
			 0);
	assert_int_equal(mock_translate(va + 5), DEVICE + 7 * PAGE_SIZE + 5);
	assert_int_equal(leaf_at(va).prot, QUARRY_PROT_READ);
	assert_true(mock_faults(va + PAGE_SIZE));
	assert_int_equal(mock_translate(va + 4 * PAGE_SIZE), DEVICE + PAGE_SIZE);
	assert_int_equal(leaf_at(va + 4 * PAGE_SIZE).prot, PAGE_KERNEL_NOCACHE);
	assert_true(mock_faults(va + 5 * PAGE_SIZE));
	assert_int_equal(mm_check(), 0);
	free_vm_area(area);
	assert_true(mock_faults(va) && mock_faults(va + 4 * PAGE_SIZE));
	free_vm_area(NULL);
	mock_stop();
}

/* Mapped or not, nothing stays: neither addresses, nor tables, nor memory. */
static void nothing_stays(void **state)
{
	(void)state;
	start();
	kfree(kmalloc(sizeof(struct vm_struct), GFP_KERNEL));
	vmap_drain();
	unsigned long before = mock_free_pages(), tables = pgtable_pages();

	for (unsigned i = 0; i < 300; i++) {
		struct vm_struct *area = get_vm_area((i % 3 + 1) * MOCK_MIB, VM_IOREMAP);
		uintptr_t va = va_of(area->addr);

		if (i & 1)
			assert_int_equal(ioremap_page_range(va + i % 5 * PAGE_SIZE, va + MOCK_MIB,
							    DEVICE, PAGE_KERNEL),
					 0);
		free_vm_area(area);
	}
	vmap_drain();
	assert_int_equal(pgtable_pages(), tables);
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* The area begins where the largest leaves fit. */
static void huge_leaves(void **state)
{
	(void)state;
	start();
	struct vm_struct *small = get_vm_area(1, VM_IOREMAP);
	struct vm_struct *area = get_vm_area(MOCK_GIB + 2 * MOCK_MIB, VM_IOREMAP);
	uintptr_t va = va_of(area->addr);

	assert_int_equal(va % MOCK_GIB, 0);
	assert_int_equal(ioremap_page_range(va, va + MOCK_GIB, DEVICE, PAGE_KERNEL), 0);
	assert_int_equal(ioremap_page_range(va + MOCK_GIB, va + MOCK_GIB + 2 * MOCK_MIB, DEVICE,
					    PAGE_KERNEL),
			 0);
	assert_int_equal(leaf_at(va).level, 2);
	assert_int_equal(leaf_at(va + MOCK_GIB).level, 1);
	assert_int_equal(mm_check(), 0);
	free_vm_area(area);
	free_vm_area(small);
	mock_stop();
}

static void wrong_ranges_are_refused(void **state)
{
	(void)state;
	start();
	struct vm_struct *area = get_vm_area(4 * PAGE_SIZE, VM_IOREMAP);
	uintptr_t va = va_of(area->addr), end = va + 4 * PAGE_SIZE;
	void *other = vmalloc(4 * PAGE_SIZE), *device = ioremap(DEVICE, PAGE_SIZE);
	phys_addr_t ours = page_to_phys(vmalloc_to_page(other));
	unsigned long free = mock_free_pages();

	/* Beyond the area, into its guard; empty and odd; areas of others. */
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 8);
	assert_int_equal(ioremap_page_range(va, end + PAGE_SIZE, DEVICE, PAGE_KERNEL),
			 -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(end, end + PAGE_SIZE, DEVICE, PAGE_KERNEL),
			 -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va, va, DEVICE, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(end, va, DEVICE, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va + 1, end, DEVICE, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va, end - 1, DEVICE, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va_of(other), va_of(other) + PAGE_SIZE, DEVICE,
					    PAGE_KERNEL),
			 -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va_of(device), va_of(device) + PAGE_SIZE, DEVICE,
					    PAGE_KERNEL),
			 -QUARRY_EINVAL);
	/* Memory of ours, what no CPU can address, and what no mapping may allow. */
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 5);
	assert_int_equal(ioremap_page_range(va, end, ours, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va, end, DEVICE + 8, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va, end, ~(phys_addr_t)0 & PAGE_MASK, PAGE_KERNEL),
			 -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va, end, DEVICE, PAGE_KERNEL_ROX), -QUARRY_EINVAL);
	assert_int_equal(ioremap_page_range(va, end, DEVICE, 0), -QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	mock_set_context(QUARRY_CTX_IRQ);
	assert_int_equal(ioremap_page_range(va, end, DEVICE, PAGE_KERNEL), -QUARRY_EINVAL);
	mock_set_context(0);
	assert_true(mock_faults(va) && mock_faults(end - 1));
	/* Not over what is mapped. */
	assert_int_equal(ioremap_page_range(va + PAGE_SIZE, va + 2 * PAGE_SIZE, DEVICE,
					    PAGE_KERNEL),
			 0);
	mock_expect_report(QUARRY_RULE_VMAP_TABLE, 1);
	assert_int_equal(ioremap_page_range(va, end, DEVICE, PAGE_KERNEL), -QUARRY_EINVAL);
	assert_true(mock_faults(va));
	assert_int_equal(mock_free_pages(), free);
	iounmap(device);
	vfree(other);
	free_vm_area(area);
	mock_stop();
}

static void wrong_areas_are_refused(void **state)
{
	volatile unsigned long none = 0, all = ~0ul;
	struct vm_struct wrong = {0};

	(void)state;
	start();
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	assert_null(get_vm_area(none, VM_IOREMAP));
	assert_null(get_vm_area(all, VM_IOREMAP));
	assert_null(get_vm_area(PAGE_SIZE, VM_ALLOC));
	assert_null(get_vm_area(PAGE_SIZE, VM_IOREMAP | 64));
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(get_vm_area(4 * MOCK_GIB, VM_IOREMAP));

	struct vm_struct *area = get_vm_area(PAGE_SIZE, VM_IOREMAP);
	void *other = vmalloc(1);
	struct page *page = vmalloc_to_page(other);

	/* Each kind is freed by its own function. */
	mock_expect_report(QUARRY_RULE_FREE_KIND, 4);
	vfree(area->addr);
	vunmap(area->addr);
	iounmap(area->addr);
	wrong.addr = other;
	wrong.self = &wrong;
	free_vm_area(&wrong);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 1);
	wrong.addr = (char *)area->addr + 1;
	free_vm_area(&wrong);
	/* A description is not the area's struct. */
	mock_expect_report(QUARRY_RULE_FREE_KIND, 1);
	free_vm_area(find_vm_area(area->addr, &wrong));
	assert_non_null(find_vm_area(area->addr, &wrong));
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 6);
	mock_set_context(QUARRY_CTX_NMI);
	assert_null(get_vm_area(PAGE_SIZE, VM_IOREMAP));
	assert_null(ioremap(DEVICE, PAGE_SIZE));
	assert_null(vmap(&page, 1, VM_MAP, PAGE_KERNEL));
	assert_null(execmem_alloc(EXECMEM_DEFAULT, PAGE_SIZE));
	free_vm_area(area);
	assert_null(find_vm_area(other, &wrong));
	mock_set_context(0);
	/* Rights and contents of such an area are its owner's. */
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 1);
	assert_int_equal(set_memory_ro(va_of(area->addr), 1), -QUARRY_EINVAL);
	vfree(other);
	free_vm_area(area);
	mock_stop();
}

/* An interrupt's free is done later, and whole. */
static void freed_in_an_interrupt(void **state)
{
	(void)state;
	start();
	struct vm_struct *area = get_vm_area(3 * PAGE_SIZE, VM_IOREMAP);
	uintptr_t va = va_of(area->addr);

	assert_int_equal(ioremap_page_range(va + PAGE_SIZE, va + 2 * PAGE_SIZE, DEVICE,
					    PAGE_KERNEL),
			 0);
	mock_set_context(QUARRY_CTX_IRQ);
	free_vm_area(area);
	mock_set_context(0);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(mock_run_deferred(), 1);
	assert_true(mock_faults(va + PAGE_SIZE));
	mock_stop();
}

static void check_found(const void *p, unsigned long bytes, unsigned long flags,
			phys_addr_t phys)
{
	unsigned long pages = PFN_UP(bytes);
	const char *first = (const char *)(va_of(p) & PAGE_MASK);
	const char *end = first + pages * PAGE_SIZE;
	struct vm_struct area;

	for (const char *at = first; at < end; at += PAGE_SIZE / 2) {
		memset(&area, 0x55, sizeof(area));
		assert_ptr_equal(find_vm_area(at, &area), &area);
		assert_ptr_equal(area.addr, first);
		assert_int_equal(area.size, (pages + 1) * PAGE_SIZE);
		assert_int_equal(area.flags, flags);
		assert_int_equal(area.nr_pages, flags == VM_ALLOC ? pages : 0);
		assert_int_equal(area.phys_addr, phys);
		assert_non_null(area.caller);
	}
	assert_ptr_equal(find_vm_area(end - 1, &area), &area);
	assert_null(find_vm_area(end, &area));
}

/* Areas of every kind and both sizes, from every page of them. */
static void every_kind_is_found(void **state)
{
	(void)state;
	start();
	struct page *pages[3] = {0};

	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 3, pages), 3);
	void *small = vmalloc(3 * PAGE_SIZE + 1), *large = vmalloc(3 * MOCK_MIB);
	void *mapped = vmap(pages, 3, VM_MAP, PAGE_KERNEL), *ram = vm_map_ram(pages, 3, 0);
	void *device = ioremap(DEVICE + 3 * PAGE_SIZE + 100, 2 * PAGE_SIZE);
	void *code = execmem_alloc(EXECMEM_DEFAULT, 2 * PAGE_SIZE);
	struct vm_struct *bare = get_vm_area(600 * PAGE_SIZE, VM_IOREMAP), area;

	check_found(small, 3 * PAGE_SIZE + 1, VM_ALLOC, 0);
	check_found(large, 3 * MOCK_MIB, VM_ALLOC, 0);
	check_found(mapped, 3 * PAGE_SIZE, VM_MAP, 0);
	check_found(ram, 3 * PAGE_SIZE, VM_MAP, 0);
	check_found(device, 3 * PAGE_SIZE, VM_IOREMAP, DEVICE + 3 * PAGE_SIZE);
	check_found(code, 2 * PAGE_SIZE, VM_ALLOC, 0);
	check_found(bare->addr, 600 * PAGE_SIZE, VM_IOREMAP, 0);
	assert_null(find_vm_area(NULL, &area));
	assert_null(find_vm_area(page_address(pages[0]), &area));
	vfree(small);
	assert_null(find_vm_area(small, &area)); /* parked is not live */
	vfree(large);
	vunmap(mapped);
	vm_unmap_ram(ram, 3);
	iounmap(device);
	execmem_free(code);
	free_vm_area(bare);
	free_pages_bulk(3, pages);
	mock_stop();
}

static int get_and_fill(void *arg)
{
	struct vm_struct *area = get_vm_area(3 * MOCK_MIB, VM_IOREMAP);
	int error = area ? 0 : -QUARRY_ENOMEM;

	(void)arg;
	if (area) {
		uintptr_t va = va_of(area->addr) + 5 * PAGE_SIZE, end = va + 550 * PAGE_SIZE;

		error = ioremap_page_range(va, end, DEVICE, PAGE_KERNEL);
		/* All or nothing, and again at once. */
		if (error) {
			assert_true(mock_faults(va) && mock_faults(end - PAGE_SIZE));
			assert_int_equal(pgtable_count(va, end), 0);
		}
		free_vm_area(area);
	}
	return error;
}

static void failure_at_every_step(void **state)
{
	(void)state;
	start();
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1000);
	assert_true(mock_sweep(get_and_fill, NULL) >= 5);
	mock_abandon();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filled_in_pieces),
		cmocka_unit_test(nothing_stays),
		cmocka_unit_test(huge_leaves),
		cmocka_unit_test(wrong_ranges_are_refused),
		cmocka_unit_test(wrong_areas_are_refused),
		cmocka_unit_test(freed_in_an_interrupt),
		cmocka_unit_test(every_kind_is_found),
		cmocka_unit_test(failure_at_every_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
