/* SPDX-License-Identifier: MIT */
/*
 * tlb.c (x86_64): forgetting translations on the calling CPU.
 *
 * - `invlpg` drops the translations of one page, global ones too, and all cached upper-level
 * entries.
 * - Clearing CR4.PGE drops everything, global entries included. Without PGE there are none, and a
 *   reload of CR3 does the same.
 * - New entries need nothing: the CPU does not cache entries that are not present.
 *
 * Start at: arch_tlb_flush_range.
 */
#include <quarry/arch.h>

/*
 * An invlpg takes 100 to 200 cycles; a full flush costs one refill of what is still needed, at
 * most a first-level data TLB of 64 entries at some 30 cycles each in the usual case, more if much
 * of the second level was in use. 64 pages keeps the two within a factor of about two.
 */
#define MAX_SINGLE_PAGES 64u

#define CR4_PGE (1ul << 7)

static void flush_page(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* Interrupts are masked: a handler must not see or change CR4 halfway. */
static void flush_everything(void)
{
	unsigned long irq = arch_irq_save();
	unsigned long cr;

	__asm__ volatile("movq %%cr4, %0" : "=r"(cr));
	if (cr & CR4_PGE) {
		__asm__ volatile("movq %0, %%cr4" : : "r"(cr & ~CR4_PGE) : "memory");
		__asm__ volatile("movq %0, %%cr4" : : "r"(cr) : "memory");
	} else {
		__asm__ volatile("movq %%cr3, %0" : "=r"(cr));
		__asm__ volatile("movq %0, %%cr3" : : "r"(cr) : "memory");
	}
	arch_irq_restore(irq);
}

void arch_tlb_flush_range(uintptr_t start, uintptr_t end)
{
	if ((end - start) >> PAGE_SHIFT > MAX_SINGLE_PAGES) {
		flush_everything();
		return;
	}
	for (uintptr_t va = start; va != end; va += PAGE_SIZE)
		flush_page(va);
}

void arch_tlb_map_sync(uintptr_t start, uintptr_t end)
{
	(void)start;
	(void)end;
}

/* `clflush` reaches the caches of all CPUs; lines are 64 bytes on every CPU of the family. */
void arch_cache_flush(const void *start, size_t bytes)
{
	const char *line = start;

	__asm__ volatile("mfence" : : : "memory");
	for (const char *end = line + bytes; line < end; line += QUARRY_CACHE_LINE)
		__asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
	__asm__ volatile("mfence" : : : "memory");
}

/* Instruction caches follow stores; the interrupt that brings a CPU here, or the flush before it,
 * is serializing. */
void arch_icache_sync(void)
{
}
