/* SPDX-License-Identifier: MIT */
/*
 * test_plan.c: metadata placement and the hand-over, frame by frame.
 *
 * Each world is a map over a few hundred pageblocks. Every frame gets a colour in a plain array:
 * what the model says, then what the plan and the walks say; no frame may get two.
 */
#include <string.h>

#include "boot_model.h"
#include "mm/boot/memblock.h"
#include "mm/phys/page.h"

#define BLOCK pageblock_nr_pages
#define MAX_FRAMES (512 * BLOCK)
#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

struct world {
	struct quarry_params params;
	struct memblock_plan plan;
	uint64_t first, frames; /* the part of the address space with memory in it */
	uint64_t extra;
};

enum colour { NOTHING, IS_USABLE, IS_LATER, IS_ARRAY, IS_TAIL, IS_FREE };
static unsigned char colours[MAX_FRAMES];
static unsigned char early[MAX_FRAMES]; /* reserved through quarry/memblock.h */

static unsigned char *colour_of(const struct world *world, uint64_t pfn)
{
	assert_in_range(pfn, world->first, world->first + world->frames - 1);
	return &colours[pfn - world->first];
}

static bool is_early(const struct world *world, uint64_t pfn)
{
	return early[pfn - world->first];
}

/*
 * Pages of metadata for `blocks` pageblocks, written as the documented layout: 16 KiB a block, then
 * extra and map.
 */
static uint64_t needed(uint64_t blocks, uint64_t extra)
{
	uint64_t cache_lines =
		(extra + QUARRY_CACHE_LINE - 1) / QUARRY_CACHE_LINE * QUARRY_CACHE_LINE;

	return blocks * 4 + (cache_lines + blocks + FRAME - 1) / FRAME;
}

/* Turn frames [start, end) from `from` into `to`; each must be of colour `from` and not early. */
static void paint(const struct world *world, uint64_t start, uint64_t end, enum colour from,
		  enum colour to)
{
	for (uint64_t pfn = start; pfn < end; pfn++) {
		if (*colour_of(world, pfn) != from || is_early(world, pfn))
			fail_msg("frame %lx: colour %d, not %d, before it becomes %d", pfn,
				 *colour_of(world, pfn), from, to);
		*colour_of(world, pfn) = (unsigned char)to;
	}
}

/* Colours of the map itself. Return: kept frames in reach. */
static uint64_t colour_map(struct world *world, uint64_t reach, uint64_t *out_of_reach)
{
	uint64_t kept = 0;

	*out_of_reach = 0;
	for (uint64_t pfn = world->first; pfn < world->first + world->frames; pfn++) {
		unsigned kind = model_frame(world->params.map, world->params.nr_map, pfn);

		*colour_of(world, pfn) = NOTHING;
		if (kind && pfn >= reach)
			++*out_of_reach;
		else if (kind)
			*colour_of(world, pfn) = kind >= USABLE * 64 ? IS_USABLE : IS_LATER;
		kept += kind && pfn < reach;
	}
	return kept;
}

struct run {
	uint64_t start, end;
};

/*
 * The largest free run of frames, and the highest of at least `pages`; both may be absent (end 0).
 */
static void free_runs(const struct world *world, uint64_t pages, struct run *largest,
		      struct run *highest)
{
	struct run run = {0};
	unsigned node = 0;

	*largest = *highest = run;
	for (uint64_t pfn = world->first; pfn <= world->first + world->frames; pfn++) {
		bool inside = pfn < world->first + world->frames &&
			      *colour_of(world, pfn) == IS_USABLE && !is_early(world, pfn);
		unsigned kind =
			inside ? model_frame(world->params.map, world->params.nr_map, pfn) : 0;

		if (run.end && kind != node) {
			if (run.end - run.start > largest->end - largest->start)
				*largest = run;
			if (run.end - run.start >= pages)
				*highest = run;
			run = (struct run){0};
		}
		if (inside && !run.end)
			run.start = pfn;
		if (inside)
			run.end = pfn + 1;
		node = kind;
	}
}

static uint64_t count_kept(const struct world *world, uint64_t from, uint64_t to)
{
	uint64_t pages = 0;

	for (uint64_t pfn = from > world->first ? from : world->first;
	     pfn < to && pfn < world->first + world->frames; pfn++)
		pages += *colour_of(world, pfn) != NOTHING;
	return pages;
}

/* Most kept pages that any window of `blocks` pageblocks around `home` holds. */
static uint64_t best_window(const struct world *world, const struct run *home, uint64_t blocks)
{
	uint64_t best = 0;

	for (uint64_t lo = world->first / BLOCK * BLOCK; lo <= home->start; lo += BLOCK) {
		uint64_t pages = count_kept(world, lo, lo + blocks * BLOCK);

		if (lo + blocks * BLOCK >= home->end && pages > best)
			best = pages;
	}
	return best;
}

/* Kept memory and the window; metadata in free memory; free memory is the rest. */
static void check_layout(struct world *world)
{
	const struct memblock_plan *plan = &world->plan;
	uint64_t usable = 0, later = 0, array = 0, cursor = 0, last = 0, ranges = 0;
	uint64_t blocks = (plan->hi_pfn + BLOCK - 1) / BLOCK - plan->lo_pfn / BLOCK;
	struct mem_span span;

	assert_int_equal(plan->lo_pfn % BLOCK, 0);
	assert_int_equal(plan->block_map_bytes, blocks);
	for (uint64_t pfn = world->first; pfn < world->first + world->frames; pfn++)
		if (pfn < plan->lo_pfn || pfn >= plan->hi_pfn)
			*colour_of(world, pfn) = NOTHING;

	while (memblock_kept_next(&cursor, &span)) {
		assert_true(span.start_pfn >= last && span.start_pfn < span.end_pfn);
		for (uint64_t pfn = span.start_pfn; pfn < span.end_pfn; pfn++)
			assert_int_equal(*colour_of(world, pfn), span.later ? IS_LATER : IS_USABLE);
		*(span.later ? &later : &usable) += span.end_pfn - span.start_pfn;
		ranges += !span.later;
		last = span.end_pfn;
	}
	assert_int_equal(usable, plan->usable_pages);
	assert_int_equal(later, plan->later_pages);
	assert_int_equal(ranges, plan->nr_ranges);
	assert_int_equal(usable + later, count_kept(world, plan->lo_pfn, plan->hi_pfn));
	assert_int_equal(last, plan->hi_pfn);

	for (uint64_t block = plan->lo_pfn; block < plan->hi_pfn; block += BLOCK) {
		uint64_t part = (plan->page_array + block * sizeof(struct page)) / FRAME;

		if (!count_kept(world, block,
				block + BLOCK < plan->hi_pfn ? block + BLOCK : plan->hi_pfn))
			continue;
		assert_int_equal((plan->page_array + block * sizeof(struct page)) % FRAME, 0);
		paint(world, part, part + 4, IS_USABLE, IS_ARRAY);
		array += 4;
	}
	assert_int_equal(array, plan->array_pages);
	assert_int_equal(plan->extra % FRAME, 0);
	assert_true(plan->block_map >= plan->extra + world->extra);
	assert_true(plan->block_map + blocks <= plan->end_pfn * FRAME);
	assert_int_equal(plan->tail_pfn, plan->extra / FRAME);
	paint(world, plan->tail_pfn, plan->end_pfn, IS_USABLE, IS_TAIL);

	cursor = last = 0;
	while (memblock_free_next(&cursor, &span)) {
		assert_true(span.start_pfn >= last && span.start_pfn < span.end_pfn && !span.later);
		paint(world, span.start_pfn, span.end_pfn, IS_USABLE, IS_FREE);
		last = span.end_pfn;
	}
	for (uint64_t pfn = world->first; pfn < world->first + world->frames; pfn++)
		assert_true(*colour_of(world, pfn) != IS_USABLE || is_early(world, pfn));
}

/*
 * Plan the world, predict the result, and check everything about it. Return: memblock_plan's
 * result.
 */
static int check_world(struct world *world)
{
	uint64_t reach = memmap_reach(&world->params), beyond, lo = world->first, hi;
	uint64_t kept = colour_map(world, reach, &beyond), usable = 0, blocks;
	struct run largest, home;
	int error = memblock_plan(&world->params, world->extra, &world->plan);

	for (uint64_t pfn = world->first; pfn < world->first + world->frames; pfn++)
		usable += *colour_of(world, pfn) == IS_USABLE;
	if (!usable) {
		assert_int_equal(error, -QUARRY_EINVAL);
		return error;
	}
	for (hi = world->first + world->frames; *colour_of(world, hi - 1) == NOTHING;)
		hi--;
	while (*colour_of(world, lo) == NOTHING)
		lo++;
	blocks = (hi + BLOCK - 1) / BLOCK - lo / BLOCK;
	free_runs(world, needed(blocks, world->extra), &largest, &home);
	if (home.end) {
		assert_int_equal(error, 0);
		assert_int_equal(world->plan.clipped_pages, beyond);
		assert_int_equal(world->plan.hi_pfn, hi);
	} else {
		uint64_t size = largest.end - largest.start;

		for (blocks = size / 4; blocks && needed(blocks, world->extra) > size;)
			blocks--;
		kept = best_window(world, &largest, blocks);
		if (error) {
			/* Even the best window around the home leaves too little of it. */
			assert_int_equal(error, -QUARRY_ENOMEM);
			assert_true(!blocks || !kept);
			return error;
		}
		assert_int_equal(world->plan.usable_pages + world->plan.later_pages, kept);
		/* The window may hold less than the home allows for, and then fit elsewhere too. */
		free_runs(world, needed(world->plan.block_map_bytes, world->extra), &largest,
			  &home);
		assert_true(home.end >= world->plan.end_pfn);
		home.end = world->plan.end_pfn;
	}
	assert_int_equal(world->plan.usable_pages + world->plan.later_pages +
				 world->plan.clipped_pages,
			 count_kept(world, 0, reach) + beyond);
	assert_int_equal(world->plan.end_pfn, home.end);
	memblock_commit(&world->params, &world->plan);
	check_layout(world);
	memblock_close();
	return 0;
}

static struct world world_of(const struct quarry_mem_range *map, size_t nr, uint64_t base,
			     uint64_t bytes)
{
	memblock_close();
	memset(early, 0, sizeof(early));
	assert_true(bytes / FRAME <= MAX_FRAMES);
	return (struct world){
		.params = {.size = sizeof(struct quarry_params), .map = map, .nr_map = nr},
		.first = base / FRAME,
		.frames = bytes / FRAME};
}

/* ---- machines ---- */

/* |absent|....2 MiB....|  boots, at the usual places of RAM */
static void two_mib_machine(void **state)
{
	static const uint64_t bases[] = {0, MIB, 0x80000000ull, 0x80200000ull};

	(void)state;
	for (size_t i = 0; i < COUNT(bases); i++) {
		struct quarry_mem_range map = {bases[i], 2 * MIB, QUARRY_MEM_USABLE, 0};
		struct world world = world_of(&map, 1, bases[i], 2 * MIB);

		world.extra = 16 * KIB;
		assert_int_equal(check_world(&world), 0);
		assert_true((world.plan.array_pages + world.plan.end_pfn - world.plan.tail_pfn) *
				    FRAME <=
			    52 * KIB);
	}
}

/* Every size from one page on: boots, or refuses because the tables have no room. */
static void h8_every_machine_size(void **state)
{
	(void)state;
	for (uint64_t pages = 1; pages <= 2048; pages++) {
		struct quarry_mem_range map = {MIB, pages * FRAME, QUARRY_MEM_USABLE, 0};
		struct world world = world_of(&map, 1, MIB, pages * FRAME);
		bool two_blocks = pages > 256;

		assert_int_equal(check_world(&world),
				 pages >= 5 && (!two_blocks || pages >= 9) ? 0 : -QUARRY_ENOMEM);
	}
}

/*
 * |..3 GiB..|1 GiB of devices|..1 GiB..|  the hole costs no page array; the tables lie above 4 GiB
 */
static void hole_costs_nothing(void **state)
{
	struct quarry_mem_range map[] = {{MIB, 3 * GIB - MIB, QUARRY_MEM_USABLE, 0},
					 {4 * GIB, GIB, QUARRY_MEM_USABLE, 0}};
	struct quarry_params params = {.size = sizeof(params), .map = map, .nr_map = 2};
	struct memblock_plan plan;

	(void)state;
	memblock_close();
	assert_int_equal(memblock_plan(&params, 0, &plan), 0);
	assert_int_equal(plan.array_pages, 4 * GIB / (2 * MIB) * 4);
	assert_int_equal(plan.end_pfn, 5 * GIB / FRAME);
	assert_true(plan.array_pfn >= 4 * GIB / FRAME);
	assert_int_equal(plan.clipped_pages, 0);
}

/* 64 TiB on paper: 16 TiB are kept, what 32-bit frame numbers can name. */
static void h9_sixty_four_tib(void **state)
{
	struct quarry_mem_range map = {MIB, 64 * TIB - MIB, QUARRY_MEM_USABLE, 0};
	struct quarry_params params = {.size = sizeof(params), .map = &map, .nr_map = 1};
	struct memblock_plan plan;

	(void)state;
	memblock_close();
	assert_int_equal(memblock_plan(&params, 0, &plan), 0);
	assert_int_equal(plan.usable_pages, (16 * TIB - MIB) / FRAME);
	assert_int_equal(plan.clipped_pages, 48 * TIB / FRAME);
	assert_int_equal(plan.array_pages, 16 * TIB / FRAME * sizeof(struct page) / FRAME);
	assert_int_equal(plan.hi_pfn, 1ull << 32);
}

/*
 * |.|   ...   |..64 MiB..|   ...   |.|  one page far below and one far above: clipped, and said so
 * once
 */
static void one_page_at_each_far_end(void **state)
{
	struct quarry_mem_range map[] = {{4 * MIB, FRAME, QUARRY_MEM_USABLE, 0},
					 {15 * TIB, FRAME, QUARRY_MEM_USABLE, 0},
					 {TIB, 64 * MIB, QUARRY_MEM_USABLE, 0}};
	struct quarry_params params = {.size = sizeof(params), .map = map, .nr_map = 3};
	unsigned long reports = quarry_report_count(QUARRY_RULE_MAP_CLIPPED);
	struct memblock_plan plan;

	(void)state;
	memblock_close();
	assert_int_equal(memblock_plan(&params, 0, &plan), 0);
	assert_int_equal(plan.usable_pages, 64 * MIB / FRAME);
	assert_int_equal(plan.clipped_pages, 2);
	assert_int_equal(quarry_report_count(QUARRY_RULE_MAP_CLIPPED), reports);
	memblock_commit(&params, &plan);
	assert_int_equal(quarry_report_count(QUARRY_RULE_MAP_CLIPPED), reports + 1);
	memblock_close();
}

/*
 * |4 MiB usable|........4 GiB later........|  as much of the later memory as the early memory can
 * describe
 */
static void later_beyond_early_memory(void **state)
{
	struct quarry_mem_range map[] = {{MIB, 4 * MIB, QUARRY_MEM_USABLE, 0},
					 {5 * MIB, 4 * GIB, QUARRY_MEM_LATER, 0}};
	struct quarry_params params = {.size = sizeof(params), .map = map, .nr_map = 2};
	struct memblock_plan plan;

	(void)state;
	memblock_close();
	assert_int_equal(memblock_plan(&params, 64 * KIB, &plan), 0);
	assert_int_equal(plan.usable_pages, 1024);
	assert_in_range(plan.later_pages, 480 * MIB / FRAME, 512 * MIB / FRAME);
	assert_int_equal(plan.clipped_pages, 5 * GIB / FRAME - GIB / FRAME - plan.later_pages);
}

/*
 * A home of 40 pages describes 9 pageblocks; which 9 depends on what lies around it.
 *
 *   block 95  96  97  98  99  100 101 ... 107 108 ... 111
 *         |...later...|       |home           |..later...|     best: from 95
 *                             |home   |........later.....|     best: from 100, the home's own start
 */
static void window_with_most_pages(void **state)
{
	const uint64_t block = BLOCK * FRAME, base = GIB;
	struct quarry_mem_range map[] = {{base + 5 * block, 40 * FRAME, QUARRY_MEM_USABLE, 0},
					 {base, 3 * block, QUARRY_MEM_LATER, 0},
					 {base + 13 * block, 4 * block, QUARRY_MEM_LATER, 0}};
	struct world world = world_of(map, 3, base, 17 * block);

	(void)state;
	assert_int_equal(check_world(&world), 0);
	assert_int_equal(world.plan.lo_pfn, base / FRAME);
	assert_int_equal(world.plan.later_pages, 3 * BLOCK);
	map[2] = (struct quarry_mem_range){base + 9 * block, 8 * block, QUARRY_MEM_LATER, 0};
	world = world_of(map, 3, base, 17 * block);
	assert_int_equal(check_world(&world), 0);
	assert_int_equal(world.plan.lo_pfn, base / FRAME + 5 * BLOCK);
	assert_int_equal(world.plan.later_pages, 5 * BLOCK);
}

/* The caller's area and the block map share the tail: up to its last byte, and one byte beyond. */
static void tail_is_exact(void **state)
{
	struct quarry_mem_range map = {GIB, 64 * BLOCK * FRAME, QUARRY_MEM_USABLE, 0};
	static const struct {
		uint64_t extra, pages;
	} tails[] = {{0, 1},	 {FRAME - 64, 1},     {FRAME - 64 - 63, 1}, {FRAME - 63, 2},
		     {FRAME, 2}, {2 * FRAME - 64, 2}, {2 * FRAME - 63, 3}};

	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		struct world world = world_of(&map, 1, GIB, 64 * BLOCK * FRAME);

		world.extra = tails[i].extra;
		assert_int_equal(check_world(&world), 0);
		assert_int_equal(world.plan.end_pfn - world.plan.tail_pfn, tails[i].pages);
	}
}

static void nothing_usable(void **state)
{
	struct quarry_mem_range map[] = {{MIB, MIB, QUARRY_MEM_LATER, 0},
					 {0, FRAME, QUARRY_MEM_USABLE, 0}};
	struct quarry_params params = {.size = sizeof(params), .map = map, .nr_map = 2};
	struct memblock_plan plan;

	(void)state;
	memblock_close();
	assert_int_equal(memblock_plan(&params, 0, &plan), -QUARRY_EINVAL);
	params.nr_map = 0;
	assert_int_equal(memblock_plan(&params, 0, &plan), -QUARRY_EINVAL);
	map[0].type = QUARRY_MEM_USABLE;
	params.nr_map = 1;
	assert_int_equal(memblock_plan(&params, SIZE_MAX, &plan), -QUARRY_ENOMEM);
}

/* |..|.|..|.|..|  thousands of ranges of two frames, a hole behind each, above one large range */
static void h1_thousands_of_ranges(void **state)
{
	static struct quarry_mem_range map[2001];
	struct world world;

	(void)state;
	for (size_t i = 0; i < 2000; i++) /* from the top down */
		map[i] = (struct quarry_mem_range){64 * MIB + (1999 - i) * 3 * FRAME, 2 * FRAME,
						   QUARRY_MEM_USABLE, 0};
	map[2000] = (struct quarry_mem_range){63 * MIB, MIB - FRAME, QUARRY_MEM_USABLE, 0};
	world = world_of(map, COUNT(map), 63 * MIB, MIB + 6000 * FRAME);
	assert_int_equal(check_world(&world), 0);
	assert_int_equal(world.plan.nr_ranges, 2001);
}

/*
 * Random maps: few or many, large or scattered ranges, early reservations, a direct map that ends
 * in the middle.
 */
static void h3_random_maps(void **state)
{
	static struct quarry_mem_range map[24];
	uint64_t random = 0x9e3779b97f4a7c15ull;
	unsigned booted = 0, refused = 0, clipped = 0;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		uint64_t base = round % 3 == 0	 ? 0
				: round % 3 == 1 ? 2 * GIB
						 : 16 * TIB - 40 * BLOCK * FRAME;
		uint64_t frames = (1 + model_random(&random) % 40) * BLOCK;
		uint64_t longest = round % 4 == 0 ? 24 : round % 4 == 1 ? 3 * BLOCK : frames;
		size_t nr = 1 + model_random(&random) % COUNT(map);
		struct world world;

		for (size_t i = 0; i < nr; i++) {
			uint64_t start = model_random(&random) % frames,
				 length = 1 + model_random(&random) % longest;

			map[i].base = base + start * FRAME;
			map[i].size = (length < frames - start ? length : frames - start) * FRAME;
			map[i].type = (enum quarry_mem_type)(i % 3 ? 1 + model_random(&random) % 3
								   : QUARRY_MEM_USABLE);
			map[i].node = model_random(&random) % 8 == 0;
		}
		world = world_of(map, nr, base, frames * FRAME);
		world.extra = model_random(&random) % 4 * 3000;
		if (model_random(&random) % 4 == 0)
			world.params.direct_map_limit =
				base + model_random(&random) % (frames * FRAME) + 1;
		quarry_memblock_init(&world.params);
		for (unsigned i = 0; i < model_random(&random) % 4; i++) {
			uint64_t start = model_random(&random) % frames,
				 length = model_random(&random) % 30;

			length = length < frames - start ? length : frames - start;
			assert_int_equal(memblock_reserve(base + start * FRAME, length * FRAME), 0);
			memset(early + start, 1, length);
		}
		if (check_world(&world)) {
			refused++;
		} else {
			booted++;
			clipped += world.plan.clipped_pages != 0;
		}
	}
	assert_true(booted > 200 && refused > 20 && clipped > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_mib_machine),
		cmocka_unit_test(h8_every_machine_size),
		cmocka_unit_test(hole_costs_nothing),
		cmocka_unit_test(h9_sixty_four_tib),
		cmocka_unit_test(one_page_at_each_far_end),
		cmocka_unit_test(later_beyond_early_memory),
		cmocka_unit_test(window_with_most_pages),
		cmocka_unit_test(tail_is_exact),
		cmocka_unit_test(nothing_usable),
		cmocka_unit_test(h1_thousands_of_ranges),
		cmocka_unit_test(h3_random_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
