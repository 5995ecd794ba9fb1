/* SPDX-License-Identifier: MIT */
/*
 * head.S (riscv64): entry of the boot hart, entry of the others, and the trap vector.
 *
 * SBI firmware enters in S-mode with translation off, at the physical address of _start; the image
 * is linked KERNEL_OFFSET higher. Code is position independent as far as the jump (lla is relative
 * to pc). `boot_table` is a fixed Sv39 table: the low 256 GiB one to one, and the kernel's own
 * gigabytes at the top. Every CPU that has Sv48 has Sv39 too, so paging.c can choose the final
 * tables in C.
 */
#include "tests/boot/machine.h"
#include "tests/boot/riscv64/layout.h"

	.option norelax

	.macro paging_on tmp1, tmp2
	lla	\tmp1, boot_table
	srli	\tmp1, \tmp1, 12
	li	\tmp2, SATP_SV39
	or	\tmp1, \tmp1, \tmp2
	sfence.vma
	csrw	satp, \tmp1
	sfence.vma
	.endm

	/* Save (sd) or restore (ld) all but sp and tp: tp is the CPU's, whoever was interrupted. */
	.macro each_register op
	.irp	n, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	\op	x\n, \n * 8(sp)
	.endr
	.irp	n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op	x\n, \n * 8(sp)
	.endr
	.endm

	.section .head.text, "ax", @progbits
	.globl _start
_start: /* a0: hart id, a1: physical address of the device tree */
	csrw	sie, zero
	csrci	sstatus, SSTATUS_SIE
	lla	t0, __bss_start
	lla	t1, __bss_end
1:	sd	zero, (t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	paging_on t0, t1
	lla	t0, 2f
	li	t1, KERNEL_OFFSET
	add	t0, t0, t1
	jr	t0
2:	lla	tp, boot_cpus
	lla	sp, boot_stacks
	sd	sp, BOOT_CPU_PORT + 0(tp)
	li	t0, BOOT_STACK_SIZE
	add	sp, sp, t0
	lla	t0, trap_entry
	csrw	stvec, t0
	li	s0, 0
	tail	riscv_boot

	.globl secondary_entry
secondary_entry: /* a0: hart id, a1: virtual address of its struct boot_cpu */
	csrw	sie, zero
	csrci	sstatus, SSTATUS_SIE
	paging_on t0, t1
	lla	t0, 1f
	li	t1, KERNEL_OFFSET
	add	t0, t0, t1
	jr	t0
1:	mv	tp, a1
	ld	sp, BOOT_CPU_PORT + 0(tp)
	li	t0, BOOT_STACK_SIZE
	add	sp, sp, t0
	lla	t0, trap_entry
	csrw	stvec, t0
	li	s0, 0
	tail	riscv_secondary

/*
 * Traps come from the kernel alone, so tp is right and sp is the kernel's. port[0] is the low end
 * of the stack: a trap that finds less than TRAP_STACK_ROOM left reports on a stack of its own.
 * port[1] holds sp.
 */
	.text
	.balign 4
	.globl trap_entry
trap_entry:
	csrw	sscratch, t0
	sd	sp, BOOT_CPU_PORT + 8(tp)
	ld	t0, BOOT_CPU_PORT + 0(tp)
	addi	t0, t0, TRAP_STACK_ROOM
	bgeu	sp, t0, 1f
	lla	sp, overflow_stack_end
1:	csrr	t0, sscratch
	addi	sp, sp, -TRAP_FRAME_SIZE
	each_register sd
	ld	t0, BOOT_CPU_PORT + 8(tp)
	sd	t0, 2 * 8(sp)
	sd	tp, 4 * 8(sp)
	csrr	t0, sepc
	sd	t0, 0(sp)
	csrr	t1, sstatus
	sd	t1, 32 * 8(sp)
	csrr	t0, scause
	sd	t0, 33 * 8(sp)
	csrr	t0, stval
	sd	t0, 34 * 8(sp)
	mv	a0, sp
	call	riscv_trap
	ld	t0, 0(sp)
	csrw	sepc, t0
	ld	t0, 32 * 8(sp)
	csrw	sstatus, t0
	each_register ld
	ld	sp, 2 * 8(sp)
	sret

	.bss
	.balign 16
	.space	4096
overflow_stack_end:

	.section .data.boot_table, "aw", @progbits
	.balign 4096
boot_table:
	.set	gigabyte, 0
	.rept	256
	.dword	gigabyte << 28 | PTE_BOOT_LEAF
	.set	gigabyte, gigabyte + 1
	.endr
	.rept	512 - 256 - 2
	.dword	0
	.endr
	.dword	2 << 28 | PTE_BOOT_LEAF /* KERNEL_OFFSET + 2 GiB: the image */
	.dword	0 << 28 | PTE_BOOT_LEAF /* DEVICE_BASE: devices below 1 GiB */
