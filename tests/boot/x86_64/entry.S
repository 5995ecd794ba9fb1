/* SPDX-License-Identifier: MIT */
/*
 * entry.S (x86_64): from the loader's 32-bit hand-over to C, the same for the other CPUs from real
 * mode, and the first instructions of every trap.
 *
 * PVH enters at pvh_start with paging off, flat segments and %ebx = start information. The image is
 * linked at KERNEL_BASE + physical address, so code that runs before paging subtracts KERNEL_BASE.
 */
#include "tests/boot/x86_64/port.h"

/* Vectors at which the CPU pushes an error code: 8, 10-14, 17, 21. */
#define HAS_ERROR 0x227d00
#define DEVICE_BITS (PTE_PRESENT | PTE_WRITE | PTE_UNCACHED | PTE_LEAF)
#define PHYS(symbol) symbol - KERNEL_BASE

	/* The ELF note that makes this a PVH kernel: owner "Xen", type 18, 32-bit entry point. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad PHYS(pvh_start)

	.section .boot, "ax"
	.code32
	.globl pvh_start
pvh_start:
	cli
	cld
	movl %ebx, %ebp

	/* Zeroed BSS: page tables and stacks live there. */
	movl $PHYS(bss_start), %edi
	movl $PHYS(image_end), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl

	/* Four page directories map the first 4 GiB in 2 MiB leaves. */
	movl $PHYS(boot_pd), %edi
	movl $(PTE_PRESENT | PTE_WRITE | PTE_LEAF), %eax
	movl $2048, %ecx
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	loop 1b

	movl $PHYS(boot_pd) + PTE_PRESENT + PTE_WRITE, %eax
	movl %eax, PHYS(boot_pdpt_kernel) + 510 * 8
	movl $PHYS(boot_pdpt_identity), %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	loop 1b
	movl $PHYS(boot_pd_device) + PTE_PRESENT + PTE_WRITE, PHYS(boot_pdpt_kernel) + 511 * 8
	movl $(DEVICE_PHYS | DEVICE_BITS), PHYS(boot_pd_device) + 510 * 8
	movl $(DEVICE_PHYS + 0x200000 | DEVICE_BITS), PHYS(boot_pd_device) + 511 * 8
	movl $PHYS(boot_pdpt_identity) + PTE_PRESENT + PTE_WRITE, PHYS(boot_pml4)
	movl $PHYS(boot_pdpt_kernel) + PTE_PRESENT + PTE_WRITE, PHYS(boot_pml4) + 511 * 8

	movl $CR4_BITS, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_low)
	ljmp $SEL_CODE64, $PHYS(boot_long_mode)

	.code64
boot_long_mode:
	movl %ebp, %edi
	xorl %esi, %esi
	movabsq $enter_high, %rax
	jmp *%rax

	.text
	/* Long mode, lower half: %rdi is the argument, %esi the CPU's number. Move to the higher
	 * half and the CPU's own stack and block. */
enter_high:
	lgdt boot_gdt_high(%rip)
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs

	movl %esi, %eax
	imulq $BOOT_STACK_SIZE, %rax, %rax
	leaq boot_stacks + BOOT_STACK_SIZE(%rax), %rsp
	xorl %ebp, %ebp

	movl %esi, %eax
	imulq $BOOT_CPU_SIZE, %rax, %rax
	leaq boot_cpus(%rax), %rax
	movq %rax, BOOT_CPU_SELF(%rax)
	movl %esi, BOOT_CPU_NUMBER(%rax)
	movq %rax, %rdx
	shrq $32, %rdx
	movl $MSR_GS_BASE, %ecx
	wrmsr

	testl %esi, %esi
	jnz 1f
	call x86_start
	ud2
1:	movl %esi, %edi
	call x86_start_secondary
	ud2

	/*
	 * Trampoline: copied to TRAMPOLINE, where a CPU begins in real mode after a start-up
	 * interrupt. It needs the identity map and one parameter, the CPU's number.
	 */
	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_params
	.code16
#define LOW(symbol) TRAMPOLINE + symbol - trampoline_start
trampoline_start:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl LOW(trampoline_gdt)
	movl $CR4_BITS, %eax
	movl %eax, %cr4
	movl LOW(trampoline_root), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE64, $LOW(trampoline_long_mode)
	.code64
trampoline_long_mode:
	movl LOW(trampoline_params), %esi
	movabsq $enter_high, %rax
	jmp *%rax
	.balign 8
trampoline_gdt:
	.word boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
	.balign 4
trampoline_root:
	.long PHYS(boot_pml4)
trampoline_params:
	.long 0
trampoline_end:

	.balign 16
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* SEL_CODE32 */
	.quad 0x00af9b000000ffff /* SEL_CODE64 */
	.quad 0x00cf93000000ffff /* SEL_DATA */
boot_gdt_end:
	.balign 8
boot_gdt_low:
	.word boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
	.balign 8
boot_gdt_high:
	.word boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

	/*
	 * Traps: 256 stubs of 16 bytes push a zero where the CPU pushed no error code, then the
	 * vector. What follows makes the struct trap_frame of traps.c.
	 */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector > 21 || !(1 << vector & HAS_ERROR)
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

	.globl x86_trap
trap_common:
	cld
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	call x86_trap
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.bss
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.skip 4096
boot_pdpt_identity:
	.skip 4096
boot_pdpt_kernel:
	.skip 4096
boot_pd:
	.skip 4 * 4096
boot_pd_device:
	.skip 4096

	.section .note.GNU-stack, "", @progbits
