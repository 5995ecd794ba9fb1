/* SPDX-License-Identifier: MIT */
/*
 * test_format.c: reports are read back as scripts for Linux's files of the same names read them,
 * and the figures compared with what the library answers itself.
 */
#include "text.h"

#include "mm/base/log.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pcp.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap.h"

/* Four zones: 15 MiB DMA, 16 MiB DMA32, 96 MiB NORMAL, 32 MiB MOVABLE. */
static const struct quarry_mem_range four_zones_map[] = {
	{ MOCK_MIB, 31 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
	{ 4 * MOCK_GIB, 128 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
};
static const struct mock_config four_zones = {
	.map = four_zones_map,
	.nr_map = 2,
	.extra = { .movable_bytes = 32 * MOCK_MIB },
};

/* ---- buddyinfo ---- */

struct buddy_row {
	unsigned node;
	char zone[16];
	unsigned long count[NR_PAGE_ORDERS];
};

static bool parse_buddy_row(const char *line, struct buddy_row *row)
{
	char again[256];
	int at;

	if (sscanf(line, "Node %u, zone %15s%n", &row->node, row->zone, &at) != 2)
		return false;
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		int more;
		if (sscanf(line + at, "%lu%n", &row->count[order], &more) != 1)
			return false;
		at += more;
	}
	/* The columns, too, are where Linux has them. */
	at = snprintf(again, sizeof(again), "Node %u, zone %8s ", row->node, row->zone);
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
		at += snprintf(again + at, sizeof(again) - (size_t)at, "%6lu ", row->count[order]);
	return !strcmp(line, again);
}

static struct zone *zone_named(const char *name)
{
	for_every_populated_zone(zone)
		if (!strcmp(zone_name((enum zone_type)zone->type), name))
			return zone;
	fail_msg("no zone is called %s", name);
	return NULL;
}

static void buddyinfo_columns_are_orders(void **state)
{
	unsigned rows = 0;
	struct buddy_row row;

	(void)state;
	mock_start(&four_zones);
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	struct text *text = text_of(quarry_report_buddyinfo);
	assert_int_equal(strncmp(text->buf, "Node 0, zone      DMA ", 22), 0);
	for (char *line; (line = text_line(text)); rows++) {
		unsigned long pages = 0;
		assert_true(parse_buddy_row(line, &row));
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
			pages += row.count[order] << order;
		assert_int_equal(pages, zone_free(zone_named(row.zone)));
		assert_int_equal(row.node, 0);
	}
	assert_int_equal(rows, 4);
	__free_pages(page, 3);
	mock_stop();
}

static void g004_buddyinfo_falls_and_is_restored(void **state)
{
	static char before[4096];

	(void)state;
	mock_start(&(struct mock_config){ .extra = { .no_parking = true } });
	strcpy(before, text_of(quarry_report_buddyinfo)->buf);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		unsigned long free = nr_free_pages();
		struct page *page = alloc_pages(GFP_KERNEL, order);
		assert_non_null(page);
		assert_int_equal(nr_free_pages(), free - (1ul << order));
		assert_string_not_equal(text_of(quarry_report_buddyinfo)->buf, before);
		__free_pages(page, order);
		assert_string_equal(text_of(quarry_report_buddyinfo)->buf, before);
	}
	mock_stop();
}

/* ---- zoneinfo ---- */

static unsigned long field(struct text *text, const char *format)
{
	unsigned long value;
	char *line = text_line(text);

	assert_non_null(line);
	if (sscanf(line, format, &value) != 1)
		fail_msg("\"%s\" is not \"%s\"", line, format);
	return value;
}

static void check_zone_rows(struct text *text, const struct zone *zone, unsigned cpus)
{
	unsigned long parked = 0, protection[MAX_NR_ZONES];
	unsigned node;
	char name[16];

	assert_int_equal(sscanf(text_line(text), "Node %u, zone %15s", &node, name), 2);
	assert_int_equal(node, zone->node);
	assert_string_equal(name, zone_name((enum zone_type)zone->type));
	assert_int_equal(field(text, "  pages free     %lu"), zone->free);
	assert_int_equal(field(text, "        boost    %lu"), 0);
	assert_int_equal(field(text, "        min      %lu"), zone->mark[MARK_MIN]);
	assert_int_equal(field(text, "        low      %lu"), zone->mark[MARK_LOW]);
	assert_int_equal(field(text, "        high     %lu"), zone->mark[MARK_HIGH]);
	assert_int_equal(field(text, "        spanned  %lu"), zone->end - zone->first);
	assert_int_equal(field(text, "        present  %lu"), zone->present);
	assert_int_equal(field(text, "        managed  %lu"), zone->managed);
	assert_int_equal(field(text, "        cma      %lu"), 0);
	assert_int_equal(sscanf(text_line(text), "        protection: (%lu, %lu, %lu, %lu)",
				&protection[0], &protection[1], &protection[2], &protection[3]),
			 4);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		assert_int_equal(protection[type], zone->reserve[type]);
	if (!zone_populated(zone))
		return;
	assert_int_equal(field(text, "      nr_free_pages %lu"), zone->free);
	assert_string_equal(text_line(text), "  pagesets");
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		assert_int_equal(field(text, "    cpu: %lu"), cpu);
		unsigned long count = field(text, "              count: %lu");
		unsigned long high = field(text, "              high:  %lu");
		unsigned long batch = field(text, "              batch: %lu");
		assert_true(count <= high);
		assert_true(batch <= high);
		parked += count;
	}
	assert_int_equal(parked, pcp_parked(zone));
	assert_int_equal(field(text, "  node_unreclaimable:  %lu"), 0);
	assert_int_equal(field(text, "  start_pfn:           %lu"), zone->first);
}

static void zoneinfo_tells_what_zones_hold(void **state)
{
	struct mock_config config = four_zones;

	(void)state;
	config.cpus = 3;
	mock_start(&config);
	struct page *page = alloc_page(GFP_KERNEL);
	mock_set_cpu(2);
	__free_page(page);
	assert_int_not_equal(nr_parked_pages(), 0);
	struct text *text = text_of(quarry_report_zoneinfo);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		check_zone_rows(text, &zones[type], 3);
	assert_null(text_line(text));
	mock_set_cpu(0);
	mock_stop();
}

static void zoneinfo_names_the_nodes_that_exist(void **state)
{
	const struct quarry_mem_range map[] = {
		{ MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		{ 64 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 2 },
	};

	(void)state;
	mock_start(&(struct mock_config){ .map = map, .nr_map = 2 });
	struct text *text = text_of(quarry_report_zoneinfo);
	for (unsigned node = 0; node <= 2; node += 2)
		for (unsigned type = 0; type < MAX_NR_ZONES; type++)
			check_zone_rows(text, &zones[node * MAX_NR_ZONES + type], 1);
	assert_null(text_line(text));
	mock_stop();
}

/* ---- meminfo ---- */

/* The value of a key, in KiB; every line is a key of 16 columns, a value of 8 and the unit. */
static unsigned long meminfo(const char *wanted)
{
	struct text *text = text_of(quarry_report_meminfo);
	unsigned long value, found = ~0ul;
	char key[32], unit[3];

	for (char *line; (line = text_line(text));) {
		assert_int_equal(sscanf(line, "%31[^:]: %lu %2s", key, &value, unit), 3);
		assert_string_equal(unit, "kB");
		assert_int_equal(strlen(line), 27);
		if (!strcmp(key, wanted))
			found = value;
	}
	assert_int_not_equal(found, ~0ul);
	return found;
}

static void meminfo_follows_requests(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 2 });
	assert_int_equal(meminfo("MemTotal"), totalram_pages() * 4);
	assert_int_equal(meminfo("MemFree"), nr_free_pages() * 4);
	assert_int_equal(meminfo("VmallocTotal"), (vmap_area_end() - vmap_area_start()) / 1024);
	assert_int_equal(meminfo("VmallocUsed"), 0);
	assert_int_equal(meminfo("VmallocChunk"), 0);
	assert_int_equal(meminfo("Percpu"), 2 * 4 * PFN_UP(pcp_area_size()));

	void *area = vmalloc(10 * PAGE_SIZE);
	assert_int_equal(meminfo("VmallocUsed"), 40);
	assert_int_equal(meminfo("PageTables"), pgtable_pages() * 4);
	vfree(area);
	assert_int_equal(meminfo("VmallocUsed"), 0);

	unsigned long available = meminfo("MemAvailable"), free = meminfo("MemFree");
	struct page *block = alloc_pages(GFP_KERNEL, 10);
	assert_int_equal(meminfo("MemAvailable"), available - 4096);
	assert_true(meminfo("MemFree") <= free - 4096);
	__free_pages(block, 10);
	assert_int_equal(meminfo("MemAvailable"), available);
	mock_stop();
}

static void meminfo_tells_reclaimable_slabs(void **state)
{
	void *object[64];

	(void)state;
	mock_start(NULL);
	assert_int_equal(meminfo("KReclaimable"), 0);
	for (unsigned i = 0; i < 64; i++)
		object[i] = kmalloc(1024, GFP_KERNEL | __GFP_RECLAIMABLE);
	assert_true(meminfo("KReclaimable") >= 64);
	assert_int_equal(meminfo("SReclaimable"), meminfo("KReclaimable"));
	assert_int_equal(meminfo("Slab"), meminfo("SReclaimable") + meminfo("SUnreclaim"));
	assert_int_equal(meminfo("SReclaimable"), slab_pages(true) * 4);
	for (unsigned i = 0; i < 64; i++)
		kfree(object[i]);
	mock_stop();
}

static void memavailable_leaves_out_marks_and_reserves(void **state)
{
	unsigned long reserved = 0;

	(void)state;
	mock_start(&four_zones);
	drain_all_pages();
	for_every_populated_zone(zone)
		reserved += zone->mark[MARK_HIGH] + zone->reserve[MAX_NR_ZONES - 1];
	assert_int_equal(meminfo("MemAvailable"), (nr_free_pages() - reserved) * 4);
	mock_stop();
}

/* ---- slabinfo ---- */

struct slab_row {
	char name[64];
	unsigned long active, total, active_slabs, slabs, shared;
	unsigned size, per_slab, pages, limit, batch, factor;
};

static bool parse_slab_row(const char *line, struct slab_row *row)
{
	char again[256];

	if (sscanf(line, "%63s %lu %lu %u %u %u : tunables %u %u %u : slabdata %lu %lu %lu",
		   row->name, &row->active, &row->total, &row->size, &row->per_slab, &row->pages,
		   &row->limit, &row->batch, &row->factor, &row->active_slabs, &row->slabs,
		   &row->shared) != 12)
		return false;
	snprintf(again, sizeof(again),
		 "%-17s %6lu %6lu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu",
		 row->name, row->active, row->total, row->size, row->per_slab, row->pages,
		 row->limit, row->batch, row->factor, row->active_slabs, row->slabs, row->shared);
	return !strcmp(line, again);
}

static bool slab_row_of(const char *name, struct slab_row *row)
{
	struct text *text = text_of(quarry_report_slabinfo);
	bool found = false;
	struct slab_row one;

	assert_string_equal(text_line(text), "slabinfo - version: 2.1");
	assert_string_equal(text_line(text),
			    "# name            <active_objs> <num_objs> <objsize> <objperslab> "
			    "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
			    "slabdata <active_slabs> <num_slabs> <sharedavail>");
	for (char *line; (line = text_line(text));) {
		assert_true(parse_slab_row(line, &one));
		assert_true(one.active <= one.total);
		assert_true(one.active_slabs <= one.slabs);
		if (!strcmp(one.name, name)) {
			*row = one;
			found = true;
		}
	}
	return found;
}

static void g002_slabinfo_counts_objects(void **state)
{
	void *object[1000];
	struct slab_row row;

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("report_test", 48, 0, 0, NULL);
	assert_true(slab_row_of("report_test", &row));
	assert_int_equal(row.active, 0);
	assert_int_equal(row.size, 48);
	for (unsigned i = 0; i < 1000; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_true(slab_row_of("report_test", &row));
	assert_int_equal(row.active, 1000);
	assert_true(row.total >= 1000);
	assert_int_equal(row.total, row.slabs * row.per_slab);
	assert_true(row.per_slab * row.size <= row.pages * PAGE_SIZE);
	assert_true(row.slabs * row.per_slab >= 1000);
	for (unsigned i = 0; i < 1000; i++)
		kmem_cache_free(cache, object[i]);
	assert_true(slab_row_of("report_test", &row));
	assert_int_equal(row.active, 0);
	kmem_cache_destroy(cache);
	assert_false(slab_row_of("report_test", &row));
	mock_stop();
}

/* ---- vmallocinfo ---- */

struct area_row {
	unsigned long start, end, size, pages;
	char caller[64], kind[16];
};

static bool area_row_of(const void *address, struct area_row *row)
{
	struct text *text = text_of(quarry_report_vmallocinfo);
	bool found = false;

	for (char *line; (line = text_line(text));) {
		struct area_row one = { .pages = 0 };
		int at;
		assert_int_equal(sscanf(line, "0x%lx-0x%lx %lu %63s%n", &one.start, &one.end,
					&one.size, one.caller, &at),
				 4);
		if (sscanf(line + at, " pages=%lu %15s", &one.pages, one.kind) != 2)
			assert_int_equal(sscanf(line + at, " %15s", one.kind), 1);
		assert_int_equal(one.end - one.start, one.size);
		if (one.start == (uintptr_t)address) {
			*row = one;
			found = true;
		}
	}
	return found;
}

static bool symbol(uintptr_t address, char *buf, size_t size)
{
	(void)address;
	snprintf(buf, size, "caller_of_vmalloc+0x10/0x80");
	return true;
}

static void vmallocinfo_names_range_and_caller(void **state)
{
	struct area_row row;
	struct page *page;

	(void)state;
	mock_start(NULL);
	void *area = vmalloc(5 * PAGE_SIZE - 1);
	assert_true(area_row_of(area, &row));
	assert_int_equal(row.size, 6 * PAGE_SIZE); /* with the guard page */
	assert_int_equal(row.pages, 5);
	assert_string_equal(row.kind, "vmalloc");
	assert_int_equal(strncmp(row.caller, "0x", 2), 0);
	uintptr_t caller = (uintptr_t)strtoul(row.caller, NULL, 16);
	assert_true(caller - (uintptr_t)vmallocinfo_names_range_and_caller < 8192);
	mm_ops.symbol = symbol;
	assert_true(area_row_of(area, &row));
	assert_string_equal(row.caller, "caller_of_vmalloc+0x10/0x80");
	vfree(area);
	assert_false(area_row_of(area, &row));

	page = alloc_page(GFP_KERNEL);
	area = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	assert_true(area_row_of(area, &row));
	assert_string_equal(row.kind, "vmap");
	assert_int_equal(row.size, 2 * PAGE_SIZE);
	vunmap(area);
	vm_unmap_aliases();
	__free_page(page);
	mock_stop();
}

/* ---- pagemap ---- */

static unsigned picture_rows, picture_columns;
static void picture(quarry_write_fn write, void *ctx)
{
	quarry_report_pagemap(write, ctx, picture_columns, picture_rows);
}

/* Characters `wanted` of a picture; checks its shape. */
static unsigned long cells(char wanted, unsigned long *kib)
{
	struct text *text = text_of(picture);
	unsigned long number = 0, address;
	unsigned rows = 0;

	assert_int_equal(sscanf(text_line(text), "physical memory, %lu KiB a character", kib), 1);
	for (char *line; (line = text_line(text)) && line[0] == '0'; rows++) {
		assert_int_equal(sscanf(line, "0x%16lx", &address), 1);
		assert_int_equal(address % (*kib * 1024), 0);
		assert_int_equal(strlen(line), 18 + 1 + picture_columns);
		for (const char *cell = line + 19; *cell; cell++)
			number += *cell == wanted;
	}
	assert_true(rows <= picture_rows);
	return number;
}

static void pagemap_is_exact_for_a_small_machine(void **state)
{
	unsigned long kib;

	(void)state;
	mock_start(&(struct mock_config){ .base = 2 * MOCK_MIB, .bytes = 8 * MOCK_MIB });
	picture_columns = 128;
	picture_rows = 16;
	struct page *block = alloc_pages(GFP_KERNEL, 5);
	void *area = vmalloc(20 * PAGE_SIZE);
	void *large = kmalloc(10 * PAGE_SIZE, GFP_KERNEL);
	void *object = kmalloc(100, GFP_KERNEL);
	drain_all_pages();
	assert_int_equal(cells('.', &kib), nr_free_pages());
	assert_int_equal(kib, 4);
	assert_int_equal(cells('p', &kib), nr_parked_pages());
	assert_int_equal(cells('L', &kib), 16);
	assert_int_equal(cells('s', &kib), slab_pages(true) + slab_pages(false));
	assert_int_equal(cells('v', &kib), 20);
	assert_int_equal(cells('t', &kib), pgtable_pages());
	unsigned long used = cells('U', &kib), tables = cells('m', &kib);
	assert_true(used >= 32);
	assert_int_equal(tables, 2048 - totalram_pages());
	assert_int_equal(cells('?', &kib), 0);
	assert_int_equal(cells(' ', &kib), 0);
	__free_pages(block, 5);
	assert_int_equal(cells('U', &kib), used - 32);
	vfree(area);
	kfree(large);
	kfree(object);
	mock_stop();
}

static void pagemap_of_a_machine_with_holes(void **state)
{
	unsigned long kib;

	(void)state;
	mock_start(&four_zones);
	picture_columns = 64;
	picture_rows = 16;
	/* 4 GiB + 128 MiB on 1024 cells: 8 MiB a cell, 4 for low memory and 16 for high. */
	unsigned long free = cells('.', &kib);
	assert_int_equal(kib, 8192);
	assert_int_equal(free, 20);
	assert_int_equal(cells('m', &kib), 0);
	mock_stop();
}

static void pagemap_of_a_terabyte(void **state)
{
	unsigned long kib;

	(void)state;
	mock_start(&(struct mock_config){ .bytes = 1024 * MOCK_GIB });
	picture_columns = 64;
	picture_rows = 16;
	assert_true(cells('.', &kib) >= 500);
	assert_int_equal(kib, 2 * 1024 * 1024);
	picture_columns = 128;
	picture_rows = 128;
	assert_in_range(cells('m', &kib), 8192 / 128, 8192 / 127);
	mock_stop();
}

static void pagemap_takes_any_size(void **state)
{
	(void)state;
	mock_start(NULL);
	picture_columns = picture_rows = 0;
	assert_non_null(strstr(text_of(picture)->buf, "blank: not ours\n"));
	picture_columns = ~0u;
	picture_rows = 1;
	assert_non_null(strstr(text_of(picture)->buf, "blank: not ours\n"));
	picture_columns = 1;
	picture_rows = 4096;
	assert_non_null(strstr(text_of(picture)->buf, "blank: not ours\n"));
	mock_stop();
}

/* ---- writing ---- */

/* A writer that uses the library: it would spin for ever if a lock were held. */
static void allocating_writer(void *ctx, const char *piece)
{
	(void)piece;
	kfree(kmalloc(64, GFP_KERNEL));
	__free_page(alloc_page(GFP_KERNEL));
	vfree(vmalloc(PAGE_SIZE));
	drain_all_pages();
	++*(unsigned *)ctx;
}

static void reports_hold_no_lock_while_writing(void **state)
{
	unsigned pieces = 0;

	(void)state;
	mock_start(NULL);
	void *area = vmalloc(PAGE_SIZE);
	quarry_report_buddyinfo(allocating_writer, &pieces);
	quarry_report_zoneinfo(allocating_writer, &pieces);
	quarry_report_meminfo(allocating_writer, &pieces);
	quarry_report_slabinfo(allocating_writer, &pieces);
	quarry_report_slabs(allocating_writer, &pieces);
	quarry_report_vmallocinfo(allocating_writer, &pieces);
	quarry_report_pagemap(allocating_writer, &pieces, 64, 16);
	assert_true(pieces > 50);
	vfree(area);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buddyinfo_columns_are_orders),
		cmocka_unit_test(g004_buddyinfo_falls_and_is_restored),
		cmocka_unit_test(zoneinfo_tells_what_zones_hold),
		cmocka_unit_test(zoneinfo_names_the_nodes_that_exist),
		cmocka_unit_test(meminfo_follows_requests),
		cmocka_unit_test(meminfo_tells_reclaimable_slabs),
		cmocka_unit_test(memavailable_leaves_out_marks_and_reserves),
		cmocka_unit_test(g002_slabinfo_counts_objects),
		cmocka_unit_test(vmallocinfo_names_range_and_caller),
		cmocka_unit_test(pagemap_is_exact_for_a_small_machine),
		cmocka_unit_test(pagemap_of_a_machine_with_holes),
		cmocka_unit_test(pagemap_of_a_terabyte),
		cmocka_unit_test(pagemap_takes_any_size),
		cmocka_unit_test(reports_hold_no_lock_while_writing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
