/* SPDX-License-Identifier: MIT */
/* test_scope.c: what scopes take away, for whom, and until when. */
#include "tests/unit/phys/page_test.h"

#include <quarry/cleanup.h>

#include "mm/gfp/context.h"

#define IO_FS (__GFP_IO | __GFP_FS)

static gfp_t effective(gfp_t gfp)
{
	return current_gfp_context(gfp);
}

/* G47, G48, G50: nofs takes FS, noio takes both, both together take both. */
static void g047_g048_g050_scopes_take_bits(void **state)
{
	(void)state;
	mock_start(NULL);
	assert_int_equal(effective(GFP_KERNEL), GFP_KERNEL);
	unsigned fs = memalloc_nofs_save();
	assert_int_equal(effective(GFP_KERNEL), GFP_NOFS);
	assert_int_equal(effective(GFP_ATOMIC), GFP_ATOMIC);
	unsigned io = memalloc_noio_save();
	assert_int_equal(effective(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(io);
	memalloc_nofs_restore(fs);
	assert_int_equal(effective(GFP_KERNEL), GFP_KERNEL);
	mock_stop();
}

typedef unsigned (*save_fn)(void);

/* G49: two scopes, the four kinds of each, ended in both orders; restoring one never ends the
 * other. */
static void g049_scopes_nest(void **state)
{
	static const save_fn save[] = {memalloc_nofs_save, memalloc_noio_save,
				       memalloc_noreclaim_save, memalloc_pin_save};
	static const unsigned bit[] = {PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, PF_MEMALLOC,
				       PF_MEMALLOC_PIN};
	(void)state;
	mock_start(NULL);
	for (unsigned a = 0; a < 4; a++) {
		for (unsigned b = 0; b < 4; b++) {
			for (unsigned crossed = 0; crossed < 2; crossed++) {
				unsigned first = save[a](), second = save[b]();
				assert_int_equal(scope_word() & SCOPE_BITS, bit[a] | bit[b]);
				if (crossed && a != b) {
					memalloc_flags_restore(first);
					assert_int_equal(scope_word() & SCOPE_BITS, bit[b]);
					memalloc_flags_restore(second);
				} else {
					memalloc_flags_restore(second);
					assert_int_equal(scope_word() & SCOPE_BITS, bit[a]);
					memalloc_flags_restore(first);
				}
				assert_int_equal(scope_word(), 0);
			}
		}
	}
	mock_stop();
}

static void all_at_once(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned noio = memalloc_noio_save();
	unsigned many = memalloc_flags_save(PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO);
	assert_int_equal(many, PF_MEMALLOC_NOFS); /* the other was open */
	memalloc_flags_restore(many);
	assert_int_equal(effective(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(noio);
	mock_stop();
}

static void scope_in_interrupt(void *arg)
{
	unsigned scope = memalloc_noio_save();

	*(gfp_t *)arg = effective(GFP_KERNEL);
	memalloc_noio_restore(scope);
}

/* G51: another task sees nothing of it; an interrupt that opens and ends one changes nothing. */
static void g051_scopes_belong_to_a_task(void **state)
{
	gfp_t inside = 0;
	(void)state;
	mock_start(NULL);
	unsigned scope = memalloc_nofs_save();
	mock_set_task(1);
	assert_int_equal(effective(GFP_KERNEL), GFP_KERNEL);
	mock_set_task(0);
	mock_interrupt(scope_in_interrupt, &inside);
	assert_int_equal(inside, GFP_NOIO);
	assert_int_equal(effective(GFP_KERNEL), GFP_NOFS);
	memalloc_nofs_restore(scope);
	mock_stop();
}

/* An interrupt at every point of a save and a restore: nothing of either is lost. */
static void interrupted_scopes(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned n = 1; n < 12; n++) {
		gfp_t inside = 0;
		mock_interrupt_at(n, scope_in_interrupt, &inside);
		unsigned scope = memalloc_nofs_save();
		assert_int_equal(effective(GFP_KERNEL), GFP_NOFS);
		memalloc_nofs_restore(scope);
		while (!inside)
			effective(GFP_KERNEL);
		assert_int_equal(scope_word(), 0);
	}
	mock_stop();
}

/* G54: the report names the place that opened the scope. */
static void g054_scope_leak_at_task_exit(void **state)
{
	const uintptr_t here = (uintptr_t)g054_scope_leak_at_task_exit;
	(void)state;
	mock_start(NULL);
	quarry_task_exit(); /* nothing open: nothing to say */
	unsigned scope = memalloc_nofs_save();
	assert_int_equal(scope, PF_MEMALLOC_NOFS);
	mock_expect_report(QUARRY_RULE_SCOPE_LEAK, 1);
	quarry_task_exit();
	assert_true(mock_last_report()->caller - here < 4096);
	assert_int_equal(mock_last_report()->a, PF_MEMALLOC_NOFS);
	assert_int_equal(scope_word(), 0);
	fs_reclaim_acquire(GFP_KERNEL);
	mock_expect_report(QUARRY_RULE_SCOPE_LEAK, 1);
	quarry_task_exit();
	mock_stop();
}

static void ending_what_is_not_open(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_SCOPE, 3);
	memalloc_nofs_restore(PF_MEMALLOC_NOFS);
	fs_reclaim_release(GFP_KERNEL);
	pm_restore_gfp_mask();
	assert_int_equal(scope_word(), 0);
	memalloc_nofs_restore(0); /* an inner scope's restore */
	mock_stop();
}

/* G43: inside the pin scope the mask for movable user pages gets a page outside ZONE_MOVABLE, in an
 * unmovable pageblock; singly, in bulk, and when the CPU parks movable pages. */
static void g043_pin_scope(void **state)
{
	struct page *pages[8] = {0};
	(void)state;
	mock_start(&(struct mock_config){.map = four_zones_map,
					 .nr_map = 2,
					 .extra = {.movable_bytes = 32 * MOCK_MIB}});
	struct page *free = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_int_equal(page_zonenum(free), ZONE_MOVABLE);
	__free_page(free); /* parked now */
	unsigned scope = memalloc_pin_save();
	for (unsigned order = 0; order < 4; order++) {
		struct page *page = alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_ZERO, order);
		assert_int_equal(page_zonenum(page), ZONE_NORMAL);
		assert_int_equal(page_mobility(page), MIGRATE_UNMOVABLE);
		__free_pages(page, order);
	}
	struct page *page = alloc_pages_node(0, GFP_HIGHUSER_MOVABLE, 0);
	assert_int_equal(page_zonenum(page), ZONE_NORMAL);
	__free_page(page);
	assert_int_equal(alloc_pages_bulk(GFP_HIGHUSER_MOVABLE, 8, pages), 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(page_zonenum(pages[i]), ZONE_NORMAL);
	free_pages_bulk(8, pages);
	memalloc_pin_restore(scope);
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_int_equal(page_zonenum(page), ZONE_MOVABLE);
	__free_page(page);
	mock_stop();
}

/* Stages: before sleeping works no reclaim bit counts; a suspended machine starts no IO. */
static void stages_restrict_every_mask(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.no_sleep = true});
	assert_false(gfp_has(gfp_allowed_mask, __GFP_RECLAIM | __GFP_IO | __GFP_FS));
	pm_restrict_gfp_mask();
	quarry_sleeping_works();
	assert_false(gfp_has(gfp_allowed_mask, __GFP_IO | __GFP_FS));
	assert_true(gfp_has(gfp_allowed_mask, __GFP_DIRECT_RECLAIM));
	pm_restrict_gfp_mask();
	pm_restore_gfp_mask();
	assert_false(gfp_has(gfp_allowed_mask, __GFP_IO | __GFP_FS));
	pm_restore_gfp_mask();
	assert_int_equal(gfp_allowed_mask, __GFP_BITS_MASK);
	mock_stop();
}

struct door {
	unsigned locked, times;
};
DEFINE_GUARD(door, struct door *, _T->locked++, (_T->locked--, _T->times++))

static unsigned leave_early(struct door *door, bool early)
{
	guard(door)(door);
	guard(memalloc_nofs)();
	assert_int_equal(effective(GFP_KERNEL), GFP_NOFS);
	if (early)
		return door->locked;
	return door->locked + 10;
}

/* A guard ends with its block, whichever way that is left; a scoped one with its statement. */
static void api23_guards_end_with_the_block(void **state)
{
	(void)state;
	mock_start(NULL);
	struct door door = {0, 0};

	assert_int_equal(leave_early(&door, true), 1);
	assert_int_equal(leave_early(&door, false), 11);
	assert_int_equal(door.locked, 0);
	assert_int_equal(door.times, 2);
	assert_int_equal(scope_word(), 0);
	for (unsigned i = 0; i < 3; i++) {
		unsigned inside = 0;
		scoped_guard (door, &door) {
			scoped_guard (memalloc_noio) {
				assert_int_equal(effective(GFP_KERNEL), GFP_NOIO);
				inside = door.locked;
				if (i == 1)
					break;
			}
			assert_int_equal(scope_word(), 0);
			inside++;
		}
		assert_int_equal(inside, 2);
		assert_int_equal(door.locked, 0);
		assert_int_equal(door.times, 3 + i);
	}
	scoped_guard (memalloc_noreclaim)
		scoped_guard (memalloc_pin)
			assert_int_equal(scope_word() & SCOPE_BITS, PF_MEMALLOC | PF_MEMALLOC_PIN);
	assert_int_equal(scope_word(), 0);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g047_g048_g050_scopes_take_bits),
		cmocka_unit_test(g049_scopes_nest),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(g051_scopes_belong_to_a_task),
		cmocka_unit_test(interrupted_scopes),
		cmocka_unit_test(g054_scope_leak_at_task_exit),
		cmocka_unit_test(ending_what_is_not_open),
		cmocka_unit_test(g043_pin_scope),
		cmocka_unit_test(stages_restrict_every_mask),
		cmocka_unit_test(api23_guards_end_with_the_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
