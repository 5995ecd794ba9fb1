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

struct zone;

QUARRY_END_DECLS

#endif
