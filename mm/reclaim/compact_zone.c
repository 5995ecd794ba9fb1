/* SPDX-License-Identifier: MIT */
/*
 * compact_zone.c: two scanners that go towards each other through a zone.
 *
 *   first                                                                      end
 *   |   dealt with    |chunk|                          |pageblock|  captured from |
 *                     ^ migrate_pfn -->            <-- ^ free_pfn
 *
 * Terms
 *   chunk      as many frames as the wanted order has, aligned; a pageblock at most, and if the
 *   whole
 *              zone is compacted
 *   worth it   every block in a chunk is free or can be moved just now, and one of them is in use
 *
 * Only chunks that are worth it are emptied: one page that stays would make all other moves in its
 * chunk vain. So a chunk is looked at before anything is moved, and given up at the first block
 * that does not move.
 *
 * The places to move to are captured: free blocks taken off the lists, a pageblock at a time from
 * the end of the zone, until one is large enough. What is left of them at the end of a run goes
 * back. A run never captures more than CAPTURE_MAX pages beyond what it uses, and stops when the
 * zone is at its minimum mark.
 *
 * Exclusion  one run a zone; a second caller is told COMPACT_CONTENDED, which also ends what would
 *            recurse: an owner that asks for memory while it moves a page.
 * Locking    none here; captures and frees take the zone's lock for a bounded time each.
 * Cost       a load for each block looked at; a copy for each block moved.
 * Start at   compact_zone.
 */
#include "mm/reclaim/compact_zone.h"

#include "mm/base/bits.h"
#include "mm/phys/pageblock.h"

#define CAPTURE_MAX 4096ul /* pages: some pageblocks, so that all orders are among them */

/* Where the next run goes on; both 0: at the ends. */
static QUARRY_STATE struct {
	unsigned busy;
	unsigned long migrate_pfn, free_pfn;
} position[NR_ZONES];

/* ---- places to move to ---- */

/* Go down to the next pageblock. Return: false if the chunk at work is reached. */
static bool next_free_pageblock(struct compact_run *run)
{
	unsigned long lowest = (unsigned long)align_up(run->migrate_pfn, pageblock_nr_pages);

	if (run->free_pfn < lowest + pageblock_nr_pages)
		return false;
	run->free_pfn -= pageblock_nr_pages;
	run->free_at = run->free_pfn;
	return true;
}

/* Capture more. Return: false if there is no more, or enough. */
static bool capture_more(struct compact_run *run)
{
	const struct zone *zone = run->zone;
	unsigned limit = run->order < pageblock_order ? run->order : pageblock_order;
	unsigned long end = run->free_pfn + pageblock_nr_pages;

	if (zone_free(zone) <= __atomic_load_n(&zone->mark[MARK_MIN], __ATOMIC_RELAXED))
		run->starved = true;
	if (run->starved || run->capture.pages >= CAPTURE_MAX)
		return false;
	if (run->free_at >= end)
		return next_free_pageblock(run);
	unsigned long at = capture_free(&run->capture, run->free_at, end, limit);
	run->free_scanned += at - run->free_at;
	run->free_at = at;
	return true;
}

static struct compact_run *run_of(struct migrate_target *target)
{
	return (struct compact_run *)((char *)target - offsetof(struct compact_run, target));
}

static struct page *take(struct migrate_target *target, const struct page *src, unsigned order)
{
	struct compact_run *run = run_of(target);
	struct page *page;

	(void)src;
	do
		page = capture_take(&run->capture, order);
	while (!page && capture_more(run));
	return page;
}

static void give(struct migrate_target *target, struct page *dst)
{
	capture_return(&run_of(target)->capture, dst);
}

/* ---- chunks ---- */

static unsigned chunk_order(const struct compact_run *run)
{
	return run->order <= MAX_PAGE_ORDER ? run->order : pageblock_order;
}

/* Can a block with this word, other than a free one, be moved for a larger block's sake? */
static bool can_go(const struct compact_run *run, uint64_t word)
{
	return word_is_movable(word) && flags_order((uint32_t)word) < pageblock_order &&
	       flags_order((uint32_t)word) < chunk_order(run);
}

static bool chunk_is_worth_it(const struct compact_run *run, unsigned long first, unsigned long end)
{
	bool used = false;
	unsigned long next;

	for (unsigned long pfn = first; pfn < end; pfn = next) {
		uint64_t word;
		next = frame_look(pfn, &word);
		if (!word) {
			/* Part of a larger block, or nothing of ours; else just changing. */
			if (pfn == first || pfn == pageblock_start(pfn))
				return false;
			continue;
		}
		if (((uint32_t)word >> QUARRY_PG_ZONE_SHIFT & 0xffu) != run->zone->number)
			return false;
		if (flags_kind((uint32_t)word) == QUARRY_PAGE_FREE)
			continue;
		if (!can_go(run, word))
			return false;
		used = true;
	}
	return used && pageblock_list(first) != MIGRATE_ISOLATE &&
	       pageblock_list(first) != MIGRATE_HIGHATOMIC;
}

/* Move everything out of a chunk, until something stays. Return: was anything moved? */
static bool empty_chunk(struct compact_run *run, unsigned long first, unsigned long end)
{
	bool moved = false;
	unsigned long next;

	for (unsigned long pfn = first; pfn < end; pfn = next) {
		uint64_t word;
		next = frame_look(pfn, &word);
		if (!word || flags_kind((uint32_t)word) == QUARRY_PAGE_FREE)
			continue;
		if (!can_go(run, word) ||
		    migrate_block(pfn_to_page(pfn), &run->target, run->mode) != MIGRATE_MOVED)
			break;
		moved = true;
	}
	return moved;
}

/* ---- the run ---- */

static bool is_done(const struct compact_run *run)
{
	return run->order <= MAX_PAGE_ORDER && zone_has_block(run->zone, run->order, false);
}

/* Deal with one chunk. */
static enum compact_result step(struct compact_run *run)
{
	unsigned long first = run->migrate_pfn, end = first + (1ul << chunk_order(run));

	if (end > run->free_pfn)
		return COMPACT_COMPLETE;
	if (run->migrate_scanned >= run->budget)
		return COMPACT_PARTIAL_SKIPPED;
	/* Nothing is known of an untouched pageblock, and nothing is in use there. */
	if (!pageblock_state(first))
		end = (unsigned long)max_u64(pageblock_start(first) + pageblock_nr_pages, end);
	run->migrate_pfn = end;
	run->migrate_scanned += end - first;
	if (!chunk_is_worth_it(run, first, end))
		return COMPACT_CONTINUE;
	bool moved = empty_chunk(run, first, end);
	if (moved && is_done(run))
		return COMPACT_SUCCESS;
	return run->starved ? COMPACT_NO_SUITABLE_PAGE : COMPACT_CONTINUE;
}

static void set_out(struct compact_run *run)
{
	const struct zone *zone = run->zone;
	unsigned long first = (unsigned long)align_up(zone->first, 1ull << chunk_order(run));
	unsigned long end = (unsigned long)align_up(zone->end, pageblock_nr_pages);

	run->migrate_pfn = (unsigned long)align_down(position[zone->number].migrate_pfn,
						     1ull << chunk_order(run));
	run->free_pfn = position[zone->number].free_pfn;
	if (run->anew || run->migrate_pfn < first || run->free_pfn > end ||
	    run->migrate_pfn >= run->free_pfn) {
		run->migrate_pfn = first;
		run->free_pfn = end;
	}
	run->free_at = run->free_pfn == end ? end + pageblock_nr_pages : run->free_pfn;
	run->target = (struct migrate_target){take, give};
	run->capture = (struct capture){.zone = run->zone};
}

/* What is left of the capture goes back, and the next run finds it there. */
static void stop_at(struct compact_run *run, bool complete)
{
	unsigned long highest = pageblock_start(capture_end(&run->capture));

	position[run->zone->number].migrate_pfn = complete ? 0 : run->migrate_pfn;
	position[run->zone->number].free_pfn =
		complete ? 0 : (unsigned long)max_u64(run->free_pfn, highest);
}

enum compact_result compact_zone(struct compact_run *run)
{
	unsigned *busy = &position[run->zone->number].busy;
	enum compact_result result = COMPACT_CONTINUE;

	if (__atomic_exchange_n(busy, 1u, __ATOMIC_ACQUIRE))
		return COMPACT_CONTENDED;
	set_out(run);
	if (is_done(run))
		result = COMPACT_SUCCESS;
	while (result == COMPACT_CONTINUE)
		result = step(run);
	stop_at(run, result == COMPACT_COMPLETE);
	__atomic_store_n(busy, 0u, __ATOMIC_RELEASE);
	return result;
}

void compact_zone_init(void)
{
	__builtin_memset(position, 0, sizeof(position));
}
