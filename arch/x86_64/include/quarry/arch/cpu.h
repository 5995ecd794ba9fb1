/* SPDX-License-Identifier: MIT */
/* cpu.h (x86_64): interrupt masking, busy-wait hint, clearing a page. See quarry/arch.h. */
#ifndef QUARRY_ARCH_CPU_H
#define QUARRY_ARCH_CPU_H

#include <quarry/arch/page.h>
#include <quarry/os.h>

QUARRY_BEGIN_DECLS

#ifndef QUARRY_OS_HAVE_IRQ
/* The state is RFLAGS; bit 9 is IF. */
static inline unsigned long arch_irq_save(void)
{
	unsigned long flags;
	__asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
	return flags;
}
static inline void arch_irq_restore(unsigned long flags)
{
	if (flags & 1ul << 9)
		__asm__ volatile("sti" : : : "memory");
}
#endif

static inline void arch_relax(void)
{
	__asm__ volatile("pause");
}

static inline void arch_clear_page(void *page)
{
	unsigned long words = PAGE_SIZE / 8;
	__asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0ul) : "memory");
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
