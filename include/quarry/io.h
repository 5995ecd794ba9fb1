/* SPDX-License-Identifier: MIT */
/*
 * io.h: device memory, and other physical memory that is not the library's, at virtual addresses.
 *
 * Rules common to all functions here:
 *   - Addresses and sizes are in bytes and need no alignment: the pages that the range touches are
 *     mapped, and the result points at its first byte.
 *   - A range that begins at a multiple of 2 MiB (1 GiB, where the CPU and the table levels allow
 *     it) and is as long is mapped by huge leaves.
 *   - Memory that the library manages is refused with a report: it has other uses, and on most CPUs
 *     may not have two caching attributes. Memory that the map reserves, or calls LATER and is not
 *     added yet, is fine.
 *   - NULL is returned for what is refused (reported) and without memory or addresses (reported).
 *   - Context: task, may sleep.
 *
 * Reading and writing registers is the kernel's: through volatile accesses, or its own readl and
 * writel.
 */
#ifndef QUARRY_IO_H
#define QUARRY_IO_H

#include <quarry/arch.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* Uncached: every access as written, in order. */
void *ioremap(phys_addr_t phys, size_t size) QUARRY_API_CHECK(ioremap);
/* The same: uncached here is never weakened by another table of the CPU. */
void *ioremap_uc(phys_addr_t phys, size_t size) QUARRY_API_CHECK(ioremap_uc);
/* Writes may be merged: frame buffers. Without such an attribute uncached. */
void *ioremap_wc(phys_addr_t phys, size_t size) QUARRY_API_CHECK(ioremap_wc);
/* Reads are cached, writes go through. */
void *ioremap_wt(phys_addr_t phys, size_t size) QUARRY_API_CHECK(ioremap_wt);
/* Cached as memory. */
void *ioremap_cache(phys_addr_t phys, size_t size) QUARRY_API_CHECK(ioremap_cache);
/* With a protection of QUARRY_PROT_*, as for vmap; not executable. */
void *ioremap_prot(phys_addr_t phys, size_t size, unsigned prot) QUARRY_API_CHECK(ioremap_prot);
/* Writes that are not posted exist on no CPU of ours: NULL, the caller takes ioremap. */
static inline void *ioremap_np(phys_addr_t phys, size_t size)
{
	(void)phys;
	(void)size;
	return NULL;
}
/*
 * Unmap what one of the above returned. NULL is ignored; anything else is reported and ignored. The
 * addresses are reused after every CPU has flushed.
 * Context: as vfree.
 */
void iounmap(const volatile void *address) QUARRY_API(iounmap);

/*
 * Map physical pages from `phys` on at [start, end), addresses of one area of get_vm_area
 * (quarry/vmalloc.h) at which nothing is mapped. All three are multiples of PAGE_SIZE; `prot` as
 * for ioremap_prot. The pages stay mapped until free_vm_area.
 * Context: task, irqs on; may sleep and wait for other CPUs; of several callers each has its own
 * part of the area. Return: 0; -EINVAL (reported); -ENOMEM, nothing is mapped then.
 */
int ioremap_page_range(unsigned long start, unsigned long end, phys_addr_t phys, unsigned prot)
	QUARRY_API_CHECK(ioremap_page_range);

/* How memremap may map; of several the first that is possible, in this order. */
#ifndef MEMREMAP_WB
#define MEMREMAP_WB 1ul /* as memory; a range of the library's own is answered in the direct map */
#define MEMREMAP_WT 2ul
#define MEMREMAP_WC 4ul
#endif
/* Memory without side effects: firmware tables, non-volatile memory. */
void *memremap(phys_addr_t phys, size_t size, unsigned long flags) QUARRY_API_CHECK(memremap);
/* Undo memremap; an address of the direct map is ignored. Context: as vfree. */
void memunmap(const void *address) QUARRY_API(memunmap);

QUARRY_END_DECLS

#endif
