/* SPDX-License-Identifier: MIT */
/* test_pgtable.c: the walk, creating and pruning tables, for each number of levels. */
#include "vmap_test.h"

#include "mm/page/page_alloc.h"
#include "mm/vmap/pgtable.h"

static const unsigned formats[] = {MOCK_PT_LEVELS_3, MOCK_PT_LEVELS_4, MOCK_PT_LEVELS_5};
static const unsigned levels[] = {3, 4, 5};

static void start(unsigned f)
{
	struct mock_config config = {.format = formats[f], .small_leaves = true};

	mock_start(&config);
	assert_int_equal(pgtable_levels(), levels[f]);
}

/* Runs end where their table ends; neighbours in a table are neighbours in memory. */
static void runs_follow_tables(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(f);
		char *p = vmalloc(3 * MOCK_MIB);
		uintptr_t va = va_of(p);
		struct pt_run run = pgtable_find(va, 768);

		assert_int_equal(va % (2 * MOCK_MIB), 0);
		assert_int_equal(run.level, 0);
		assert_int_equal(run.pages, 512);
		assert_ptr_equal(pgtable_find(va + 511 * PAGE_SIZE, 2).pte, run.pte + 511);
		assert_int_equal(pgtable_find(va + 511 * PAGE_SIZE, 2).pages, 1);
		assert_int_equal(pgtable_find(va + 5 * PAGE_SIZE, 7).pages, 7);
		vfree(p);
		mock_stop();
	}
}

/* A missing table answers with its level and the pages up to its end. */
static void absent_tables_are_skipped_whole(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(f);
		struct pt_run run = pgtable_find(MOCK_VMALLOC + PAGE_SIZE, ~0ul >> PAGE_SHIFT);

		/* Root entries have a table from the start (P1); nothing is below it. */
		assert_int_equal(run.level, levels[f] - 2);
		assert_int_equal(run.pages, (1ul << 9 * run.level) - 1);
		assert_int_equal(pgtable_find(MOCK_VMALLOC, 10).pages, 10);
		mock_stop();
	}
}

static void query_tells_address_and_protection(void **state)
{
	struct page *page;
	struct pt_leaf leaf;

	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(f);
		page = alloc_page(GFP_KERNEL);
		char *p = vmap(&page, 1, VM_MAP, PAGE_KERNEL_RO);
		assert_int_equal(pgtable_query(va_of(p) + 123, true, &leaf), 0);
		assert_int_equal(leaf.phys, page_to_phys(page) + 123);
		assert_int_equal(leaf.prot, QUARRY_PROT_READ);
		assert_int_equal(leaf.level, 0);
		assert_int_equal(pgtable_query(va_of(p) + PAGE_SIZE, true, &leaf), -QUARRY_ENOENT);
		assert_int_equal(pgtable_query(MOCK_VMALLOC + 512 * MOCK_MIB, true, &leaf),
				 -QUARRY_ENOENT);
		vunmap(p);
		__free_page(page);
		mock_stop();
	}
}

/* Tables exist while something is mapped below them, not longer than the next drain, and not
 * shorter. */
static void tables_come_and_go(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(f);
		unsigned long first = pgtable_pages();
		char *p = vmalloc(PAGE_SIZE), *q = vmalloc(5 * MOCK_MIB);

		/* One leaf table for p, three for q, and the levels between them and the root's. */
		assert_int_equal(pgtable_pages(), first + 4 + levels[f] - 3);
		vmap_drain();
		assert_int_equal(pgtable_pages(), first + 4 + levels[f] - 3);
		touch_pages(p, 1);
		touch_pages(q, 1280);
		vfree(q);
		assert_int_equal(pgtable_pages(), first + 4 + levels[f] - 3);
		vmap_drain();
		assert_int_equal(pgtable_pages(), first + 1 + levels[f] - 3);
		touch_pages(p, 1);
		vfree(p);
		vmap_drain();
		assert_int_equal(pgtable_pages(), first);
		mock_stop();
	}
}

/* A table page that cannot be had at a deep level leaves no upper table behind. */
static void tables_are_linked_all_or_none(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(f);
		unsigned long first = pgtable_pages();

		for (unsigned n = 1; n <= levels[f] - 2; n++) {
			mock_fail_site(FAULT_PAGE_TABLE, n, true);
			mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
			assert_null(vmalloc(PAGE_SIZE));
			mock_fail_site(FAULT_PAGE_TABLE, 0, false);
			assert_int_equal(pgtable_pages(), first);
		}
		mock_stop();
	}
}

/*
 * A request for tables with fewer pages left than it needs, each number of them: it fails, although
 * it drains on the way and the drain prunes.
 */
static void too_few_pages_for_tables(void **state)
{
	static struct page *held[2048];

	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		struct mock_config config = {.format = formats[f],
					     .bytes = 4 * MOCK_MIB,
					     .extra = {.no_parking = true}};

		mock_start(&config);
		for (unsigned spare = 0; spare < 8; spare++) {
			unsigned long n = 0;

			while (n < COUNT(held) && (held[n] = alloc_page(GFP_KERNEL | __GFP_NOWARN)))
				n++;
			for (unsigned i = 0; i < spare; i++)
				__free_page(held[--n]);
			vfree(__vmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN));
			release_memory(held, n);
		}
		mock_stop();
	}
}

/* Pruning does a bounded part per call, and the parts together are everything. */
static void pruning_is_bounded(void **state)
{
	struct page_chain tables = {0, 0, 0};
	unsigned long first, calls = 0, last = 0;

	(void)state;
	start(1);
	first = pgtable_pages();
	vfree(vmalloc(63 * MOCK_MIB / 2));
	for (unsigned i = 0; i < 12; i++)
		vfree(__vmalloc_node(PAGE_SIZE, 8 * MOCK_MIB << i % 2, GFP_KERNEL, -1, NULL));
	vm_unmap_aliases();
	assert_true(pgtable_pages() > first + 16);
	pgtable_prune_begin();
	for (uintptr_t va = vmap_area_start(); va != vmap_area_end(); calls++) {
		va = pgtable_prune(va, vmap_area_end(), &tables);
		assert_true(tables.count - last <= 5); /* one level up with the last */
		last = tables.count;
	}
	arch_tlb_flush_range(0, UINTPTR_MAX & PAGE_MASK);
	pgtable_prune_end();
	page_give_chain(&tables, 1000, ~0ul);
	assert_true(calls > 1);
	assert_int_equal(pgtable_pages(), first);
	mock_stop();
}

static void count_sees_every_page(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		start(f);
		void *p = vmalloc(700 * PAGE_SIZE), *q = vmalloc(9 * PAGE_SIZE);

		assert_int_equal(pgtable_count(vmap_area_start(), vmap_area_end()), 709);
		assert_int_equal(
			pgtable_count(va_of(p) + 500 * PAGE_SIZE, va_of(p) + 520 * PAGE_SIZE), 20);
		vfree(p);
		assert_int_equal(pgtable_count(vmap_area_start(), vmap_area_end()), 9);
		vfree(q);
		mock_stop();
	}
}

/* An entry in the way, put there by hand, is reported and not overwritten. */
static void unexpected_entries_are_reported(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_page(GFP_KERNEL);
	char *p = vmalloc(PAGE_SIZE), *q;
	struct pt_run run = pgtable_find(va_of(p) + 3 * PAGE_SIZE, 1);

	arch_pte_write(run.pte, arch_pte_leaf(page_to_phys(page), QUARRY_PROT_READ, 0));
	mock_expect_report(QUARRY_RULE_VMAP_TABLE, 1);
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	assert_null(vmalloc(4 * PAGE_SIZE));
	mock_expect_report(QUARRY_RULE_VALIDATE, 1);
	assert_int_equal(mm_check(), 1);
	arch_pte_write(run.pte, 0);
	arch_tlb_flush_range(0, UINTPTR_MAX & PAGE_MASK);
	/* The first entry of a block of two vanished: the block cannot be found, so it is lost and
	 * the reports say so. */
	q = vmalloc(2 * PAGE_SIZE);
	run = pgtable_find(va_of(q), 1);
	quarry_pte_t kept = arch_pte_read(run.pte);
	arch_pte_write(run.pte, 0);
	mock_expect_report(QUARRY_RULE_VMAP_TABLE, 2);
	vfree(q);
	vmap_drain();
	struct page *lost = phys_to_page(arch_pte_addr(kept, 0));
	page_set_kind(lost, QUARRY_PAGE_USED);
	__free_pages(lost, 1);
	vfree(p);
	__free_page(page);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_follow_tables),
		cmocka_unit_test(absent_tables_are_skipped_whole),
		cmocka_unit_test(query_tells_address_and_protection),
		cmocka_unit_test(tables_come_and_go),
		cmocka_unit_test(tables_are_linked_all_or_none),
		cmocka_unit_test(too_few_pages_for_tables),
		cmocka_unit_test(pruning_is_bounded),
		cmocka_unit_test(count_sees_every_page),
		cmocka_unit_test(unexpected_entries_are_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
