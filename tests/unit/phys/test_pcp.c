/* SPDX-License-Identifier: MIT */
/*
 * test_pcp.c: pages parked on CPUs: where they go, how they come back, and interrupts at every
 * point of the fast paths.
 */
#include "page_test.h"

static unsigned long parked_on(unsigned cpu)
{
	unsigned long pages = 0;

	for_every_populated_zone(zone)
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++)
			for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
				pages += (unsigned long)stock_held(stock_of_zone(
						 &page_cpus[cpu], zone, type, order))
					 << order;
	return pages;
}

/* ---- parking ---- */

static void freed_pages_stay_on_the_cpu(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 3 });
	struct page *page = alloc_page(GFP_KERNEL);
	drain_all_pages();
	assert_int_equal(nr_parked_pages(), 0);
	mock_set_cpu(2);
	__free_page(page);
	assert_int_equal(nr_parked_pages(), 1);
	assert_int_equal(parked_on(2), 1);
	/* The warm page comes back first, on that CPU alone. */
	mock_set_cpu(1);
	struct page *other = alloc_page(GFP_KERNEL);
	assert_ptr_not_equal(other, page);
	mock_set_cpu(2);
	assert_ptr_equal(alloc_page(GFP_KERNEL), page);
	__free_page(page);
	__free_page(other);
	drain_local_pages();
	assert_int_equal(parked_on(2), 0);
	mock_set_cpu(0);
	mock_stop();
}

static void a_stock_never_holds_more_than_its_capacity(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 2 });
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		for (unsigned i = 0; i < 4; i++)
			hold_all(GFP_NOWAIT, order);
		free_held();
		for_every_populated_zone(zone) {
			for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
				const struct page_stock *stock =
					stock_of_zone(&page_cpus[0], zone, type, order);
				assert_true(stock_held(stock) <= stock->cap);
			}
		}
		assert_int_equal(mm_check(), 0);
	}
	/* All stocks of all CPUs together hold a small share of memory. */
	assert_true(nr_parked_pages() < totalram_pages() / 8);
	mock_stop();
}

/* A busy stock grows and shrinks; one that is used now and then stays small. */
static void a_stock_holds_what_is_asked_for(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_page(GFP_KERNEL);
	const struct zone *zone = head_zone(page);
	const struct page_stock *busy = stock_of_zone(&page_cpus[0], zone, MIGRATE_UNMOVABLE, 0);
	const struct page_stock *idle = stock_of_zone(&page_cpus[0], zone, MIGRATE_UNMOVABLE, 2);
	unsigned most = zone->park_max[0], n = 3 * most;
	struct page **pages = calloc(n, sizeof(struct page *));

	__free_page(page);
	drain_all_pages();
	assert_true(zone->park_max[2] >= 32);
	assert_int_equal(busy->cap, 1);
	for (unsigned i = 0; i < n; i++) {
		assert_non_null(pages[i] = alloc_page(GFP_KERNEL));
		if (i % 50 == 49) {
			struct page *first = alloc_pages(GFP_KERNEL, 2);
			__free_pages(alloc_pages(GFP_KERNEL, 2), 2);
			__free_pages(first, 2);
			assert_true(idle->cap <= 8);
		}
	}
	assert_int_equal(busy->cap, most);
	for (unsigned i = 0; i < n; i++)
		__free_page(pages[i]);
	assert_true(busy->cap < most && stock_held(busy) <= busy->cap);
	free(pages);
	mock_stop();
}

static void parking_can_be_turned_off_or_limited(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .extra = { .no_parking = true } });
	__free_page(alloc_page(GFP_KERNEL));
	__free_pages(alloc_pages(GFP_KERNEL, 3), 3);
	assert_int_equal(nr_parked_pages(), 0);
	mock_stop();
	mock_start(&(struct mock_config){ .extra = { .parking_limit = 9 } });
	for_every_populated_zone(zone) {
		for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
			const struct page_stock *stock = stock_of_zone(
				&page_cpus[0], zone, i / NR_PAGE_ORDERS, i % NR_PAGE_ORDERS);
			assert_true(stock->cap <= 9);
		}
	}
	mock_stop();
}

/* Struct pages, map and the CPUs' tables: at most 0.90 % of memory, however many share it. */
static void metadata_stays_small(void **state)
{
	(void)state;
	for (unsigned mib = 64; mib <= 512; mib *= 2) {
		for (unsigned cpus = 1; cpus <= 16; cpus *= 2) {
			unsigned long present = 0, ours = 0, tables = 0;
			mock_start(&(struct mock_config){
				.bytes = mib * MOCK_MIB, .cpus = cpus, .no_vmalloc = true });
			for_every_populated_zone(zone) {
				present += zone_present(zone);
				ours += zone_present(zone) - zone_managed(zone);
			}
			for (unsigned cpu = 0; cpu < cpus; cpu++)
				tables += pcp_cpu_pages(cpu);
			assert_true((ours + tables) * 10000 / present <= 90);
			assert_true(tables || (mib == 64 && cpus >= 8));
			mock_stop();
		}
	}
}

static void fast_paths_take_no_lock(void **state)
{
	(void)state;
	mock_start(NULL);
	__free_page(alloc_page(GFP_KERNEL));
	unsigned long locked = zone_of(ZONE_DMA)->lock_count + zone_of(ZONE_DMA32)->lock_count;
	mock_hook_reset();
	for (unsigned i = 0; i < 100; i++)
		__free_page(alloc_page(GFP_KERNEL));
	assert_int_equal(mock_hook_count(MOCK_IRQ_SAVE), 0);
	assert_int_equal(mock_hook_count(MOCK_CALL_OTHERS), 0);
	assert_int_equal(mock_hook_count(MOCK_PIN), 200);
	assert_int_equal(zone_of(ZONE_DMA)->lock_count + zone_of(ZONE_DMA32)->lock_count, locked);
	mock_stop();
}

/* ---- coming back ---- */

/* The last block of the machine is parked on another CPU. */
static void h039_the_last_page_is_found(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 4, .no_vmalloc = true });
	for (unsigned cpu = 1; cpu < 4; cpu++) {
		for (unsigned order = 0; order <= 3; order++) {
			struct page *last = alloc_pages(GFP_KERNEL, order);
			drain_all_pages();
			hold_all(ATOMIC_ALL, 0);
			assert_int_equal(nr_free_pages() + nr_parked_pages(), 0);
			mock_set_cpu(cpu);
			__free_pages(last, order);
			assert_int_equal(parked_on(cpu), 1ul << order);
			mock_set_cpu(0);
			/* A request that cannot wait has to do without; one that can gets it. */
			assert_null(alloc_pages(ATOMIC_ALL, order));
			struct page *page = alloc_pages(GFP_KERNEL | __GFP_MEMALLOC, order);
			assert_ptr_equal(page, last);
			__free_pages(page, order);
			free_held();
		}
	}
	mock_stop();
}

/* The own stocks of other orders are no hiding place, even for a request that cannot wait. */
static void pages_of_other_orders_are_found(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .no_vmalloc = true });
	struct page *pair = alloc_pages(GFP_KERNEL, 1);
	hold_all(ATOMIC_ALL, 0);
	assert_int_equal(nr_free_pages() + nr_parked_pages(), 0);
	__free_pages(pair, 1);
	assert_int_equal(nr_parked_pages(), 2);
	struct page *one = alloc_page(ATOMIC_ALL), *two = alloc_page(ATOMIC_ALL);
	assert_non_null(one);
	assert_non_null(two);
	/* And back: single parked pages merge to a pair. */
	__free_page(one);
	__free_page(two);
	pair = alloc_pages(ATOMIC_ALL, 1);
	assert_non_null(pair);
	__free_pages(pair, 1);
	free_held();
	mock_stop();
}

static void an_offline_cpu_gives_its_pages_back(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 3 });
	unsigned long free = mock_free_pages();
	for (unsigned round = 0; round < 3; round++) {
		mock_set_cpu(2);
		for (unsigned order = 0; order < 4; order++)
			__free_pages(alloc_pages(GFP_KERNEL, order), order);
		assert_int_not_equal(parked_on(2), 0);
		mock_set_cpu(0);
		mock_cpu_stop(2);
		assert_int_equal(quarry_cpu_offline(2), 0);
		/* Its arrays, too: objects of its stocks may go as well. */
		assert_true(nr_free_pages() + nr_parked_pages() > free);
		assert_int_equal(mm_check(), 0);
		mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
		assert_int_equal(quarry_cpu_offline(2), -QUARRY_EINVAL);
		mock_cpu_start(2);
		mock_set_cpu(2);
		assert_int_equal(quarry_cpu_online(), 0);
		mock_set_cpu(0);
		assert_int_equal(mock_free_pages(), free);
	}
	mock_stop();
}

/* ---- interrupts at every point ---- */

struct visit {
	unsigned order;
	bool ran;
	struct page *kept[2];
};

/* Take and give on the stocks that the interrupted code works on, and keep something. */
static void visitor(void *arg)
{
	struct visit *visit = arg;
	struct page *page = alloc_pages(GFP_ATOMIC, visit->order);

	visit->ran = true;
	assert_non_null(page);
	visit->kept[0] = alloc_pages(GFP_ATOMIC, visit->order);
	assert_non_null(visit->kept[0]);
	assert_ptr_not_equal(page, visit->kept[0]);
	__free_pages(page, visit->order);
}

static void draining_visitor(void *arg)
{
	struct visit *visit = arg;

	visitor(visit);
	drain_local_pages();
}

static void one_visit(unsigned order, unsigned point, void (*fn)(void *arg), bool *ran)
{
	struct visit visit = { order, false, { NULL, NULL } };
	struct page *mine[3];

	mock_interrupt_at(point, fn, &visit);
	mine[0] = alloc_pages(GFP_KERNEL, order);
	mine[1] = alloc_pages(GFP_KERNEL, order);
	__free_pages(mine[0], order);
	mine[2] = alloc_pages(GFP_KERNEL, order);
	drain_local_pages();
	__free_pages(mine[1], order);
	*ran = visit.ran;
	mock_interrupt_at(0, NULL, NULL);
	assert_ptr_not_equal(mine[1], mine[2]);
	if (visit.ran) {
		assert_ptr_not_equal(visit.kept[0], mine[2]);
		__free_pages(visit.kept[0], order);
	}
	__free_pages(mine[2], order);
	assert_int_equal(mm_check(), 0);
}

static void h030_interrupts_between_any_two_hooks(void **state)
{
	static void (*const visitors[])(void *arg) = { visitor, draining_visitor };
	static const unsigned orders[] = { 0, 2, 5, 9 };
	unsigned long visits = 0;

	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		for (unsigned i = 0; i < 4; i++) {
			bool ran = true;
			mock_start(&(struct mock_config){ .cpus = 2, .no_vmalloc = true });
			for (unsigned point = 1; ran; point++) {
				one_visit(orders[i], point, visitors[v], &ran);
				visits += ran;
				if (point % 3 == 0) /* with empty stocks, too */
					drain_all_pages();
			}
			mock_stop();
		}
	}
	assert_true(visits > 200);
}

/* The task is on another CPU after every pin. */
static void h031_the_task_moves(void **state)
{
	uint64_t random = 5;

	(void)state;
	mock_start(&(struct mock_config){ .cpus = 4, .migrate = true });
	for (unsigned step = 0; step < 4000; step++) {
		uint64_t r = mock_random(&random);
		unsigned order = (unsigned)(r >> 8) % 5;
		if (hold.nr < 100 && r & 1) {
			struct page *page = alloc_pages(GFP_KERNEL, order);
			memset(page_address(page), (int)order, PAGE_SIZE << order);
			hold_block(page, order);
		} else if (hold.nr) {
			unsigned long i = (r >> 16) % hold.nr;
			assert_int_equal(*(char *)page_address(hold.block[i].page),
					 hold.block[i].order);
			__free_pages(hold.block[i].page, hold.block[i].order);
			hold.block[i] = hold.block[--hold.nr];
		}
		if (step % 500 == 0)
			assert_int_equal(mm_check(), 0);
	}
	free_held();
	mock_stop();
}

/* ---- CPUs at once ---- */

static void mixed_work(void *arg, unsigned cpu)
{
	struct page *slot[32] = { NULL };
	unsigned orders[32];
	uint64_t random = cpu + 1;

	(void)arg;
	for (unsigned step = 0; step < 3000; step++) {
		uint64_t r = mock_random(&random);
		unsigned i = r % 32;
		if (slot[i]) {
			unsigned long *word = page_address(slot[i]);
			if (word[0] != (uintptr_t)slot[i] + cpu)
				mock_fail("a page of CPU %u was written to", cpu);
			__free_pages(slot[i], orders[i]);
			slot[i] = NULL;
		} else {
			orders[i] = (unsigned)(r >> 8) % 4;
			slot[i] = alloc_pages(r >> 16 & 1 ? GFP_KERNEL : GFP_NOWAIT, orders[i]);
			if (slot[i])
				*(unsigned long *)page_address(slot[i]) = (uintptr_t)slot[i] + cpu;
		}
		if (step % 512 == 0)
			drain_all_pages();
	}
	for (unsigned i = 0; i < 32; i++)
		__free_pages(slot[i], slot[i] ? orders[i] : 0);
}

static void h032_drains_and_owners_at_once(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 4, .no_vmalloc = true });
	mock_run_cpus(4, mixed_work, NULL);
	assert_int_equal(mm_check(), 0);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(freed_pages_stay_on_the_cpu),
		page_test(a_stock_never_holds_more_than_its_capacity),
		page_test(a_stock_holds_what_is_asked_for),
		page_test(parking_can_be_turned_off_or_limited),
		page_test(metadata_stays_small),
		page_test(fast_paths_take_no_lock),
		page_test(h039_the_last_page_is_found),
		page_test(pages_of_other_orders_are_found),
		page_test(an_offline_cpu_gives_its_pages_back),
		page_test(h030_interrupts_between_any_two_hooks),
		page_test(h031_the_task_moves),
		page_test(h032_drains_and_owners_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
