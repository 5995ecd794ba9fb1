/* SPDX-License-Identifier: MIT */
/*
 * show_machine.c: the whole machine's memory in one block of text: totals in pages, each zone's
 * marks, each zone's free blocks.
 *
 *   Node 0 Normal: 3*4kB (UM) 0*8kB ... 12*4096kB (M) = 49164kB
 *
 * The letters are the mobilities of the free blocks: Unmovable, Movable, rEclaimable, Highatomic,
 * Cma, Isolated. Blocks that were never handed out are M.
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/phys/pcp.h"
#include "mm/report/figure.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"

static unsigned long kib(unsigned long pages)
{
	return pages << (PAGE_SHIFT - 10);
}

static void print_totals(quarry_write_fn write, void *ctx)
{
	unsigned long free_cma = 0;

	for_every_populated_zone (zone)
		free_cma += zone->lent_free;
	mm_print(write, ctx, "Mem-Info:\n");
	mm_print(write, ctx, " slab_reclaimable:%lu slab_unreclaimable:%lu\n", slab_pages(true),
		 slab_pages(false));
	mm_print(write, ctx, " pagetables:%lu\n", pgtable_pages());
	mm_print(write, ctx, " free:%lu free_pcp:%lu free_cma:%lu\n", nr_free_pages(),
		 nr_parked_pages(), free_cma);
}

static void print_name(const struct zone *zone, quarry_write_fn write, void *ctx)
{
	mm_print(write, ctx, "Node %u %s", zone->node, zone_name((enum zone_type)zone->type));
}

static void print_marks(const struct zone *zone, quarry_write_fn write, void *ctx)
{
	print_name(zone, write, ctx);
	mm_print(write, ctx, " free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB",
		 kib(zone_free(zone)), kib(figure(&zone->boost)), kib(min_wmark_pages(zone)),
		 kib(low_wmark_pages(zone)), kib(high_wmark_pages(zone)));
	mm_print(write, ctx, " reserved_highatomic:%luKB present:%lukB managed:%lukB",
		 kib(figure(&zone->atomic_blocks) * pageblock_nr_pages), kib(zone_present(zone)),
		 kib(zone_managed(zone)));
	mm_print(write, ctx, " free_pcp:%lukB free_cma:%lukB\n", kib(pcp_parked(zone)),
		 kib(figure(&zone->lent_free)));
	mm_print(write, ctx, "lowmem_reserve[]:");
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		mm_print(write, ctx, " %lu", figure(&zone->reserve[type]));
	mm_print(write, ctx, "\n");
}

static void print_blocks(struct zone *zone, quarry_write_fn write, void *ctx)
{
	static const char letters[MIGRATE_TYPES] = {'U', 'M', 'E', 'H', 'C', 'I'};
	uint32_t count[NR_PAGE_ORDERS][MIGRATE_TYPES];
	unsigned long pages = 0;

	unsigned long irq = zone_lock(zone);
	__builtin_memcpy(count, zone->count, sizeof(count));
	count[MAX_PAGE_ORDER][MIGRATE_MOVABLE] += (uint32_t)zone->extent_blocks;
	zone_unlock(zone, irq);

	print_name(zone, write, ctx);
	mm_print(write, ctx, ": ");
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		char types[MIGRATE_TYPES + 1];
		unsigned long blocks = 0;
		unsigned nr = 0;
		for (unsigned type = 0; type < MIGRATE_TYPES; type++) {
			blocks += count[order][type];
			if (count[order][type])
				types[nr++] = letters[type];
		}
		types[nr] = '\0';
		pages += blocks << order;
		mm_print(write, ctx, "%lu*%lukB ", blocks, kib(1ul << order));
		if (nr)
			mm_print(write, ctx, "(%s) ", types);
	}
	mm_print(write, ctx, "= %lukB\n", kib(pages));
}

void quarry_report_show_mem(quarry_write_fn write, void *ctx)
{
	unsigned long present = 0, movable = 0;

	print_totals(write, ctx);
	for_every_populated_zone (zone)
		print_marks(zone, write, ctx);
	for_every_populated_zone (zone) {
		print_blocks(zone, write, ctx);
		present += zone_present(zone);
		movable += zone->type == ZONE_MOVABLE ? zone_managed(zone) : 0;
	}
	mm_print(write, ctx, "%lu pages RAM\n", present);
	mm_print(write, ctx, "%lu pages HighMem/MovableOnly\n", movable);
	mm_print(write, ctx, "%lu pages reserved\n", present - totalram_pages());
}

/* ---- to the log: pieces become lines ---- */

struct log_line {
	unsigned length;
	char text[320]; /* a longer line is cut */
};

static void log_piece(void *ctx, const char *piece)
{
	struct log_line *line = ctx;

	for (; *piece; piece++) {
		if (*piece == '\n') {
			line->text[line->length] = '\0';
			quarry_os_log(QUARRY_LOG_INFO, line->text);
			line->length = 0;
		} else if (line->length < sizeof(line->text) - 1) {
			line->text[line->length++] = *piece;
		}
	}
}

void show_mem(void)
{
	struct log_line line = {.length = 0};

	quarry_report_show_mem(log_piece, &line);
}
