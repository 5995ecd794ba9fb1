/* SPDX-License-Identifier: MIT */
/*
 * traps.c (x86_64): the interrupt table and what each vector does.
 *
 * All gates are interrupt gates on the current stack (no TSS: there is no other privilege level to
 * come from). An exception is a bug of the kernel or the library: it prints the registers and ends
 * the machine. Only single steps are not.
 */
#include "tests/boot/x86_64/port.h"

struct gate {
	uint16_t offset_low, selector, type, offset_middle;
	uint32_t offset_high, zero;
};

static struct gate gates[256];

void x86_trap(const struct trap_frame *frame);
void (*x86_step)(const struct trap_frame *frame);

static const char *exception_name(uint64_t vector)
{
	static const char *const names[] = {
		[0] = "divide error", [3] = "breakpoint",	[6] = "invalid opcode",
		[8] = "double fault", [12] = "stack fault",	[13] = "general protection fault",
		[14] = "page fault",  [17] = "alignment check", [18] = "machine check",
	};
	const char *name = vector < sizeof(names) / sizeof(names[0]) ? names[vector] : NULL;
	return name ? name : "exception";
}

static _Noreturn void exception(const struct trap_frame *f)
{
	uint64_t cr2;
	__asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
	kprintf("CPU %lu: %s (vector %lu, error %lx) at %016lx, address %016lx\n",
		this_cpu_number(), exception_name(f->vector), f->vector, f->error, f->rip, cr2);
	kprintf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	kprintf("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	kprintf("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	kprintf("r12 %016lx r13 %016lx r14 %016lx r15 %016lx flags %lx\n", f->r12, f->r13, f->r14,
		f->r15, f->rflags);
	kernel_panic(exception_name(f->vector));
}

void x86_trap(const struct trap_frame *frame)
{
	switch (frame->vector) {
	case VECTOR_DEBUG:
		if (x86_step)
			x86_step(frame);
		break;
	case VECTOR_TIMER:
		apic_end_of_interrupt();
		kernel_timer();
		break;
	case VECTOR_IPI:
		apic_end_of_interrupt();
		kernel_ipi();
		break;
	case VECTOR_SPURIOUS:
		break;
	default:
		exception(frame);
	}
}

static void load_table(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(gates) - 1, (uintptr_t)gates};
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void traps_init(void)
{
	if (this_cpu_number() == 0) {
		for (unsigned vector = 0; vector < 256; vector++) {
			uintptr_t stub = (uintptr_t)trap_stubs + vector * 16u;
			gates[vector] = (struct gate){
				.offset_low = (uint16_t)stub,
				.selector = SEL_CODE64,
				.type = 0x8e00,
				.offset_middle = (uint16_t)(stub >> 16),
				.offset_high = (uint32_t)(stub >> 32),
			};
		}
	}
	load_table();
}
