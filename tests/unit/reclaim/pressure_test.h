/* SPDX-License-Identifier: MIT */
/*
 * pressure_test.h: the reference zone at a given number of free pages, with an OS that holds pages
 * it can free, a kswapd thread that can be woken, and an OOM hook; and what a request did with
 * them.
 */
#ifndef PRESSURE_TEST_H
#define PRESSURE_TEST_H

#include "tests/unit/phys/page_test.h"

#include "mm/gfp/scope.h"
#include "mm/page/slowpath.h"
#include "mm/reclaim/kswapd.h"
#include "mm/reclaim/oom.h"
#include "mm/reclaim/pressure.h"
#include "mm/reclaim/reclaim.h"

/* What one request did; the words are the spec's. */
struct seen {
	bool page;
	unsigned long wakes, reclaims, ooms, sleeps, warns;
};

/* `free` pages free, the OS holds `reclaimable` more; the rest is held by the test. */
UNUSED static void start_at(unsigned long free, unsigned long reclaimable)
{
	start_reference_zone(false);
	mock_reclaim()->kswapd = true;
	mock_reclaim_changed();
	for (unsigned long i = 0; i < reclaimable; i++)
		mock_reclaim_give(alloc_page(ATOMIC_ALL));
	leave_free(zone_of(ZONE_NORMAL), free);
	mock_hook_reset();
}

UNUSED static void give_all_back(void)
{
	struct mock_reclaim *r = mock_reclaim();
	struct page *page;

	while ((page = r->chain)) {
		r->chain = page->mapping;
		__free_page(page);
	}
	r->pages = 0;
	free_held();
}

UNUSED static void stop_pressure(void)
{
	give_all_back();
	mock_stop();
}

/* Free `nr` of the pages that the test holds singly or in blocks. */
UNUSED static void free_some(unsigned long nr)
{
	while (nr && hold.nr) {
		struct held *last = &hold.block[--hold.nr];
		__free_pages(last->page, last->order);
		nr -= nr < 1ul << last->order ? nr : 1ul << last->order;
	}
}

/* Make a request, note what it did, hold what it got. */
UNUSED static struct seen ask_order(gfp_t gfp, unsigned order)
{
	struct seen seen = {.page = false};
	unsigned long rounds = reclaim_counted(RECLAIM_DIRECT).rounds;
	unsigned long warns = mock_reports(QUARRY_RULE_NO_MEMORY);

	mock_hook_reset();
	struct page *page = alloc_pages(gfp, order);
	seen.page = page != NULL;
	if (page)
		hold_block(page, order);
	seen.wakes = mock_hook_count(MOCK_KSWAPD_WAKE);
	seen.ooms = mock_hook_count(MOCK_OOM);
	seen.sleeps = mock_hook_count(MOCK_SLEEP) + mock_hook_count(MOCK_CALL_OTHERS);
	seen.reclaims = reclaim_counted(RECLAIM_DIRECT).rounds - rounds;
	seen.warns = mock_reports(QUARRY_RULE_NO_MEMORY) - warns;
	return seen;
}
UNUSED static struct seen ask(gfp_t gfp)
{
	return ask_order(gfp | __GFP_NOWARN, 0);
}

#endif
