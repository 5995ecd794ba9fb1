/* SPDX-License-Identifier: MIT */
/*
 * mmzone.h: zone types, mobility types, block orders.
 */
#ifndef QUARRY_MMZONE_H
#define QUARRY_MMZONE_H

#include <quarry/arch.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* Zones of a node, lowest address first. A zone may be empty; a CPU port may lack one (its limit is
 * 0). */
enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, MAX_NR_ZONES };

/* How the pages of a pageblock are grouped. The first three are what a request asks for. */
enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES, /* number of types that CPUs park */
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES,
	MIGRATE_CMA,
	MIGRATE_ISOLATE,
	MIGRATE_TYPES
};

#define MAX_PAGE_ORDER QUARRY_MAX_ORDER
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#define MAX_ORDER_NR_PAGES (1ul << MAX_PAGE_ORDER)

/* A pageblock is what one leaf of the second page-table level maps: 2 MiB with 4 KiB pages. */
#define pageblock_order 9u
#define pageblock_nr_pages (1ul << pageblock_order)

/* Up to this order requests try hard; above they give up early (Linux's value). */
#define PAGE_ALLOC_COSTLY_ORDER 3u

/*
 * Code that counts with Linux's MAX_ORDER says what it means by it: the largest order (Linux 6.4 to
 * 6.7), or one more (before). Without the option there is no such name.
 */
#ifdef QUARRY_MAX_ORDER_IS_LARGEST
#if QUARRY_MAX_ORDER_IS_LARGEST
#define MAX_ORDER MAX_PAGE_ORDER
#else
#define MAX_ORDER (MAX_PAGE_ORDER + 1)
#endif
#endif

/*
 * Zones and nodes as a kernel sees them: to read, not to change. A zone is the memory of one type
 * on one node; a node is its row of zones. The functions below cost a few loads, take no lock and
 * may be called from any context, NMI included. Memory may come and go meanwhile, so two figures
 * read one after the other may belong to different moments.
 *
 *   managed <= present <= spanned
 */
struct zone;
typedef struct pglist_data pg_data_t;

struct page;

/* Node `nid`, or NULL if there is none of that number. */
pg_data_t *NODE_DATA(int nid) QUARRY_API(NODE_DATA);
/* The node's zone of that type; never NULL, but it may be empty. */
struct zone *pgdat_zone(pg_data_t *node, enum zone_type type) QUARRY_API(pgdat_zone);
/* The zone of a page of ours; any page of a block. */
struct zone *page_zone(const struct page *page) QUARRY_API(page_zone);

enum zone_type zone_idx(const struct zone *zone) QUARRY_API(zone_idx);
int zone_to_nid(const struct zone *zone) QUARRY_API(zone_to_nid);
/* "DMA", "DMA32", "Normal", "Movable". */
const char *zone_type_name(enum zone_type type) QUARRY_API(zone_type_name);

/* Next zone, in the order of nodes and addresses; the first after NULL, NULL after the last. */
struct zone *quarry_next_zone(struct zone *zone) QUARRY_API(next_zone);
/* `zone` is a variable of the caller: struct zone *. */
#define for_each_zone(zone)                                                                        \
	for ((zone) = quarry_next_zone(NULL); (zone); (zone) = quarry_next_zone(zone))
#define for_each_populated_zone(zone)                                                              \
	for_each_zone(zone) if (!populated_zone(zone))                                             \
	{                                                                                          \
	}                                                                                          \
	else

/* First frame, and the one behind the last; both 0 if the zone was never populated. */
unsigned long zone_start_pfn(const struct zone *zone) QUARRY_API(zone_start_pfn);
unsigned long zone_end_pfn(const struct zone *zone) QUARRY_API(zone_end_pfn);
static inline unsigned long zone_spanned_pages(const struct zone *zone)
{
	return zone_end_pfn(zone) - zone_start_pfn(zone);
}
static inline bool zone_spans_pfn(const struct zone *zone, unsigned long pfn)
{
	return pfn >= zone_start_pfn(zone) && pfn < zone_end_pfn(zone);
}
/* Frames that exist, those the allocator has, and those that are free (parked ones are not). */
unsigned long zone_present_pages(const struct zone *zone) QUARRY_API(zone_present_pages);
unsigned long zone_managed_pages(const struct zone *zone) QUARRY_API(zone_managed_pages);
unsigned long zone_free_pages(const struct zone *zone) QUARRY_API(zone_free_pages);
static inline bool populated_zone(const struct zone *zone)
{
	return zone_present_pages(zone) != 0;
}
static inline bool managed_zone(const struct zone *zone)
{
	return zone_managed_pages(zone) != 0;
}

/* The same of a node: 0 for a node that does not exist. */
unsigned long node_start_pfn(int nid) QUARRY_API(node_start_pfn);
unsigned long node_end_pfn(int nid) QUARRY_API(node_end_pfn);
unsigned long node_present_pages(int nid) QUARRY_API(node_present_pages);
static inline unsigned long node_spanned_pages(int nid)
{
	return node_end_pfn(nid) - node_start_pfn(nid);
}

/* Marks in force, in pages; low and high with the boost (G11, docs/gfp.md). */
unsigned long min_wmark_pages(const struct zone *zone) QUARRY_API(min_wmark_pages);
unsigned long low_wmark_pages(const struct zone *zone) QUARRY_API(low_wmark_pages);
unsigned long high_wmark_pages(const struct zone *zone) QUARRY_API(high_wmark_pages);

/*
 * Would an ordinary request for 2^order pages, whose highest zone is `highest`, leave more than
 * `mark` pages and its lowmem reserve free here, and is there such a block? What is kept for atomic
 * or lent to movable requests does not count; of the latter, QUARRY_COUNT_LENT in `flags` (else 0)
 * counts it. A guess about the future: others allocate too. A zone's lock is taken for orders above
 * 0. Context: any but NMI.
 */
#define QUARRY_COUNT_LENT 1u
bool zone_watermark_ok(struct zone *zone, unsigned order, unsigned long mark, int highest,
		       unsigned flags) QUARRY_API(zone_watermark_ok);

QUARRY_END_DECLS

#endif
