/* SPDX-License-Identifier: MIT */
/*
 * floors.h: which zone must serve a request, or that it must fail, by the specification's marks.
 *
 * Computed anew for each request from nothing but the map, the tunables, and how many pages each
 * zone manages and has free, which the validator recounts. For single pages the answer is exact: a
 * page comes from the zone foretold or not at all. A larger block may be missing though there are
 * pages enough, so of it only this is said: it never takes a zone below the floor.
 *
 *   target  min_free_kbytes, at most lowmem / 2; or, if that is 0, sqrt(16 * lowmem KiB), 128 KiB
 *           to 256 MiB, at most lowmem / 16
 *   min     target * managed / lowmem; movable zone: managed / 1024, 32 to 128 pages
 *   low     min + max(min / 4, managed * scale / 10000)
 *   floor   low at first; then min, less a half with __GFP_HIGH, less three quarters of that if it
 *           cannot reclaim either; plus the lowmem reserve; 0 with __GFP_MEMALLOC; always plus the
 *           pages kept for atomic requests of larger orders, if it is none
 */
#ifndef MODEL_FLOORS_H
#define MODEL_FLOORS_H

#include "hold.h"
#include "mm/phys/zone.h"

struct floors {
	bool known;                    /* else nothing is said */
	const struct zone *zone;       /* single pages: that serves it; NULL: it must fail */
	unsigned long floor[NR_ZONES]; /* of the deepest try; ~0: not allowed */
	unsigned long free[NR_ZONES];  /* before the request */
};

static unsigned long clamp(unsigned long x, unsigned long least, unsigned long most)
{
	return x < least ? least : x > most ? most : x;
}

static unsigned long isqrt(unsigned long x)
{
	unsigned long root = 0;

	for (unsigned long bit = 1ul << 20; bit; bit /= 2)
		if ((root + bit) * (root + bit) <= x)
			root += bit;
	return root;
}

static unsigned long min_mark(const struct zone *zone, const struct quarry_tunables *tunables)
{
	unsigned long lowmem = 0;

	if (zone->type == ZONE_MOVABLE)
		return clamp(zone->managed / 1024, 32, 128);
	for (unsigned i = 0; i < NR_ZONES; i++)
		lowmem += zones[i].type == ZONE_MOVABLE ? 0 : zones[i].managed;
	unsigned long kib = clamp(isqrt(16 * lowmem * 4), 128, 262144);
	unsigned long target = clamp(kib / 4, 0, lowmem / 16);
	if (tunables->min_free_kbytes)
		target = clamp(tunables->min_free_kbytes / 4, 0, lowmem / 2);
	return lowmem ? target * zone->managed / lowmem : 0;
}

static unsigned long low_mark(const struct zone *zone, const struct quarry_tunables *tunables)
{
	unsigned long min = min_mark(zone, tunables);
	unsigned long step = zone->managed * tunables->watermark_scale_factor / 10000;

	return min + (step > min / 4 ? step : min / 4) + zone->boost;
}

/* Kept in `zone` from requests that may use higher zones. */
static unsigned long lowmem_reserve(const struct zone *zone, enum zone_type highest,
				    const struct quarry_tunables *tunables)
{
	unsigned ratio = tunables->lowmem_reserve_ratio[zone->type];
	unsigned long above = 0;

	for (unsigned type = zone->type + 1u; type <= highest; type++)
		above += zones[zone->node * MAX_NR_ZONES + type].managed;
	return ratio ? above / ratio : 0;
}

static bool takes_all(gfp_t gfp)
{
	return (gfp & __GFP_MEMALLOC) && !(gfp & __GFP_NOMEMALLOC);
}

/* Down from `min`, as far as the mask allows. */
static unsigned long deepest(unsigned long min, unsigned long reserve, gfp_t gfp, bool waits)
{
	if (takes_all(gfp))
		return 0;
	if (gfp & __GFP_HIGH) {
		min -= min / 2;
		min -= waits ? 0 : min / 4;
	}
	return min + reserve;
}

/*
 * The n-th zone of a request: near nodes first (all others are equally far here), in each the
 * highest zone first. NULL: there are no more.
 */
static const struct zone *nth_zone(unsigned n, unsigned node, gfp_t gfp)
{
	unsigned types = model_highest(gfp) + 1u, place = n / types;

	if (place >= QUARRY_MAX_NODES || ((gfp & __GFP_THISNODE) && place))
		return NULL;
	if (place)
		node = place - 1 < node ? place - 1 : place;
	return &zones[node * MAX_NR_ZONES + types - 1 - n % types];
}

static struct floors floors_foretell(int node, gfp_t gfp, unsigned order, bool waits)
{
	unsigned near = node >= 0 ? (unsigned)node : 0;
	struct floors floors = {.known = run.exact && !nr_parked_pages()};
	const struct zone *above_low = NULL, *above_min = NULL, *zone;
	struct quarry_tunables tunables;

	if (!floors.known)
		return floors;
	if (node < 0 && run.node_of_cpu)
		near = run.node_of_cpu(mock_self.now.cpu);
	quarry_get_tunables(&tunables);
	memset(floors.floor, 0xff, sizeof(floors.floor));
	for (unsigned n = 0; (zone = nth_zone(n, near, gfp)); n++) {
		unsigned long reserve = lowmem_reserve(zone, model_highest(gfp), &tunables);
		unsigned long atomic = zone->atomic_free;
		unsigned long min = deepest(min_mark(zone, &tunables), reserve, gfp, waits);
		if (order && (takes_all(gfp) || ((gfp & __GFP_HIGH) && !waits)))
			atomic = 0;
		if (!above_low && zone->free > low_mark(zone, &tunables) + reserve + atomic)
			above_low = zone;
		if (!above_min && zone->free > min + atomic)
			above_min = zone;
		/* Before a request that waits fails, it is given those pages too. */
		floors.floor[zone->number] = min + (waits ? 0 : atomic);
		floors.free[zone->number] = zone->free;
	}
	floors.zone = above_low ? above_low : above_min;
	for (unsigned n = 0; !floors.zone && waits && (zone = nth_zone(n, near, gfp)); n++)
		if (zone->free > floors.floor[zone->number])
			floors.zone = zone;
	return floors;
}

/* The request was answered by `page`, undisturbed. */
static void floors_check(const struct floors *floors, const struct page *page, unsigned order,
			 gfp_t gfp)
{
	unsigned got = NR_ZONES, want = floors->zone ? floors->zone->number : NR_ZONES;

	if (!floors->known)
		return;
	if (page) {
		unsigned long pfn = page_to_pfn(page);
		got = model_range(pfn)->node * MAX_NR_ZONES + model_zone(pfn);
		if (floors->floor[got] == ~0ul ||
		    floors->free[got] < floors->floor[got] + (1ul << order))
			mock_fail("order %u mask %#x took zone %u below its floor: %lu free, %lu",
				  order, (unsigned)gfp, got, floors->free[got], floors->floor[got]);
	}
	if (!order && got != want)
		mock_fail("mask %#x was served by zone %u, %u was due", (unsigned)gfp, got, want);
}

#endif
