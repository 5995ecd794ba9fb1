/* SPDX-License-Identifier: MIT */
/* port.h (riscv64): what the files of this port tell each other. */
#ifndef BOOT_RISCV64_PORT_H
#define BOOT_RISCV64_PORT_H

#include "tests/boot/machine.h"
#include "tests/boot/riscv64/layout.h"

#define csr_read(name)                                                                             \
	__extension__({                                                                            \
		unsigned long csr_value_;                                                          \
		__asm__ volatile("csrr %0, " #name : "=r"(csr_value_) : : "memory");               \
		csr_value_;                                                                        \
	})
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" : : "r"(value) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" : : "r"(bits) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" : : "r"(bits) : "memory")

/* Bits of sie and sip; the numbers of the interrupts too. */
enum { IRQ_SOFTWARE = 1, IRQ_TIMER = 5 };

/* link.ld */
extern char __image_start[], __rodata_start[], __data_start[], __image_end[];

/* head.S */
void secondary_entry(void);
_Noreturn void riscv_boot(unsigned long hart, phys_addr_t tree);
_Noreturn void riscv_secondary(void);

static inline phys_addr_t image_phys(const void *address)
{
	return (uintptr_t)address - KERNEL_OFFSET;
}

/* ---- board.c: what the device tree says ---- */

struct board {
	const void *tree;   /* where the blob can be read now */
	uint32_t timebase;  /* ticks of `time` a second */
	uintptr_t uart;	    /* ns16550a below DEVICE_LIMIT, virtual; 0: the SBI console */
	uintptr_t finisher; /* sifive,test0, likewise; 0: SBI system reset */
	unsigned nr_harts;
	unsigned hart[BOOT_MAX_CPUS]; /* the boot hart first */
	char command_line[256];
};
extern struct board board;

/* Read the tree. Return: false if there is none. */
bool board_discover(const void *tree, unsigned boot_hart);
/* Is `word` one of the command line's words? */
bool board_option(const char *word);

/* ---- paging.c ---- */

/* Build the final tables for the RAM in machine.map, switch this hart to them, fill in machine's
 * address fields. */
void paging_init(bool sv39);
/* Switch another hart to the same tables. */
void paging_join(void);

/* ---- trap.c ---- */

/* The layout that trap_entry saves. */
struct trap_frame {
	unsigned long pc;
	unsigned long x[31]; /* x1 .. x31 */
	unsigned long status, cause, value;
	unsigned long pad;
};
_Static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE, "head.S");
void riscv_trap(struct trap_frame *frame);

/* ---- machine.c ---- */

/* Acknowledge the interrupt and do the port's part of it. */
void timer_interrupt(void);
void ipi_interrupt(void);

#endif
