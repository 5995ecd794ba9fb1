/* SPDX-License-Identifier: MIT */
/* page.h (mock): page size, zone limits, alignments. See quarry/arch.h for what each name means. */
#ifndef QUARRY_ARCH_PAGE_H
#define QUARRY_ARCH_PAGE_H

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1ul << PAGE_SHIFT)
#endif
#ifndef PAGE_MASK
#define PAGE_MASK (~(PAGE_SIZE - 1))
#endif

/* Four zones are possible, with x86_64's limits, so that tests of zone choice need little memory.
 * */
#define QUARRY_ARCH_PHYS_BITS 48
#define QUARRY_ARCH_DMA_LIMIT (16ull << 20)
#define QUARRY_ARCH_DMA32_LIMIT (4ull << 30)
#define ARCH_KMALLOC_MINALIGN 8ul
#define QUARRY_CACHE_LINE 64ul

#endif
