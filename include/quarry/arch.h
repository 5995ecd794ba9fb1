/* SPDX-License-Identifier: MIT */
/*
 * arch.h: the contract with a CPU port.
 *
 * A port is a folder with include/quarry/arch/{page,cpu,pgtable}.h and tlb.c; its headers define
 * the names below, as static inlines or macros unless it says "function". This header includes
 * page.h and cpu.h and checks them; only mm/vmap includes quarry/arch/pgtable.h. A port sees
 * types.h and nothing else of ours.
 *
 * page.h
 *   PAGE_SHIFT, PAGE_SIZE, PAGE_MASK   under #ifndef: the kernel may have defined the same values
 *   QUARRY_ARCH_PHYS_BITS              physical address bits that the CPU family can address
 *   QUARRY_ARCH_DMA_LIMIT              first byte above ZONE_DMA, 0 if the CPU family has none
 *   QUARRY_ARCH_DMA32_LIMIT            first byte above ZONE_DMA32
 *   ARCH_DMA_MINALIGN                  unless DMA is coherent: its cache line; else absent
 *   ARCH_KMALLOC_MINALIGN              smallest alignment of kmalloc: 8 or ARCH_DMA_MINALIGN
 *   QUARRY_CACHE_LINE                  bytes of a cache line
 * cpu.h
 *   unsigned long arch_irq_save(void)          mask interrupts, return the previous state
 *   void arch_irq_restore(unsigned long)       put that state back
 *   void arch_relax(void)                      busy-wait hint
 *   void arch_clear_page(void *page)           zero one page, page-aligned
 *   arch_mem_poison(ptr, bytes), arch_mem_unpoison(ptr, bytes)
 *                                              memory became free / is handed out: nothing on real
 *                                              machines, shadow marking on the mock or a KASAN port
 *   A kernel overrides the irq pair (soft masking) with QUARRY_OS_HAVE_IRQ in QUARRY_OS_HEADER,
 *   then it defines arch_irq_save and arch_irq_restore itself; and the memory pair with
 *   QUARRY_OS_HAVE_MEM_POISON. Free frames need not be mapped: contents of free memory are neither
 *   read nor written. A kernel that wants that unmaps in arch_mem_poison the pages that lie in the
 *   piece whole, and maps in arch_mem_unpoison every page that the piece touches (objects smaller
 *   than a page are told about too). Both may be called wherever memory is taken and freed, and
 *   must not sleep, lock or allocate.
 * pgtable.h  (level 0 is the table whose entries are 4 KiB leaves; the root is level levels - 1)
 *   typedef uint64_t quarry_pte_t
 *   unsigned arch_pt_levels(void)              levels in use now: 4/5 on x86_64, 3/4/5 on riscv64
 *   unsigned arch_pt_index(uintptr_t va, unsigned level)      0..511
 *   unsigned arch_pt_max_leaf_level(void)      highest level that may hold a leaf (1 or 2)
 *   quarry_pte_t arch_pte_leaf(phys_addr_t, unsigned prot, unsigned level)   prot: QUARRY_PROT_*
 *   quarry_pte_t arch_pte_table(phys_addr_t)
 *   bool arch_pte_present(quarry_pte_t), arch_pte_is_leaf(quarry_pte_t, unsigned level)
 *   phys_addr_t arch_pte_addr(quarry_pte_t, unsigned level); unsigned arch_pte_prot(quarry_pte_t,
 *   unsigned level)
 *   unsigned arch_pt_group_order(void)         2^this is how many neighbouring entries
 *   of a leaf table, the first at a multiple, can be one leaf (riscv64: Svnapot); 0: none can
 *   quarry_pte_t arch_pte_grouped(quarry_pte_t)   each entry of such a group, from the leaf of its
 *   first page; its arch_pte_addr is that page's
 *   bool arch_pte_is_grouped(quarry_pte_t)
 *   phys_addr_t arch_pt_root(void)             root of the kernel's tables on the calling CPU
 *   quarry_pte_t arch_pte_read(const quarry_pte_t *), void arch_pte_write(quarry_pte_t *,
 *   quarry_pte_t)
 *                                              single-copy atomic; the mock logs them
 *   void arch_pte_link(quarry_pte_t *, quarry_pte_t)   the same for the entry of a table: who reads
 *   it and then the table sees what was written there before
 * tlb.c
 *   void arch_tlb_flush_range(uintptr_t start, uintptr_t end)   function: this CPU only
 *   void arch_tlb_map_sync(uintptr_t start, uintptr_t end)      function: after new entries were
 *   written (sfence on riscv64)
 *   void arch_cache_flush(const void *start, size_t bytes)      function: write back and drop the
 *   lines of memory whose caching attribute was changed, from the caches of all CPUs
 *   void arch_icache_sync(void)                function: this CPU fetches no instruction that was
 *   replaced before the call
 */
#ifndef QUARRY_ARCH_H
#define QUARRY_ARCH_H

#include <quarry/os.h>
#include <quarry/types.h>

#include <quarry/arch/cpu.h>
#include <quarry/arch/page.h>

QUARRY_STATIC_ASSERT(PAGE_SHIFT == 12, "this release supports 4 KiB pages");
QUARRY_STATIC_ASSERT(PAGE_SIZE == 1ul << PAGE_SHIFT, "PAGE_SIZE and PAGE_SHIFT disagree");
QUARRY_STATIC_ASSERT((PAGE_SIZE & ~(PAGE_MASK)) == 0 && (PAGE_MASK) == ~(PAGE_SIZE - 1),
		     "PAGE_MASK must clear the offset within a page");
QUARRY_STATIC_ASSERT(ARCH_KMALLOC_MINALIGN >= 8 &&
			     (ARCH_KMALLOC_MINALIGN & (ARCH_KMALLOC_MINALIGN - 1)) == 0,
		     "ARCH_KMALLOC_MINALIGN must be a power of two of at least 8");

QUARRY_BEGIN_DECLS

/* What a mapping may do; the CPU port encodes it. */
#define QUARRY_PROT_READ 1u
#define QUARRY_PROT_WRITE 2u
#define QUARRY_PROT_EXEC 4u
/* At most one of the next three; none of them: as the CPU caches memory. What a CPU port cannot
 * encode becomes the next stricter one. */
#define QUARRY_PROT_UNCACHED 8u	      /* every access as written, in order: device registers */
#define QUARRY_PROT_WRITE_COMBINE 16u /* not cached; writes may be merged: frame buffers */
#define QUARRY_PROT_WRITE_THROUGH 32u /* reads cached, writes go to memory at once */
#define QUARRY_PROT_CACHING                                                                        \
	(QUARRY_PROT_UNCACHED | QUARRY_PROT_WRITE_COMBINE | QUARRY_PROT_WRITE_THROUGH)
#define QUARRY_PROT_KERNEL (QUARRY_PROT_READ | QUARRY_PROT_WRITE)

void arch_tlb_flush_range(uintptr_t start, uintptr_t end) QUARRY_INT(arch_tlb_flush_range);
void arch_tlb_map_sync(uintptr_t start, uintptr_t end) QUARRY_INT(arch_tlb_map_sync);
void arch_cache_flush(const void *start, size_t bytes) QUARRY_INT(arch_cache_flush);
void arch_icache_sync(void) QUARRY_INT(arch_icache_sync);

QUARRY_END_DECLS

#endif
