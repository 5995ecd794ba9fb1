/* SPDX-License-Identifier: MIT */
/*
 * quarry_os_inline.h: the demo kernel's hot hooks, inlined into the library (QUARRY_OS_HEADER).
 *
 * The kernel has no preemption: each CPU runs one task. Pinning only counts, so that the context
 * hook answers "may not sleep" between pin and unpin. Whoever turns interrupts off says so in the
 * same word, so that the hook need not read the processor's flag.
 */
#ifndef QUARRY_OS_INLINE_H
#define QUARRY_OS_INLINE_H

#include "tests/boot/cpu.h"

#define QUARRY_OS_HAVE_CPU
static inline unsigned long quarry_os_cpu(void)
{
	return this_cpu_number();
}

#define QUARRY_OS_HAVE_PIN
static inline void quarry_os_pin(void)
{
	this_cpu_pin();
}
static inline void quarry_os_unpin(void)
{
	this_cpu_unpin();
}

#define QUARRY_OS_HAVE_CONTEXT
static inline unsigned quarry_os_context(void)
{
	if (__builtin_expect(this_cpu_may_sleep(), 1))
		return 0;
	return this_cpu()->irq_depth ? QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC : QUARRY_CTX_ATOMIC;
}

#define QUARRY_OS_HAVE_IRQ
static inline unsigned long arch_irq_save(void)
{
	return this_cpu_irq_save();
}
static inline void arch_irq_restore(unsigned long state)
{
	this_cpu_irq_restore(state);
}

#define QUARRY_OS_HAVE_TASK_WORD
static inline unsigned long *quarry_os_task_word(void)
{
	return &this_cpu()->task_word;
}

#endif
