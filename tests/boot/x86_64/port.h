/* SPDX-License-Identifier: MIT */
/*
 * port.h (x86_64): addresses, selectors and vectors shared by C and assembly, and the few
 * instructions that C cannot say.
 *
 *   0xffff888000000000   direct map of usable memory: 2 MiB (or 1 GiB) leaves
 *   0xffffc90000000000   vmalloc window, 64 GiB of one top-level entry
 *   0xffffffff80000000   first GiB of physical memory: the kernel image runs here
 *   0xffffffffffc00000   registers of event timer and local APIC: physical 0xfec00000 on, uncached
 *   0                    first 4 GiB, identity: only until the other CPUs have started
 */
#ifndef BOOT_X86_PORT_H
#define BOOT_X86_PORT_H

#include "tests/boot/machine.h"

#define DIRECT_BASE 0xffff888000000000
#define VMALLOC_BASE 0xffffc90000000000
#define KERNEL_BASE 0xffffffff80000000
#define DEVICE_BASE 0xffffffffffc00000 /* two leaves */
#define DEVICE_PHYS 0xfec00000
#define DEVICE_SIZE 0x400000

/* Segment selectors: boot_gdt in entry.S. */
#define SEL_CODE32 0x08
#define SEL_CODE64 0x10
#define SEL_DATA 0x18

#define VECTOR_DEBUG 1
#define VECTOR_TIMER 0x40
#define VECTOR_IPI 0x41
#define VECTOR_SPURIOUS 0xff

/* Where the other CPUs start, in real mode: one page of the first MiB, which quarry_memmap_pvh
 * withholds. */
#define TRAMPOLINE 0x8000

#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define MSR_GS_BASE 0xc0000101
#define CR0_BITS 0x80010001 /* paging, write protection, protected mode */
#define CR4_BITS 0xa0	    /* global pages, physical address extension */

#define PTE_PRESENT 0x1
#define PTE_WRITE 0x2
#define PTE_UNCACHED 0x18
#define PTE_LEAF 0x80
#define PTE_GLOBAL 0x100

#ifndef __ASSEMBLER__

/* What PVH hands over: the loader's start information, physical address in %ebx. */
struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules, command_line, rsdp, memory_map;
	uint32_t nr_memory_map, reserved;
};
#define PVH_MAGIC 0x336ec578u

/* One range of the firmware's E820 map, as PVH passes it. */
struct e820_entry {
	uint64_t base, size;
	uint32_t type, reserved;
};

/* The image, from the linker script. */
extern char image_start[], image_end[];

static inline phys_addr_t image_phys(const void *address)
{
	return (phys_addr_t)((uintptr_t)address - KERNEL_BASE);
}
static inline void *kernel_window(phys_addr_t phys)
{
	return (void *)((uintptr_t)phys + KERNEL_BASE);
}

/* paging.c */

/* Map the usable ranges at DIRECT_BASE; tables are taken from memory behind the image.
 * Return: first byte behind those tables. Sets machine.direct_map_limit. */
phys_addr_t paging_direct_map(const struct e820_entry *map, unsigned nr);
phys_addr_t paging_root(void);
void paging_drop_identity(void);

/* traps.c */
void traps_init(void);
/* As trap_common in entry.S pushes it. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
/* With the trap flag set: called before each instruction, at frame->rip, unless NULL. */
extern void (*x86_step)(const struct trap_frame *frame);

/* apic.c */

/* Find the CPUs in the ACPI tables; calibrate clock and timer. */
void apic_find_cpus(phys_addr_t rsdp);
void apic_init(void);
void apic_enable(void);
void apic_end_of_interrupt(void);

/* entry.S */
extern char trampoline_start[], trampoline_end[], trampoline_params[];
extern char trap_stubs[];
_Noreturn void x86_start(phys_addr_t start_info);
_Noreturn void x86_start_secondary(unsigned cpu);

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t inb(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

#endif /* __ASSEMBLER__ */
#endif
