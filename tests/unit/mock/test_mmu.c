/* SPDX-License-Identifier: MIT */
/*
 * test_mmu.c: the mock's page tables, faults and software TLB. The tables are built by hand in a
 * window that the library does not know (bare_window), from pages of the library:
 *
 *   root (mock's) -> table[2] -> table[1] -> table[0] -> frames, for the first 2 MiB of the window
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <quarry/arch/pgtable.h>

#include "mock_check.h"

static quarry_pte_t *table[3]; /* by level */
static unsigned long frame[3]; /* addresses of pages to map, in the direct map */

static quarry_pte_t *entry(unsigned level, uintptr_t va)
{
	quarry_pte_t *base =
		level < 3 ? table[level] : (quarry_pte_t *)phys_to_virt(arch_pt_root());

	return base + arch_pt_index(va, level);
}

static void map(unsigned page, unsigned long address, unsigned prot)
{
	uintptr_t va = MOCK_VMALLOC + page * PAGE_SIZE;

	arch_pte_write(entry(0, va), arch_pte_leaf(virt_to_phys((void *)address), prot, 0));
}

static void map_and_sync(unsigned page, unsigned long address)
{
	map(page, address, QUARRY_PROT_KERNEL);
	arch_tlb_map_sync(MOCK_VMALLOC + page * PAGE_SIZE, MOCK_VMALLOC + (page + 1) * PAGE_SIZE);
}

static void unmap(unsigned page)
{
	arch_pte_write(entry(0, MOCK_VMALLOC + page * PAGE_SIZE), 0);
}

static void flush(void *arg)
{
	uintptr_t va = MOCK_VMALLOC + (uintptr_t)arg * PAGE_SIZE;

	arch_tlb_flush_range(va, va + PAGE_SIZE);
}

static void link_table(unsigned level)
{
	arch_pte_write(entry(level + 1, MOCK_VMALLOC), arch_pte_table(virt_to_phys(table[level])));
}

static void start(unsigned cpus)
{
	mock_start(&(struct mock_config){.cpus = cpus, .bare_window = true});
	for (unsigned level = 3; level-- > 0;) {
		table[level] = (quarry_pte_t *)get_zeroed_page(GFP_KERNEL);
		link_table(level);
	}
	for (unsigned i = 0; i < 3; i++)
		frame[i] = get_zeroed_page(GFP_KERNEL);
}

static void stop(void)
{
	for (unsigned level = 0; level < 3; level++) {
		arch_pte_write(entry(level + 1, MOCK_VMALLOC), 0);
		quarry_os_call_others(flush, NULL);
		flush(NULL);
		free_pages((unsigned long)table[level], 0);
	}
	for (unsigned i = 0; i < 3; i++)
		free_pages(frame[i], 0);
	mock_stop();
}

static void load(void *va)
{
	(void)mock_load((uintptr_t)va);
}

static void store(void *va)
{
	*(volatile unsigned char *)va = 1;
}

static void store_by_tlb(void *va)
{
	mock_store((uintptr_t)va, 1);
}

#define VA(page) ((void *)(MOCK_VMALLOC + (page)*PAGE_SIZE))

static void t01_one_page_is_visible_at_both_addresses(void **state)
{
	unsigned char *window = VA(5);

	(void)state;
	start(1);
	assert_true(mock_faults(MOCK_VMALLOC + 5 * PAGE_SIZE));
	check_fails(touch, window, "not mapped");
	map_and_sync(5, frame[0]);
	strcpy((char *)frame[0] + 100, "below");
	assert_string_equal((char *)window + 100, "below");
	strcpy((char *)window + 200, "above");
	assert_string_equal((char *)frame[0] + 200, "above");
	assert_true(mock_translate((uintptr_t)window + 200) ==
		    virt_to_phys((void *)frame[0]) + 200);
	mock_store((uintptr_t)window + 4095, 0x5a);
	assert_int_equal(mock_load((uintptr_t)window + 4095), 0x5a);
	unmap(5);
	flush((void *)5);
	check_fails(touch, window, "not mapped");
	stop();
}

static void t02_a_large_leaf_maps_every_page(void **state)
{
	unsigned long block;
	uintptr_t va = MOCK_VMALLOC + (PAGE_SIZE << 9);

	(void)state;
	start(1);
	block = (unsigned long)page_address(alloc_pages(GFP_KERNEL, 9));
	arch_pte_write(entry(1, va),
		       arch_pte_leaf(virt_to_phys((void *)block), QUARRY_PROT_KERNEL, 1));
	arch_tlb_map_sync(va, va + (PAGE_SIZE << 9));
	*(unsigned char *)(va + 300 * PAGE_SIZE + 7) = 9;
	assert_int_equal(*(unsigned char *)(block + 300 * PAGE_SIZE + 7), 9);
	assert_true(mock_translate(va + 511 * PAGE_SIZE) ==
		    virt_to_phys((void *)(block + 511 * PAGE_SIZE)));
	arch_pte_write(entry(1, va), 0);
	arch_tlb_flush_range(va, va + (PAGE_SIZE << 9));
	__free_pages(virt_to_page((void *)block), 9);
	stop();
}

static void t03_an_unmapped_page_is_stale_until_its_flush(void **state)
{
	(void)state;
	start(1);
	map_and_sync(0, frame[0]);
	unmap(0);
	check_fails(load, VA(0), "stale translation");
	check_fails(touch, VA(0), "stale translation");
	flush(NULL);
	check_fails(load, VA(0), "which is not mapped");
	stop();
}

static void take_a_page(void *arg)
{
	unsigned long page = get_zeroed_page(GFP_KERNEL);

	(void)arg;
	free_pages(page, 0);
}

/* Nobody touched the mapping: hardware may have cached it all the same. */
static void t04_a_frame_is_not_handed_out_before_its_flush(void **state)
{
	(void)state;
	start(2);
	map_and_sync(0, frame[0]);
	unmap(0);
	free_pages(frame[0], 0);
	check_fails(take_a_page, NULL, "CPU 0 still has it");
	mock_abandon();

	start(2);
	map_and_sync(0, frame[0]);
	unmap(0);
	free_pages(frame[0], 0);
	flush(NULL);
	check_fails(take_a_page, NULL, "CPU 1 still has it");
	mock_abandon();

	start(2);
	map_and_sync(0, frame[0]);
	unmap(0);
	free_pages(frame[0], 0);
	flush(NULL);
	quarry_os_call_others(flush, NULL);
	frame[0] = get_zeroed_page(GFP_KERNEL);
	stop();
}

static void t05_a_frame_is_not_handed_out_while_mapped(void **state)
{
	(void)state;
	start(1);
	map_and_sync(0, frame[0]);
	free_pages(frame[0], 0);
	check_fails(take_a_page, NULL, "while it is mapped");
	mock_abandon();
}

static void map_frame_1(void *arg)
{
	(void)arg;
	map_and_sync(0, frame[1]);
}

static void t06_an_address_is_not_reused_before_its_flush(void **state)
{
	(void)state;
	start(2);
	map_and_sync(0, frame[0]);
	unmap(0);
	flush(NULL);
	check_fails(map_frame_1, NULL, "reused before flush: CPU 1");
	mock_abandon();

	start(2);
	map_and_sync(0, frame[0]);
	unmap(0);
	flush(NULL);
	quarry_os_call_others(flush, NULL);
	map_frame_1(NULL);
	unmap(0);
	stop();
}

static void t07_a_new_mapping_needs_a_sync(void **state)
{
	(void)state;
	start(1);
	map(0, frame[0], QUARRY_PROT_KERNEL);
	check_fails(touch, VA(0), "without arch_tlb_map_sync");
	check_fails(load, VA(0), "without arch_tlb_map_sync");
	arch_tlb_map_sync(MOCK_VMALLOC, MOCK_VMALLOC + PAGE_SIZE);
	touch(VA(0));
	unmap(0);
	flush(NULL);
	stop();
}

static void t08_a_read_only_page_is_not_written(void **state)
{
	(void)state;
	start(1);
	map(0, frame[0], QUARRY_PROT_READ);
	arch_tlb_map_sync(MOCK_VMALLOC, MOCK_VMALLOC + PAGE_SIZE);
	check_fails(store, VA(0), "read-only");
	touch(VA(0));
	check_fails(store, VA(0), "read-only");
	check_fails(store_by_tlb, VA(0), "read-only");
	unmap(0);
	flush(NULL);
	stop();
}

/* CPUs walk tables on their own, so an unlinked one is reused only after a flush. */
static void t09_a_table_is_not_handed_out_before_its_flush(void **state)
{
	(void)state;
	start(1);
	arch_pte_write(entry(1, MOCK_VMALLOC), 0);
	free_pages((unsigned long)table[0], 0);
	check_fails(take_a_page, NULL, "walk it as a page table");
	mock_abandon();
}

static void decode_at_wrong_level(void *arg)
{
	(void)arg;
	(void)arch_pte_is_leaf(arch_pte_leaf(0x200000, QUARRY_PROT_READ, 0), 1);
}

static void store_at_wrong_level(void *arg)
{
	(void)arg;
	arch_pte_write(entry(1, MOCK_VMALLOC + (PAGE_SIZE << 9)),
		       arch_pte_leaf(0x200000, QUARRY_PROT_READ, 0));
}

static void make_unaligned(void *arg)
{
	(void)arg;
	(void)arch_pte_leaf(0x201000, QUARRY_PROT_READ, 1);
}

static void store_a_number(void *arg)
{
	(void)arg;
	arch_pte_write(entry(0, MOCK_VMALLOC), 0x1003);
}

static void link_twice(void *arg)
{
	(void)arg;
	arch_pte_write(entry(1, MOCK_VMALLOC + (PAGE_SIZE << 9)),
		       arch_pte_table(virt_to_phys(table[0])));
}

static void t10_misuse_of_entries_fails(void **state)
{
	(void)state;
	start(1);
	check_fails(decode_at_wrong_level, NULL, "decoded at another level");
	check_fails(make_unaligned, NULL, "alignment");
	check_fails(store_a_number, NULL, "not made by");
	check_fails(store_at_wrong_level, NULL, "made for level 0");
	mock_abandon();
	start(1);
	check_fails(link_twice, NULL, "linked twice");
	mock_abandon();
}

/* Leaves may be written before the table is linked. */
static void t11_a_table_linked_last_is_learned_whole(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bare_window = true});
	for (unsigned level = 0; level < 3; level++) {
		table[level] = (quarry_pte_t *)get_zeroed_page(GFP_KERNEL);
		frame[level] = get_zeroed_page(GFP_KERNEL);
	}
	map(3, frame[0], QUARRY_PROT_KERNEL);
	for (unsigned level = 0; level < 3; level++)
		link_table(level);
	check_fails(touch, VA(3), "without arch_tlb_map_sync");
	arch_tlb_map_sync(MOCK_VMALLOC, MOCK_VMALLOC + 8 * PAGE_SIZE);
	touch(VA(3));
	unmap(3);
	flush((void *)3);
	stop();
}

static void t12_a_stopped_cpu_holds_nothing(void **state)
{
	(void)state;
	start(2);
	map_and_sync(0, frame[0]);
	mock_cpu_stop(1);
	unmap(0);
	flush(NULL);
	free_pages(frame[0], 0);
	frame[0] = get_zeroed_page(GFP_KERNEL);
	mock_cpu_start(1);
	stop();
}

static void t13_tables_survive_a_restore(void **state)
{
	(void)state;
	start(1);
	map_and_sync(0, frame[0]);
	strcpy((char *)frame[0], "first");
	touch(VA(0));
	mock_snapshot();
	unmap(0);
	flush(NULL);
	map_and_sync(0, frame[1]);
	mock_restore();
	assert_string_equal((char *)VA(0), "first");
	unmap(0);
	flush(NULL);
	stop();
}

static void t14_formats_differ_in_levels(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bare_window = true, .format = MOCK_PT_LEVELS_3});
	assert_int_equal(arch_pt_levels(), 3);
	assert_int_equal(arch_pt_max_leaf_level(), 1);
	mock_stop();
	mock_start(&(struct mock_config){.bare_window = true, .format = MOCK_PT_LEVELS_5});
	assert_int_equal(arch_pt_levels(), 5);
	assert_true(mock_faults(MOCK_VMALLOC));
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_one_page_is_visible_at_both_addresses),
		cmocka_unit_test(t02_a_large_leaf_maps_every_page),
		cmocka_unit_test(t03_an_unmapped_page_is_stale_until_its_flush),
		cmocka_unit_test(t04_a_frame_is_not_handed_out_before_its_flush),
		cmocka_unit_test(t05_a_frame_is_not_handed_out_while_mapped),
		cmocka_unit_test(t06_an_address_is_not_reused_before_its_flush),
		cmocka_unit_test(t07_a_new_mapping_needs_a_sync),
		cmocka_unit_test(t08_a_read_only_page_is_not_written),
		cmocka_unit_test(t09_a_table_is_not_handed_out_before_its_flush),
		cmocka_unit_test(t10_misuse_of_entries_fails),
		cmocka_unit_test(t11_a_table_linked_last_is_learned_whole),
		cmocka_unit_test(t12_a_stopped_cpu_holds_nothing),
		cmocka_unit_test(t13_tables_survive_a_restore),
		cmocka_unit_test(t14_formats_differ_in_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
