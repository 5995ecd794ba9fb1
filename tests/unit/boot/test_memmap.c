/* SPDX-License-Identifier: MIT */
/*
 * test_memmap.c: the normaliser against a model that looks at every frame.
 */
#include "boot_model.h"

/*
 * Compare the spans that the walk gives in frames [first, first + frames) with runs of equal frames
 * in the model.
 */
static void compare(const struct quarry_mem_range *map, size_t nr, uint64_t first, unsigned frames)
{
	struct memmap both = {.map = map, .nr_map = nr};
	uint64_t cursor = first, end = first + frames, pfn = first;
	struct mem_span span;

	for (;;) {
		bool more = memmap_next(&both, MEMMAP_KEPT, end, &cursor, &span);
		uint64_t run;
		unsigned kind = ABSENT;

		while (pfn < end && !(kind = model_frame(map, nr, pfn)))
			pfn++;
		if (pfn == end) {
			if (more)
				fail_msg("span [%lx,%lx) where nothing is kept", span.start_pfn,
					 span.end_pfn);
			assert_int_equal(cursor, end);
			return;
		}
		for (run = pfn; run < end && model_frame(map, nr, run) == kind;)
			run++;
		if (!more || span.start_pfn != pfn || span.end_pfn != run ||
		    kind_of(span.later ? LATER : USABLE, span.node) != kind) {
			for (size_t i = 0; i < nr; i++)
				print_error("entry %lx+%lx type %d node %u\n", map[i].base,
					    map[i].size, map[i].type, map[i].node);
			fail_msg("expected [%lx,%lx) kind %u, got %d [%lx,%lx) node %u later %d",
				 pfn, run, kind, more, span.start_pfn, span.end_pfn, span.node,
				 span.later);
		}
		assert_int_equal(cursor, run);
		pfn = run;
	}
}

/*
 * All intervals between two of the edges p * FRAME + d (d = -slack..slack), times the types, as
 * entries above `base`.
 */
static size_t make_entries(struct quarry_mem_range *out, uint64_t base, unsigned frames, int slack)
{
	static const enum quarry_mem_type types[] = {QUARRY_MEM_USABLE, QUARRY_MEM_RESERVED,
						     QUARRY_MEM_LATER};
	uint64_t edges[64];
	size_t nr_edges = 0, nr = 0;

	for (unsigned p = 0; p <= frames; p++)
		for (int d = -slack; d <= slack; d++)
			if ((int64_t)(p * FRAME) + d >= 0)
				edges[nr_edges++] = p * FRAME + (uint64_t)(int64_t)d;
	for (size_t a = 0; a < nr_edges; a++)
		for (size_t b = a + 1; b < nr_edges; b++)
			for (size_t t = 0; t < COUNT(types); t++)
				out[nr++] = (struct quarry_mem_range){
					base + edges[a], edges[b] - edges[a], types[t], 0};
	return nr;
}

/* Every ordered choice of up to `depth` entries; entry i is on node i if `nodes`. */
static void compare_all(uint64_t base, unsigned frames, int slack, unsigned depth, bool nodes)
{
	static struct quarry_mem_range entries[2048];
	size_t nr = make_entries(entries, base, frames, slack);
	uint64_t first = base >> PAGE_SHIFT;
	struct quarry_mem_range map[3];

	assert_true(nr <= COUNT(entries));
	compare(map, 0, first, frames);
	for (size_t a = 0; a < nr; a++) {
		map[0] = entries[a];
		compare(map, 1, first, frames);
		for (size_t b = 0; depth > 1 && b < nr; b++) {
			map[1] = entries[b];
			map[1].node = nodes;
			compare(map, 2, first, frames);
			for (size_t c = 0; depth > 2 && c < nr; c++) {
				map[2] = entries[c];
				map[2].node = nodes ? 2 : 0;
				compare(map, 3, first, frames);
			}
		}
	}
}

#define MIDDLE (16ull << 20)

/* |..8 frames..|  every interval, type and order of up to three entries */
static void h1_three_entries_on_a_grid(void **state)
{
	(void)state;
	compare_all(MIDDLE, 8, 0, 3, false);
}
static void h1_two_entries_with_nodes(void **state)
{
	(void)state;
	compare_all(MIDDLE, 8, 0, 2, true);
	compare_all(MIDDLE, 4, 0, 3, true);
}
/* Edges one byte off the grid on either side. */
static void h2_edges_one_byte_off(void **state)
{
	(void)state;
	compare_all(MIDDLE, 5, 1, 2, false);
	compare_all(MIDDLE, 2, 1, 3, true);
}
/* The same at frame 0, whose first page is withheld. */
static void h1_bottom_of_memory(void **state)
{
	(void)state;
	compare_all(0, 5, 0, 3, false);
	compare_all(0, 3, 1, 2, false);
}
/* The same at 2^64: entries that end there, and such as would wrap. */
static void h1_top_of_address_space(void **state)
{
	struct quarry_mem_range map[2] = {{0}};

	(void)state;
	compare_all(0 - 5 * FRAME, 5, 0, 3, false);
	compare_all(0 - 3 * FRAME, 3, 1, 2, false);
	for (unsigned type = QUARRY_MEM_USABLE; type <= QUARRY_MEM_LATER; type++) {
		map[0] = (struct quarry_mem_range){0 - 4 * FRAME, 4 * FRAME, QUARRY_MEM_USABLE, 0};
		map[1] = (struct quarry_mem_range){0 - 2 * FRAME, UINT64_MAX,
						   (enum quarry_mem_type)type, 0};
		compare(map, 2, MEMMAP_END_PFN - 5, 5);
		compare(map, 2, 0, 5);
	}
}

/*
 * All 4096 x 4096 pairs of offsets would take long; all offsets of one edge, and both edges
 * together, do not.
 */
static void h2_alignment_sweep(void **state)
{
	(void)state;
	for (uint64_t offset = 0; offset < FRAME; offset++) {
		struct quarry_mem_range entry[3] = {
			{MIDDLE + offset, 4 * FRAME, QUARRY_MEM_USABLE, 0},
			{MIDDLE + FRAME, 3 * FRAME - offset, QUARRY_MEM_USABLE, 0},
			{MIDDLE + offset, 6 * FRAME - 2 * offset, QUARRY_MEM_USABLE, 0},
		};

		for (size_t i = 0; i < COUNT(entry); i++) {
			struct memmap map = {.map = &entry[i], .nr_map = 1};
			uint64_t cursor = 0, end = entry[i].base + entry[i].size;
			struct mem_span span;
			uint64_t first = (entry[i].base + FRAME - 1) / FRAME, after = end / FRAME;

			assert_int_equal(
				memmap_next(&map, MEMMAP_KEPT, MEMMAP_END_PFN, &cursor, &span),
				first < after);
			if (first < after) {
				assert_int_equal(span.start_pfn, first);
				assert_int_equal(span.end_pfn, after);
				assert_false(memmap_next(&map, MEMMAP_KEPT, MEMMAP_END_PFN, &cursor,
							 &span));
			}
		}
	}
}

/* Two usable entries that meet inside a page make it whole; a reserved byte takes it away. */
static void meeting_inside_a_page(void **state)
{
	struct quarry_mem_range map[3] = {
		{MIDDLE, FRAME + 100, QUARRY_MEM_USABLE, 0},
		{MIDDLE + FRAME + 100, FRAME - 100, QUARRY_MEM_USABLE, 0},
		{MIDDLE + FRAME + 100, 1, QUARRY_MEM_RESERVED, 0},
	};
	struct memmap both = {.map = map, .nr_map = 2};
	uint64_t cursor = 0;
	struct mem_span span;

	(void)state;
	assert_true(memmap_next(&both, MEMMAP_KEPT, MEMMAP_END_PFN, &cursor, &span));
	assert_int_equal(span.end_pfn - span.start_pfn, 2);
	both.nr_map = 3;
	cursor = 0;
	assert_true(memmap_next(&both, MEMMAP_KEPT, MEMMAP_END_PFN, &cursor, &span));
	assert_int_equal(span.end_pfn - span.start_pfn, 1);
	assert_false(memmap_next(&both, MEMMAP_KEPT, MEMMAP_END_PFN, &cursor, &span));
}

/* Types that we do not know, and nodes that this build does not have. */
static void unknown_types_and_nodes(void **state)
{
	struct quarry_mem_range map[] = {
		{MIDDLE, 8 * FRAME, QUARRY_MEM_USABLE, QUARRY_MAX_NODES},
		{MIDDLE + 2 * FRAME, FRAME, (enum quarry_mem_type)0, 0},
		{MIDDLE + 4 * FRAME, FRAME, (enum quarry_mem_type)77, 0},
	};

	(void)state;
	compare(map, COUNT(map), MIDDLE / FRAME, 10);
}

/* Early reservations count for free memory alone; early additions for both views. */
static void early_entries(void **state)
{
	struct quarry_mem_range known = {MIDDLE, 4 * FRAME, QUARRY_MEM_USABLE, 0};
	struct quarry_mem_range early[] = {
		{MIDDLE + FRAME, 1, QUARRY_MEM_RESERVED, 0},
		{MIDDLE + 4 * FRAME, 2 * FRAME, QUARRY_MEM_USABLE, 0},
	};
	struct memmap map = {&known, early, 1, 2};
	uint64_t cursor = 0;
	struct mem_span span;

	(void)state;
	assert_true(memmap_next(&map, MEMMAP_KEPT, MEMMAP_END_PFN, &cursor, &span));
	assert_int_equal(span.end_pfn - span.start_pfn, 6);
	cursor = 0;
	assert_true(memmap_next(&map, MEMMAP_FREE, MEMMAP_END_PFN, &cursor, &span));
	assert_int_equal(span.end_pfn - span.start_pfn, 1);
	assert_true(memmap_next(&map, MEMMAP_FREE, MEMMAP_END_PFN, &cursor, &span));
	assert_int_equal(span.start_pfn, MIDDLE / FRAME + 2);
	assert_int_equal(span.end_pfn - span.start_pfn, 4);
	assert_false(memmap_next(&map, MEMMAP_FREE, MEMMAP_END_PFN, &cursor, &span));
}

/* Thousands of entries, shuffled: the same frames as the model. */
static void h1_thousands_of_entries(void **state)
{
	static struct quarry_mem_range map[4000];
	uint64_t random = 88172645463325252ull;

	(void)state;
	for (size_t i = 0; i < COUNT(map); i++) {
		uint64_t edge = model_random(&random) % 8192;

		map[i].base = MIDDLE + edge * FRAME + model_random(&random) % 3 - 1;
		map[i].size = (model_random(&random) % 3) * FRAME + model_random(&random) % 3 - 1;
		map[i].size += map[i].size > 1ull << 32;
		map[i].type = (enum quarry_mem_type)(
			model_random(&random) % 8 ? 1 + model_random(&random) % 3 : 1);
		map[i].node = model_random(&random) % 16 == 0;
	}
	/*
	 * Edges must stay within one byte of a frame: base and size are each off by one at most, so
	 * align the end.
	 */
	for (size_t i = 0; i < COUNT(map); i++)
		map[i].size = map[i].size & 1
				      ? ((map[i].base + map[i].size) & PAGE_MASK) - map[i].base
				      : map[i].size;
	for (size_t i = 0; i < COUNT(map); i++)
		if (((map[i].base + map[i].size + 1) & ~PAGE_MASK) > 2)
			map[i].size = 0;
	compare(map, COUNT(map), MIDDLE / FRAME - 1, 8200);
}

/*
 * The reach is the least of: address bits, direct map, virtual address space, 32-bit frame numbers.
 */
static void h9_reach(void **state)
{
	struct quarry_params params = {.size = sizeof(params)};
	uint64_t cpu = 1ull << (QUARRY_ARCH_PHYS_BITS - PAGE_SHIFT);

	(void)state;
	assert_int_equal(memmap_reach(&params), cpu < 1ull << 32 ? cpu : 1ull << 32);
	params.direct_map_limit = 5 * FRAME + 1;
	assert_int_equal(memmap_reach(&params), 5);
	params.direct_map_limit = 0;
	params.direct_map_offset = 0 - (uintptr_t)(1ull << 31);
	assert_int_equal(memmap_reach(&params), (1ull << 31) / FRAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(h1_three_entries_on_a_grid),
		cmocka_unit_test(h1_two_entries_with_nodes),
		cmocka_unit_test(h2_edges_one_byte_off),
		cmocka_unit_test(h1_bottom_of_memory),
		cmocka_unit_test(h1_top_of_address_space),
		cmocka_unit_test(h2_alignment_sweep),
		cmocka_unit_test(meeting_inside_a_page),
		cmocka_unit_test(unknown_types_and_nodes),
		cmocka_unit_test(early_entries),
		cmocka_unit_test(h1_thousands_of_entries),
		cmocka_unit_test(h9_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
