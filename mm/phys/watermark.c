/* SPDX-License-Identifier: MIT */
/*
 * watermark.c: computing the marks and the lowmem reserves.
 *
 *   target   sqrt(16 * lowmem KiB) KiB, between 128 KiB and 256 MiB: grows slower than memory, as
 *            the
 *            need for emergency pages does
 *   min      the zone's share of the target, by managed pages (ZONE_MOVABLE: no share, it serves no
 *            kernel need)
 *   step     max(min / 4, managed * scale / 10 000); low = min + step, high = low + step
 *   reserve  against a request that could use higher zones: managed pages of those zones / ratio
 *
 *   boost    each time a request takes a part of a pageblock of another mobility, low and high rise
 *            by a pageblock, up to boost_max: kswapd then frees more, so that the next such request
 *            finds room of its own. The minimum mark stays: nobody fails because of it
 *
 * Example (spec part 0): 65 536 pages -> target 2048 KiB = 512 pages; step 128; low 640, high 768.
 *
 * The target, the scale and the ratios can be tuned (quarry/tunables.h).
 *
 * Start at: watermarks_update.
 */
#include "mm/phys/watermark.h"

#include "mm/base/bits.h"

#define SCALE_FACTOR                                                                               \
	10u /* ten-thousandths of the zone between two marks: 0.1 % (Linux's default) */
#define SCALE_FACTOR_MAX 3000u
#define BOOST_FACTOR 15000u  /* at most 150 % of the high mark (Linux's default) */
#define BOOST_MIN_BLOCKS 4ul /* pageblocks of a zone that is worth it (Linux's) */
#define TARGET_MIN_KIB 128ull
#define TARGET_MAX_KIB 262144ull
#define MOVABLE_MIN_PAGES 32ul	/* a little room to move pages within ZONE_MOVABLE ... */
#define MOVABLE_MAX_PAGES 128ul /* ... but no emergency reserve */

/* In force now. */
static QUARRY_STATE struct quarry_tunables tunables;

static const struct quarry_tunables defaults = {
	.watermark_scale_factor = SCALE_FACTOR,
	.watermark_boost_factor = BOOST_FACTOR,
	/* Linux's: a share of the larger memory that would else eat the smaller. */
	.lowmem_reserve_ratio = {256, 256, 32, 0},
	.extfrag_threshold = 500,
	.compaction_proactiveness = 20,
};

/* floor(sqrt(x)), bit by bit from above. */
static uint64_t square_root(uint64_t x)
{
	uint64_t root = 0;

	for (uint64_t bit = 1ull << 31; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= x)
			root |= bit;
	return root;
}

/* A zone of a few pageblocks is mixed in any case; boosting it would only empty it. */
static void set_boost_max(struct zone *zone)
{
	uint64_t most = (uint64_t)zone->mark[MARK_HIGH] * tunables.watermark_boost_factor / 10000;
	bool large = zone_managed(zone) >= BOOST_MIN_BLOCKS * pageblock_nr_pages;

	if (!tunables.watermark_boost_factor || !large)
		most = 0;
	else if (most < pageblock_nr_pages)
		most = pageblock_nr_pages;
	zone->boost_max = (unsigned long)most;
	if (zone->boost > zone->boost_max)
		__atomic_store_n(&zone->boost, zone->boost_max, __ATOMIC_RELAXED);
}

static void set_marks(struct zone *zone, unsigned long min)
{
	unsigned long step = (unsigned long)max_u64(
		min / 4, (uint64_t)zone_managed(zone) * tunables.watermark_scale_factor / 10000);

	for (unsigned mark = 0; mark < NR_ZONE_MARKS; mark++)
		__atomic_store_n(&zone->mark[mark], min + mark * step, __ATOMIC_RELAXED);
	set_boost_max(zone);
}

/* reserve[highest] of a zone: what the zones above it, up to `highest`, hold on this node / ratio.
 * */
static void set_reserves(struct zone *zone)
{
	unsigned ratio = tunables.lowmem_reserve_ratio[zone->type];
	unsigned long above = 0;

	for (unsigned t = 0; t < MAX_NR_ZONES; t++) {
		if (t > zone->type)
			above += zone_managed(&zones[zone->node * MAX_NR_ZONES + t]);
		__atomic_store_n(&zone->reserve[t], t > zone->type && ratio ? above / ratio : 0,
				 __ATOMIC_RELAXED);
	}
}

void watermarks_init(void)
{
	tunables = defaults;
}

const struct quarry_tunables *watermarks_tunables(void)
{
	return &tunables;
}

bool watermarks_tune(const struct quarry_tunables *new)
{
	if (!new->watermark_scale_factor || new->watermark_scale_factor > SCALE_FACTOR_MAX ||
	    new->extfrag_threshold > 1000 || new->compaction_proactiveness > 100)
		return false;
	tunables = *new;
	watermarks_update();
	return true;
}

/* Pages that all zones together try to keep free. */
static uint64_t free_target(unsigned long lowmem)
{
	uint64_t kib = tunables.min_free_kbytes;

	if (kib)
		return min_u64(kib >> (PAGE_SHIFT - 10), lowmem / 2);
	kib = square_root(16 * ((uint64_t)lowmem << (PAGE_SHIFT - 10)));
	kib = min_u64(max_u64(kib, TARGET_MIN_KIB), TARGET_MAX_KIB);
	/* A machine smaller than the lower bound keeps at most 1/16 of itself. */
	return min_u64(kib >> (PAGE_SHIFT - 10), lowmem / 16);
}

void watermarks_update(void)
{
	unsigned long lowmem = 0;

	for_every_populated_zone (zone)
		if (zone->type != ZONE_MOVABLE)
			lowmem += zone_managed(zone);

	uint64_t target = free_target(lowmem);

	for_every_populated_zone (zone) {
		unsigned long irq = zone_lock(zone);
		if (zone->type == ZONE_MOVABLE)
			set_marks(zone, (unsigned long)min_u64(max_u64(zone_managed(zone) / 1024,
								       MOVABLE_MIN_PAGES),
							       MOVABLE_MAX_PAGES));
		else
			set_marks(zone,
				  lowmem ? (unsigned long)(target * zone_managed(zone) / lowmem)
					 : 0);
		set_reserves(zone);
		zone_unlock(zone, irq);
	}
}
