/* SPDX-License-Identifier: MIT */
/*
 * memblock.c: the boot allocator, and the hand-over to the page allocator.
 *
 * What the kernel does early is kept as a second, small memory map (the table) beside the one in
 * the parameters: memory added is a USABLE entry, memory reserved or allocated a RESERVED one. So
 * early allocation needs no structure of its own: it asks the normaliser for free spans, takes the
 * top of the highest fitting one, and reserves it.
 *
 * The table is open from quarry_memblock_init (or memblock_commit, for a kernel that has no early
 * needs) until memblock_close.
 *
 * Invariants
 *   I1  free spans are disjoint from metadata, from reservations and from each other; with metadata
 *       and early reservations they make up exactly the kept usable memory
 *   I2  closed => the table is empty and no plan is held
 * Locking     none: one CPU, one thread
 * Cost        one walk of the map a call: O(entries^2)
 * Start at    memblock_phys_alloc_range, memblock_free_next
 */
#include "mm/boot/memblock.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/base/state.h"

#define EARLY_ENTRIES 64

static struct {
	bool open;
	struct quarry_params params;
	struct memblock_plan plan; /* all zero, hence no metadata, until memblock_commit */
	size_t nr_early;
	struct quarry_mem_range early[EARLY_ENTRIES];
} boot QUARRY_STATE;

static uint64_t frames_up(uint64_t bytes)
{
	return (bytes >> PAGE_SHIFT) + ((bytes & ~PAGE_MASK) != 0);
}

static struct memmap boot_map(const struct quarry_params *params)
{
	return (struct memmap){.map = params->map,
			       .nr_map = params->nr_map,
			       .early = boot.early,
			       .nr_early = boot.nr_early};
}

static bool is_open(const char *call)
{
	if (!boot.open)
		mm_report(BAD_ARGUMENT, call, NULL, 0, 0);
	return boot.open;
}

/*
 * Record [base, base + size) in the table, as part of the entry that it continues if there is one.
 */
static int early_record(phys_addr_t base, uint64_t size, enum quarry_mem_type type,
			const char *call)
{
	if (!is_open(call))
		return -QUARRY_EINVAL;
	if (!size)
		return 0;
	for (size_t i = 0; i < boot.nr_early; i++) {
		struct quarry_mem_range *entry = &boot.early[i];

		if (entry->type != type || entry->base + entry->size < entry->base ||
		    base + size < base)
			continue;
		if (base + size == entry->base || entry->base + entry->size == base) {
			entry->base = min_u64(entry->base, base);
			entry->size += size;
			return 0;
		}
	}
	if (boot.nr_early == EARLY_ENTRIES) {
		mm_report(MAP_FULL, call, NULL, base, size);
		return -QUARRY_ENOSPC;
	}
	boot.early[boot.nr_early++] = (struct quarry_mem_range){base, size, type, 0};
	return 0;
}

/*
 * Frames that free memory may lie in: what the plan kept, or before it all that the machine
 * reaches.
 */
static uint64_t boot_end(void)
{
	return boot.plan.hi_pfn ? boot.plan.hi_pfn : memmap_reach(&boot.params);
}

void quarry_memblock_init(const struct quarry_params *params)
{
	memblock_close();
	__builtin_memcpy(&boot.params, params, min_u64(params->size, sizeof(boot.params)));
	boot.open = true;
}

int memblock_add(phys_addr_t base, uint64_t size)
{
	return early_record(base, size, QUARRY_MEM_USABLE, __func__);
}

int memblock_reserve(phys_addr_t base, uint64_t size)
{
	return early_record(base, size, QUARRY_MEM_RESERVED, __func__);
}

phys_addr_t memblock_phys_alloc_range(uint64_t size, uint64_t align, phys_addr_t start,
				      phys_addr_t end)
{
	uint64_t pages = frames_up(size), align_pages = max_u64(align, PAGE_SIZE) >> PAGE_SHIFT;
	uint64_t lowest = frames_up(start), highest = end ? end >> PAGE_SHIFT : MEMMAP_END_PFN;
	uint64_t cursor = 0, found = 0;
	struct mem_span span;

	if (!is_open(__func__))
		return 0;
	if (!size || (align && !is_power_of_2(align))) {
		mm_report(BAD_ARGUMENT, __func__, NULL, size, align);
		return 0;
	}
	while (memblock_free_next(&cursor, &span)) {
		uint64_t from = max_u64(span.start_pfn, lowest),
			 to = min_u64(span.end_pfn, highest);

		if (from < to && to - from >= pages) {
			uint64_t at = align_down(to - pages, align_pages);

			found = at >= from ? at : found;
		}
	}
	if (!found ||
	    early_record(found << PAGE_SHIFT, pages << PAGE_SHIFT, QUARRY_MEM_RESERVED, __func__))
		return 0;
	return found << PAGE_SHIFT;
}

void *memblock_alloc(uint64_t size, uint64_t align)
{
	phys_addr_t phys = memblock_phys_alloc(size, align);

	/* `phys_to_virt` works only after quarry_init has set its offset. */
	return phys ? __builtin_memset((void *)((uintptr_t)phys + boot.params.direct_map_offset), 0,
				       size)
		    : NULL;
}

int memblock_plan(const struct quarry_params *params, size_t extra_bytes,
		  struct memblock_plan *plan)
{
	struct memmap map = boot_map(params);

	return plan_metadata(&map, memmap_reach(params), extra_bytes, plan);
}

void memblock_commit(const struct quarry_params *params, const struct memblock_plan *plan)
{
	boot.open = true;
	boot.params = *params;
	boot.plan = *plan;
	if (plan->clipped_pages)
		mm_report(MAP_CLIPPED, "quarry_init", NULL, plan->clipped_pages,
			  plan->usable_pages);
}

bool memblock_kept_next(uint64_t *cursor, struct mem_span *span)
{
	struct memmap map = boot_map(&boot.params);

	*cursor = max_u64(*cursor, boot.plan.lo_pfn);
	return memmap_next(&map, MEMMAP_KEPT, boot_end(), cursor, span);
}

bool memblock_free_next(uint64_t *cursor, struct mem_span *span)
{
	struct memmap map = boot_map(&boot.params);

	*cursor = max_u64(*cursor, boot.plan.lo_pfn);
	while (memmap_next(&map, MEMMAP_FREE, boot_end(), cursor, span)) {
		uint64_t used, used_end;
		bool more;

		/*
		 * Step over metadata at the start, then end the span where metadata begins again.
		 */
		while ((more = plan_metadata_next(&map, &boot.plan, span->start_pfn, &used,
						  &used_end)) &&
		       used <= span->start_pfn)
			span->start_pfn = used_end;
		if (more && used < span->end_pfn)
			*cursor = span->end_pfn = used;
		if (span->start_pfn < span->end_pfn)
			return true;
	}
	return false;
}

void memblock_close(void)
{
	boot.open = false;
	boot.nr_early = 0;
	boot.params = (struct quarry_params){0};
	boot.plan = (struct memblock_plan){0};
}
