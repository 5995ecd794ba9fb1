/* SPDX-License-Identifier: MIT */
/* test_page_alloc.c: requests for blocks, masks, contexts, and every wrong way to give one back. */
#include "tests/unit/phys/page_test.h"

#include "mm/base/fault.h"
#include "mm/gfp/context.h"
#include "mm/gfp/gfp.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* ---- blocks ---- */

static void g004_blocks_are_aligned_and_disjoint(void **state)
{
	unsigned char seen[64 * 256] = { 0 };

	(void)state;
	mock_start(&(struct mock_config){ .base = 32 * MOCK_MIB });
	struct free_map before = free_map();
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		assert_non_null(page);
		unsigned long pfn = page_to_pfn(page);
		assert_int_equal(pfn & ((1ul << order) - 1), 0);
		assert_int_equal(page_ref_count(page), 1);
		for (unsigned long i = 0; i < 1ul << order; i++)
			assert_int_equal(seen[pfn + i - 32 * 256]++, 0);
		memset(page_address(page), 0x5a, PAGE_SIZE << order);
		hold_block(page, order);
	}
	free_held();
	drain_all_pages();
	assert_free_map(&before);
	mock_stop();
}

static void g008_addresses_and_pages(void **state)
{
	(void)state;
	mock_start(&four_zones);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		unsigned long address = __get_free_pages(GFP_KERNEL, order);
		assert_int_not_equal(address, 0);
		struct page *page = virt_to_page((void *)address);
		assert_ptr_equal(page_address(page), address);
		assert_int_equal(compound_order(page), order);
		free_pages(address, order);
		/* HIGHMEM is stripped: never ZONE_MOVABLE. */
		address = __get_free_pages(GFP_HIGHUSER_MOVABLE, order);
		assert_int_not_equal(page_zonenum(virt_to_page((void *)address)), ZONE_MOVABLE);
		free_pages(address, order);
	}
	mock_stop();
}

static void g009_zeroed_pages(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .dirty_memory = true, .bytes = 16 * MOCK_MIB });
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
		const unsigned char *at = page_address(page);
		for (size_t i = 0; i < PAGE_SIZE << order; i += 64)
			assert_int_equal(at[i] | at[i + 63], 0);
		memset(page_address(page), 0xaa, PAGE_SIZE << order);
		__free_pages(page, order);
	}
	unsigned long address = get_zeroed_page(GFP_KERNEL);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((unsigned char *)address)[i], 0);
	free_page(address);
	mock_stop();
}

static void all_memory_can_be_had_and_given_back(void **state)
{
	static const unsigned cpus[] = { 1, 4 };
	uint64_t random = 3;

	(void)state;
	for (unsigned i = 0; i < NR(cpus); i++) {
		mock_start(&(struct mock_config){ .cpus = cpus[i], .no_vmalloc = true });
		struct free_map before = free_map();
		for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
			unsigned long held = 0;
			for (unsigned n = 0; n < cpus[i]; n++) {
				mock_set_cpu(n);
				held += hold_all(ATOMIC_ALL, order) << order;
			}
			if (!order)
				assert_int_equal(nr_free_pages() + nr_parked_pages(), 0);
			assert_true(held > totalram_pages() / 2);
			assert_int_equal(mm_check(), 0);
			free_held_mixed(&random);
			drain_all_pages();
			assert_free_map(&before);
		}
		mock_set_cpu(0);
		mock_stop();
	}
}

static void g146_nothing_is_freed_quietly(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long free = nr_free_pages();
	__free_pages(NULL, 0);
	__free_pages(NULL, 99);
	free_pages(0, 0);
	free_pages(0, 99);
	free_pages_exact(NULL, 12345);
	assert_int_equal(nr_free_pages(), free);
	mock_stop();
}

/* ---- masks ---- */

/* The table of the zone bits, written once more from the manual. */
static void g011_zone_bits(void **state)
{
	static const struct {
		unsigned bits;
		int zone; /* -1: illegal */
	} table[16] = {
		{ 0x0, ZONE_NORMAL }, { 0x1, ZONE_DMA },     { 0x2, ZONE_NORMAL }, { 0x3, -1 },
		{ 0x4, ZONE_DMA32 },  { 0x5, -1 },	     { 0x6, -1 },	   { 0x7, -1 },
		{ 0x8, ZONE_NORMAL }, { 0x9, ZONE_DMA },     { 0xa, ZONE_MOVABLE }, { 0xb, -1 },
		{ 0xc, ZONE_DMA32 },  { 0xd, -1 },	     { 0xe, -1 },	   { 0xf, -1 },
	};

	(void)state;
	mock_start(&four_zones);
	for (unsigned i = 0; i < NR(table); i++) {
		gfp_t gfp = (QUARRY_FORCE gfp_t)table[i].bits | GFP_NOWAIT;
		bool legal = table[i].zone >= 0;
		if (!legal)
			mock_expect_report(QUARRY_RULE_BAD_GFP, 1);
		else
			assert_int_equal(gfp_zone(gfp), table[i].zone);
		struct page *page = alloc_page(gfp);
		/* An illegal combination is told, and never served. */
		assert_int_equal(page != NULL, legal);
		if (page)
			assert_int_equal(page_zonenum(page), table[i].zone);
		__free_page(page);
	}
	mock_stop();
}

static void g017_unknown_bits_are_told_and_ignored(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned bit = QUARRY_GFP_BITS; bit < 32; bit++) {
		mock_expect_report(QUARRY_RULE_BAD_GFP, 1);
		struct page *page = alloc_page(GFP_KERNEL | QUARRY_GFP(bit));
		assert_non_null(page);
		__free_page(page);
	}
	mock_expect_report(QUARRY_RULE_BAD_GFP, 1);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE);
	assert_non_null(page);
	__free_page(page);
	mock_stop();
}

static void g036_longer_names_are_less_restrictive(void **state)
{
	static const gfp_t masks[] = { GFP_USER, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };

	(void)state;
	mock_start(&four_zones);
	for (unsigned i = 1; i < NR(masks); i++) {
		assert_true((masks[i] & masks[i - 1]) == masks[i - 1]);
		assert_true(masks[i] != masks[i - 1]);
		/* Every zone of the shorter name is one of the longer name. */
		struct zone *const *shorter = nodes.order[0][gfp_zone(masks[i - 1])];
		for (; *shorter; shorter++) {
			struct zone *const *longer = nodes.order[0][gfp_zone(masks[i])];
			while (*longer && *longer != *shorter)
				longer++;
			assert_ptr_equal(*longer, *shorter);
		}
	}
	mock_stop();
}

static void g039_only_the_pair_opens_the_movable_zone(void **state)
{
	(void)state;
	mock_start(&four_zones);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	assert_int_equal(page_zonenum(page), ZONE_NORMAL);
	assert_int_equal(pageblock_mobility(page_to_pfn(page)), MIGRATE_MOVABLE);
	__free_page(page);
	page = alloc_page(GFP_KERNEL | __GFP_HIGHMEM);
	assert_int_equal(page_zonenum(page), ZONE_NORMAL);
	__free_page(page);
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_int_equal(page_zonenum(page), ZONE_MOVABLE);
	__free_page(page);
	mock_stop();
}

/* No unmovable page is ever in the movable zone, however short memory is (H10). */
static void h010_the_movable_zone_stays_movable(void **state)
{
	(void)state;
	mock_start(&four_zones);
	hold_all(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOWARN, 0);
	for (unsigned long i = 0; i < hold.nr; i++)
		assert_int_not_equal(page_zonenum(hold.block[i].page), ZONE_MOVABLE);
	assert_int_not_equal(zone_free(zone_of(ZONE_MOVABLE)), 0);
	free_held();
	mock_stop();
}

static void before_sleeping_works_nothing_reclaims(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .no_sleep = true });
	/* GFP_KERNEL in a boot with irqs off: as if it had no reclaim bits, and no complaint. */
	mock_set_context(QUARRY_CTX_ATOMIC);
	struct page *page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	__free_page(page);
	mock_set_context(0);
	mock_stop();
}

/* ---- contexts ---- */

static void g023_sleeping_masks_need_a_sleeping_context(void **state)
{
	static const unsigned contexts[] = { QUARRY_CTX_ATOMIC,
					     QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC };
	static const gfp_t masks[] = { GFP_KERNEL, GFP_NOFS, GFP_NOIO, GFP_USER,
				       GFP_KERNEL | __GFP_NORETRY };
	const uintptr_t here = (uintptr_t)g023_sleeping_masks_need_a_sleeping_context;

	(void)state;
	mock_start(NULL);
	for (unsigned c = 0; c < NR(contexts); c++) {
		for (unsigned m = 0; m < NR(masks); m++) {
			lint_forget(); /* once a place and mask */
			mock_set_context(contexts[c]);
			mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
			/* Memory is plentiful: the page is there all the same. */
			struct page *page = alloc_page(masks[m]);
			assert_non_null(page);
			assert_int_equal(mock_last_report()->a, gfp_bits(masks[m]));
			assert_string_equal(mock_last_report()->call, "alloc_pages");
			uintptr_t caller = mock_last_report()->caller;
			assert_true(caller - here < 8192);
			mock_set_context(0);
			__free_page(page);
		}
	}
	/* The lint looks away where it is told to. */
	mock_set_context(QUARRY_CTX_ATOMIC);
	__free_page(alloc_page(GFP_KERNEL | __GFP_NOLOCKDEP));
	mock_set_context(0);
	mock_stop();
}

static void in_interrupt(void *unused)
{
	(void)unused;
	struct page *page = alloc_page(GFP_NOWAIT);
	assert_non_null(page);
	__free_page(page);
	page = alloc_pages(GFP_ATOMIC, 2);
	assert_non_null(page);
	__free_pages(page, 2);
}

static void g024_nowait_and_atomic_in_interrupts(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_hook_reset();
	mock_interrupt(in_interrupt, NULL);
	assert_int_equal(mock_hook_count(MOCK_CALL_OTHERS), 0);
	mock_stop();
}

/* ---- failures ---- */

static void g028_failures_are_told_once_unless_silent(void **state)
{
	(void)state;
	start_reference_zone(false);
	leave_free(zone_of(ZONE_NORMAL), 100);
	assert_null(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	assert_null(alloc_page(GFP_NOWAIT));
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 2);
	assert_null(alloc_page(GFP_KERNEL));
	assert_int_equal(mock_reports(QUARRY_RULE_NO_MEMORY), 1);
	assert_null(alloc_pages(GFP_ATOMIC, 5));
	assert_int_equal(mock_last_report()->a, 5);
	free_held();
	mock_stop();
}

static void g084_any_request_can_be_made_to_fail(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_fail_site(FAULT_PAGE, 1, false);
	assert_null(alloc_page(GFP_KERNEL));
	struct page *page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	/* Never one that must not fail (G104). */
	mock_fail_site(FAULT_PAGE, 1, true);
	assert_null(alloc_page(GFP_KERNEL));
	struct page *sure = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	assert_non_null(sure);
	mock_fail_site(FAULT_PAGE, 0, false);
	__free_page(page);
	__free_page(sure);
	mock_stop();
}

static void h012_orders_that_do_not_exist(void **state)
{
	static const gfp_t masks[] = { GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, GFP_DMA,
				       GFP_HIGHUSER_MOVABLE, GFP_KERNEL | __GFP_NOFAIL };

	(void)state;
	mock_start(NULL);
	struct free_map before = free_map();
	for (unsigned m = 0; m < NR(masks); m++) {
		for (unsigned order = MAX_PAGE_ORDER + 1; order < 256; order++) {
			mock_expect_report(QUARRY_RULE_BAD_ORDER, 1);
			assert_null(alloc_pages(masks[m], order));
		}
		mock_expect_report(QUARRY_RULE_BAD_ORDER, 3);
		assert_null(alloc_pages(masks[m], (unsigned)INT32_MAX));
		assert_null(alloc_pages(masks[m], UINT32_MAX));
		assert_null(alloc_pages_node(0, masks[m], 0x80000000u));
	}
	assert_free_map(&before);
	mock_stop();
}

/* ---- wrong frees ---- */

/* A free that is refused for `rule`, and changes nothing. */
static void refused_free(struct page *page, unsigned order, enum quarry_rule rule)
{
	unsigned long free = nr_free_pages(), parked = nr_parked_pages();

	mock_expect_report(rule, 1);
	__free_pages(page, order);
	assert_int_equal(mock_last_report()->rule, rule);
	assert_ptr_equal(mock_last_report()->subject, page);
	assert_int_equal(nr_free_pages(), free);
	assert_int_equal(nr_parked_pages(), parked);
}

static void h013_free_with_another_order(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		for (unsigned other = 0; other <= MAX_PAGE_ORDER + 1; other++)
			if (other != order)
				refused_free(page, other, QUARRY_RULE_FREE_ORDER);
		assert_int_equal(page_ref_count(page), 1);
		__free_pages(page, order);
	}
	assert_int_equal(mm_check(), 0);
	mock_stop();
}

static void h014_free_of_what_is_no_block(void **state)
{
	const struct quarry_mem_range map[] = {
		{ 16 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		{ 20 * MOCK_MIB + 5 * PAGE_SIZE, PAGE_SIZE, QUARRY_MEM_RESERVED, 0 },
	};

	(void)state;
	mock_start(&(struct mock_config){ .map = map, .nr_map = 2 });
	for (unsigned order = 1; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		for (unsigned bit = 0; bit < order; bit++) {
			refused_free(page + (1ul << bit), 0, QUARRY_RULE_FREE_TAIL);
			refused_free(page + (1ul << bit), order, QUARRY_RULE_FREE_TAIL);
		}
		refused_free(page + (1ul << order) - 1, 0, QUARRY_RULE_FREE_TAIL);
		__free_pages(page, order);
	}
	/* A hole in a block, frames outside of the map, frame 0, one that was never handed out. */
	refused_free(pfn_to_page(20 * 256 + 5), 0, QUARRY_RULE_FREE_RESERVED);
	refused_free(pfn_to_page(15 * 256), 0, QUARRY_RULE_FREE_UNKNOWN);
	refused_free(pfn_to_page(49 * 256), 0, QUARRY_RULE_FREE_UNKNOWN);
	refused_free(pfn_to_page(1ul << 40), 0, QUARRY_RULE_FREE_UNKNOWN);
	refused_free(pfn_to_page(0), 0, QUARRY_RULE_FREE_UNKNOWN);
	refused_free(pfn_to_page(zone_of(ZONE_DMA32)->extent), 0, QUARRY_RULE_FREE_UNKNOWN);
	/* Addresses that are no page's start. */
	unsigned long address = __get_free_pages(GFP_KERNEL, 0);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 3);
	free_pages(address + 8, 0);
	free_pages((unsigned long)&address, 0);
	free_pages(MOCK_VMALLOC, 0);
	/* Pages of other allocators. */
	void *object = kmalloc(64, GFP_KERNEL), *area = vmalloc(PAGE_SIZE);
	void *large = kmalloc(4 * PAGE_SIZE, GFP_KERNEL);
	refused_free(virt_to_page(object), 0, QUARRY_RULE_FREE_KIND);
	refused_free(virt_to_page(large), 2, QUARRY_RULE_FREE_KIND);
	refused_free(vmalloc_to_page(area), 0, QUARRY_RULE_FREE_KIND);
	kfree(object);
	kfree(large);
	vfree(area);
	free_page(address);
	assert_int_equal(mm_check(), 0);
	mock_stop();
}

/* A freed block is free, or parked, or part of a larger one that is. */
static enum quarry_rule twice_or_tail(const struct page *page)
{
	return page_is_inner(page) ? QUARRY_RULE_FREE_TAIL : QUARRY_RULE_FREE_TWICE;
}

/* In all these states a second free is seen; only if another owner got the block it is not. */
static void h015_double_free(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		mock_start(&(struct mock_config){ .cpus = 2 });
		struct page *page = alloc_pages(GFP_KERNEL, order);
		struct page *other = alloc_pages(GFP_KERNEL, order);
		/* At once; parked, where the order is; on another CPU; after other frees. */
		__free_pages(page, order);
		refused_free(page, order, QUARRY_RULE_FREE_TWICE);
		mock_set_cpu(1);
		refused_free(page, order, QUARRY_RULE_FREE_TWICE);
		mock_set_cpu(0);
		__free_pages(other, order);
		refused_free(page, order, twice_or_tail(page));
		refused_free(other, order, twice_or_tail(other));
		/* Merged into a larger block: free, or inside one that is. */
		drain_all_pages();
		refused_free(page, order, twice_or_tail(page));
		refused_free(other, order, twice_or_tail(other));
		assert_int_equal(mm_check(), 0);
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g004_blocks_are_aligned_and_disjoint),
		page_test(g008_addresses_and_pages),
		page_test(g009_zeroed_pages),
		page_test(all_memory_can_be_had_and_given_back),
		page_test(g146_nothing_is_freed_quietly),
		page_test(g011_zone_bits),
		page_test(g017_unknown_bits_are_told_and_ignored),
		page_test(g036_longer_names_are_less_restrictive),
		page_test(g039_only_the_pair_opens_the_movable_zone),
		page_test(h010_the_movable_zone_stays_movable),
		page_test(before_sleeping_works_nothing_reclaims),
		page_test(g023_sleeping_masks_need_a_sleeping_context),
		page_test(g024_nowait_and_atomic_in_interrupts),
		page_test(g028_failures_are_told_once_unless_silent),
		page_test(g084_any_request_can_be_made_to_fail),
		page_test(h012_orders_that_do_not_exist),
		page_test(h013_free_with_another_order),
		page_test(h014_free_of_what_is_no_block),
		page_test(h015_double_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
