/* SPDX-License-Identifier: MIT */
/* test_vmap_protect.c: rights and attributes of parts of an area, split leaves, the direct map. */
#include "vmap_test.h"

#include "mm/vmap/pgtable.h"

#include <quarry/arch/pgtable.h>
#include <quarry/set_memory.h>

static const unsigned formats[] = {MOCK_PT_LEVELS_3, MOCK_PT_LEVELS_4, MOCK_PT_LEVELS_5};

static struct pt_leaf leaf_at(uintptr_t va)
{
	struct pt_leaf leaf;

	assert_int_equal(pgtable_query(va, true, &leaf), 0);
	return leaf;
}

static unsigned prot_at(const char *p)
{
	return leaf_at(va_of(p)).prot;
}

static void store_to(void *p)
{
	mock_store(va_of(p), 1);
}

static bool is_read_only(char *p)
{
	const char *why = mock_failure_of(store_to, p);

	return why && strstr(why, "mapped read-only");
}

/* The page in the middle changes and its neighbours do not; what was written stays. */
static void read_only_page_of_an_area(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = vmalloc(5 * PAGE_SIZE);

	touch_pages(p, 5);
	assert_int_equal(set_memory_ro(va_of(p) + PAGE_SIZE, 2), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(prot_at(p + i * PAGE_SIZE),
				 i == 1 || i == 2 ? QUARRY_PROT_READ : QUARRY_PROT_KERNEL);
	assert_int_equal(mock_load(va_of(p) + PAGE_SIZE), 8);
	assert_int_equal(set_memory_x(va_of(p) + PAGE_SIZE, 1), 0);
	assert_int_equal(prot_at(p + PAGE_SIZE), QUARRY_PROT_READ | QUARRY_PROT_EXEC);
	assert_int_equal(set_memory_nx(va_of(p) + PAGE_SIZE, 1), 0);
	assert_int_equal(set_memory_rw(va_of(p) + PAGE_SIZE, 2), 0);
	touch_pages(p, 5);
	vfree(p);
	mock_stop();
}

/* Of a group that loses a right in part single leaves remain, of its neighbours nothing changes. */
static void page_of_a_group(void **state)
{
	struct mock_config config = {.groups = true, .cpus = 2};

	(void)state;
	mock_start(&config);
	char *before = vmalloc(3 * PAGE_SIZE), *p = vmalloc(37 * PAGE_SIZE);

	assert_int_equal(va_of(p) % (8 * PAGE_SIZE), 0);
	touch_pages(p, 37);
	for (unsigned i = 0; i < 37; i++)
		assert_int_equal(is_grouped(va_of(p) + i * PAGE_SIZE), i < 32);
	assert_int_equal(set_memory_ro(va_of(p) + 13 * PAGE_SIZE, 5), 0);
	for (unsigned i = 0; i < 37; i++) {
		assert_int_equal(is_grouped(va_of(p) + i * PAGE_SIZE), i < 8 || (i > 23 && i < 32));
		assert_int_equal(prot_at(p + i * PAGE_SIZE),
				 i >= 13 && i < 18 ? QUARRY_PROT_READ : QUARRY_PROT_KERNEL);
		assert_int_equal(mock_load(va_of(p) + i * PAGE_SIZE), (uint8_t)(i * 7 + 1));
	}
	assert_int_equal(mm_check(), 0);
	assert_int_equal(set_memory_rw(va_of(p) + 13 * PAGE_SIZE, 5), 0);
	touch_pages(p, 37);
	vfree(p);
	vfree(before);
	/* Where no aligned address is left another does. */
	mock_stop();
	config.vmalloc_size = 2 * MOCK_MIB;
	mock_start(&config);
	void *first = vmalloc(PAGE_SIZE);
	p = vmalloc(509 * PAGE_SIZE);
	assert_int_equal(va_of(p), va_of(first) + 2 * PAGE_SIZE);
	touch_pages(p, 509);
	vfree(p);
	vfree(first);
	mock_stop();
}

static void stores_to_read_only_pages_fail(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = vmalloc(3 * PAGE_SIZE);

	assert_int_equal(set_memory_ro(va_of(p), 1), 0);
	mock_store(va_of(p) + PAGE_SIZE, 3);
	assert_true(is_read_only(p));
	mock_abandon();
}

/* Four running CPUs hold the old translation; when the call returns none does. */
static void every_cpu_sees_the_change(void **state)
{
	(void)state;
	for (unsigned hook = 0; hook < 2; hook++) {
		struct mock_config config = {.cpus = 4, .flush_hook = hook};

		mock_start(&config);
		char *p = vmalloc(3 * PAGE_SIZE);
		assert_int_equal(mock_tlb_prot(va_of(p)), QUARRY_PROT_KERNEL);
		assert_int_equal(set_memory_rox(va_of(p), 3), 0);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(mock_tlb_prot(va_of(p) + i * PAGE_SIZE),
					 QUARRY_PROT_READ | QUARRY_PROT_EXEC);
		assert_int_equal(mock_hook_count(MOCK_ICACHE), 1);
		vfree(p);
		mock_stop();
	}
}

/*
 *   0        2M       4M       6M       8M     four huge leaves; [1M, 5M + 1 page) changes:
 *   |   s    |        |  s     |        |      the first and third are split, the second changes
 */
static void part_of_a_huge_leaf_splits_it(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		struct mock_config config = {.format = formats[f], .cpus = 2};
		unsigned long tables, none;

		mock_start(&config);
		none = pgtable_pages();
		char *p = vmalloc(8 * MOCK_MIB);
		tables = pgtable_pages();
		touch_pages(p, 2048);
		assert_int_equal(set_memory_ro(va_of(p) + MOCK_MIB, 1025), 0);
		assert_int_equal(pgtable_pages(), tables + 2);
		for (unsigned long i = 0; i < 2048; i++) {
			struct pt_leaf leaf = leaf_at(va_of(p) + i * PAGE_SIZE);

			assert_int_equal(leaf.prot, i >= 256 && i < 1281 ? QUARRY_PROT_READ
									 : QUARRY_PROT_KERNEL);
			assert_int_equal(leaf.level, i / 512 % 2);
			assert_int_equal(mock_load(va_of(p) + i * PAGE_SIZE),
					 (uint8_t)(i * 7 + 1));
		}
		mock_store(va_of(p) + 1281 * PAGE_SIZE, 1);
		mock_store(va_of(p) + 255 * PAGE_SIZE, 1);
		assert_int_equal(set_memory_rw(va_of(p), 2048), 0);
		touch_pages(p, 2048);
		assert_int_equal(mm_check(), 0);
		vfree(p);
		vmap_drain();
		assert_int_equal(pgtable_pages(), none);
		mock_stop();
	}
}

/* No memory for the second of two tables: the first is not linked, nothing changed. */
static void all_or_nothing_without_memory(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = vmalloc(6 * MOCK_MIB);
	unsigned long tables = pgtable_pages();

	for (unsigned n = 1; n <= 2; n++) {
		mock_fail_site(FAULT_PAGE_TABLE, n, true);
		assert_int_equal(set_memory_ro(va_of(p) + PAGE_SIZE, 1024), -QUARRY_ENOMEM);
		mock_fail_site(FAULT_PAGE_TABLE, 0, false);
		assert_int_equal(pgtable_pages(), tables);
		for (unsigned long i = 0; i < 1536; i += 256)
			assert_int_equal(leaf_at(va_of(p) + i * PAGE_SIZE).level, 1);
		touch_pages(p, 1536);
	}
	vfree(p);
	mock_stop();
}

static void wrong_calls_are_refused(void **state)
{
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_page(GFP_KERNEL);
	char *p = vmalloc(3 * PAGE_SIZE);

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 3);
	assert_int_equal(set_memory_ro(va_of(p) + 1, 1), -QUARRY_EINVAL);
	assert_int_equal(set_memory_ro(va_of(p), 0), -QUARRY_EINVAL);
	assert_int_equal(set_memory_ro(va_of(p), -1), -QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 4);
	assert_int_equal(set_memory_ro(va_of(p), 4), -QUARRY_EINVAL);
	assert_int_equal(set_memory_ro(va_of(p) + 3 * PAGE_SIZE, 1), -QUARRY_EINVAL);
	assert_int_equal(set_memory_ro(va_of(page_address(page)), 1), -QUARRY_EINVAL);
	assert_int_equal(set_memory_ro(0, INT32_MAX), -QUARRY_EINVAL);
	mock_set_context(QUARRY_CTX_ATOMIC);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	assert_int_equal(set_memory_ro(va_of(p), 1), -QUARRY_EINVAL);
	mock_set_context(0);
	/* Writable and executable at once. */
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	assert_int_equal(set_memory_x(va_of(p), 1), -QUARRY_EINVAL);
	assert_int_equal(set_memory_rox(va_of(p) + PAGE_SIZE, 1), 0);
	assert_int_equal(set_memory_rw(va_of(p), 2), -QUARRY_EINVAL);
	assert_int_equal(prot_at(p), QUARRY_PROT_KERNEL);
	vfree(p);
	__free_page(page);
	mock_stop();
}

/* A changed area is not parked: the next of its size is writable. */
static void changed_areas_are_not_parked(void **state)
{
	struct mock_config config = {.park_areas = true};

	(void)state;
	mock_start(&config);
	char *p = vmalloc(2 * PAGE_SIZE);
	assert_int_equal(set_memory_ro(va_of(p), 1), 0);
	vfree(p);
	assert_int_equal(vmap_parked_pages(), 0);
	assert_true(mock_faults(va_of(p)));
	p = vmalloc(2 * PAGE_SIZE);
	touch_pages(p, 2);
	vfree(p);
	mock_stop();
}

/* Mappings of given pages can be changed; the pages themselves are their owner's. */
static void vmap_changes_the_mapping_only(void **state)
{
	struct mock_config config = {.protect_direct = true};
	struct page *page;

	(void)state;
	mock_start(&config);
	page = alloc_page(GFP_KERNEL);
	char *p = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	assert_int_equal(set_memory_ro(va_of(p), 1), 0);
	assert_int_equal(prot_at(p), QUARRY_PROT_READ);
	assert_int_equal(mock_hook_count(MOCK_PROTECT_DIRECT), 0);
	*(char *)page_address(page) = 5;
	assert_int_equal(mock_load(va_of(p)), 5);
	vunmap(p);
	vm_unmap_aliases();
	__free_page(page);
	mock_stop();
}

/* With the hook a read-only page cannot be written at its other address either, until vfree. */
static void direct_map_follows(void **state)
{
	struct mock_config config = {.protect_direct = true};

	(void)state;
	mock_start(&config);
	char *p = vmalloc(6 * MOCK_MIB);
	char *alias = page_address(vmalloc_to_page(p + MOCK_MIB));

	assert_int_equal(set_memory_ro(va_of(p) + MOCK_MIB, 200), 0);
	assert_int_equal(mock_direct_prot(alias), QUARRY_PROT_READ);
	assert_int_equal(mock_direct_prot(alias + 199 * PAGE_SIZE), QUARRY_PROT_READ);
	assert_int_equal(mock_direct_prot(alias - PAGE_SIZE), QUARRY_PROT_KERNEL);
	/* To be executable takes nothing from it. */
	mock_hook_reset();
	assert_int_equal(set_memory_x(va_of(p) + MOCK_MIB, 200), 0);
	assert_int_equal(mock_hook_count(MOCK_PROTECT_DIRECT), 0);
	assert_int_equal(set_memory_nx(va_of(p) + MOCK_MIB, 200), 0);
	assert_int_equal(set_memory_rw(va_of(p) + MOCK_MIB, 100), 0);
	assert_int_equal(mock_direct_prot(alias), QUARRY_PROT_KERNEL);
	assert_int_equal(mock_direct_prot(alias + 100 * PAGE_SIZE), QUARRY_PROT_READ);
	assert_int_equal(set_memory_uc(va_of(p) + 5 * MOCK_MIB, 2), 0);
	vfree(p);
	mock_stop(); /* nothing is restricted */
}

/* Freed where nobody may wait: put off until somebody may. */
static void guarded_areas_are_freed_later(void **state)
{
	struct mock_config config = {.protect_direct = true};

	(void)state;
	mock_start(&config);
	char *p = vmalloc(3 * PAGE_SIZE), *q = vmalloc(3 * MOCK_MIB);

	assert_int_equal(set_memory_rox(va_of(p), 2), 0);
	assert_int_equal(set_memory_ro(va_of(q), 2), 0);
	mock_set_context(QUARRY_CTX_ATOMIC);
	vfree(p);
	mock_set_context(QUARRY_CTX_IRQ);
	vfree(q);
	mock_set_context(0);
	assert_false(mock_faults(va_of(p)));
	assert_int_equal(mm_check(), 0);
	assert_int_equal(mock_run_deferred(), 1);
	assert_true(mock_faults(va_of(p)));
	assert_true(mock_faults(va_of(q)));
	mock_stop();
}

/* The OS refuses the n-th run of pages: those before are put back. */
static void all_or_nothing_in_the_direct_map(void **state)
{
	static struct page *held[20000];
	struct mock_config config = {.protect_direct = true};
	unsigned long kept;

	(void)state;
	mock_start(&config);
	kept = fragment_memory(held, COUNT(held));
	char *p = vmalloc(8 * PAGE_SIZE);
	for (unsigned n = 1; n <= 6; n++) {
		mock_fail_protect(n);
		assert_int_equal(set_memory_ro(va_of(p) + PAGE_SIZE, 6), -QUARRY_ENOMEM);
		for (unsigned i = 0; i < 8; i++) {
			void *alias = page_address(vmalloc_to_page(p + i * PAGE_SIZE));

			assert_int_equal(mock_direct_prot(alias), QUARRY_PROT_KERNEL);
			assert_int_equal(prot_at(p + i * PAGE_SIZE), QUARRY_PROT_KERNEL);
		}
	}
	mock_fail_protect(7);
	assert_int_equal(set_memory_ro(va_of(p) + PAGE_SIZE, 6), 0);
	mock_fail_protect(0);
	vfree(p);
	release_memory(held, kept);
	mock_stop();
}

static void caching_attributes(void **state)
{
	static int (*const set[])(unsigned long, int) = {set_memory_uc, set_memory_wc,
							 set_memory_wt};
	static const unsigned attribute[] = {QUARRY_PROT_UNCACHED, QUARRY_PROT_WRITE_COMBINE,
					     QUARRY_PROT_WRITE_THROUGH};
	struct mock_config config = {.protect_direct = true};

	(void)state;
	mock_start(&config);
	char *p = vmalloc(3 * MOCK_MIB);
	for (unsigned i = 0; i < 3; i++) {
		char *q = p + (i * 250 + 50) * PAGE_SIZE;

		assert_int_equal(set[i](va_of(q), 7), 0);
		assert_int_equal(prot_at(q), QUARRY_PROT_KERNEL | attribute[i]);
		assert_int_equal(prot_at(q + 7 * PAGE_SIZE), QUARRY_PROT_KERNEL);
		assert_int_equal(mock_direct_prot(page_address(vmalloc_to_page(q))),
				 QUARRY_PROT_KERNEL | attribute[i]);
		assert_int_equal(set[(i + 1) % 3](va_of(q), 1), 0);
		assert_int_equal(prot_at(q), QUARRY_PROT_KERNEL | attribute[(i + 1) % 3]);
		assert_int_equal(set_memory_wb(va_of(q), 7), 0);
		assert_int_equal(prot_at(q), QUARRY_PROT_KERNEL);
	}
	vfree(p);
	mock_stop();
}

/* Two CPUs change neighbouring pages of the same huge leaves at once; others use the rest. */
static char *shared;

static void change_own_pages(void *arg, unsigned cpu)
{
	uint64_t seed = cpu + 5;

	(void)arg;
	for (unsigned i = 0; i < 40; i++) {
		unsigned long page = mock_random(&seed) % 256 * 4 + cpu;
		char *p = shared + page * PAGE_SIZE;

		p[0] = (char)(cpu + 1);
		if (set_memory_ro((unsigned long)p, 1))
			mock_fail("set_memory_ro failed");
		if (p[0] != (char)(cpu + 1))
			mock_fail("page %lu changed", page);
		if (set_memory_rw((unsigned long)p, 1))
			mock_fail("set_memory_rw failed");
		p[0] = 0;
	}
}

static void neighbours_at_once(void **state)
{
	struct mock_config config = {.cpus = 4};

	(void)state;
	mock_start(&config);
	shared = vzalloc(4 * MOCK_MIB);
	mock_run_cpus(4, change_own_pages, NULL);
	for (unsigned long i = 0; i < 1024; i++)
		assert_int_equal(shared[i * PAGE_SIZE], 0);
	vfree(shared);
	mock_stop();
}

/* A huge leaf's translation is gone from every CPU before a part of it says something else: two
 * flushes, one where nothing is split. */
static void a_split_is_flushed_before_the_change(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 64 * MOCK_MIB});
	char *p = vmalloc(2 * MOCK_MIB);

	assert_int_equal(leaf_at(va_of(p)).level, 1);
	for (unsigned i = 0; i < 3; i++) {
		mock_hook_reset();
		assert_int_equal(set_memory_ro(va_of(p) + i * PAGE_SIZE, 1), 0);
		assert_int_equal(mock_hook_count(MOCK_FLUSH), i ? 1 : 2);
	}
	vfree(p);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_only_page_of_an_area),
		cmocka_unit_test(page_of_a_group),
		cmocka_unit_test(stores_to_read_only_pages_fail),
		cmocka_unit_test(every_cpu_sees_the_change),
		cmocka_unit_test(part_of_a_huge_leaf_splits_it),
		cmocka_unit_test(all_or_nothing_without_memory),
		cmocka_unit_test(wrong_calls_are_refused),
		cmocka_unit_test(changed_areas_are_not_parked),
		cmocka_unit_test(vmap_changes_the_mapping_only),
		cmocka_unit_test(direct_map_follows),
		cmocka_unit_test(guarded_areas_are_freed_later),
		cmocka_unit_test(all_or_nothing_in_the_direct_map),
		cmocka_unit_test(caching_attributes),
		cmocka_unit_test(neighbours_at_once),
		cmocka_unit_test(a_split_is_flushed_before_the_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
