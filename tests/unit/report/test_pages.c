/* SPDX-License-Identifier: MIT */
/*
 * test_pages.c: the reports of the page layer: pagetypeinfo, the fragmentation indices, vmstat,
 * show_mem and the machine's totals, read back and compared with what the library answers itself.
 */
#include "text.h"

#include <math.h>

#include "mm/phys/buddy.h"
#include "mm/phys/isolate.h"
#include "mm/phys/pcp.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"

/* Four zones: 15 MiB DMA, 16 MiB DMA32, 96 MiB NORMAL, 32 MiB MOVABLE. */
static const struct quarry_mem_range four_zones_map[] = {
	{MOCK_MIB, 31 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{4 * MOCK_GIB, 128 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
};
static const struct mock_config four_zones = {
	.map = four_zones_map,
	.nr_map = 2,
	.extra = {.movable_bytes = 32 * MOCK_MIB},
};

#define QUIET (GFP_KERNEL | __GFP_NOWARN)

/* ---- pagetypeinfo ---- */

static const char *const type_names[MIGRATE_TYPES] = {
	"Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate",
};

struct type_info {
	unsigned long free[NR_ZONES][MIGRATE_TYPES][NR_PAGE_ORDERS];
	unsigned long blocks[NR_ZONES][MIGRATE_TYPES];
};

static unsigned zone_index(unsigned node, const char *name)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (!strcmp(name, zone_name((enum zone_type)type)))
			return node * MAX_NR_ZONES + type;
	fail_msg("no zone is called %s", name);
	return 0;
}

/* Numbers behind the first `skip` characters. */
static void numbers(const char *line, int skip, unsigned long *value, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		int more;
		assert_int_equal(sscanf(line + skip, "%lu%n", &value[i], &more), 1);
		skip += more;
	}
	assert_string_equal(line + skip, " ");
}

static void parse_types(struct type_info *info)
{
	struct text *text = text_of(quarry_report_pagetypeinfo);
	char name[16], type[16], word[MIGRATE_TYPES][16];
	unsigned node, nr = 0;
	char *line;
	int at;

	memset(info, 0, sizeof(*info));
	assert_string_equal(text_line(text), "Page block order: 9");
	assert_string_equal(text_line(text), "Pages per block:  512");
	assert_string_equal(text_line(text), "");
	assert_string_equal(text_line(text),
			    "Free pages count per migrate type at order       0      1      2      "
			    "3      4      5      6      7      8      9     10 ");
	for (; (line = text_line(text)) && *line; nr++) {
		assert_int_equal(
			sscanf(line, "Node %u, zone %15[^,], type %15s%n", &node, name, type, &at),
			3);
		assert_string_equal(type, type_names[nr % MIGRATE_TYPES]);
		const char *zone = name + strspn(name, " ");
		numbers(line, at, info->free[zone_index(node, zone)][nr % MIGRATE_TYPES],
			NR_PAGE_ORDERS);
	}
	assert_int_equal(nr % MIGRATE_TYPES, 0);
	assert_int_equal(sscanf(text_line(text),
				"Number of blocks type %15s %15s %15s %15s %15s %15s", word[0],
				word[1], word[2], word[3], word[4], word[5]),
			 MIGRATE_TYPES);
	for (unsigned i = 0; i < MIGRATE_TYPES; i++)
		assert_string_equal(word[i], type_names[i]);
	for (; (line = text_line(text)); nr -= MIGRATE_TYPES) {
		assert_int_equal(sscanf(line, "Node %u, zone %15s%n", &node, name, &at), 2);
		numbers(line, at, info->blocks[zone_index(node, name)], MIGRATE_TYPES);
	}
	assert_int_equal(nr, 0);
}

static void pagetypeinfo_has_linuxs_columns(void **state)
{
	char line[256];

	(void)state;
	mock_start(&four_zones);
	const char *text = text_of(quarry_report_pagetypeinfo)->buf;
	snprintf(line, sizeof(line), "\nNode %4u, zone %8s, type %12s %6u ", 0, "Movable", "CMA",
		 0);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nNumber of blocks type %13s %12s %12s %12s %12s %12s \n",
		 "Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate");
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nNode 0, zone %8s %12u %12u ", "Movable", 0, 16);
	assert_non_null(strstr(text, line));
	mock_stop();
}

static void pagetypeinfo_adds_up_to_what_is_free(void **state)
{
	static struct type_info info;

	(void)state;
	mock_start(&four_zones);
	struct page *page[3] = {
		alloc_pages(GFP_KERNEL, 0),
		alloc_pages(GFP_HIGHUSER_MOVABLE, 3),
		alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 1),
	};
	parse_types(&info);
	for_every_populated_zone (zone) {
		unsigned long blocks = 0;
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
			unsigned long free = 0;
			for (unsigned type = 0; type < MIGRATE_TYPES; type++)
				free += info.free[zone->number][type][order];
			assert_int_equal(free, buddy_count(zone, order));
		}
		for (unsigned type = 0; type < MIGRATE_TYPES; type++)
			blocks += info.blocks[zone->number][type];
		/* Pageblocks at the ends of the zone may be shared with what is not managed. */
		assert_in_range(blocks, zone->managed / pageblock_nr_pages,
				zone->managed / pageblock_nr_pages + 3);
	}
	__free_pages(page[0], 0);
	__free_pages(page[1], 3);
	__free_pages(page[2], 1);
	mock_stop();
}

static void pagetypeinfo_follows_mobility(void **state)
{
	static struct type_info before, now;
	const unsigned zone = ZONE_NORMAL;

	(void)state;
	mock_start(&(struct mock_config){.base = 4 * MOCK_GIB, .extra = {.no_parking = true}});
	parse_types(&before);
	assert_int_equal(before.blocks[zone][MIGRATE_RECLAIMABLE], 0);
	assert_int_equal(before.free[zone][MIGRATE_MOVABLE][10], zones[zone].extent_blocks);

	struct page *page = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 9);
	parse_types(&now);
	assert_int_equal(now.blocks[zone][MIGRATE_RECLAIMABLE], 2);
	assert_int_equal(now.blocks[zone][MIGRATE_MOVABLE],
			 before.blocks[zone][MIGRATE_MOVABLE] - 2);
	assert_int_equal(now.free[zone][MIGRATE_RECLAIMABLE][9], 1);
	assert_int_equal(now.free[zone][MIGRATE_MOVABLE][10],
			 before.free[zone][MIGRATE_MOVABLE][10] - 1);

	unsigned long pfn = page_to_pfn(page);
	assert_int_equal(isolate_begin(&zones[zone], pfn, pfn + 1, false), 0);
	parse_types(&now);
	assert_int_equal(now.blocks[zone][MIGRATE_RECLAIMABLE], 1);
	assert_int_equal(now.blocks[zone][MIGRATE_ISOLATE], 1);
	__free_pages(page, 9);
	parse_types(&now);
	assert_int_equal(now.free[zone][MIGRATE_ISOLATE][9], 1);
	isolate_end(&zones[zone], pfn, pfn + 1);
	mock_stop();
}

/* ---- indices ---- */

static double index_of(void (*report)(quarry_write_fn, void *), unsigned wanted)
{
	const char *line = text_line(text_of(report));
	double value = 0;
	char number[16];
	int at, more;

	assert_int_equal(sscanf(line, "Node 0, zone Normal%n", &at), 0);
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		assert_int_equal(sscanf(line + at, "%15s%n", number, &more), 1);
		at += more;
		/* Three decimals, and a minus at the front or nowhere. */
		assert_string_equal(
			strchr(number, '.') + strspn(strchr(number, '.'), ".0123456789"), "");
		assert_int_equal(strlen(strchr(number, '.')), 4);
		if (order == wanted)
			value = atof(number);
	}
	assert_string_equal(line + at, " ");
	return value;
}

#define assert_index(report, order, expected)                                                      \
	assert_true(fabs(index_of(report, order) - (expected)) < 0.0011)

/* Takes every page; free_all gives them back. */
static struct page *all[16384];
static unsigned long take_all(void)
{
	unsigned long nr = 0;

	while ((all[nr] = alloc_pages(QUIET | __GFP_MEMALLOC, 0)))
		assert_true(++nr < 16384);
	return nr;
}

static void indices_of_a_fresh_machine(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.base = 4 * MOCK_GIB});
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		assert_index(quarry_report_extfrag_index, order, -1.0);
		assert_true(index_of(quarry_report_unusable_index, order) < 0.2);
	}
	assert_index(quarry_report_unusable_index, 0, 0.0);
	assert_non_null(
		strstr(text_of(quarry_report_extfrag_index)->buf, "Node 0, zone   Normal -1.000 "));
	assert_non_null(
		strstr(text_of(quarry_report_unusable_index)->buf, "Node 0, zone   Normal 0.000 "));
	mock_stop();
}

static void indices_of_scattered_pages(void **state)
{
	unsigned long scattered = 0;

	(void)state;
	mock_start(&(struct mock_config){
		.base = 4 * MOCK_GIB, .bytes = 16 * MOCK_MIB, .extra = {.no_parking = true}});
	unsigned long nr = take_all();
	assert_index(quarry_report_unusable_index, 3, 1.0);
	assert_index(quarry_report_extfrag_index, 3, 0.0);

	for (unsigned long i = 0; i < nr; i++) {
		if (page_to_pfn(all[i]) & 1) {
			__free_page(all[i]);
			all[i] = NULL;
			scattered++;
		}
	}
	assert_int_equal(nr_free_pages(), scattered);
	assert_index(quarry_report_unusable_index, 0, 0.0);
	assert_index(quarry_report_extfrag_index, 0, -1.0);
	for (unsigned order = 1; order < NR_PAGE_ORDERS; order++) {
		double possible = (double)scattered / (1 << order);
		assert_index(quarry_report_unusable_index, order, 1.0);
		assert_index(quarry_report_extfrag_index, order,
			     1 - (1 + possible) / (double)scattered);
	}
	for (unsigned long i = 0; i < nr; i++)
		if (all[i])
			__free_page(all[i]);
	mock_stop();
}

static void one_block_too_small_is_lack_of_memory(void **state)
{
	struct page *found = NULL;

	(void)state;
	mock_start(&(struct mock_config){
		.base = 4 * MOCK_GIB, .bytes = 16 * MOCK_MIB, .extra = {.no_parking = true}});
	found = alloc_pages(GFP_KERNEL, 9);
	unsigned long nr = take_all();
	__free_pages(found, 9);
	/* 1 - (1 + 1/2) / 1 is below 0. */
	assert_index(quarry_report_extfrag_index, 10, 0.0);
	assert_index(quarry_report_extfrag_index, 9, -1.0);
	assert_index(quarry_report_unusable_index, 10, 1.0);
	assert_index(quarry_report_unusable_index, 9, 0.0);
	for (unsigned long i = 0; i < nr; i++)
		__free_page(all[i]);
	mock_stop();
}

/* ---- vmstat ---- */

static unsigned long vmstat(const char *wanted)
{
	struct text *text = text_of(quarry_report_vmstat);
	unsigned long value, found = ~0ul;
	char name[64], again[96];

	for (char *line; (line = text_line(text));) {
		assert_int_equal(sscanf(line, "%63s %lu", name, &value), 2);
		snprintf(again, sizeof(again), "%s %lu", name, value);
		assert_string_equal(line, again);
		if (!strcmp(name, wanted))
			found = value;
	}
	assert_int_not_equal(found, ~0ul);
	return found;
}

static unsigned long pgalloc(void)
{
	return vmstat("pgalloc_dma") + vmstat("pgalloc_dma32") + vmstat("pgalloc_normal") +
	       vmstat("pgalloc_movable");
}

/* Everything that was handed out is in use or was given back. */
static void check_traffic(void)
{
	unsigned long in_use = totalram_pages() - nr_free_pages() - nr_parked_pages();

	assert_int_equal(pgalloc() - vmstat("pgfree"), in_use);
}

static void vmstat_tells_totals(void **state)
{
	(void)state;
	mock_start(NULL);
	void *area = vmalloc(10 * PAGE_SIZE);
	assert_int_equal(vmstat("nr_free_pages"), nr_free_pages());
	assert_int_equal(vmstat("nr_slab_reclaimable"), slab_pages(true));
	assert_int_equal(vmstat("nr_slab_unreclaimable"), slab_pages(false));
	assert_int_equal(vmstat("nr_page_table_pages"), pgtable_pages());
	check_traffic();
	vfree(area);
	check_traffic();
	mock_stop();
}

static void vmstat_counts_pages_of_each_zone(void **state)
{
	static const struct {
		gfp_t gfp;
		const char *name;
	} kinds[] = {
		{GFP_DMA, "pgalloc_dma"},
		{GFP_DMA32, "pgalloc_dma32"},
		{GFP_KERNEL, "pgalloc_normal"},
		{GFP_HIGHUSER_MOVABLE, "pgalloc_movable"},
	};

	(void)state;
	for (unsigned parking = 0; parking < 2; parking++) {
		struct mock_config config = four_zones;
		config.extra.no_parking = !parking;
		mock_start(&config);
		for (unsigned i = 0; i < 4; i++) {
			for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
				unsigned long taken = vmstat(kinds[i].name), all_taken = pgalloc();
				unsigned long freed = vmstat("pgfree");
				struct page *page = alloc_pages(kinds[i].gfp, order);
				assert_non_null(page);
				assert_int_equal(vmstat(kinds[i].name), taken + (1ul << order));
				assert_int_equal(pgalloc(), all_taken + (1ul << order));
				assert_int_equal(vmstat("pgfree"), freed);
				__free_pages(page, order);
				assert_int_equal(vmstat("pgfree"), freed + (1ul << order));
				assert_int_equal(pgalloc(), all_taken + (1ul << order));
				check_traffic();
			}
		}
		mock_stop();
	}
}

static void vmstat_adds_up_whatever_happens(void **state)
{
	static struct page *page[512];
	static unsigned order_of[512];
	uint64_t random = 7;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 3, .bytes = 128 * MOCK_MIB});
	memset(page, 0, sizeof(page));
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)(mock_random(&random) % 512);
		mock_set_cpu((unsigned)(mock_random(&random) % 3));
		if (page[i]) {
			__free_pages(page[i], order_of[i]);
			page[i] = NULL;
		} else {
			order_of[i] = (unsigned)(mock_random(&random) % 6);
			page[i] = alloc_pages(mock_random(&random) & 1 ? GFP_KERNEL : GFP_ATOMIC,
					      order_of[i]);
		}
		if (step % 1000 == 0)
			check_traffic();
		if (step == 10000)
			drain_all_pages();
	}
	for (unsigned i = 0; i < 512; i++)
		if (page[i])
			__free_pages(page[i], order_of[i]);
	check_traffic();

	unsigned long got =
		alloc_pages_bulk(GFP_KERNEL, 100, (memset(page, 0, sizeof(page)), page));
	assert_int_equal(got, 100);
	check_traffic();
	free_pages_bulk(100, page);
	void *exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	check_traffic();
	free_pages_exact(exact, 5 * PAGE_SIZE);
	struct page *run = alloc_contig_pages(700, GFP_KERNEL, NUMA_NO_NODE);
	assert_non_null(run);
	check_traffic();
	free_contig_range(page_to_pfn(run), 700);
	check_traffic();

	/* A CPU's counts outlive it. */
	mock_set_cpu(0);
	unsigned long taken = pgalloc(), freed = vmstat("pgfree");
	mock_cpu_stop(2);
	assert_int_equal(quarry_cpu_offline(2), 0);
	assert_true(pgalloc() >= taken);
	assert_true(vmstat("pgfree") >= freed);
	check_traffic();
	mock_cpu_start(2);
	mock_set_cpu(2);
	assert_int_equal(quarry_cpu_online(), 0);
	check_traffic();
	mock_set_cpu(0);
	mock_stop();
}

static void vmstat_counts_stalls(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.base = 4 * MOCK_GIB, .bytes = 16 * MOCK_MIB});
	unsigned long nr = 0;
	while ((all[nr] = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 0)))
		nr++;
	assert_int_equal(vmstat("allocstall_normal"), 0);
	assert_null(alloc_pages(QUIET, 5));
	assert_int_equal(vmstat("allocstall_normal"), 1);
	assert_null(alloc_pages(QUIET | GFP_DMA32, 0));
	assert_int_equal(vmstat("allocstall_dma32"), 1);
	assert_int_equal(vmstat("allocstall_normal"), 1);
	while (nr)
		__free_page(all[--nr]);
	mock_stop();
}

/* ---- totals ---- */

static void totals_as_numbers(void **state)
{
	unsigned long buffers = 0, reserved = 0;
	struct sysinfo info;

	(void)state;
	mock_start(&four_zones);
	drain_all_pages();
	si_meminfo(&info);
	assert_int_equal(info.totalram, totalram_pages());
	assert_int_equal(info.freeram, nr_free_pages());
	assert_int_equal(info.mem_unit, PAGE_SIZE);
	assert_int_equal(info.totalhigh + info.freehigh + info.sharedram + info.bufferram, 0);
	for_every_populated_zone (zone) {
		reserved += zone->mark[MARK_HIGH] + zone->reserve[MAX_NR_ZONES - 1];
		if (zone->type != ZONE_MOVABLE)
			buffers += zone->managed - zone->mark[MARK_HIGH];
	}
	assert_int_equal(nr_free_buffer_pages(), buffers);
	assert_int_equal(si_mem_available(), nr_free_pages() - reserved);
	mock_stop();
}

/* ---- show_mem ---- */

static void show_mem_tells_the_whole_machine(void **state)
{
	unsigned long kib, pages, lines = 0, free = 0, present = 0;
	char name[16];

	(void)state;
	mock_start(&four_zones);
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	struct text *text = text_of(quarry_report_show_mem);
	assert_string_equal(text_line(text), "Mem-Info:");
	lines++;
	for (char *line; (line = text_line(text)); lines++) {
		const char *sum = strstr(line, " = ");
		if (sum && sscanf(line, "Node 0 %15[^:]: ", name) == 1) {
			assert_int_equal(sscanf(sum, " = %lukB", &kib), 1);
			assert_int_equal(kib, zone_free(&zones[zone_index(0, name)]) * 4);
			free += kib;
		} else if (sscanf(line, "Node 0 %15s free:%lukB", name, &kib) == 2) {
			const struct zone *zone = &zones[zone_index(0, name)];
			unsigned long boost, low, high;
			assert_int_equal(sscanf(strstr(line, "boost"),
						"boost:%lukB min:%lukB low:%lukB high:%lukB",
						&boost, &pages, &low, &high),
					 4);
			assert_int_equal(kib, zone_free(zone) * 4);
			assert_int_equal(boost, zone->boost * 4);
			assert_int_equal(pages, zone->mark[MARK_MIN] * 4);
			assert_int_equal(low, (zone->mark[MARK_LOW] + zone->boost) * 4);
			assert_int_equal(high, (zone->mark[MARK_HIGH] + zone->boost) * 4);
			assert_non_null(strstr(line, " free_cma:0kB"));
		} else if (strstr(line, "pages RAM")) {
			assert_int_equal(sscanf(line, "%lu", &present), 1);
		} else if (strstr(line, "pages reserved")) {
			assert_int_equal(sscanf(line, "%lu", &pages), 1);
			assert_int_equal(present - pages, totalram_pages());
		}
	}
	assert_int_equal(free, nr_free_pages() * 4);
	assert_true(present > 0);

	mock_hook_reset();
	show_mem();
	assert_int_equal(mock_hook_count(MOCK_LOG), lines);
	__free_pages(page, 2);
	mock_stop();
}

static void show_mem_names_mobilities(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.base = 4 * MOCK_GIB, .extra = {.no_parking = true}});
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 8);
	const char *text = text_of(quarry_report_show_mem)->buf;
	char letters[8] = "";
	assert_int_equal(sscanf(strstr(text, "*1024kB "), "*1024kB (%7[A-Z])", letters), 1);
	assert_non_null(strchr(letters, 'E'));
	assert_non_null(strstr(text, "*4096kB (M) = "));
	__free_pages(page, 8);
	page = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 10);
	text = text_of(quarry_report_show_mem)->buf;
	assert_null(strstr(text, "E)"));
	__free_pages(page, 10);
	mock_stop();
}

/* ---- writing ---- */

/* A writer that uses the library: it would spin for ever if a lock were held. */
static void allocating_writer(void *ctx, const char *piece)
{
	(void)piece;
	__free_page(alloc_page(GFP_KERNEL));
	drain_all_pages();
	++*(unsigned *)ctx;
}

static void reports_hold_no_lock_while_writing(void **state)
{
	unsigned pieces = 0;

	(void)state;
	mock_start(NULL);
	quarry_report_pagetypeinfo(allocating_writer, &pieces);
	quarry_report_unusable_index(allocating_writer, &pieces);
	quarry_report_extfrag_index(allocating_writer, &pieces);
	quarry_report_vmstat(allocating_writer, &pieces);
	quarry_report_show_mem(allocating_writer, &pieces);
	assert_true(pieces > 100);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pagetypeinfo_has_linuxs_columns),
		cmocka_unit_test(pagetypeinfo_adds_up_to_what_is_free),
		cmocka_unit_test(pagetypeinfo_follows_mobility),
		cmocka_unit_test(indices_of_a_fresh_machine),
		cmocka_unit_test(indices_of_scattered_pages),
		cmocka_unit_test(one_block_too_small_is_lack_of_memory),
		cmocka_unit_test(vmstat_tells_totals),
		cmocka_unit_test(vmstat_counts_pages_of_each_zone),
		cmocka_unit_test(vmstat_adds_up_whatever_happens),
		cmocka_unit_test(vmstat_counts_stalls),
		cmocka_unit_test(totals_as_numbers),
		cmocka_unit_test(show_mem_tells_the_whole_machine),
		cmocka_unit_test(show_mem_names_mobilities),
		cmocka_unit_test(reports_hold_no_lock_while_writing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
