/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: the OS's hot hooks, with the answers of the tiny profile where there is one CPU.
 *
 * cpu_pin() returns the CPU's number and keeps the caller there until cpu_unpin(). The number is as
 * wide as a pointer: an inline hook that returns unsigned long spares the fast paths an extension.
 */
#ifndef QUARRY_MM_CPU_H
#define QUARRY_MM_CPU_H

#include <quarry/os.h>

#include "mm/base/state.h"

#if QUARRY_MAX_CPUS > 1
static inline unsigned long cpu_pin(void)
{
	quarry_os_pin();
	return quarry_os_cpu();
}
static inline void cpu_unpin(void)
{
	quarry_os_unpin();
}
static inline unsigned cpu_number(void)
{
	return (unsigned)quarry_os_cpu();
}
static inline unsigned cpu_context(void)
{
	return quarry_os_context();
}
static inline unsigned long *cpu_task_word(void)
{
	return quarry_os_task_word();
}
#else
extern unsigned long mm_task_word QUARRY_INT(mm_task_word);
static inline unsigned long cpu_pin(void)
{
	return 0;
}
static inline void cpu_unpin(void)
{
}
static inline unsigned cpu_number(void)
{
	return 0;
}
static inline unsigned cpu_context(void)
{
	return 0;
}
static inline unsigned long *cpu_task_word(void)
{
	return &mm_task_word;
}
#endif

/* CPUs that are online, as a count of numbers seen and a bitmap. */
struct cpu_set {
	unsigned long word[(QUARRY_MAX_CPUS + 63) / 64];
};
extern struct cpu_set cpus_online QUARRY_INT(cpus_online);

static inline bool cpu_is_online(unsigned cpu)
{
	return cpu < QUARRY_MAX_CPUS &&
	       (__atomic_load_n(&cpus_online.word[cpu / 64], __ATOMIC_ACQUIRE) >> cpu % 64 & 1);
}
#define for_each_online_cpu(cpu)                                                                   \
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)                                       \
		if (!cpu_is_online(cpu)) {                                                         \
		} else

/* Mark `cpu` online or offline. */
void cpu_set_online(unsigned cpu, bool online) QUARRY_INT(cpu_set_online);
/* Are CPUs other than the caller's online? */
bool cpu_others_online(void) QUARRY_INT(cpu_others_online);
/* Run fn(arg) on every online CPU including this one; the caller may wait (task context, irqs on,
 * no lock). With one CPU online it is a call. */
void cpu_call_all(void (*fn)(void *arg), void *arg) QUARRY_INT(cpu_call_all);
/* May the caller run something on every CPU? If not it is reported, by the name of `call`. */
bool cpu_may_call_all(const char *call) QUARRY_INT(cpu_may_call_all);
/* Let others run: one tick of the customary clock, so that whoever frees memory gets to it.
 * Context: task, irqs on, no lock. */
void cpu_wait(void) QUARRY_INT(cpu_wait);
void cpu_init(void) QUARRY_INT(cpu_init);

#endif
