/* SPDX-License-Identifier: MIT */
/* page.h (riscv64): page size, zone limits, alignments. See quarry/arch.h for what each name means.
 * */
#ifndef QUARRY_ARCH_PAGE_H
#define QUARRY_ARCH_PAGE_H

#include <quarry/config.h>

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1ul << PAGE_SHIFT)
#endif
#ifndef PAGE_MASK
#define PAGE_MASK (~(PAGE_SIZE - 1))
#endif

#define QUARRY_ARCH_PHYS_BITS 56             /* Sv39/48/57: 44-bit frame number + 12 */
/* no ISA bus: GFP_DMA means NORMAL or DMA32 (spec D10) */
#define QUARRY_ARCH_DMA_LIMIT 0ull
#define QUARRY_ARCH_DMA32_LIMIT (4ull << 30) /* devices with 32 address lines */
#define QUARRY_CACHE_LINE 64ul

/* Many riscv64 machines have DMA that is not coherent: two objects must not share a line of 64
 * bytes. A kernel that knows its DMA to be coherent sets QUARRY_COHERENT_DMA=1. */
#if QUARRY_COHERENT_DMA
#define ARCH_KMALLOC_MINALIGN 8ul
#else
#define ARCH_DMA_MINALIGN 64ul
#define ARCH_KMALLOC_MINALIGN ARCH_DMA_MINALIGN
#endif

#endif
