/* SPDX-License-Identifier: MIT */
/* test_page_nolock.c: pages for any context. */
#define _GNU_SOURCE
#include "mm/base/fault.h"
#include "mm/phys/deferred.h"
#include "tests/unit/nmi.h"
#include "tests/unit/phys/page_test.h"

/* ---- what is interrupted, and what interrupts ---- */

static unsigned op_order, nmi_order;
static unsigned long nmi_got, nmi_tried;

static void op_pair(void)
{
	struct page *page = alloc_pages(GFP_ATOMIC, op_order);

	if (page)
		__free_pages(page, op_order);
}
static void op_drain(void)
{
	op_pair();
	drain_local_pages();
}

static void assert_zeroed(const struct page *page, unsigned order)
{
	const unsigned long *word = page_address(page);

	for (size_t i = 0; i < (PAGE_SIZE << order) / sizeof(*word); i += 64)
		if (word[i])
			mock_fail("page %p is not zeroed", (const void *)page);
}

static void nmi_pair(void)
{
	struct page *page = alloc_pages_nolock(NUMA_NO_NODE, nmi_order);

	nmi_tried++;
	if (!page)
		return;
	nmi_got++;
	if (nmi_order < 4)
		assert_zeroed(page, nmi_order);
	*(unsigned long *)page_address(page) = 1;
	free_pages_nolock(page, nmi_order);
}

#ifdef HAVE_STEPS
/* Takes now and gives back at a later interrupt. */
static struct page *kept[8];
static void nmi_shift(void)
{
	unsigned i = (unsigned)(nmi_tried++ % 8);

	if (kept[i])
		free_pages_nolock(kept[i], nmi_order);
	kept[i] = alloc_pages_nolock(NUMA_NO_NODE, nmi_order);
	nmi_got += kept[i] != NULL;
}
static void give_kept(void)
{
	for (unsigned i = 0; i < 8; i++)
		free_pages_nolock(kept[i], nmi_order);
	memset(kept, 0, sizeof(kept));
}
#endif

/* ---- tests ---- */

/* Every order, as an ordinary pair of calls; and what it may use: stocks, then zones above min. */
static void plain_use(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.dirty_memory = true});
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages_nolock(NUMA_NO_NODE, order);
		assert_non_null(page);
		assert_int_equal(page_ref_count(page), 1);
		assert_int_equal(page_order(page), order);
		assert_zeroed(page, order);
		free_pages_nolock(page, order);
	}
	struct page *page = alloc_pages_nolock(0, 2);
	get_page(page);
	free_pages_nolock(page, 2);
	assert_int_equal(page_ref_count(page), 1);
	__free_pages(page, 2); /* either way out for either way in */
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	free_pages_nolock(page, 0);
	free_pages_nolock(NULL, 0);
	mock_fail_site(FAULT_PAGE, 1, false);
	assert_null(alloc_pages_nolock(0, 0));
	mock_stop();
}

/* The minimum mark is respected: page-exact where nothing is parked. */
static void stops_at_the_minimum(void **state)
{
	(void)state;
	start_reference_zone(false);
	while (true) {
		struct page *page = alloc_pages_nolock(NUMA_NO_NODE, 0);
		if (!page)
			break;
		hold_block(page, 0);
	}
	assert_int_equal(zone_free(zone_of(ZONE_NORMAL)), zone_of(ZONE_NORMAL)->mark[MARK_MIN]);
	while (hold.nr)
		free_pages_nolock(hold.block[--hold.nr].page, 0);
	mock_stop();
}

/* The zone's lock is held: nothing to be had but from the stock; nothing that is given back is
 * lost. */
static void zone_lock_is_held(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.base = 4 * MOCK_GIB, .extra = {.no_parking = true}});
	struct zone *zone = zone_of(ZONE_NORMAL);
	struct page *page[4];
	unsigned long before = nr_free_pages();

	for (unsigned i = 0; i < 4; i++)
		page[i] = alloc_pages(GFP_KERNEL, i);
	unsigned long irq = zone_lock(zone);
	assert_null(alloc_pages_nolock(NUMA_NO_NODE, 0));
	for (unsigned i = 0; i < 4; i++)
		free_pages_nolock(page[i], i);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 2);
	free_pages_nolock(page[0], 0);
	free_pages_nolock(page[3], 3);
	zone_unlock(zone, irq);
	assert_int_equal(nr_parked_pages(), 15);
	assert_int_equal(nr_free_pages(), before - 15);
	assert_int_equal(mm_check(), 0);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	__free_pages(page[2], 2);

	/* The next request brings them home. */
	page[0] = alloc_pages(GFP_KERNEL, 0);
	assert_int_equal(nr_parked_pages(), 0);
	assert_int_equal(nr_free_pages(), before - 1);
	__free_page(page[0]);
	assert_int_equal(nr_free_pages(), before);

	/* So does a drain, and so does another call of the kind. */
	for (unsigned way = 0; way < 3; way++) {
		page[0] = alloc_pages(GFP_KERNEL, 5);
		page[1] = alloc_pages(GFP_KERNEL, 0);
		irq = zone_lock(zone);
		free_pages_nolock(page[0], 5);
		zone_unlock(zone, irq);
		assert_int_equal(nr_parked_pages(), 32);
		if (way == 0)
			drain_local_pages();
		free_pages_nolock(page[1], 0);
		if (way == 2)
			free_pages_nolock(alloc_pages_nolock(NUMA_NO_NODE, 0), 0);
		assert_int_equal(nr_parked_pages(), 0);
		assert_int_equal(nr_free_pages(), before);
	}
	mock_stop();
}

/* Memory is exhausted but for deferred pages: a request that cannot wait finds them. */
static void deferred_pages_are_found(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 8 * MOCK_MIB, .no_vmalloc = true});
	struct zone *zone = zone_of(ZONE_DMA);
	hold_all(ATOMIC_ALL, 0);
	struct page *page = hold.block[--hold.nr].page;
	unsigned long irq = zone_lock(zone);
	struct page_stock *stock = stock_of_zone(&page_cpus[0], zone, page_mobility(page), 0);
	stock->busy = 1;
	free_pages_nolock(page, 0);
	stock->busy = 0;
	zone_unlock(zone, irq);
	assert_int_equal(zone->deferred_pages, 1);
	page = alloc_pages(ATOMIC_ALL, 0);
	assert_non_null(page);
	assert_int_equal(zone->deferred_pages, 0);
	hold_block(page, 0);
	free_held();
	mock_stop();
}

/* Each wrong free that __free_pages knows, with the same rule, and in NMI too. */
static struct page *bad_page;
static unsigned bad_order;
static void nmi_bad_free(void)
{
	free_pages_nolock(bad_page, bad_order);
}
static void expect_bad(enum quarry_rule rule, struct page *page, unsigned order)
{
	bad_page = page;
	bad_order = order;
	mock_expect_report(rule, 2);
	nmi_bad_free();
	in_nmi(nmi_bad_free);
	assert_string_equal(mock_last_report()->call, "free_pages_nolock");
	assert_ptr_equal(mock_last_report()->subject, page);
	assert_int_equal(mm_check(), 0);
}

/* Pages that are parked are handed out; a zone's lock is not waited for. */
static void nmi_plain_request(void)
{
	bad_page = alloc_pages_node(0, GFP_ATOMIC, 0);
}
static void a_plain_request_in_an_nmi(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	in_nmi(nmi_plain_request);
	assert_null(bad_page);
	assert_string_equal(mock_last_report()->call, "alloc_pages_node");
	mock_stop();
}

static void bad_calls(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	void *object = kmalloc(64, GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_BAD_ORDER, 2);
	assert_null(alloc_pages_nolock(0, MAX_PAGE_ORDER + 1));
	assert_null(alloc_pages_nolock(0, ~0u));
	expect_bad(QUARRY_RULE_FREE_ORDER, page, 2);
	expect_bad(QUARRY_RULE_FREE_ORDER, page, ~0u);
	expect_bad(QUARRY_RULE_FREE_TAIL, page + 1, 0);
	expect_bad(QUARRY_RULE_FREE_KIND, virt_to_page(object), 0);
	expect_bad(QUARRY_RULE_FREE_UNKNOWN, pfn_to_page(1ul << 30), 0);
	expect_bad(QUARRY_RULE_FREE_UNKNOWN, (struct page *)((char *)page + 4), 0);
	expect_bad(QUARRY_RULE_FREE_RESERVED, pfn_to_page(0), 0);
	free_pages_nolock(page, 3);
	expect_bad(QUARRY_RULE_FREE_TWICE, page, 3);
	kfree(object);
	mock_stop();
}

/* An interrupt at every hook call of a pair, with the two kinds of use. */
static void at_every_hook(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long before = mock_free_pages();
	for (unsigned parked = 0; parked < 2; parked++) {
		for (op_order = 0; op_order <= MAX_PAGE_ORDER; op_order++) {
			for (nmi_order = 0; nmi_order <= 1; nmi_order++) {
				for (unsigned n = 1; n < 40; n++) {
					if (!parked)
						drain_local_pages();
					mock_interrupt_at(n, (void (*)(void *))(uintptr_t)nmi_pair,
							  NULL);
					(n % 4 ? op_pair : op_drain)();
					mock_interrupt_at(0, NULL, NULL);
				}
			}
		}
	}
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

#ifdef HAVE_STEPS
/* `op` with an interrupt at each of its instructions, or at each `every`-th one. */
static void step_through(void (*op)(void), void (*fn)(void), unsigned long every)
{
	nmi_got = nmi_tried = 0;
	interrupted_at(1, every, op, fn);
	assert_true(nmi_tried > 20);
	assert_true(nmi_got > 0);
	assert_int_equal(mm_check(), 0);
}

/* Pairs from and to a stock, refilling and draining one; interrupts that leave things as they were
 * and others. */
static void at_every_instruction(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 16 * MOCK_MIB});
	unsigned long before = mock_free_pages();
	for (op_order = 0; op_order < 2; op_order++) {
		nmi_order = op_order;
		op_pair();
		step_through(op_pair, nmi_pair, 1);
		step_through(op_pair, nmi_shift, 1);
		give_kept();
	}
	op_order = nmi_order = 0;
	drain_local_pages();
	step_through(op_pair, nmi_pair, 3);
	/* One interrupt alone, late and early. */
	unsigned long steps = trap.steps;
	for (unsigned long i = 1; i < 5; i++) {
		drain_local_pages();
		interrupted_at(steps * i / 50, 0, op_pair, nmi_shift);
	}
	give_kept();
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* Without stocks every operation takes the lock. */
static void at_every_instruction_of_the_zone(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 16 * MOCK_MIB, .extra = {.no_parking = true}});
	unsigned long before = mock_free_pages();
	struct page *neighbour = alloc_page(GFP_ATOMIC); /* keeps small blocks apart */
	for (op_order = 0; op_order < 2; op_order++) {
		nmi_order = op_order;
		step_through(op_pair, nmi_pair, 1);
		step_through(op_pair, nmi_shift, 3);
		give_kept();
	}
	__free_page(neighbour);
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(plain_use),
		page_test(stops_at_the_minimum),
		page_test(zone_lock_is_held),
		page_test(deferred_pages_are_found),
		page_test(a_plain_request_in_an_nmi),
		page_test(bad_calls),
		page_test(at_every_hook),
#ifdef HAVE_STEPS
		page_test(at_every_instruction),
		page_test(at_every_instruction_of_the_zone),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
