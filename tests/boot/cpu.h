/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: the block of data that each CPU of the demo kernel owns, and how a CPU reaches its own.
 *
 * %gs (x86_64) or tp (riscv64) points to the CPU's block whenever kernel code runs. Included by the
 * library too (quarry_os_inline.h), so it depends on nothing but the configuration.
 */
#ifndef BOOT_CPU_H
#define BOOT_CPU_H

/* Offsets into struct boot_cpu, for assembly and single-instruction access. */
#define BOOT_CPU_SELF 0
#define BOOT_CPU_NUMBER 8
#define BOOT_CPU_HWID 12
#define BOOT_CPU_DEPTHS 16
#define BOOT_CPU_IRQS_OFF 18
#define BOOT_CPU_ATOMIC_DEPTH 20
#define BOOT_CPU_TASK_WORD 24
#define BOOT_CPU_PORT 32
#define BOOT_CPU_SIZE 128

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quarry/config.h>

#define BOOT_MAX_CPUS QUARRY_MAX_CPUS

/*
 * One CPU. Written by that CPU alone (its interrupts included), except `calls`, `call_left` and
 * `online`, which are accessed with atomic operations.
 */
struct boot_cpu {
	struct boot_cpu *self;
	unsigned number;       /* 0 .. machine.nr_cpus - 1 */
	unsigned hwid;	       /* APIC id, hart id */
	/* One word that is zero where sleeping is allowed: the context hook is one comparison. */
	uint16_t irq_depth;    /* interrupt handlers running on this CPU */
	uint16_t irqs_off;     /* depth of sections that turned interrupts off */
	unsigned atomic_depth; /* pins and locks held */
	unsigned long task_word;
	unsigned long port[4];	    /* for the port: trap scratch and the like */
	uint64_t ticks;		    /* timer interrupts taken */
	uint64_t ipis;		    /* cross-CPU interrupts taken */
	uint64_t calls;		    /* bit s: CPU s waits for this CPU to run its call */
	void (*call_fn)(void *arg); /* the call that this CPU asks the others to run */
	void *call_arg;
	unsigned call_left; /* CPUs that have not finished it */
	unsigned online;    /* it reached kernel_secondary() */
} __attribute__((aligned(BOOT_CPU_SIZE)));

_Static_assert(offsetof(struct boot_cpu, self) == BOOT_CPU_SELF, "offset");
_Static_assert(offsetof(struct boot_cpu, number) == BOOT_CPU_NUMBER, "offset");
_Static_assert(offsetof(struct boot_cpu, hwid) == BOOT_CPU_HWID, "offset");
_Static_assert(offsetof(struct boot_cpu, irq_depth) == BOOT_CPU_DEPTHS, "offset");
_Static_assert(offsetof(struct boot_cpu, irqs_off) == BOOT_CPU_IRQS_OFF, "offset");
_Static_assert(offsetof(struct boot_cpu, atomic_depth) == BOOT_CPU_ATOMIC_DEPTH, "offset");
_Static_assert(offsetof(struct boot_cpu, task_word) == BOOT_CPU_TASK_WORD, "offset");
_Static_assert(offsetof(struct boot_cpu, port) == BOOT_CPU_PORT, "offset");
_Static_assert(sizeof(struct boot_cpu) == BOOT_CPU_SIZE, "size");
_Static_assert(BOOT_MAX_CPUS <= 64, "a word of bits names the CPUs");

/* Field accesses in one instruction. A task never changes its CPU, so reads need no `volatile`. */
#if defined(__x86_64__)
static inline struct boot_cpu *this_cpu(void)
{
	struct boot_cpu *cpu;
	__asm__("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(BOOT_CPU_SELF));
	return cpu;
}
static inline unsigned long this_cpu_number(void)
{
	unsigned long number;
	__asm__("movl %%gs:%c1, %k0" : "=r"(number) : "i"(BOOT_CPU_NUMBER));
	return number;
}
static inline void this_cpu_pin(void)
{
	__asm__ volatile("incl %%gs:%c0" : : "i"(BOOT_CPU_ATOMIC_DEPTH) : "memory", "cc");
}
static inline void this_cpu_unpin(void)
{
	__asm__ volatile("decl %%gs:%c0" : : "i"(BOOT_CPU_ATOMIC_DEPTH) : "memory", "cc");
}
static inline bool this_cpu_may_sleep(void)
{
	bool zero;
	__asm__ volatile("cmpq $0, %%gs:%c1" : "=@ccz"(zero) : "i"(BOOT_CPU_DEPTHS) : "memory");
	return zero;
}
static inline bool this_cpu_irqs_on(void)
{
	unsigned long flags;
	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
	return flags >> 9 & 1;
}
static inline unsigned long this_cpu_irq_save(void)
{
	unsigned long flags;
	__asm__ volatile("pushfq\n\tpopq %0\n\tcli\n\tincw %%gs:%c1"
			 : "=r"(flags)
			 : "i"(BOOT_CPU_IRQS_OFF)
			 : "memory", "cc");
	return flags;
}
static inline void this_cpu_irq_restore(unsigned long flags)
{
	__asm__ volatile("decw %%gs:%c0" : : "i"(BOOT_CPU_IRQS_OFF) : "memory", "cc");
	if (flags >> 9 & 1)
		__asm__ volatile("sti" : : : "memory");
}
#elif defined(__riscv)
static inline struct boot_cpu *this_cpu(void)
{
	struct boot_cpu *cpu;
	__asm__("mv %0, tp" : "=r"(cpu));
	return cpu;
}
static inline unsigned long this_cpu_number(void)
{
	unsigned long number;
	__asm__("lwu %0, %1(tp)" : "=r"(number) : "i"(BOOT_CPU_NUMBER));
	return number;
}
static inline void this_cpu_pin(void)
{
	volatile unsigned *depth = &this_cpu()->atomic_depth;
	*depth = *depth + 1;
	__asm__ volatile("" : : : "memory");
}
static inline void this_cpu_unpin(void)
{
	volatile unsigned *depth = &this_cpu()->atomic_depth;
	__asm__ volatile("" : : : "memory");
	*depth = *depth - 1;
}
static inline bool this_cpu_may_sleep(void)
{
	uint64_t depths;
	__asm__ volatile("ld %0, %1(tp)" : "=r"(depths) : "i"(BOOT_CPU_DEPTHS) : "memory");
	return depths == 0;
}
static inline bool this_cpu_irqs_on(void)
{
	unsigned long status;
	__asm__ volatile("csrr %0, sstatus" : "=r"(status) : : "memory");
	return status >> 1 & 1;
}
static inline unsigned long this_cpu_irq_save(void)
{
	unsigned long status;
	__asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status) : : "memory");
	this_cpu()->irqs_off++;
	return status;
}
static inline void this_cpu_irq_restore(unsigned long status)
{
	this_cpu()->irqs_off--;
	__asm__ volatile("csrs sstatus, %0" : : "r"(status & 2ul) : "memory");
}
#else
#error "the demo kernel runs on x86_64 and riscv64"
#endif

#endif /* __ASSEMBLER__ */
#endif
