/* SPDX-License-Identifier: MIT */
/*
 * trap.c (riscv64): interrupts go to their handlers; an exception in the kernel ends the run with
 * the registers.
 *
 * A fault in the vmalloc window may be this hart's memory of an entry that was empty: the library
 * says so, and the instruction runs again.
 */
#include <quarry/vmalloc.h>

#include "tests/boot/riscv64/port.h"

#define CAUSE_INTERRUPT (1ul << 63)

static const char *const cause_names[16] = {
	"instruction address misaligned",
	"instruction access fault",
	"illegal instruction",
	"breakpoint",
	"load address misaligned",
	"load access fault",
	"store address misaligned",
	"store access fault",
	"call from U-mode",
	"call from S-mode",
	"cause 10",
	"cause 11",
	"instruction page fault",
	"load page fault",
	"cause 14",
	"store page fault",
};
static const char register_names[31][4] = {
	"ra", "sp", "gp", "tp",	 "t0",	"t1", "t2", "s0", "s1", "a0", "a1",
	"a2", "a3", "a4", "a5",	 "a6",	"a7", "s2", "s3", "s4", "s5", "s6",
	"s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

/* Causes 12, 13, 15 are the page faults. Return: what the instruction wanted; 0: another cause. */
static unsigned page_fault_access(unsigned long cause)
{
	return cause == 12   ? QUARRY_PROT_EXEC
	       : cause == 13 ? QUARRY_PROT_READ
	       : cause == 15 ? QUARRY_PROT_WRITE
			     : 0;
}

/* Return: true if the faulting instruction can run again. */
static bool fixed_by_library(const struct trap_frame *frame)
{
	unsigned access = page_fault_access(frame->cause);
	uintptr_t va = frame->value;

	return access && va >= machine.vmalloc_start && va < machine.vmalloc_end &&
	       quarry_vmap_fault(va, access);
}

static _Noreturn void die(const struct trap_frame *frame)
{
	const char *what = frame->cause < 16 ? cause_names[frame->cause] : "unknown trap";
	unsigned long sp = frame->x[1], low = this_cpu()->port[0];

	kprintf("CPU %u (hart %u): %s at pc %016lx, address %016lx, sstatus %016lx\n",
		this_cpu()->number, this_cpu()->hwid, what, frame->pc, frame->value, frame->status);
	for (unsigned i = 0; i < 31; i++)
		kprintf("%3s %016lx%s", register_names[i], frame->x[i],
			i % 4 == 3 || i == 30 ? "\n" : "  ");
	kernel_panic(sp < low + TRAP_STACK_ROOM ? "kernel stack overflow" : what);
}

void riscv_trap(struct trap_frame *frame)
{
	if (frame->cause == (CAUSE_INTERRUPT | IRQ_TIMER))
		timer_interrupt();
	else if (frame->cause == (CAUSE_INTERRUPT | IRQ_SOFTWARE))
		ipi_interrupt();
	else if (!fixed_by_library(frame))
		die(frame);
}
