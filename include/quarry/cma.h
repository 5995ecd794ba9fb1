/* SPDX-License-Identifier: MIT */
/*
 * cma.h: contiguous memory for devices that need it now and then, lent to others meanwhile.
 *
 * An area is a run of whole pageblocks. While nobody has claimed a part of it, its pages serve
 * movable requests (__GFP_MOVABLE), and only those; movable requests prefer them when they are
 * more than half of what a zone has free. cma_alloc() moves what is there out of the way. That
 * works as far as those who took the pages declared them movable (quarry/migrate.h) and do not
 * pin them: memory that is to be pinned for long is asked for in a memalloc_pin scope, which
 * keeps out of areas.
 *
 *     cma_declare_contiguous(0, 64 << 20, 0, 0, 0, false, "camera", &area);     soon after boot
 *     page = cma_alloc(area, frames, 4, false);
 *     ...
 *     cma_release(area, page, frames);
 *
 * Areas are there for good. Linux has the same calls.
 */
#ifndef QUARRY_CMA_H
#define QUARRY_CMA_H

#include <quarry/gfp.h>

QUARRY_BEGIN_DECLS

#define QUARRY_CMA_AREAS 8	/* at most */
#define QUARRY_CMA_NAME_SIZE 32 /* a longer name is cut */
#define CMA_MIN_ALIGNMENT_BYTES (pageblock_nr_pages << PAGE_SHIFT)

struct cma;

/*
 * Make [base, base + size) an area: multiples of CMA_MIN_ALIGNMENT_BYTES, of one zone. What is in
 * use there is moved away; early after boot nothing is. It is claimed in units of 2^order_per_bit
 * pages.
 * Context: task, may sleep. Return: 0 and the area; -EINVAL (reported); -EBUSY: a page there stays;
 * -ENOMEM; -ENOSPC: QUARRY_CMA_AREAS are there already.
 */
int cma_init_reserved_mem(phys_addr_t base, phys_addr_t size, unsigned order_per_bit,
			  const char *name, struct cma **area)
	QUARRY_API_CHECK(cma_init_reserved_mem);

/*
 * The same wherever it works: highest first, at a multiple of `alignment` (0: the smallest that is
 * possible), below `limit` (0: anywhere), on `node`. If `fixed`, at `base` and nowhere else; if
 * not, at or above it. `size` is rounded up.
 */
int cma_declare_contiguous_nid(phys_addr_t base, phys_addr_t size, phys_addr_t limit,
			       phys_addr_t alignment, unsigned order_per_bit, bool fixed,
			       const char *name, struct cma **area, int node)
	QUARRY_API_CHECK(cma_declare_contiguous_nid);
static inline int cma_declare_contiguous(phys_addr_t base, phys_addr_t size, phys_addr_t limit,
					 phys_addr_t alignment, unsigned order_per_bit, bool fixed,
					 const char *name, struct cma **area)
{
	return cma_declare_contiguous_nid(base, size, limit, alignment, order_per_bit, fixed, name,
					  area, NUMA_NO_NODE);
}

/*
 * Claim `count` contiguous pages at a multiple of 2^align frames, each a single page with one
 * reference. Contents undefined. Context: task, may sleep; owners of movable pages are called.
 * Return: the first, or NULL, reported unless no_warn. (G5)
 */
struct page *cma_alloc(struct cma *area, unsigned long count, unsigned align, bool no_warn)
	QUARRY_API_CHECK(cma_alloc);

/* Give them back, all or a part in whole units. Context: any but NMI. Return: false: they are not
 * pages that cma_alloc() gave out of this area (reported, unless it has none of them). */
bool cma_release(struct cma *area, const struct page *pages, unsigned long count)
	QUARRY_API(cma_release);
/* Do all of these pages lie in the area? */
bool cma_pages_valid(const struct cma *area, const struct page *pages, unsigned long count)
	QUARRY_API(cma_pages_valid);

phys_addr_t cma_get_base(const struct cma *area) QUARRY_API(cma_get_base);
unsigned long cma_get_size(const struct cma *area) QUARRY_API(cma_get_size); /* bytes */
const char *cma_get_name(const struct cma *area) QUARRY_API(cma_get_name);
/* Call it(area, data) for each until it returns something else than 0. Return: that, or 0. */
int cma_for_each_area(int (*it)(struct cma *area, void *data), void *data)
	QUARRY_API(cma_for_each_area);

/* Pages of all areas; those that are free now, in whole zones; calls of cma_alloc() by outcome. */
struct quarry_cma_totals {
	unsigned long total, free, alloc_success, alloc_fail;
};
void quarry_cma_info(struct quarry_cma_totals *info) QUARRY_API(cma_info);

QUARRY_END_DECLS

#endif
