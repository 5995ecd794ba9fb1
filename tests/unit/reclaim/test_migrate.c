/* SPDX-License-Identifier: MIT */
/*
 * test_migrate.c: one block moved through its owner, and everything that can come between.
 */
#define MOCK_OWNER_THREADS 0
#include "tests/unit/reclaim/owner.h"

/* ---- a target that allocates ---- */

static struct page *take_new(struct migrate_target *target, const struct page *src, unsigned order)
{
	(void)target;
	(void)src;
	return alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, order);
}
static unsigned long unused;
static void give_new(struct migrate_target *target, struct page *dst)
{
	(void)target;
	assert_int_equal(page_ref_count(dst), 0);
	unused++;
	dst->refcount = 1;
	page_set_kind(dst, QUARRY_PAGE_USED);
	__free_pages(dst, page_order(dst));
}
static struct page *take_none(struct migrate_target *target, const struct page *src, unsigned order)
{
	(void)target;
	(void)src;
	(void)order;
	return NULL;
}
static struct migrate_target somewhere = {take_new, give_new};
static struct migrate_target nowhere = {take_none, give_new};

static enum migrate_result move_slot(unsigned i)
{
	return migrate_block(owner.slot[i].page, &somewhere, MIGRATE_SYNC);
}

static void start(void)
{
	owner_reset();
	unused = 0;
	mock_start(&(struct mock_config){.base = 4 * MOCK_GIB, .bytes = 64 * MOCK_MIB});
}
static void stop(void)
{
	owner_free_all();
	mock_stop();
}

/* Of every order, compound or not: another place, the same contents, the old block free at once. */
static void a_block_moves(void **state)
{
	(void)state;
	start();
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		gfp_t gfp = GFP_HIGHUSER_MOVABLE | (order % 2 ? __GFP_COMP : 0);
		assert_true(owner_take(0, order, gfp));
		struct page *old = owner.slot[0].page;
		unsigned long free = mock_free_pages();
		assert_true(PageMovable(old));
		assert_ptr_equal(page_movable_ops(old), &owner_ops);
		assert_int_equal(move_slot(0), MIGRATE_MOVED);
		struct page *now = owner.slot[0].page;
		assert_ptr_not_equal(now, old);
		assert_int_equal(page_ref_count(now), 1);
		assert_int_equal(PageHead(now), order % 2 && order);
		assert_int_equal(mock_free_pages(), free);
		assert_int_equal(mm_check(), 0);
		owner_check_all();
		owner_free(0);
	}
	assert_int_equal(migrate_stat().success, (2u << MAX_PAGE_ORDER) - 1);
	stop();
}

/* A second reference keeps a page where it is; its owner is not even asked. */
static void a_reference_pins(void **state)
{
	(void)state;
	start();
	owner_take(0, 0, GFP_HIGHUSER_MOVABLE);
	struct page *old = owner.slot[0].page;
	owner_pin(0, true);
	assert_int_equal(move_slot(0), MIGRATE_PINNED);
	assert_int_equal(owner.isolated, 0);
	owner_pin(0, false);
	assert_ptr_equal(owner.slot[0].page, old);
	assert_int_equal(move_slot(0), MIGRATE_MOVED);
	stop();
}

/* The owner refuses, is busy for ever, fails, or there is no room: nothing changes, and it hears
 * of it. */
static void owners_say_no(void **state)
{
	(void)state;
	start();
	owner_take(0, 2, GFP_HIGHUSER_MOVABLE);
	struct page *old = owner.slot[0].page;
	unsigned long free = mock_free_pages();

	owner.refuse = 1;
	assert_int_equal(move_slot(0), MIGRATE_REFUSED);
	assert_int_equal(owner.put_back, 0);
	owner.refuse = 0;
	owner.again = 1;
	assert_int_equal(move_slot(0), MIGRATE_REFUSED);
	assert_true(owner.asked > 1);
	assert_int_equal(owner.put_back, 1);
	owner.again = 0;
	owner.fail = 1;
	unsigned long asked = owner.asked;
	assert_int_equal(move_slot(0), MIGRATE_REFUSED);
	assert_int_equal(owner.asked, asked + 1);
	assert_int_equal(owner.put_back, 2);
	owner.fail = 0;
	assert_int_equal(migrate_block(old, &nowhere, MIGRATE_ASYNC), MIGRATE_NO_ROOM);
	assert_int_equal(unused, 3);
	assert_int_equal(migrate_stat().fail, 4 * 4);
	assert_int_equal(page_ref_count(old), 1);
	assert_ptr_equal(owner.slot[0].page, old);
	assert_int_equal(mock_free_pages(), free);

	/* Again every second time: the next try succeeds. */
	owner.again = 2;
	owner.asked = 1;
	assert_int_equal(move_slot(0), MIGRATE_MOVED);
	stop();
}

/* Ordinary pages, cleared ones, free ones, tails: left alone. */
static void others_are_left_alone(void **state)
{
	(void)state;
	start();
	struct page *block = alloc_pages(GFP_HIGHUSER_MOVABLE, 3);
	assert_int_equal(migrate_block(block, &somewhere, MIGRATE_SYNC), MIGRATE_PINNED);
	assert_null(page_movable_ops(block));
	__SetPageMovable(block, &owner_ops);
	assert_int_equal(migrate_block(block + 1, &somewhere, MIGRATE_SYNC), MIGRATE_PINNED);
	assert_true(PageMovable(block + 1));
	__ClearPageMovable(block);
	assert_false(PageMovable(block));
	assert_int_equal(migrate_block(block, &somewhere, MIGRATE_SYNC), MIGRATE_PINNED);
	/* The owner does not know this page: it answers false, nothing else happens. */
	__SetPageMovable(block, &owner_ops);
	assert_int_equal(migrate_block(block, &somewhere, MIGRATE_SYNC), MIGRATE_REFUSED);
	assert_int_equal(page_ref_count(block), 1);
	__free_pages(block, 3);
	assert_int_equal(migrate_block(block, &somewhere, MIGRATE_SYNC), MIGRATE_PINNED);
	stop();
}

/* A movable block is an ordinary one for its owner: references, free by any call, wrong frees
 * told. */
static void movable_pages_are_freed_as_others(void **state)
{
	(void)state;
	start();
	unsigned long free = mock_free_pages();
	struct page *page = alloc_pages(GFP_HIGHUSER_MOVABLE, 1);
	__SetPageMovable(page, &owner_ops);
	get_page(page);
	put_page(page);
	mock_expect_report(QUARRY_RULE_FREE_ORDER, 1);
	__free_pages(page, 0);
	mock_expect_report(QUARRY_RULE_FREE_TAIL, 1);
	__free_pages(page + 1, 0);
	__free_pages(page, 1);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	__free_pages(page, 1);

	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	__SetPageMovable(page, &owner_ops);
	free_pages_nolock(page, 0);
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	__SetPageMovable(page, &owner_ops);
	free_page((unsigned long)page_address(page));
	struct quarry_page_list list;
	quarry_page_list_init(&list);
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	__SetPageMovable(page, &owner_ops);
	quarry_page_list_add_tail(&list, page);
	assert_int_equal(free_page_list(&list), 1);
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_false(PageMovable(page));
	assert_int_equal(page->flags >> QUARRY_PG_OPS_SHIFT, 0);
	__free_page(page);
	assert_int_equal(mock_free_pages(), free);
	stop();
}

/* Freed by its owner while the mover has it: it goes with the mover's reference. */
static void free_now(unsigned i)
{
	struct page *page = owner.slot[i].page;

	owner.slot[i].page = NULL;
	set_page_private(page, 0);
	__free_pages(page, owner.slot[i].order);
}
static void freed_on_the_way(void **state)
{
	(void)state;
	start();
	unsigned long free = mock_free_pages();
	owner_take(0, 1, GFP_HIGHUSER_MOVABLE);
	owner.during = free_now;
	assert_int_equal(move_slot(0), MIGRATE_MOVED);
	assert_int_equal(owner.migrated, 0);
	assert_int_equal(owner.put_back, 0);
	assert_int_equal(unused, 1);
	assert_int_equal(mock_free_pages(), free);
	owner.during = NULL;
	stop();
}

/* Pinned while the mover has it: it stays. */
static void pin_now(unsigned i)
{
	owner.slot[i].pinned = true;
	get_page(owner.slot[i].page);
}
static void pinned_on_the_way(void **state)
{
	(void)state;
	start();
	owner_take(0, 0, GFP_HIGHUSER_MOVABLE);
	owner.during = pin_now;
	assert_int_equal(move_slot(0), MIGRATE_REFUSED);
	assert_int_equal(owner.put_back, 1);
	assert_int_equal(owner.migrated, 0);
	assert_int_equal(page_ref_count(owner.slot[0].page), 2);
	stop();
}

/* Wrong pages, missing functions, and one owner too many are told. */
static void bad_declarations(void **state)
{
	static struct movable_operations many[QUARRY_MOVABLE_OWNERS + 1];
	struct movable_operations half = {.isolate_page = owner_isolate};
	(void)state;
	start();
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 6);
	__SetPageMovable(page, NULL);
	__SetPageMovable(page, &half);
	__SetPageMovable(page + 1, &owner_ops);
	__SetPageMovable((struct page *)(void *)((char *)page + 1), &owner_ops);
	__ClearPageMovable(page + 1);
	assert_false(PageMovable(page));
	for (unsigned i = 0; i < QUARRY_MOVABLE_OWNERS; i++) {
		many[i] = owner_ops;
		__SetPageMovable(page, &many[i]);
		assert_ptr_equal(page_movable_ops(page), &many[i]);
	}
	__ClearPageMovable(page);
	many[QUARRY_MOVABLE_OWNERS] = owner_ops;
	__SetPageMovable(page, &many[QUARRY_MOVABLE_OWNERS]);
	assert_false(PageMovable(page));
	__SetPageMovable(page, &many[3]);
	assert_ptr_equal(page_movable_ops(page), &many[3]);
	__free_pages(page, 1);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(a_block_moves),
		page_test(a_reference_pins),
		page_test(owners_say_no),
		page_test(others_are_left_alone),
		page_test(movable_pages_are_freed_as_others),
		page_test(freed_on_the_way),
		page_test(pinned_on_the_way),
		page_test(bad_declarations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
