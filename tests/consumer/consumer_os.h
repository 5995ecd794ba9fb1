/* SPDX-License-Identifier: MIT */
/*
 * consumer_os.h: a kernel's own interrupt masking, named in -DQUARRY_OS_HEADER. Every object of the
 * library that masks interrupts then refers to `kernel_irq_saves`, which shows that the kernel's
 * flags reached it.
 */
#ifndef CONSUMER_OS_H
#define CONSUMER_OS_H

#define QUARRY_OS_HAVE_IRQ

#ifdef __cplusplus
extern "C" {
#endif

extern unsigned long kernel_irq_saves;

static inline unsigned long arch_irq_save(void)
{
	return kernel_irq_saves++;
}
static inline void arch_irq_restore(unsigned long flags)
{
	(void)flags;
}

#ifdef __cplusplus
}
#endif

#endif
