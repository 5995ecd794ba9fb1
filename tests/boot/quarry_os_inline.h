/* SPDX-License-Identifier: MIT */
/*
 * quarry_os_inline.h: the demo kernel's hot hooks, inlined into the library (QUARRY_OS_HEADER).
 *
 * The kernel has no preemption: each CPU runs one task. Pinning only counts, so that the context
 * hook answers "may not sleep" between pin and unpin.
 */
#ifndef QUARRY_OS_INLINE_H
#define QUARRY_OS_INLINE_H

#include "tests/boot/cpu.h"

#define QUARRY_OS_HAVE_CPU
static inline unsigned quarry_os_cpu(void)
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
	uint64_t depths = this_cpu_depths();
	if (__builtin_expect(!depths && this_cpu_irqs_on(), 1))
		return 0;
	return (uint32_t)depths ? QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC : QUARRY_CTX_ATOMIC;
}

#define QUARRY_OS_HAVE_TASK_WORD
static inline unsigned long *quarry_os_task_word(void)
{
	return &this_cpu()->task_word;
}

#endif
