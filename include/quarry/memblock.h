/* SPDX-License-Identifier: MIT */
/*
 * memblock.h: memory before quarry_init.
 *
 * A kernel that needs memory earlier, for the tables of its direct map say, opens the boot
 * allocator on the same parameters that it will give to quarry_init. What it adds, reserves or
 * allocates here, quarry_init respects: such memory gets struct pages but is never handed out. A
 * kernel without such a need calls nothing of this header.
 *
 *   quarry_memblock_init(&params);
 *   memblock_reserve(kernel_start, kernel_size);
 *   table = memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE);
 *   quarry_init(&params);
 *
 * quarry_init does what Linux calls memblock_free_all(): the page allocator gets everything else.
 *
 * Rules common to all functions:
 *   - CPU 0, one thread, between quarry_memblock_init and quarry_init; any other time they report
 *     BAD_ARGUMENT and fail.
 *   - They keep 64 entries (neighbours share one); a full table is reported (MAP_FULL) and the call
 *     fails. The map itself has no such limit: put what is known from the start there.
 *   - Early memory comes in whole pages, from the top of the highest span that has room.
 */
#ifndef QUARRY_MEMBLOCK_H
#define QUARRY_MEMBLOCK_H

#include <quarry/init.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/*
 * Open the boot allocator, empty, on params->map (which may hold no entry yet). The map must stay
 * valid until quarry_init.
 */
void quarry_memblock_init(const struct quarry_params *params) QUARRY_API(memblock_init);

/* Add usable memory of node 0. Return: 0, -EINVAL (not open), -ENOSPC (table full). */
int memblock_add(phys_addr_t base, uint64_t size) QUARRY_API(memblock_add);

/* Withhold a range, in memory or not. Return: 0, -EINVAL (not open), -ENOSPC (table full). */
int memblock_reserve(phys_addr_t base, uint64_t size) QUARRY_API(memblock_reserve);

/*
 * Allocate `size` bytes, rounded up to whole pages, aligned to `align` (a power of two; less than a
 * page means a page), in [start, end); end 0 means as high as the direct map reaches. The contents
 * are not touched.
 * Return: physical address, or 0.
 */
phys_addr_t memblock_phys_alloc_range(uint64_t size, uint64_t align, phys_addr_t start,
				      phys_addr_t end) QUARRY_API_CHECK(memblock_phys_alloc_range);
#define memblock_phys_alloc(size, align) memblock_phys_alloc_range((size), (align), 0, 0)

/* The same, zeroed, by direct-map address: that must work already. Return: address or NULL. */
void *memblock_alloc(uint64_t size, uint64_t align) QUARRY_API_CHECK(memblock_alloc);

QUARRY_END_DECLS

#endif
