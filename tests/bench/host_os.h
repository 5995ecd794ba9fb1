/* SPDX-License-Identifier: MIT */
/* host_os.h: the OS's hot hooks for the benchmark on the host: threads are CPUs, nothing interrupts
 * them. */
#ifndef BENCH_HOST_OS_H
#define BENCH_HOST_OS_H

#define QUARRY_OS_HAVE_IRQ
static inline unsigned long arch_irq_save(void)
{
	return 0;
}
static inline void arch_irq_restore(unsigned long flags)
{
	(void)flags;
}
#define QUARRY_OS_HAVE_CPU
extern __thread unsigned bench_cpu;
static inline unsigned quarry_os_cpu(void)
{
	return bench_cpu;
}
#define QUARRY_OS_HAVE_PIN
static inline void quarry_os_pin(void)
{
}
static inline void quarry_os_unpin(void)
{
}
#define QUARRY_OS_HAVE_CONTEXT
static inline unsigned quarry_os_context(void)
{
	return bench_cpu >> 16; /* zero, by a load and a test as in a kernel */
}
#define QUARRY_OS_HAVE_TASK_WORD
extern __thread unsigned long bench_task_word;
static inline unsigned long *quarry_os_task_word(void)
{
	return &bench_task_word;
}

#endif
