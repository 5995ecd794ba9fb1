/* SPDX-License-Identifier: MIT */
/*
 * zone_info.c: what a kernel may read of zones and nodes (quarry/mmzone.h). A node is the row of
 * its zones in the table, so its address is that of the first.
 */
#include <quarry/mm.h>

#include "mm/base/bits.h"
#include "mm/phys/watermark.h"

struct pglist_data {
	struct zone zone[MAX_NR_ZONES];
};

pg_data_t *NODE_DATA(int nid)
{
	if (nid < 0 || (unsigned)nid >= nodes.count)
		return NULL;
	return (pg_data_t *)(void *)&zones[(unsigned)nid * MAX_NR_ZONES];
}

struct zone *pgdat_zone(pg_data_t *node, enum zone_type type)
{
	return &node->zone[type];
}

struct zone *page_zone(const struct page *page)
{
	return head_zone(compound_head(page));
}

enum zone_type zone_idx(const struct zone *zone)
{
	return (enum zone_type)zone->type;
}

int zone_to_nid(const struct zone *zone)
{
	return zone->node;
}

const char *zone_type_name(enum zone_type type)
{
	return type < MAX_NR_ZONES ? zone_name(type) : "?";
}

struct zone *quarry_next_zone(struct zone *zone)
{
	zone = zone ? zone + 1 : zones;
	return zone < zones + (size_t)nodes.count * MAX_NR_ZONES ? zone : NULL;
}

/* ---- sizes ---- */

unsigned long zone_start_pfn(const struct zone *zone)
{
	return __atomic_load_n(&zone->first, __ATOMIC_RELAXED);
}

unsigned long zone_end_pfn(const struct zone *zone)
{
	return __atomic_load_n(&zone->end, __ATOMIC_RELAXED);
}

unsigned long zone_present_pages(const struct zone *zone)
{
	return zone_present(zone);
}

unsigned long zone_managed_pages(const struct zone *zone)
{
	return zone_managed(zone);
}

unsigned long zone_free_pages(const struct zone *zone)
{
	return zone_free(zone);
}

unsigned long node_start_pfn(int nid)
{
	unsigned long first = 0;

	for_every_populated_zone (zone)
		if (zone->node == nid && (!first || zone_start_pfn(zone) < first))
			first = zone_start_pfn(zone);
	return first;
}

unsigned long node_end_pfn(int nid)
{
	unsigned long end = 0;

	for_every_populated_zone (zone)
		if (zone->node == nid)
			end = (unsigned long)max_u64(end, zone_end_pfn(zone));
	return end;
}

unsigned long node_present_pages(int nid)
{
	unsigned long pages = 0;

	for_every_populated_zone (zone)
		if (zone->node == nid)
			pages += zone_present(zone);
	return pages;
}

/* ---- marks ---- */

static unsigned long mark_pages(const struct zone *zone, enum zone_mark mark)
{
	return watermark_floor(zone, mark, RESERVE_NONE, (enum zone_type)zone->type);
}

unsigned long min_wmark_pages(const struct zone *zone)
{
	return mark_pages(zone, MARK_MIN);
}

unsigned long low_wmark_pages(const struct zone *zone)
{
	return mark_pages(zone, MARK_LOW);
}

unsigned long high_wmark_pages(const struct zone *zone)
{
	return mark_pages(zone, MARK_HIGH);
}

bool zone_watermark_ok(struct zone *zone, unsigned order, unsigned long mark, int highest,
		       unsigned flags)
{
	if (order > MAX_PAGE_ORDER || highest < 0 || highest >= MAX_NR_ZONES)
		return false;
	unsigned long floor = mark + __atomic_load_n(&zone->reserve[highest], __ATOMIC_RELAXED) +
			      zone_kept(zone, flags & QUARRY_COUNT_LENT, false);
	if (zone_free(zone) < floor + (1ul << order))
		return false;
	return !order || zone_has_block(zone, order, flags & QUARRY_COUNT_LENT);
}
