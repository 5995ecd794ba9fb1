/* SPDX-License-Identifier: MIT */
/* test_vmap.c: mapping given pages, lookups, the fault function, the validator, the start of the
 * layer. */
#include "vmap_test.h"

#include "mm/vmap/pgtable.h"

static void get_pages(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_non_null(pages[i] = alloc_page(GFP_KERNEL));
}

/* The pages appear in the given order, a page twice if asked, and stay the caller's. */
static void vmap_in_any_order(void **state)
{
	struct page *pages[6];

	(void)state;
	mock_start(NULL);
	get_pages(pages, 5);
	pages[5] = pages[2];
	char *p = vmap(pages, 6, VM_MAP, PAGE_KERNEL);
	assert_non_null(p);
	for (unsigned i = 0; i < 6; i++)
		assert_ptr_equal(vmalloc_to_page(p + i * PAGE_SIZE + 77), pages[i]);
	mock_store(va_of(p) + 2 * PAGE_SIZE, 9);
	assert_int_equal(mock_load(va_of(p) + 5 * PAGE_SIZE), 9);
	assert_int_equal(vmalloc_nr_pages(), 0);
	vunmap(p);
	assert_true(mock_faults(va_of(p)));
	vm_unmap_aliases();
	for (unsigned i = 0; i < 5; i++)
		__free_page(pages[i]);
	mock_stop();
}

static void vmap_refuses(void **state)
{
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_page(GFP_KERNEL);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 5);
	assert_null(vmap(&page, 0, VM_MAP, PAGE_KERNEL));
	assert_null(vmap(&page, UINT32_MAX, VM_MAP, PAGE_KERNEL));
	assert_null(vmap(&page, 1, VM_MAP | 1, PAGE_KERNEL));
	assert_null(vmap(&page, 1, VM_MAP, 0));
	assert_null(vmap(&page, 1, VM_MAP, 0x163));
	for (unsigned n = 1; n < 6; n++) {
		mock_fail_site(-1, n, true);
		mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
		assert_null(vmap(&page, 1, VM_MAP, PAGE_KERNEL));
		mock_fail_site(-1, 0, false);
	}
	__free_page(page);
	mock_stop();
}

/* Addresses that are not mapped, not ours or not even possible have no page. */
static void lookups_of_other_addresses(void **state)
{
	struct vmap_info info;

	(void)state;
	mock_start(NULL);
	char *p = vmalloc(5000);
	assert_null(vmalloc_to_page(p + 2 * PAGE_SIZE));
	assert_null(vmalloc_to_page(NULL));
	assert_null(vmalloc_to_page((void *)UINTPTR_MAX));
	assert_null(vmalloc_to_page((void *)MOCK_DIRECT));
	assert_int_equal(vmalloc_to_pfn((char *)MOCK_VMALLOC + 64 * MOCK_MIB), 0);
	assert_false(is_vmalloc_addr((char *)vmap_area_start() - 1));
	assert_true(is_vmalloc_addr((char *)vmap_area_end() - 1));
	assert_false(is_vmalloc_addr((char *)vmap_area_end()));
	assert_true(vmap_info_at(p + 6000, &info));
	assert_int_equal(info.start, va_of(p));
	assert_int_equal(info.size, 5000);
	assert_int_equal(info.pages, 2);
	assert_int_equal(info.flags, VMAP_ALLOC);
	assert_true(info.caller != 0);
	assert_false(vmap_info_at(p + 2 * PAGE_SIZE, &info));
	vfree(p);
	assert_false(vmap_info_at(p, &info));
	mock_stop();
}

static void walk_lists_live_areas(void **state)
{
	struct vmap_info info;
	uintptr_t cursor = 0;
	unsigned n = 0;
	void *p[3];

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 3; i++)
		p[i] = vmalloc((i + 1) * 1000000);
	vfree(p[1]);
	while (vmap_info_next(&cursor, &info))
		assert_ptr_equal((void *)info.start, p[n++ * 2]);
	assert_int_equal(n, 2);
	vfree(p[0]);
	vfree(p[2]);
	mock_stop();
}

/* A fault on a mapped address is repaired if the mapping allows the access; every other fault is
 * real. */
static void fault_function(void **state)
{
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_page(GFP_KERNEL);
	char *p = vmalloc(PAGE_SIZE), *ro = vmap(&page, 1, VM_MAP, PAGE_KERNEL_RO);
	assert_true(quarry_vmap_fault(va_of(p) + 8, QUARRY_PROT_READ));
	assert_true(quarry_vmap_fault(va_of(p) + 8, QUARRY_PROT_WRITE));
	assert_false(quarry_vmap_fault(va_of(p) + 8, QUARRY_PROT_EXEC));
	assert_true(quarry_vmap_fault(va_of(ro), QUARRY_PROT_READ));
	assert_false(quarry_vmap_fault(va_of(ro), QUARRY_PROT_WRITE));
	assert_false(quarry_vmap_fault(va_of(p) + PAGE_SIZE, QUARRY_PROT_READ));
	assert_false(quarry_vmap_fault(0, QUARRY_PROT_READ));
	assert_false(quarry_vmap_fault(MOCK_DIRECT, QUARRY_PROT_READ));
	vfree(p);
	assert_false(quarry_vmap_fault(va_of(p), QUARRY_PROT_READ));
	vunmap(ro);
	__free_page(page);
	mock_stop();
}

/* The validator sees a page of another kind, a page mapped elsewhere, a missing entry and one
 * too many. */
static void check_finds_damage(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = vmalloc(3 * PAGE_SIZE);
	struct page *page = vmalloc_to_page(p);
	struct pt_run run = pgtable_find(va_of(p), 1);
	quarry_pte_t pte = arch_pte_read(run.pte);

	assert_int_equal(vmap_check(), 0);
	mock_expect_report(QUARRY_RULE_VALIDATE, 4);
	page_set_kind(page, QUARRY_PAGE_USED);
	assert_int_equal(vmap_check(), 1);
	page_set_kind(page, QUARRY_PAGE_VMALLOC);
	page->index++;
	assert_int_equal(vmap_check(), 1);
	page->index--;
	arch_pte_write(run.pte, 0);
	assert_int_equal(vmap_check(), 2);
	arch_pte_write(run.pte, pte);
	arch_tlb_map_sync(va_of(p), va_of(p) + PAGE_SIZE);
	assert_int_equal(vmap_check(), 0);
	vfree(p);
	mock_stop();
}

/* Bad windows are refused with a report; the rest of the library works. */
static void bad_windows(void **state)
{
	static const struct {
		uintptr_t start, end;
	} bad[] = {
		{MOCK_VMALLOC + 1, MOCK_VMALLOC + MOCK_MIB},
		{MOCK_VMALLOC, MOCK_VMALLOC + MOCK_MIB - 1},
		{MOCK_VMALLOC + MOCK_MIB, MOCK_VMALLOC},
		{1ul << 46, 1ul << 48},
		{1ul << 47, (1ul << 47) + (1ul << 48)},
	};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < COUNT(bad); i++) {
		mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
		assert_int_equal(vmap_init(bad[i].start, bad[i].end, 0), -QUARRY_EINVAL);
		assert_false(is_vmalloc_addr((void *)bad[i].start));
		mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
		assert_null(vmalloc(1));
	}
	mock_abandon();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmap_in_any_order),
		cmocka_unit_test(vmap_refuses),
		cmocka_unit_test(lookups_of_other_addresses),
		cmocka_unit_test(walk_lists_live_areas),
		cmocka_unit_test(fault_function),
		cmocka_unit_test(check_finds_damage),
		cmocka_unit_test(bad_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
