/* SPDX-License-Identifier: MIT */
/*
 * tlb.c (riscv64): forgetting translations on the calling hart.
 *
 * - `sfence.vma` with an address drops the leaf translations of that page in all address spaces;
 *   without one it drops everything, upper levels included. It also orders earlier stores to the
 *   tables before the hart's later walks.
 * - The architecture lets a hart remember that an entry was not present (unless it has Svvptc). A
 *   new mapping is therefore fenced on the hart that made it (arch_tlb_map_sync). Other harts are
 *   not disturbed: one that remembers the old state takes a page fault on its first access, and
 *   quarry_vmap_fault() in the kernel's fault handler fences there and lets it retry. Such a fault
 *   needs a walk of the address before it was mapped, which correct code does only speculatively,
 * so it is rare.
 *
 * Start at: arch_tlb_flush_range.
 */
#include <quarry/arch.h>

/*
 * One sfence.vma by address takes tens of cycles on simple cores; dropping everything costs a
 * refill of the TLB, which has 32 to 128 entries there. 64 pages keeps the two near each other.
 */
#define MAX_SINGLE_PAGES 64u

static void fence_page(uintptr_t va)
{
	__asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
}
static void fence_everything(void)
{
	__asm__ volatile("sfence.vma zero, zero" : : : "memory");
}

void arch_tlb_flush_range(uintptr_t start, uintptr_t end)
{
	if ((end - start) >> PAGE_SHIFT > MAX_SINGLE_PAGES) {
		fence_everything();
		return;
	}
	for (uintptr_t va = start; va != end; va += PAGE_SIZE)
		fence_page(va);
}

/* A linked table is announced as the whole address space: a fence by address orders leaf entries
 * only. */
void arch_tlb_map_sync(uintptr_t start, uintptr_t end)
{
	arch_tlb_flush_range(start, end);
}

/*
 * cbo.flush (Zicbom) where the kernel says that the harts have it, in blocks of a cache line.
 * Without it memory whose attribute changes is not in a cache that differs from memory: such
 * machines have coherent caches, or no Svpbmt and so no such change.
 */
#ifndef QUARRY_RISCV_ZICBOM
#define QUARRY_RISCV_ZICBOM 0
#endif

void arch_cache_flush(const void *start, size_t bytes)
{
	const char *line = start;

	for (const char *end = line + bytes; QUARRY_RISCV_ZICBOM && line < end;
	     line += QUARRY_CACHE_LINE)
		__asm__ volatile(".insn i 0x0f, 2, x0, %0, 2" : : "r"(line) : "memory");
	__asm__ volatile("fence" : : : "memory");
}

/* fence.i, spelt as a word: assemblers want Zifencei named for it. */
void arch_icache_sync(void)
{
	__asm__ volatile(".insn i 0x0f, 1, x0, x0, 0" : : : "memory");
}
