/* SPDX-License-Identifier: MIT */
/*
 * machine.h: what the demo kernel's common part and a machine port promise each other.
 *
 * The port (tests/boot/<cpu>/) owns what depends on the CPU or the board: entry, page tables,
 * traps, console, timer, cross-CPU interrupts, the firmware's memory map. The common part
 * (tests/boot/common/) owns the rest and never looks at the CPU.
 *
 * CPU 0        entry -> console works -> `machine` filled in -> CPU block set -> kernel_main()
 * Other CPUs   machine_start_cpus() -> entry -> CPU block set, same page tables ->
 *              kernel_secondary()
 * Both are entered on the CPU's stack of boot_stacks[], with interrupts masked, and do not return.
 *
 * Each CPU runs one task: to "sleep" is to spin with interrupts on. Interrupt handlers run on the
 * stack of the code they interrupt.
 */
#ifndef BOOT_MACHINE_H
#define BOOT_MACHINE_H

#include "tests/boot/cpu.h"

#define BOOT_STACK_SIZE 16384
#define BOOT_HZ 100 /* timer interrupts a second on each CPU */

#ifndef __ASSEMBLER__

#include <quarry/init.h>

/* What the port found out about the machine. Constant once kernel_main() runs. */
struct machine {
	const char *name;	  /* "x86_64" */
	const char *command_line; /* never NULL */
	unsigned nr_cpus;	  /* CPUs present, at most BOOT_MAX_CPUS */

	/* The map for quarry_init: the firmware's, plus what the port must keep (kernel image,
	 * device tree, trampoline page) as QUARRY_MEM_RESERVED. */
	const struct quarry_mem_range *map;
	size_t nr_map;
	phys_addr_t image_start, image_end; /* the kernel image, page-aligned */

	uintptr_t direct_map_offset; /* all usable memory is mapped at physical + offset */
	phys_addr_t direct_map_limit;
	uintptr_t vmalloc_start, vmalloc_end; /* empty address space for vmalloc */
	phys_addr_t page_table_root;
};

/* ---- defined by the common part ---- */

extern struct boot_cpu boot_cpus[BOOT_MAX_CPUS];
extern char boot_stacks[BOOT_MAX_CPUS][BOOT_STACK_SIZE];

_Noreturn void kernel_main(void);
_Noreturn void kernel_secondary(unsigned cpu);
/* Called by the port's trap code with interrupts masked, on every timer tick and cross-CPU
 * interrupt; they count irq_depth themselves. The port acknowledges the interrupt and sets the next
 * tick before the call. */
void kernel_timer(void);
void kernel_ipi(void);
/* Print why, stop all CPUs, exit with failure. Safe anywhere, also twice and on several CPUs. */
_Noreturn void kernel_panic(const char *why);
/* printf to the console: %s %c %d %u %x %lu %ld %lx %llu %llx %p %%, flags '-' and '0', a width,
 * '*'. */
void kprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- defined by the port ---- */

extern struct machine machine;

/* One character to the console; '\n' is given alone. Never waits for an interrupt. */
void machine_putc(char c);
/* End the emulator: 0 is success, else failure. */
_Noreturn void machine_exit(int code);
/* Stop this CPU for good, interrupts masked. */
_Noreturn void machine_halt(void);

/* Print the firmware's memory map in its own terms, as Linux prints it at boot (kprintf). */
void machine_print_map(void);

/* Start CPUs 1 .. nr_cpus - 1 on kernel_secondary(). Return: how many were asked to start. */
unsigned machine_start_cpus(void);

/* Start / stop the calling CPU's periodic timer, BOOT_HZ. */
void machine_timer_start(void);
void machine_timer_stop(void);
/* Make CPU `cpu` call kernel_ipi() soon. Context: any, interrupts on or masked. */
void machine_send_ipi(unsigned cpu);

void machine_irq_enable(void);
void machine_irq_disable(void);
/* With interrupts on: sleep until the next interrupt. */
void machine_wait(void);

/* Nanoseconds since boot, never backwards, the same on all CPUs. */
uint64_t machine_clock_ns(void);
/* A counter that under -icount grows with executed instructions by a constant factor. */
uint64_t machine_cycles(void);

#endif /* __ASSEMBLER__ */
#endif
