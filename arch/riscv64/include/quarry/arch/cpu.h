/* SPDX-License-Identifier: MIT */
/* cpu.h (riscv64): interrupt masking, busy-wait hint, clearing a page. See quarry/arch.h. */
#ifndef QUARRY_ARCH_CPU_H
#define QUARRY_ARCH_CPU_H

#include <quarry/arch/page.h>
#include <quarry/os.h>

QUARRY_BEGIN_DECLS

/*
 * One instruction on a control register. A kernel has Zicsr even if its -march does not say so, but
 * the assembler that comes with gcc 12 and later wants it named.
 */
#if !defined(__clang__) && __GNUC__ >= 12 && !defined(__riscv_zicsr)
#define QUARRY_ARCH_CSR(text) ".option push\n\t.option arch, +zicsr\n\t" text "\n\t.option pop"
#else
#define QUARRY_ARCH_CSR(text) text
#endif

#ifndef QUARRY_OS_HAVE_IRQ
/* The state is sstatus; bit 1 is SIE. */
static inline unsigned long arch_irq_save(void)
{
	unsigned long flags;
	__asm__ volatile(QUARRY_ARCH_CSR("csrrci %0, sstatus, 2") : "=r"(flags) : : "memory");
	return flags;
}
static inline void arch_irq_restore(unsigned long flags)
{
	__asm__ volatile(QUARRY_ARCH_CSR("csrs sstatus, %0") : : "r"(flags & 2ul) : "memory");
}
#endif

/* `pause` (Zihintpause) is a no-op where it is absent; spelt as a word so that every assembler
 * takes it. */
static inline void arch_relax(void)
{
	__asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010");
}

static inline void arch_clear_page(void *page)
{
	uint64_t *word = (uint64_t *)page;
	for (uint64_t *end = word + PAGE_SIZE / 8; word != end; word += 8) {
		word[0] = word[1] = word[2] = word[3] = 0;
		word[4] = word[5] = word[6] = word[7] = 0;
	}
}

#ifndef QUARRY_OS_HAVE_MEM_POISON
static inline void arch_mem_poison(void *start, size_t bytes)
{
	(void)start;
	(void)bytes;
}
static inline void arch_mem_unpoison(void *start, size_t bytes)
{
	(void)start;
	(void)bytes;
}
#endif

QUARRY_END_DECLS

#endif
