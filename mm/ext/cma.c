/* SPDX-License-Identifier: MIT */
/*
 * cma.c: areas of contiguous memory that are lent to movable requests.
 *
 * Terms
 *   lent      a pageblock of type CMA (zone.h: lent_blocks, lent_free): the buddy serves movable
 *   requests
 *             from it and no others
 *   unit      2^order_per_bit pages, one bit of the area's map; set: claimed
 *
 * A claim sets bits first, so that no two claims want the same frames, and then takes the frames
 * with alloc_contig_range(), which moves pages out of the way. Two claims may still meet in one
 * pageblock, which only one can isolate: the other goes on to the next place, and comes back.
 *
 * Invariant  bit i of map is clear  =>  the frames of unit i are free or in use by a movable
 * request Locking    an area's lock guards its map, for one search; nothing is called while it is
 * held. The table
 *            of areas only grows: an entry is complete before `nr` counts it.
 * Start at   cma_alloc.
 */
#include "mm/ext/cma.h"

#include <quarry/mm.h>
#include <quarry/slab.h>

#include "mm/base/bitmap.h"
#include "mm/base/log.h"
#include "mm/page/contig.h"
#include "mm/phys/isolate.h"
#include "mm/phys/pageblock.h"

#define PASSES 2u /* through the whole area, while somebody else is at work in it */

struct cma {
	unsigned long first, pages;
	unsigned order_per_bit;
	struct mm_lock lock;
	uint64_t *map;
	char name[QUARRY_CMA_NAME_SIZE];
};

static QUARRY_STATE struct {
	struct mm_lock lock; /* of what follows, while an area is added */
	unsigned nr;
	bool adding;
	struct cma area[QUARRY_CMA_AREAS];
	unsigned long alloc_success, alloc_fail;
} cmas;

/* ---- areas ---- */

/* Only one is added at a time: the next entry is the caller's. Return: NULL: none is left, or
 * busy. */
static struct cma *begin_adding(int *error)
{
	struct cma *area = NULL;
	unsigned long irq = mm_lock(&cmas.lock);

	if (cmas.nr == QUARRY_CMA_AREAS) {
		*error = -QUARRY_ENOSPC;
	} else if (cmas.adding) {
		*error = -QUARRY_EBUSY;
	} else {
		cmas.adding = true;
		area = &cmas.area[cmas.nr];
	}
	mm_unlock(&cmas.lock, irq);
	return area;
}

static void end_adding(bool added)
{
	unsigned long irq = mm_lock(&cmas.lock);

	__atomic_store_n(&cmas.nr, cmas.nr + added, __ATOMIC_RELEASE);
	cmas.adding = false;
	mm_unlock(&cmas.lock, irq);
}

static unsigned nr_areas(void)
{
	return __atomic_load_n(&cmas.nr, __ATOMIC_ACQUIRE);
}

static void set_name(struct cma *area, const char *name)
{
	unsigned i = 0;

	for (; name && name[i] && i < QUARRY_CMA_NAME_SIZE - 1; i++)
		area->name[i] = name[i];
	area->name[i] = '\0';
}

static unsigned long units(const struct cma *area)
{
	return area->pages >> area->order_per_bit;
}

/* Take the frames, lend their pageblocks, give them back. */
static int lend(const struct cma *area)
{
	unsigned long end = area->first + area->pages;
	int error = alloc_contig_range(area->first, end, MIGRATE_MOVABLE, GFP_KERNEL);

	if (error)
		return error;
	pageblocks_lend(head_zone(pfn_to_page(area->first)), area->first, end, true);
	free_contig_range(area->first, area->pages);
	drain_all_pages(); /* so that what is lent is seen to be free */
	return 0;
}

static int fill_in(struct cma *area, phys_addr_t base, phys_addr_t size, unsigned order_per_bit,
		   const char *name)
{
	*area = (struct cma){.first = (unsigned long)(base >> PAGE_SHIFT),
			     .pages = (unsigned long)(size >> PAGE_SHIFT),
			     .order_per_bit = order_per_bit};
	set_name(area, name);
	area->map = kcalloc((units(area) + 63) / 64, sizeof(uint64_t), GFP_KERNEL);
	if (!area->map)
		return -QUARRY_ENOMEM;
	int error = lend(area);
	if (error)
		kfree(area->map);
	return error;
}

int cma_init_reserved_mem(phys_addr_t base, phys_addr_t size, unsigned order_per_bit,
			  const char *name, struct cma **result)
{
	int error = -QUARRY_EINVAL;
	struct cma *area;

	if (!size || (base | size) & (CMA_MIN_ALIGNMENT_BYTES - 1) || base + size < base ||
	    order_per_bit > pageblock_order || !result) {
		mm_report(BAD_ARGUMENT, "cma_init_reserved_mem", NULL, base, size);
		return error;
	}
	area = begin_adding(&error);
	if (!area)
		return error;
	error = fill_in(area, base, size, order_per_bit, name);
	end_adding(!error);
	if (!error)
		*result = area;
	return error;
}

/* Try the places of a zone from above. */
static int declare_in(const struct zone *zone, phys_addr_t base, phys_addr_t size,
		      phys_addr_t limit, phys_addr_t alignment, unsigned order_per_bit,
		      const char *name, struct cma **result)
{
	phys_addr_t low = max_u64(PFN_PHYS(zone->first), base);
	phys_addr_t high = min_u64(PFN_PHYS(zone->end), limit);
	int error = -QUARRY_EBUSY;

	if (high < size)
		return error;
	for (phys_addr_t at = align_down(high - size, alignment); at >= low; at -= alignment) {
		error = cma_init_reserved_mem(at, size, order_per_bit, name, result);
		/* In use there, or not ours: go on. */
		if ((error != -QUARRY_EBUSY && error != -QUARRY_EINVAL) || at < alignment)
			break;
	}
	return error;
}

int cma_declare_contiguous_nid(phys_addr_t base, phys_addr_t size, phys_addr_t limit,
			       phys_addr_t alignment, unsigned order_per_bit, bool fixed,
			       const char *name, struct cma **result, int node)
{
	int error = -QUARRY_EBUSY;

	alignment = max_u64(alignment, CMA_MIN_ALIGNMENT_BYTES);
	size = align_up(size, CMA_MIN_ALIGNMENT_BYTES);
	limit = limit ? limit : ~0ull;
	if (!size || !is_power_of_2(alignment) || !result || (fixed && base & (alignment - 1)) ||
	    (fixed && limit - size < base) || order_per_bit > pageblock_order) {
		mm_report(BAD_ARGUMENT, "cma_declare_contiguous", NULL, base, size);
		return -QUARRY_EINVAL;
	}
	if (fixed)
		return cma_init_reserved_mem(base, size, order_per_bit, name, result);
	for (struct zone *zone = zones + NR_ZONES;
	     (error == -QUARRY_EBUSY || error == -QUARRY_EINVAL) && zone-- > zones;)
		if (zone_populated(zone) && zone->type != ZONE_MOVABLE &&
		    (node < 0 || zone->node == (unsigned)node))
			error = declare_in(zone, base, size, limit, alignment, order_per_bit, name,
					   result);
	return error;
}

/* ---- claims ---- */

/* Claim the first place at or after unit `from`. Return: its unit; units(area): there is none. */
static unsigned long claim(struct cma *area, unsigned long from, unsigned long nr, unsigned align)
{
	unsigned long step = align > area->order_per_bit ? 1ul << (align - area->order_per_bit) : 1;
	unsigned long bias = area->first >> area->order_per_bit;
	unsigned long irq = mm_lock(&area->lock);
	unsigned long unit = bitmap_find_run(area->map, from, units(area), nr, step, bias);

	if (unit < units(area))
		bitmap_set(area->map, unit, nr);
	mm_unlock(&area->lock, irq);
	return unit;
}

static void unclaim(struct cma *area, unsigned long unit, unsigned long nr)
{
	unsigned long irq = mm_lock(&area->lock);

	bitmap_clear(area->map, unit, nr);
	mm_unlock(&area->lock, irq);
}

/* The next unit worth trying: behind what was in the way at `unit`, which may have begun before. */
static unsigned long after(const struct cma *area, unsigned long unit, unsigned long obstacle)
{
	unsigned long behind = obstacle + 1 + (1ul << area->order_per_bit) - 1;
	unsigned long next =
		behind > area->first ? (behind - area->first) >> area->order_per_bit : 0;

	return next > unit ? next : unit + 1;
}

/* One pass through the area. Return: 0 and the frame; -EBUSY: pages are in the way; -ENOSPC. */
static int pass(struct cma *area, unsigned long count, unsigned align, unsigned long *pfn,
		uintptr_t caller)
{
	unsigned long nr = (count + (1ul << area->order_per_bit) - 1) >> area->order_per_bit;
	unsigned long unit, obstacle;
	int error = -QUARRY_ENOSPC;

	for (unsigned long from = 0;; from = after(area, unit, obstacle)) {
		unit = claim(area, from, nr, align);
		if (unit >= units(area))
			return error;
		*pfn = area->first + (unit << area->order_per_bit);
		error = contig_take("cma_alloc", *pfn, *pfn + count, MIGRATE_CMA, GFP_KERNEL,
				    &obstacle, caller);
		if (!error)
			return 0;
		unclaim(area, unit, nr);
		if (error != -QUARRY_EBUSY)
			return error;
	}
}

struct page *cma_alloc(struct cma *area, unsigned long count, unsigned align, bool no_warn)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	int error = -QUARRY_EINVAL;
	unsigned long pfn = 0;

	if (area && count && count <= area->pages && align <= MAX_PAGE_ORDER) {
		error = -QUARRY_EBUSY;
		for (unsigned i = 0; i < PASSES && error == -QUARRY_EBUSY; i++)
			error = pass(area, count, align, &pfn, caller);
	}
	if (!error) {
		__atomic_fetch_add(&cmas.alloc_success, count, __ATOMIC_RELAXED);
		return pfn_to_page(pfn);
	}
	__atomic_fetch_add(&cmas.alloc_fail, count, __ATOMIC_RELAXED);
	if (!no_warn)
		mm_report(NO_MEMORY, "cma_alloc", area, count, -error);
	return NULL;
}

bool cma_pages_valid(const struct cma *area, const struct page *pages, unsigned long count)
{
	if (!area || !pages || !count)
		return false;
	unsigned long pfn = page_to_pfn(pages);
	return pfn >= area->first && count <= area->pages &&
	       pfn - area->first <= area->pages - count;
}

bool cma_release(struct cma *area, const struct page *pages, unsigned long count)
{
	if (!cma_pages_valid(area, pages, count))
		return false;
	unsigned long pfn = page_to_pfn(pages), offset = pfn - area->first;
	unsigned long nr = (count + (1ul << area->order_per_bit) - 1) >> area->order_per_bit;
	unsigned long unit = offset >> area->order_per_bit;
	unsigned long irq = mm_lock(&area->lock);
	bool claimed = !(offset & ((1ul << area->order_per_bit) - 1)) &&
		       bitmap_next_clear(area->map, unit, unit + nr) == unit + nr;
	mm_unlock(&area->lock, irq);
	if (!claimed) {
		mm_report(FREE_TWICE, "cma_release", pages, count, offset);
		return false;
	}
	free_contig_range(pfn, count);
	unclaim(area, unit, nr);
	return true;
}

/* ---- asking ---- */

phys_addr_t cma_get_base(const struct cma *area)
{
	return PFN_PHYS(area->first);
}

unsigned long cma_get_size(const struct cma *area)
{
	return area->pages << PAGE_SHIFT;
}

const char *cma_get_name(const struct cma *area)
{
	return area->name;
}

int cma_for_each_area(int (*it)(struct cma *area, void *data), void *data)
{
	int result = 0;

	for (unsigned i = 0; i < nr_areas() && !result; i++)
		result = it(&cmas.area[i], data);
	return result;
}

void quarry_cma_info(struct quarry_cma_totals *info)
{
	*info = (struct quarry_cma_totals){
		.alloc_success = __atomic_load_n(&cmas.alloc_success, __ATOMIC_RELAXED),
		.alloc_fail = __atomic_load_n(&cmas.alloc_fail, __ATOMIC_RELAXED),
	};
	for (unsigned i = 0; i < nr_areas(); i++)
		info->total += cmas.area[i].pages;
	for_every_populated_zone (zone)
		info->free += __atomic_load_n(&zone->lent_free, __ATOMIC_RELAXED);
}

/* Claim all of an area and give it back as what it was before. */
static bool end_area(struct cma *area)
{
	struct page *page = cma_alloc(area, area->pages, 0, true);

	if (!page)
		return false;
	pageblocks_lend(head_zone(page), area->first, area->first + area->pages, false);
	free_contig_range(area->first, area->pages);
	kfree(area->map);
	return true;
}

bool cma_end_all(void)
{
	while (cmas.nr && end_area(&cmas.area[cmas.nr - 1]))
		cmas.nr--;
	return !cmas.nr;
}

void cma_init(void)
{
	__builtin_memset(&cmas, 0, sizeof(cmas));
}
