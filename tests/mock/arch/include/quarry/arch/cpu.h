/* SPDX-License-Identifier: MIT */
/*
 * cpu.h (mock): every primitive is a function of the mock machine, which checks its use.
 * See quarry/arch.h for what each name means.
 */
#ifndef QUARRY_ARCH_CPU_H
#define QUARRY_ARCH_CPU_H

#include <quarry/arch/page.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* Mask interrupts of the calling CPU (a host thread); the state is one of two odd words, so that
 * a restore of something else is noticed. Interrupts that came meanwhile are delivered at the
 * restore. */
unsigned long mock_irq_save(void);
void mock_irq_restore(unsigned long state);
/* Let other host threads run; a test failure if this spins for ever with no other thread there. */
void mock_relax(void);
/* Memory of the direct map became free / is handed out. */
void mock_mem_poison(void *start, size_t bytes);
void mock_mem_unpoison(void *start, size_t bytes);

static inline unsigned long arch_irq_save(void)
{
	return mock_irq_save();
}
static inline void arch_irq_restore(unsigned long state)
{
	mock_irq_restore(state);
}
static inline void arch_relax(void)
{
	mock_relax();
}
static inline void arch_clear_page(void *page)
{
	__builtin_memset(page, 0, PAGE_SIZE);
}
static inline void arch_mem_poison(void *start, size_t bytes)
{
	mock_mem_poison(start, bytes);
}
static inline void arch_mem_unpoison(void *start, size_t bytes)
{
	mock_mem_unpoison(start, bytes);
}

QUARRY_END_DECLS

#endif
