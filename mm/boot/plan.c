/* SPDX-License-Identifier: MIT */
/*
 * plan.c: place the page array, the block map and the caller's area in the map's own memory.
 *
 * The page array is indexed by frame number over [lo, hi), the smallest window around all kept
 * spans whose start is that of a pageblock. Its whole extent is laid into one usable span (the
 * home), but only the PARTS that describe kept spans are taken; what would describe a hole lies
 * over ordinary memory, which is handed out like any other, since lookups ask the block map first
 * and never read there. A 1 GiB device hole costs nothing.
 *
 *            home span (usable)
 *   |.....free.....|part|..free..|part part|extra|block map|
 *                  ^ array_pfn   ^ over it:  ^ tail_pfn    ^ end_pfn = end of the home
 *                    frame lo      a hole
 *
 * The home is the highest free span that can hold it, and the tables lie at its top: low memory,
 * which small devices need, stays free. If none is large enough (memory spread over more than about
 * 128 times the largest span), the largest one becomes the home and the window shrinks to what it
 * can describe, at the place that keeps most pages.
 *
 * Invariants
 *   I1  a part covers whole pageblocks: every pageblock with a kept frame has all its struct pages
 *   I2  home.start <= array_pfn <= tail_pfn < end_pfn == home.end
 *   I3  lo <= home.start && home.end <= hi: the tables lie in memory that they describe
 *   I4  (tail_pfn - array_pfn) * 128 == 512 * pageblocks touched by [lo, hi)
 * Cost        a few walks of the map: O(entries^2); nothing depends on its size in bytes
 * Start at    plan_metadata
 */
#include "mm/boot/plan.h"

#include <quarry/mm_types.h>
#include <quarry/mmzone.h>

#include "mm/base/bits.h"

/* Frames described by one frame of page array, and frames of page array for one pageblock. */
#define PAGES_PER_ARRAY_PAGE (PAGE_SIZE / sizeof(struct page))
#define ARRAY_PAGES_PER_BLOCK (pageblock_nr_pages / PAGES_PER_ARRAY_PAGE)
QUARRY_STATIC_ASSERT(PAGE_SIZE % sizeof(struct page) == 0,
		     "a struct page must not straddle two frames");
QUARRY_STATIC_ASSERT(pageblock_nr_pages % PAGES_PER_ARRAY_PAGE == 0,
		     "a pageblock's part of the array is whole frames");

struct window {
	uint64_t lo, hi; /* frames; lo is the start of a pageblock */
};

static uint64_t window_blocks(const struct window *window)
{
	return (align_up(window->hi, pageblock_nr_pages) - window->lo) / pageblock_nr_pages;
}

/* Frames of metadata for `blocks` pageblocks: the array's extent, then the tail. */
static uint64_t tail_pages(uint64_t blocks, uint64_t extra_bytes)
{
	return (align_up(extra_bytes, QUARRY_CACHE_LINE) + blocks + PAGE_SIZE - 1) >> PAGE_SHIFT;
}
static uint64_t metadata_pages(uint64_t blocks, uint64_t extra_bytes)
{
	return blocks * ARRAY_PAGES_PER_BLOCK + tail_pages(blocks, extra_bytes);
}

/* Number of pageblocks whose metadata fits into `pages`. */
static uint64_t blocks_described_by(uint64_t pages, uint64_t extra_bytes)
{
	uint64_t blocks = pages / ARRAY_PAGES_PER_BLOCK;

	/*
	 * The tail takes some of them: down by an estimate that is never too large, then exactly.
	 */
	blocks -= min_u64(tail_pages(blocks, extra_bytes) / ARRAY_PAGES_PER_BLOCK, blocks);
	while (blocks && metadata_pages(blocks, extra_bytes) > pages)
		blocks--;
	return blocks;
}

/* Count the kept memory in `window` and tighten the window around it. */
static void survey(const struct memmap *map, struct window *window, struct memblock_plan *plan)
{
	uint64_t cursor = window->lo, part_end = 0;
	struct window tight = {window->hi, window->lo};
	struct mem_span span;

	plan->usable_pages = plan->later_pages = plan->array_pages = 0;
	plan->nr_ranges = 0;
	while (memmap_next(map, MEMMAP_KEPT, window->hi, &cursor, &span)) {
		uint64_t first = max_u64(align_down(span.start_pfn, pageblock_nr_pages), part_end);

		part_end = align_up(span.end_pfn, pageblock_nr_pages);
		plan->array_pages += (part_end - first) / PAGES_PER_ARRAY_PAGE;
		if (span.later)
			plan->later_pages += span.end_pfn - span.start_pfn;
		else
			plan->usable_pages += span.end_pfn - span.start_pfn;
		plan->nr_ranges += !span.later;
		tight.lo = min_u64(tight.lo, align_down(span.start_pfn, pageblock_nr_pages));
		tight.hi = span.end_pfn;
	}
	*window = tight;
}

/*
 * The highest free span in `window` that has `pages` frames, else the largest one.
 * Return: does it have them?
 */
static bool find_home(const struct memmap *map, const struct window *window, uint64_t pages,
		      struct mem_span *home)
{
	uint64_t cursor = window->lo, largest = 0;
	struct mem_span span;
	bool found = false;

	while (memmap_next(map, MEMMAP_FREE, window->hi, &cursor, &span)) {
		uint64_t length = span.end_pfn - span.start_pfn;

		if (length >= pages || (!found && length > largest)) {
			found |= length >= pages;
			largest = length;
			*home = span;
		}
	}
	return found;
}

/* A walk that counts kept pages below rising frame numbers. */
struct page_count {
	const struct memmap *map;
	uint64_t end_pfn, cursor, passed;
	struct mem_span span;
};

static uint64_t pages_below(struct page_count *count, uint64_t pfn)
{
	while (count->span.end_pfn <= pfn) {
		count->passed += count->span.end_pfn - count->span.start_pfn;
		if (!memmap_next(count->map, MEMMAP_KEPT, count->end_pfn, &count->cursor,
				 &count->span))
			count->span =
				(struct mem_span){.start_pfn = UINT64_MAX, .end_pfn = UINT64_MAX};
	}
	return count->passed + (pfn > count->span.start_pfn ? pfn - count->span.start_pfn : 0);
}

/*
 * Move `window` to the `frames` frames around `home` that hold the most kept pages. The best place
 * has its lower edge at the start of a span (moving down from there gains nothing that the upper
 * edge does not lose) or as low as the home allows.
 */
static void shrink_window(const struct memmap *map, struct window *window,
			  const struct mem_span *home, uint64_t frames)
{
	struct page_count lower = {.map = map, .end_pfn = window->hi, .cursor = window->lo};
	struct page_count upper = lower;
	uint64_t home_end = align_up(home->end_pfn, pageblock_nr_pages), best_pages = 0;
	uint64_t lowest = max_u64(window->lo, home_end > frames ? home_end - frames : 0);
	uint64_t cursor = lowest, best = lowest;
	struct mem_span span;

	for (uint64_t at = lowest; at <= home->start_pfn;) {
		uint64_t skipped = pages_below(&lower, at);
		uint64_t pages = pages_below(&upper, min_u64(at + frames, window->hi)) - skipped;

		if (pages > best_pages) {
			best_pages = pages;
			best = at;
		}
		if (!memmap_next(map, MEMMAP_KEPT, window->hi, &cursor, &span))
			break;
		at = max_u64(at, align_down(span.start_pfn, pageblock_nr_pages));
	}
	*window = (struct window){best, min_u64(best + frames, window->hi)};
}

/* Lay the tables at the top of `home`. */
static void place(struct memblock_plan *plan, const struct window *window,
		  const struct mem_span *home, uint64_t extra_bytes)
{
	uint64_t blocks = window_blocks(window);

	plan->lo_pfn = window->lo;
	plan->hi_pfn = window->hi;
	plan->end_pfn = home->end_pfn;
	plan->tail_pfn = plan->end_pfn - tail_pages(blocks, extra_bytes);
	plan->array_pfn = plan->tail_pfn - blocks * ARRAY_PAGES_PER_BLOCK;
	plan->page_array = (plan->array_pfn << PAGE_SHIFT) - plan->lo_pfn * sizeof(struct page);
	plan->extra = plan->tail_pfn << PAGE_SHIFT;
	plan->block_map = plan->extra + align_up(extra_bytes, QUARRY_CACHE_LINE);
	plan->block_map_bytes = blocks;
}

/* The frame that holds the struct page of `pfn`, which starts a pageblock. */
static uint64_t array_page_of(const struct memblock_plan *plan, uint64_t pfn)
{
	return plan->array_pfn + (pfn - plan->lo_pfn) / PAGES_PER_ARRAY_PAGE;
}

int plan_metadata(const struct memmap *map, uint64_t reach, size_t extra_bytes,
		  struct memblock_plan *plan)
{
	struct window window = {0, MEMMAP_END_PFN};
	struct mem_span home = {0};
	uint64_t all;

	*plan = (struct memblock_plan){0};
	if (extra_bytes >> 48)
		return -QUARRY_ENOMEM;
	survey(map, &window, plan);
	all = plan->usable_pages + plan->later_pages;

	window = (struct window){0, reach};
	survey(map, &window, plan);
	if (!plan->usable_pages)
		return -QUARRY_EINVAL;

	if (!find_home(map, &window, metadata_pages(window_blocks(&window), extra_bytes), &home)) {
		uint64_t blocks = blocks_described_by(home.end_pfn - home.start_pfn, extra_bytes);
		if (!blocks)
			return -QUARRY_ENOMEM;
		shrink_window(map, &window, &home, blocks * pageblock_nr_pages);
		survey(map, &window, plan);
		if (!find_home(map, &window, metadata_pages(window_blocks(&window), extra_bytes),
			       &home))
			return -QUARRY_ENOMEM;
	}
	place(plan, &window, &home, extra_bytes);
	plan->clipped_pages = all - plan->usable_pages - plan->later_pages;
	return 0;
}

bool plan_metadata_next(const struct memmap *map, const struct memblock_plan *plan, uint64_t pfn,
			uint64_t *start_pfn, uint64_t *end_pfn)
{
	struct mem_span span;

	if (pfn < plan->tail_pfn) {
		uint64_t array_page = max_u64(pfn, plan->array_pfn) - plan->array_pfn;
		uint64_t described = plan->lo_pfn + array_page * PAGES_PER_ARRAY_PAGE;
		uint64_t cursor = align_down(described, pageblock_nr_pages);

		if (memmap_next(map, MEMMAP_KEPT, plan->hi_pfn, &cursor, &span)) {
			*start_pfn =
				array_page_of(plan, align_down(span.start_pfn, pageblock_nr_pages));
			*end_pfn = array_page_of(plan, align_up(span.end_pfn, pageblock_nr_pages));
			return true;
		}
	}
	*start_pfn = plan->tail_pfn;
	*end_pfn = plan->end_pfn;
	return pfn < plan->end_pfn;
}
