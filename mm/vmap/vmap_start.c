/* SPDX-License-Identifier: MIT */
/*
 * vmap_start.c: which window the layer uses, or why none.
 *
 * A window that cannot be used turns the layer off; nothing else depends on it.
 *
 * Start at: vmap_init.
 */
#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/boot/memblock.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap.h"

/*
 * How much of the range we use: 16 times memory, announced memory included, at least 64 GiB (with
 * 3 levels of tables 2 GiB). Areas, guards, what waits for a flush and fragmentation stay far below
 * that, and bookkeeping is sized by it: 74 bytes per GiB, and with 3 levels a page per GiB for
 * tables that are there from the start. If there is no memory for that, half of it, and so on.
 */
#define WINDOW_PER_RAM 16ul
#define WINDOW_MIN (64ul << 30)
#define WINDOW_MIN_3_LEVELS (2ul << 30)

static QUARRY_STATE struct {
	const char *off; /* why there is no window; NULL: there is one */
} window;

/* Do `levels` levels tell all addresses of [start, end) apart, and is the range in one half of
 * the address space? */
static bool range_fits(uintptr_t start, uintptr_t end, unsigned levels)
{
	return (start ^ (end - 1)) >> (PAGE_SHIFT + 9 * levels - 1) == 0;
}

/* Pages that we have or will be given, and whether the direct map of any lies in [start, end).
 * Only while the boot allocator is open. */
static bool survey_memory(uintptr_t start, uintptr_t end, uint64_t *pages)
{
	bool apart = true;
	struct mem_span span;

	*pages = 0;
	for (uint64_t cursor = 0; memblock_kept_next(&cursor, &span);) {
		uintptr_t from = (uintptr_t)phys_to_virt(span.start_pfn << PAGE_SHIFT);
		uintptr_t size = (uintptr_t)(span.end_pfn - span.start_pfn) << PAGE_SHIFT;

		*pages += span.end_pfn - span.start_pfn;
		apart = apart && start - from >= size && from - start >= end - start;
	}
	return apart;
}

/* Tables and bookkeeping for [start, end). */
static int use_window(uintptr_t start, uintptr_t end, phys_addr_t root)
{
	int error = vmap_area_init(start, end);

	if (error)
		return error;
	error = pgtable_init(root, start, end);
	if (error)
		vmap_area_exit();
	else
		direct_map_exclude(start, end);
	return error;
}

static int turn_off(const char *reason, int error)
{
	window.off = reason;
	return error;
}

int vmap_init(uintptr_t start, uintptr_t end, phys_addr_t root)
{
	unsigned levels = start == end ? 0 : arch_pt_levels();
	uint64_t pages, size;
	int error;

	window.off = NULL;
	vmap_free_init();
	vmap_flush_init();
	vmap_area_init(0, 0);
	if (start == end)
		return turn_off("quarry_init was given no virtual range", 0);
	if (start > end || !PAGE_ALIGNED(start) || !PAGE_ALIGNED(end) ||
	    (levels && !range_fits(start, end, levels)) || !survey_memory(start, end, &pages)) {
		mm_report(BAD_ARGUMENT, "quarry_init", (void *)start, start, end);
		return turn_off("the virtual range is not one that can be mapped, or overlaps the "
				"direct map",
				-QUARRY_EINVAL);
	}
	size = max_u64(pages, totalram_pages()) * (WINDOW_PER_RAM << PAGE_SHIFT);
	size = align_up(max_u64(size, levels > 3 ? WINDOW_MIN : WINDOW_MIN_3_LEVELS), 1ul << 30);
	size = min_u64(size, end - start);
	do {
		error = use_window(start, start + (uintptr_t)size, root);
		size = align_down(size / 2, PAGE_SIZE);
	} while (error == -QUARRY_ENOMEM && size);
	switch (error) {
	case 0:
		return 0;
	case -QUARRY_ENOMEM:
		mm_report(NO_MEMORY, "quarry_init", (void *)start, start, end);
		return turn_off("no memory for its tables", error);
	case -QUARRY_EBUSY:
		return turn_off("the virtual range holds a mapping", error);
	default:
		return turn_off("the CPU translates no addresses", error);
	}
}

const char *vmap_why_off(void)
{
	return window.off;
}

void vmap_cpu_online(void)
{
	if (vmap_area_start() != vmap_area_end())
		arch_tlb_flush_range(0, PT_EVERYTHING);
}
