/* SPDX-License-Identifier: MIT */
/* test_zone.c: which zone and node serve a request, borders, memory that comes later, costs. */
#include "page_test.h"

#include <quarry/tunables.h>

/* ---- fallback inside a node ---- */

static void g015_fallback_goes_downward(void **state)
{
	(void)state;
	mock_start(&four_zones);
	struct quarry_tunables tunables;
	quarry_get_tunables(&tunables);
	tunables.watermark_boost_factor = 0; /* marks stay where they are */
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	hold_all(GFP_KERNEL | __GFP_NOWARN, 0);
	/* Downward twice: to the low marks, then to the minimum marks. */
	static const enum zone_type expected[] = { ZONE_NORMAL, ZONE_DMA32, ZONE_DMA,
						   ZONE_NORMAL, ZONE_DMA32, ZONE_DMA };
	unsigned at = 0;
	for (unsigned long i = 0; i < hold.nr; i++) {
		enum zone_type type = page_zonenum(hold.block[i].page);
		if (type != expected[at])
			at++;
		assert_true(at < 6);
		assert_int_equal(type, expected[at]);
	}
	assert_int_equal(at, 5);
	free_held();

	hold_all(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 0);
	assert_int_equal(page_zonenum(hold.block[0].page), ZONE_MOVABLE);
	assert_int_equal(page_zonenum(hold.block[hold.nr - 1].page), ZONE_DMA);
	free_held();

	hold_all(GFP_DMA32 | __GFP_NOWARN, 0);
	for (unsigned long i = 0; i < hold.nr; i++)
		assert_true(page_zonenum(hold.block[i].page) <= ZONE_DMA32);
	free_held();
	hold_all(GFP_DMA | __GFP_NOWARN, 0);
	for (unsigned long i = 0; i < hold.nr; i++)
		assert_int_equal(page_zonenum(hold.block[i].page), ZONE_DMA);
	free_held();
	mock_stop();
}

/* Every zone combination and order: the last byte is where the mask allows (G55, G56, H11). */
static void g056_addresses_are_where_the_mask_says(void **state)
{
	static const struct {
		gfp_t gfp;
		uint64_t limit;
	} rows[] = {
		{ GFP_KERNEL | GFP_DMA, QUARRY_ARCH_DMA_LIMIT },
		{ GFP_KERNEL | GFP_DMA32, QUARRY_ARCH_DMA32_LIMIT },
		{ GFP_DMA | __GFP_MOVABLE, QUARRY_ARCH_DMA_LIMIT },
		{ GFP_DMA32 | __GFP_MOVABLE, QUARRY_ARCH_DMA32_LIMIT },
		{ GFP_KERNEL, UINT64_MAX },
		{ GFP_HIGHUSER_MOVABLE, UINT64_MAX },
	};

	(void)state;
	mock_start(&four_zones);
	for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
			unsigned long from = hold.nr;
			hold_all(rows[row].gfp | __GFP_NOWARN, order);
			for (unsigned long i = from; i < hold.nr; i++)
				assert_true(page_to_phys(hold.block[i].page) +
						    (PAGE_SIZE << order) <=
					    rows[row].limit);
			free_held();
		}
	}
	mock_stop();
}

/* ---- nodes ---- */

static unsigned node_of_cpu(unsigned cpu)
{
	return cpu % 3;
}

static const struct quarry_mem_range three_nodes_map[] = {
	{ 16 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
	{ 24 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 1 },
	{ 32 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 2 },
};
/* Node 0 is near node 2, node 1 near node 0, node 2 near node 1. */
static const uint8_t distances[9] = { 10, 30, 20, 20, 10, 30, 30, 20, 10 };
static const struct mock_config three_nodes = {
	.map = three_nodes_map,
	.nr_map = 3,
	.cpus = 3,
	.cpu_node = node_of_cpu,
	.extra = { .distance = distances, .nr_nodes = 3, .no_parking = true },
};

/* Nodes in the order in which a CPU's requests meet them. */
static void check_node_order(unsigned cpu, int node, const unsigned *order)
{
	unsigned at = 0;

	mock_set_cpu(cpu);
	for (struct page *page; (page = alloc_pages_node(node, GFP_NOWAIT, 0));) {
		unsigned from = (unsigned)page_to_nid(page);
		/* Twice over all nodes: to the low marks, then to the minimum marks. */
		if (from != order[at % 3])
			at++;
		assert_true(at < 6);
		assert_int_equal(from, order[at % 3]);
		hold_block(page, 0);
	}
	assert_int_equal(at, 5);
	mock_set_cpu(0);
	free_held();
}

static void nodes_by_distance(void **state)
{
	(void)state;
	mock_start(&three_nodes);
	check_node_order(0, NUMA_NO_NODE, (const unsigned[]){ 0, 2, 1 });
	check_node_order(1, NUMA_NO_NODE, (const unsigned[]){ 1, 0, 2 });
	check_node_order(2, NUMA_NO_NODE, (const unsigned[]){ 2, 1, 0 });
	check_node_order(0, 1, (const unsigned[]){ 1, 0, 2 });
	check_node_order(1, 2, (const unsigned[]){ 2, 1, 0 });
	mock_stop();
}

static void thisnode_stays_on_the_node(void **state)
{
	struct page *page;

	(void)state;
	mock_start(&three_nodes);
	while ((page = alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE, 0))) {
		assert_int_equal(page_to_nid(page), 1);
		hold_block(page, 0);
	}
	assert_true(nr_free_pages() > 2000);
	page = alloc_pages_node(1, GFP_NOWAIT, 0);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	free_held();
	mock_stop();
}

/* Give nodes 0..nr-1 a distance table and a piece of NORMAL memory each; check every order. */
static void check_topology(const uint8_t *table, unsigned nr, bool sensible)
{
	unsigned long reports = mock_reports(QUARRY_RULE_BAD_ARGUMENT);

	zones_init(table, nr);
	for (unsigned node = 0; node < nr; node++)
		zone_grow(node, ZONE_NORMAL, 1024 * (node + 1), 1024 * (node + 2));
	zones_build_order();
	assert_int_equal(mock_reports(QUARRY_RULE_BAD_ARGUMENT), reports + !sensible);
	for (unsigned from = 0; from < nr; from++) {
		struct zone *const *list = nodes.order[from][ZONE_NORMAL];
		unsigned seen = 0, last = 0, length = 0;

		assert_int_equal(list[0]->node, from);
		for (; list[length]; length++) {
			unsigned node = list[length]->node;
			unsigned distance = sensible ? table[from * nr + node]
						     : node == from ? 10 : 20;
			assert_false(seen >> node & 1);
			assert_true(distance >= last);
			seen |= 1u << node;
			last = distance;
		}
		assert_int_equal(length, nr);
	}
}

static bool is_slit(const uint8_t *table, unsigned nr)
{
	for (unsigned i = 0; i < nr * nr; i++)
		if (i / nr == i % nr ? table[i] != 10 : table[i] <= 10)
			return false;
	return true;
}

/* Whatever distances firmware tells, flat tables and zeros too: a node is the first of its own
 * order, each of the others comes once, none before a nearer one; nonsense is told once. */
static void g015_own_node_first_in_every_topology(void **state)
{
	static const uint8_t told[] = { 10, 20, 30, 0 };
	uint8_t table[16];
	uint64_t random = 1;
	unsigned bad = 0;

	(void)state;
	mock_start(NULL);
	for (unsigned code = 0; code < 256; code++) { /* every table of two nodes */
		for (unsigned i = 0; i < 4; i++)
			table[i] = told[code >> 2 * i & 3];
		bad += !is_slit(table, 2);
		check_topology(table, 2, is_slit(table, 2));
	}
	for (unsigned code = 0; code < 729; code++) { /* of three nodes, at ten to themselves */
		unsigned rest = code;
		for (unsigned i = 0; i < 9; i++) {
			table[i] = i % 4 ? told[rest % 3] : 10;
			rest = i % 4 ? rest / 3 : rest;
		}
		bad += !is_slit(table, 3);
		check_topology(table, 3, is_slit(table, 3));
	}
	for (unsigned n = 0; n < MOCK_STEPS(2000); n++) { /* of four, half of them sensible */
		for (unsigned i = 0; i < 16; i++)
			table[i] = i % 5 == 0 ? 10
					      : told[mock_random(&random) % (n % 2 ? 3 : 2) +
						     (n % 2 ? 0 : 1)];
		bad += !is_slit(table, 4);
		check_topology(table, 4, is_slit(table, 4));
	}
	for (unsigned nr = 2; nr <= 4; nr++) {
		for (unsigned flat = 0; flat < 4; flat++) {
			memset(table, told[flat], sizeof(table));
			bad++;
			check_topology(table, nr, false);
		}
	}
	assert_true(bad > 1000);
	mock_abandon();
}

/* The same through quarry_init: with a flat table each node serves its own requests first. */
static void flat_distances_are_told_and_ignored(void **state)
{
	static const uint8_t flat[9] = { 10, 10, 10, 10, 10, 10, 10, 10, 10 };
	struct mock_config config = three_nodes;

	(void)state;
	config.extra.distance = flat;
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	mock_start(&config);
	for (int node = 0; node < 3; node++) {
		struct page *page = alloc_pages_node(node, GFP_KERNEL, 0);
		assert_int_equal(page_to_nid(page), node);
		__free_page(page);
		page = alloc_pages_node(node, GFP_KERNEL | __GFP_THISNODE, 3);
		assert_non_null(page);
		assert_int_equal(page_to_nid(page), node);
		__free_pages(page, 3);
	}
	check_node_order(1, NUMA_NO_NODE, (const unsigned[]){ 1, 0, 2 });
	mock_stop();
}

/* ---- borders ---- */

/* Two nodes that meet inside a pageblock: no block straddles; both are whole again at the end. */
static void check_boundary(unsigned long pages)
{
	const unsigned long middle = 32 * MOCK_MIB + pages * PAGE_SIZE;
	const struct quarry_mem_range map[] = {
		{ 28 * MOCK_MIB, middle - 28 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		{ middle, 36 * MOCK_MIB - middle, QUARRY_MEM_USABLE, 1 },
	};
	uint64_t random = pages;

	mock_start(&(struct mock_config){ .map = map,
					  .nr_map = 2,
					  .no_vmalloc = true,
					  .extra = { .no_parking = true } });
	struct free_map before = free_map();
	for (unsigned order = 0; order <= 6; order++) {
		hold_all(ATOMIC_ALL, order);
		if (!order)
			assert_int_equal(nr_free_pages(), 0);
		for (unsigned long i = 0; i < hold.nr; i++) {
			phys_addr_t start = page_to_phys(hold.block[i].page);
			phys_addr_t end = start + (PAGE_SIZE << order);
			assert_true(end <= middle || start >= middle);
			assert_int_equal(page_to_nid(hold.block[i].page), start >= middle);
		}
		assert_int_equal(mm_check(), 0);
		free_held_mixed(&random);
		assert_free_map(&before);
	}
	mock_stop();
}

static void h005_zone_boundary_at_every_frame(void **state)
{
	(void)state;
	for (unsigned long pages = 1; pages < 64; pages++)
		check_boundary(pages);
}

/* Sizes from one page: boot refuses, or everything can be taken and given back (H8). */
static void h008_machines_of_few_pages(void **state)
{
	unsigned started = 0;

	(void)state;
	for (unsigned long pages = 1; pages <= 700; pages += pages < 100 ? 1 : 7) {
		const struct mock_config config = {
			.base = 16 * MOCK_MIB - 64 * PAGE_SIZE, /* two zones, or only DMA */
			.bytes = pages * PAGE_SIZE,
			.no_vmalloc = true,
		};
		if (mock_try_start(&config)) {
			mock_abandon();
			assert_int_equal(started, 0); /* a larger machine never fails again */
			continue;
		}
		started++;
		struct free_map before = free_map();
		hold_all(ATOMIC_ALL, 0);
		assert_int_equal(mm_check(), 0);
		free_held();
		drain_all_pages();
		assert_free_map(&before);
		mock_stop();
	}
	assert_true(started > 100);
}

/* Maps of holes in 12 pages between two whole pageblocks: nothing is merged over a hole (H4). */
static void h004_holes_inside_a_block(void **state)
{
	const phys_addr_t base = 20 * MOCK_MIB;

	(void)state;
	for (unsigned holes = 1; holes < 4096; holes += 7) {
		struct quarry_mem_range map[14] = {
			{ base - 4 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		};
		size_t nr = 1;
		for (unsigned bit = 0; bit < 12; bit++)
			if (holes >> bit & 1)
				map[nr++] = (struct quarry_mem_range){
					base + bit * PAGE_SIZE, PAGE_SIZE, QUARRY_MEM_RESERVED, 0
				};
		mock_start(&(struct mock_config){ .map = map,
						  .nr_map = nr,
						  .no_vmalloc = true,
						  .extra = { .no_parking = true } });
		struct free_map before = free_map();
		hold_all(ATOMIC_ALL, 0);
		for (unsigned long i = 0; i < hold.nr; i++) {
			unsigned long page = (page_to_phys(hold.block[i].page) - base) / PAGE_SIZE;
			assert_false(page < 12 && holes >> page & 1);
		}
		free_held();
		assert_free_map(&before);
		mock_stop();
	}
}

/* ---- later memory ---- */

static void later_memory_comes_in_parts(void **state)
{
	const struct quarry_mem_range map[] = {
		{ 16 * MOCK_MIB, 16 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		{ 64 * MOCK_MIB, 16 * MOCK_MIB, QUARRY_MEM_LATER, 0 },
	};

	(void)state;
	mock_start(&(struct mock_config){ .map = map, .nr_map = 2, .no_vmalloc = true });
	unsigned long total = totalram_pages(), min = zone_of(ZONE_DMA32)->mark[MARK_MIN];
	assert_false(pfn_valid(64 * MOCK_MIB / PAGE_SIZE));
	/* From the middle, unaligned: whole pages inside the range. */
	assert_int_equal(quarry_add_memory(70 * MOCK_MIB + 1, MOCK_MIB), 0);
	assert_int_equal(totalram_pages(), total + 255);
	assert_int_equal(mm_check(), 0);
	/* What is left on both sides, in one call; the rest of the range is nothing of ours. */
	assert_int_equal(quarry_add_memory(60 * MOCK_MIB, 40 * MOCK_MIB), 0);
	assert_int_equal(totalram_pages(), total + 4096);
	assert_true(zone_of(ZONE_DMA32)->mark[MARK_MIN] > min);
	assert_int_equal(mm_check(), 0);
	/* Nothing is left. */
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	assert_int_equal(quarry_add_memory(64 * MOCK_MIB, 16 * MOCK_MIB), -QUARRY_EINVAL);
	assert_int_equal(quarry_add_memory(16 * MOCK_MIB, MOCK_MIB), -QUARRY_EINVAL);
	/* All of it can be used. */
	hold_all(ATOMIC_ALL, 0);
	unsigned long above = 0;
	for (unsigned long i = 0; i < hold.nr; i++)
		above += page_to_phys(hold.block[i].page) >= 64 * MOCK_MIB;
	assert_int_equal(above, 4096);
	free_held();
	mock_world.baseline += 4096;
	mock_stop();
}

static void later_memory_can_make_a_zone(void **state)
{
	const struct quarry_mem_range map[] = {
		{ 4 * MOCK_GIB - 64 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		{ 4 * MOCK_GIB, 16 * MOCK_MIB, QUARRY_MEM_LATER, 1 },
	};

	(void)state;
	mock_start(&(struct mock_config){ .map = map, .nr_map = 2, .no_vmalloc = true });
	assert_int_equal(nodes.count, 1);
	assert_int_equal(quarry_add_memory(4 * MOCK_GIB, 16 * MOCK_MIB), 0);
	assert_int_equal(nodes.count, 2);
	struct page *page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, 3);
	assert_non_null(page);
	assert_int_equal(page_to_nid(page), 1);
	assert_int_equal(page_zonenum(page), ZONE_NORMAL);
	__free_pages(page, 3);
	mock_world.baseline += 4096;
	mock_stop();
}

/* A pageblock of the reserve for atomic requests that memory of another node joins: it leaves the
 * reserve, and neither node's counts know it any more. */
static void g077_memory_is_added_to_a_pageblock_of_the_reserve(void **state)
{
	const unsigned long edge = (4 * MOCK_GIB + 62 * MOCK_MIB) / PAGE_SIZE;
	static const struct quarry_mem_range map[] = {
		{ 4 * MOCK_GIB, 63 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
		{ 4 * MOCK_GIB + 63 * MOCK_MIB, 65 * MOCK_MIB, QUARRY_MEM_LATER, 1 },
		{ 4 * MOCK_GIB + 256 * MOCK_MIB, 128 * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
	};

	(void)state;
	mock_start(&(struct mock_config){ .map = map,
					  .nr_map = 3,
					  .no_vmalloc = true,
					  .extra = { .no_parking = true } });
	struct zone *zone = zone_of(ZONE_NORMAL), *added = &zones[MAX_NR_ZONES + ZONE_NORMAL];
	hold_all(ATOMIC_ALL, 2);
	/* Free the edge's blocks, down to what only atomic requests may have. */
	for (unsigned long i = 0; i < hold.nr && zone_free(zone) + 100 < zone->mark[MARK_MIN];) {
		struct held *held = &hold.block[i];
		if (pageblock_start(page_to_pfn(held->page)) != edge) {
			i++;
			continue;
		}
		__free_pages(held->page, 2);
		*held = hold.block[--hold.nr];
	}
	struct page *block = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 2);
	assert_non_null(block);
	assert_int_equal(pageblock_mobility(edge), MIGRATE_HIGHATOMIC);
	assert_true(zone->atomic_free > 0);

	assert_int_equal(quarry_add_memory(map[1].base, map[1].size), 0);
	assert_int_equal(pageblock_mobility(edge), MIGRATE_UNMOVABLE);
	assert_int_equal(zone->atomic_blocks, 0);
	assert_int_equal(zone->atomic_free, 0);
	assert_int_equal(mm_check(), 0);
	/* Both nodes down to the last page: where a reserve would be taken apart. */
	hold_all(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 0);
	assert_int_equal(zone->atomic_blocks, 0);
	assert_int_equal(added->atomic_blocks, 0);
	assert_int_equal(mm_check(), 0);
	__free_pages(block, 2);
	free_held();
	mock_world.baseline += map[1].size / PAGE_SIZE;
	mock_stop();
}

/* ---- costs ---- */

static void footprint_is_what_init_takes(void **state)
{
	static const uint64_t sizes[] = { 2, 3, 17, 64, 100, 1000, 5000, 100000 };

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct quarry_mem_range map[] = {
			{ MOCK_MIB, sizes[i] * MOCK_MIB, QUARRY_MEM_USABLE, 0 },
			{ MOCK_MIB + MOCK_MIB / 2, 5 * PAGE_SIZE, QUARRY_MEM_RESERVED, 0 },
		};
		struct quarry_params params = {
			.size = sizeof(params),
			.map = map,
			.nr_map = 2,
			.direct_map_offset = MOCK_DIRECT,
			.no_parking = true,
		};
		struct quarry_cost cost;
		unsigned long present = 0;

		assert_int_equal(quarry_footprint(&params, &cost), 0);
		mock_start(&(struct mock_config){ .map = map,
						  .nr_map = 2,
						  .no_vmalloc = true,
						  .extra = { .no_parking = true } });
		for_every_populated_zone(zone)
			present += zone->present;
		assert_int_equal(cost.usable_pages, sizes[i] * 256 - 5);
		assert_int_equal(present, cost.usable_pages);
		assert_int_equal(cost.total, (present - totalram_pages()) * PAGE_SIZE);
		assert_int_equal(cost.clipped_pages, 0);
		assert_int_equal(cost.nr_ranges, 2);
		assert_true(cost.page_array + cost.block_map <= cost.total);
		if (sizes[i] >= 64) /* below 0.9 % (quarry/mm_types.h) */
			assert_true(cost.total * 1000 <= sizes[i] * MOCK_MIB * 9);
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g015_fallback_goes_downward),
		page_test(g056_addresses_are_where_the_mask_says),
		page_test(nodes_by_distance),
		page_test(thisnode_stays_on_the_node),
		page_test(g015_own_node_first_in_every_topology),
		page_test(flat_distances_are_told_and_ignored),
		page_test(h005_zone_boundary_at_every_frame),
		page_test(h008_machines_of_few_pages),
		page_test(h004_holes_inside_a_block),
		page_test(later_memory_comes_in_parts),
		page_test(later_memory_can_make_a_zone),
		page_test(g077_memory_is_added_to_a_pageblock_of_the_reserve),
		page_test(footprint_is_what_init_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
