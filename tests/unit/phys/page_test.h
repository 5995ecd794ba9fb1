/* SPDX-License-Identifier: MIT */
/* page_test.h: what the tests of pages share: worlds of known zones, blocks held in bulk. */
#ifndef PAGE_TEST_H
#define PAGE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/base/log.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/pcp.h"
#include "mm/phys/watermark.h"
#include "mm/phys/zone_check.h"
#include "tests/mock/world.h"

#define UNUSED __attribute__((unused))
/* Takes the last page, silently, without waiting. */
#define ATOMIC_ALL (__GFP_MEMALLOC | __GFP_NOWARN)

/* DMA, DMA32, NORMAL and MOVABLE, every request reaching the zones. */
static const struct quarry_mem_range four_zones_map[] UNUSED = {
	{ MOCK_MIB, 31 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
	{ 4 * MOCK_GIB, 128 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
};
static const struct mock_config four_zones UNUSED = {
	.map = four_zones_map,
	.nr_map = 2,
	.extra = { .movable_bytes = 32 * MOCK_MIB, .no_parking = true },
};

UNUSED static struct zone *zone_of(enum zone_type type)
{
	return &zones[type];
}

/* ---- the reference zone of the spec: NORMAL with 65 536 managed pages, nothing else ---- */

UNUSED static void start_reference_zone(bool no_sleep)
{
	struct quarry_mem_range map = { 4 * MOCK_GIB, 0, QUARRY_MEM_USABLE, 0 };
	struct quarry_params params = {
		.size = sizeof(params),
		.map = &map,
		.nr_map = 1,
		.direct_map_offset = MOCK_DIRECT,
	};
	struct quarry_cost cost;

	for (unsigned long pages = 65536 + 500; pages < 65536 + 600; pages++) {
		map.size = pages * PAGE_SIZE;
		assert_int_equal(quarry_footprint(&params, &cost), 0);
		if (pages - cost.total / PAGE_SIZE == 65536)
			break;
	}
	mock_start(&(struct mock_config){ .map = &map,
					  .nr_map = 1,
					  .no_vmalloc = true,
					  .no_sleep = no_sleep,
					  .extra = { .no_parking = true } });
	assert_int_equal(zone_of(ZONE_NORMAL)->managed, 65536);
	assert_int_equal(totalram_pages(), 65536);
}

/* ---- blocks held ---- */

struct held {
	struct page *page;
	unsigned order;
};
static struct {
	struct held *block;
	unsigned long nr, room;
} hold;

/* Each test starts with nothing held, even after one that failed. */
UNUSED static int hold_nothing(void **state)
{
	(void)state;
	hold.nr = 0;
	return 0;
}
#define page_test(fn) cmocka_unit_test_setup(fn, hold_nothing)

UNUSED static void hold_block(struct page *page, unsigned order)
{
	if (hold.nr == hold.room) {
		hold.room = hold.room ? 2 * hold.room : 1024;
		hold.block = realloc(hold.block, hold.room * sizeof(hold.block[0]));
		assert_non_null(hold.block);
	}
	hold.block[hold.nr++] = (struct held){ page, order };
}

/* Take blocks until none is left for this mask. Return: how many. */
UNUSED static unsigned long hold_all(gfp_t gfp, unsigned order)
{
	unsigned long before = hold.nr;
	struct page *page;

	while ((page = alloc_pages(gfp, order)))
		hold_block(page, order);
	return hold.nr - before;
}

UNUSED static void free_held(void)
{
	while (hold.nr) {
		hold.nr--;
		__free_pages(hold.block[hold.nr].page, hold.block[hold.nr].order);
	}
}

/* Free the held blocks in an order of chance. */
UNUSED static void free_held_mixed(uint64_t *random)
{
	for (unsigned long i = hold.nr; i > 1; i--) {
		unsigned long j = mock_random(random) % i;
		struct held tmp = hold.block[i - 1];
		hold.block[i - 1] = hold.block[j];
		hold.block[j] = tmp;
	}
	free_held();
}

/* Make exactly `pages` free in a machine of one zone; the blocks are held. */
UNUSED static void leave_free(struct zone *zone, unsigned long pages)
{
	for (unsigned order = MAX_PAGE_ORDER + 1; order-- > 0;) {
		while (zone_free(zone) >= pages + (1ul << order)) {
			struct page *page = alloc_pages(ATOMIC_ALL, order);
			if (!page)
				break;
			hold_block(page, order);
		}
	}
	assert_int_equal(zone_free(zone), pages);
}

/* All free blocks of the machine, by zone and order. */
struct free_map {
	unsigned long count[NR_ZONES][NR_PAGE_ORDERS];
};

UNUSED static struct free_map free_map(void)
{
	struct free_map map;

	memset(&map, 0, sizeof(map));
	for_every_populated_zone(zone)
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
			map.count[zone->number][order] = buddy_count(zone, order);
	return map;
}

UNUSED static void assert_free_map(const struct free_map *expected)
{
	struct free_map now = free_map();

	assert_memory_equal(&now, expected, sizeof(now));
}

#endif
