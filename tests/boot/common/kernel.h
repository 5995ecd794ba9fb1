/* SPDX-License-Identifier: MIT */
/*
 * kernel.h: what the files of the common part share.
 */
#ifndef BOOT_KERNEL_H
#define BOOT_KERNEL_H

#include <stdarg.h>

#include <quarry/quarry.h>

#include "tests/boot/machine.h"

/* ---- console.c ---- */

void kvprintf(const char *fmt, va_list args);
/* A report writer (quarry_write_fn) to the console; `ctx` is not used. */
void console_write(void *ctx, const char *text);
/* Value of `name=` on the command line, or `otherwise` if it is not there. */
unsigned long option_number(const char *name, unsigned long otherwise);
/* Is `word` on the command line? */
bool option_set(const char *word);

/* ---- smp.c ---- */

/* Start the other CPUs and wait until each runs the library. */
void smp_start(void);
unsigned smp_online(void);
/* Run fn(cpu) on all CPUs at once, in task context with interrupts on, and wait. Context: CPU 0. */
void smp_run(void (*fn)(unsigned cpu));
/* Run what interrupts deferred to task context, and what kswapd and kcompactd were woken for: there
 * are no threads, so every CPU looks after them between its own work. */
void smp_run_deferred(void);
/* What kswapd did so far. */
struct smp_kswapd {
	unsigned long wakes, runs;
	/* of the last run */
	unsigned cpu;
	unsigned long before, after; /* pages free */
};
struct smp_kswapd smp_kswapd(void);
/* Fail if a CPU has overrun its stack. */
void smp_check_stacks(void);
extern const struct quarry_os_ops kernel_ops;

/* ---- workload.c ---- */

/* One piece of work in interrupt context, on every tick and every empty cross-CPU interrupt. */
void workload_interrupt(unsigned cpu);
/* Run all phases. Return: NULL, or what went wrong. */
const char *workload_run(void);

/* ---- pressure.c ---- */

/* The last pages of memory are fought for; scattered memory is made whole. Context: CPU 0, with the
 * other CPUs waiting for jobs. Return: NULL, or what went wrong. */
const char *pressure_phase(void);
/* Its part in interrupts. */
void pressure_interrupt(unsigned cpu);

/* ---- random numbers: xorshift64*, repeatable ---- */

static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}
/* 0 .. n - 1 for n up to 2^32. */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return (random_next(state) >> 32) * n >> 32;
}

#endif
