/* SPDX-License-Identifier: MIT */
/* test_vmap.c: mapping given pages, lookups, the fault function, the validator, the start of the
 * layer. */
#include "vmap_test.h"

#include "mm/base/log.h"
#include "mm/vmap/pgtable.h"
#include "world.h"

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
	/* Free, never ours, no page at all, no array. */
	struct page *bad[] = {page, NULL};
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	assert_null(vmap(bad, 2, VM_MAP, PAGE_KERNEL));
	bad[1] = pfn_to_page(MOCK_DIRECT_SIZE >> PAGE_SHIFT);
	assert_null(vmap(bad, 2, VM_MAP, PAGE_KERNEL));
	assert_null(vmap(NULL, 2, VM_MAP, PAGE_KERNEL));
	__free_page(page);
	assert_null(vmap(&page, 1, VM_MAP, PAGE_KERNEL));
	mock_stop();
}

/* Pages that are handed over are vmalloc's: vfree frees them, and the array is gone. */
static void vmap_takes_pages_over(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page **pages = kmalloc_array(4, sizeof(struct page *), GFP_KERNEL), *other;

	get_pages(pages, 4);
	other = pages[2];
	/* One twice, one with another reference: refused, and all are the caller's still. */
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	pages[2] = pages[1];
	assert_null(vmap(pages, 4, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL));
	pages[2] = other;
	get_page(other);
	assert_null(vmap(pages, 4, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL));
	put_page(other);
	for (unsigned n = 1; n < 6; n++) {
		mock_fail_site(-1, n, true);
		mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
		assert_null(vmap(pages, 4, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL));
		mock_fail_site(-1, 0, false);
	}
	char *p = vmap(pages, 4, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	assert_non_null(p);
	assert_ptr_equal(vmalloc_to_page(p + 2 * PAGE_SIZE), other);
	assert_int_equal(vmalloc_nr_pages(), 4);
	touch_pages(p, 4);
	assert_int_equal(mm_check(), 0);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 1);
	vunmap(p);
	vfree(p);
	mock_stop();
}

/* Frames of devices, in any order; the library's own are refused, and none is freed. */
static void vmap_pfn_maps_foreign_frames(void **state)
{
	const unsigned long device = MOCK_DIRECT_SIZE >> PAGE_SHIFT;
	unsigned long pfns[] = {device + 7, device, device + 100000, device};

	(void)state;
	mock_start(NULL);
	char *p = vmap_pfn(pfns, 4, PAGE_KERNEL_NOCACHE);
	assert_non_null(p);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(vmalloc_to_pfn(p + i * PAGE_SIZE), pfns[i]);
		assert_null(vmalloc_to_page(p + i * PAGE_SIZE));
	}
	vunmap(p);
	assert_true(mock_faults(va_of(p)));
	struct page *page = alloc_page(GFP_KERNEL);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	pfns[3] = page_to_pfn(page);
	assert_null(vmap_pfn(pfns, 4, PAGE_KERNEL));
	pfns[3] = 1ul << (QUARRY_ARCH_PHYS_BITS - PAGE_SHIFT);
	assert_null(vmap_pfn(pfns, 4, PAGE_KERNEL));
	assert_null(vmap_pfn(pfns, 0, PAGE_KERNEL));
	assert_null(vmap_pfn(NULL, 1, PAGE_KERNEL));
	__free_page(page);
	mock_stop();
}

/* An NMI may have interrupted who holds a lock here: nothing waits, wrong calls are reported. */
static void nothing_waits_in_an_nmi(void **state)
{
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_page(GFP_KERNEL);
	char *p = vm_map_ram(&page, 1, -1);
	unsigned long irq = mm_lock(&vmap_lock);

	mock_set_context(QUARRY_CTX_NMI);
	assert_ptr_equal(vmalloc_to_page(p), page);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	vm_unmap_ram(p, 1);
	mock_set_context(0);
	mm_unlock(&vmap_lock, irq);
	vm_unmap_ram(p, 1);
	vm_unmap_aliases();
	__free_page(page);
	mock_stop();
}

/* Any allocated memory may be mapped again: inner pages of blocks, objects, vmalloc's. */
static void vmap_of_any_owner(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *block = alloc_pages(GFP_KERNEL, 3);
	char *object = kmalloc(100, GFP_KERNEL), *large = kmalloc(100000, GFP_KERNEL);
	char *area = vmalloc(PAGE_SIZE);
	struct page *pages[] = {block + 5, virt_to_page(object), virt_to_page(large + 50000),
				vmalloc_to_page(area)};
	char *p = vmap(pages, 4, VM_MAP, PAGE_KERNEL);

	assert_non_null(p);
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(vmalloc_to_page(p + i * PAGE_SIZE), pages[i]);
	vunmap(p);
	vm_unmap_aliases();
	vfree(area);
	kfree(large);
	kfree(object);
	__free_pages(block, 3);
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
	/* The last page is a block of its own. */
	struct page *page = vmalloc_to_page(p + 2 * PAGE_SIZE);
	struct pt_run run = pgtable_find(va_of(p) + 2 * PAGE_SIZE, 1);
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
	arch_tlb_map_sync(va_of(p), va_of(p) + 3 * PAGE_SIZE);
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

/* ---- the start ---- */

static struct quarry_mem_range boot_map[] = {
	{MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{65 * MOCK_MIB, MOCK_MIB, QUARRY_MEM_RESERVED, 0},
};

/* Once more, in the same world; nobody uses the translations of the boot before any more. */
static int boot_again(uintptr_t start, uintptr_t end)
{
	static struct quarry_os_ops ops;
	struct quarry_params params = {
		.size = sizeof(params),
		.map = boot_map,
		.nr_map = COUNT(boot_map),
		.direct_map_offset = MOCK_DIRECT,
		.vmalloc_start = start,
		.vmalloc_end = end,
		.page_table_root = MOCK_ROOT,
		.nr_cpus = 1,
		.ops = &ops,
	};

	ops = mock_world.ops;
	mock_world.booted = false;
	mock_mmu_reset();
	return quarry_init(&params);
}

static char feature_lines[8000];
static void keep_feature(void *ctx, const char *line)
{
	(void)ctx;
	strcat(feature_lines, line);
}
static bool features_say(const char *text)
{
	feature_lines[0] = '\0';
	quarry_features(keep_feature, NULL);
	return strstr(feature_lines, text) != NULL;
}

static void expect_own_root_tables(void)
{
	quarry_pte_t *root = phys_to_virt(MOCK_ROOT);
	unsigned top = pgtable_levels() - 1, seen = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		quarry_pte_t pte = arch_pte_read(&root[i]);

		if (!arch_pte_present(pte))
			continue;
		assert_int_equal(page_kind(phys_to_page(arch_pte_addr(pte, top))),
				 QUARRY_PAGE_TABLE);
		seen++;
	}
	assert_true(seen > 0);
}

/* The tables of the first boot lie in what is free memory of the second. */
static void init_twice_uses_no_old_table(void **state)
{
	static const unsigned formats[] = {MOCK_PT_LEVELS_3, MOCK_PT_LEVELS_4, MOCK_PT_LEVELS_5};

	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		struct mock_config config = {
			.map = boot_map, .nr_map = COUNT(boot_map), .format = formats[f]};

		mock_start(&config);
		for (unsigned boots = 0; boots < 3; boots++) {
			char *p = vmalloc(5 * MOCK_MIB), *q = vmalloc(PAGE_SIZE);

			touch_pages(p, 1280);
			touch_pages(q, 1);
			expect_own_root_tables();
			assert_int_equal(mm_check(), 0);
			vfree(p);
			vfree(q);
			vm_unmap_aliases();
			assert_int_equal(boot_again(MOCK_VMALLOC, MOCK_VMALLOC + MOCK_GIB), 0);
		}
		mock_abandon();
	}
}

/* A table that the kernel put there in its own memory is used and kept; a mapping in it turns
 * vmalloc off. */
static void tables_of_the_kernel(void **state)
{
	struct mock_config config = {
		.map = boot_map, .nr_map = COUNT(boot_map), .bare_window = true,
		.vmalloc_size = 8 * MOCK_GIB};
	phys_addr_t own = 65 * MOCK_MIB;

	(void)state;
	mock_start(&config);
	quarry_pte_t *root = phys_to_virt(MOCK_ROOT);
	quarry_pte_t *entry = &root[arch_pt_index(MOCK_VMALLOC, 3)];
	quarry_pte_t *leaf = phys_to_virt(own + 2 * PAGE_SIZE);
	arch_pte_write(entry, arch_pte_table(own));
	for (unsigned level = 2; level > 0; level--) {
		quarry_pte_t *table = phys_to_virt(own + (2 - level) * PAGE_SIZE);
		arch_pte_write(&table[5 * (level == 2)],
			       arch_pte_table(own + (3 - level) * PAGE_SIZE));
	}
	arch_pte_write(&leaf[7], arch_pte_leaf(own + 8 * PAGE_SIZE, QUARRY_PROT_READ, 0));
	mock_expect_report(QUARRY_RULE_VMAP_TABLE, 1);
	assert_int_equal(boot_again(MOCK_VMALLOC, MOCK_VMALLOC + 8 * MOCK_GIB), 0);
	assert_true(features_say("vmalloc: off (the virtual range holds a mapping)"));
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(vmalloc(1));
	/* Beside it there is room. */
	assert_int_equal(boot_again(MOCK_VMALLOC, MOCK_VMALLOC + 5 * MOCK_GIB), 0);
	assert_true(features_say("vmalloc: on"));
	assert_int_equal(arch_pte_addr(arch_pte_read(entry), 3), own);
	char *p = vmalloc(9 * PAGE_SIZE);
	touch_pages(p, 9);
	vfree(p);
	vmap_drain();
	assert_int_equal(arch_pte_addr(arch_pte_read(entry), 3), own);
	mock_abandon();
}

/* Pages and objects work without vmalloc, and somebody says why it is off. */
static void init_survives_bad_windows(void **state)
{
	static const struct {
		uintptr_t start, end;
	} bad[] = {
		{MOCK_VMALLOC + 1, MOCK_VMALLOC + MOCK_MIB},
		{MOCK_VMALLOC + MOCK_MIB, MOCK_VMALLOC},
		{MOCK_DIRECT + 4 * MOCK_MIB, MOCK_DIRECT + 8 * MOCK_MIB},
		{MOCK_DIRECT + 64 * MOCK_MIB, MOCK_DIRECT + MOCK_GIB},
		{MOCK_DIRECT - MOCK_GIB, MOCK_DIRECT + 2 * MOCK_MIB},
		{MOCK_DIRECT - MOCK_GIB, MOCK_DIRECT + MOCK_GIB},
	};
	struct mock_config config = {
		.map = boot_map, .nr_map = COUNT(boot_map), .bare_window = true};

	(void)state;
	mock_start(&config);
	for (unsigned i = 0; i < COUNT(bad); i++) {
		mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
		assert_int_equal(boot_again(bad[i].start, bad[i].end), 0);
		assert_int_equal(mock_reports(QUARRY_RULE_BAD_ARGUMENT), i + 1);
		assert_true(features_say("vmalloc: off (the virtual range is not one"));
		mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
		assert_null(vmalloc(1));
		void *p = kmalloc(100, GFP_KERNEL);
		assert_non_null(p);
		kfree(p);
	}
	assert_int_equal(boot_again(0, 0), 0);
	assert_true(features_say("vmalloc: off (quarry_init was given no virtual range)"));
	mock_abandon();
}

/* No memory for tables or bookkeeping: off, nothing kept. */
static void init_survives_no_memory(void **state)
{
	struct mock_config config = {
		.map = boot_map, .nr_map = COUNT(boot_map), .bare_window = true};

	(void)state;
	mock_start(&config);
	assert_int_equal(boot_again(0, 0), 0);
	drain_local_pages();
	unsigned long before = nr_free_pages();
	mock_fail_site(FAULT_PAGE_TABLE, 1, true);
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	assert_int_equal(boot_again(MOCK_VMALLOC + PAGE_SIZE, MOCK_VMALLOC + MOCK_GIB), 0);
	mock_fail_site(-1, 0, false);
	assert_true(features_say("vmalloc: off (no memory for its tables)"));
	drain_local_pages();
	assert_int_equal(nr_free_pages(), before);
	mock_abandon();
}

/* The window and what may wait for a flush are sized for announced memory too. */
static void later_memory_counts(void **state)
{
	static const struct quarry_mem_range map[] = {
		{MOCK_MIB, 256 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{4 * MOCK_GIB, 8 * MOCK_GIB, QUARRY_MEM_LATER, 0},
	};
	struct mock_config config = {.map = map, .nr_map = 2, .vmalloc_size = MOCK_VMALLOC_MAX};

	(void)state;
	if (MOCK_VMALLOC_MAX < 256 * MOCK_GIB)
		return; /* no room for it under this sanitizer */
	mock_start(&config);
	assert_true(vmap_area_end() - vmap_area_start() >= 128 * MOCK_GIB);
	unsigned long flushes = quarry_vmap_flushes();
	vfree(vmalloc(20 * MOCK_MIB));
	assert_int_equal(quarry_vmap_flushes(), flushes + 1);
	vm_unmap_aliases();
	assert_int_equal(vmap_waiting_pages(), 0);
	assert_int_equal(quarry_add_memory(4 * MOCK_GIB, MOCK_GIB), 0);
	vfree(vmalloc(20 * MOCK_MIB));
	assert_int_equal(vmap_waiting_pages(), 5120);
	assert_int_equal(quarry_vmap_flushes(), flushes + 1);
	mock_abandon();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmap_in_any_order),
		cmocka_unit_test(vmap_refuses),
		cmocka_unit_test(vmap_takes_pages_over),
		cmocka_unit_test(vmap_pfn_maps_foreign_frames),
		cmocka_unit_test(nothing_waits_in_an_nmi),
		cmocka_unit_test(vmap_of_any_owner),
		cmocka_unit_test(lookups_of_other_addresses),
		cmocka_unit_test(walk_lists_live_areas),
		cmocka_unit_test(fault_function),
		cmocka_unit_test(check_finds_damage),
		cmocka_unit_test(bad_windows),
		cmocka_unit_test(init_twice_uses_no_old_table),
		cmocka_unit_test(tables_of_the_kernel),
		cmocka_unit_test(init_survives_bad_windows),
		cmocka_unit_test(init_survives_no_memory),
		cmocka_unit_test(later_memory_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
