/* SPDX-License-Identifier: MIT */
/*
 * layout.h (riscv64): the kernel's address space, and the numbers that assembly and C share.
 *
 *                     Sv39                                    Sv48
 *   direct map        0xffffffc000000000  128 GiB             0xffff800000000000  64 TiB
 *   vmalloc           0xffffffe000000000   16 GiB             0xffffc00000000000  512 GiB
 *   image             0xffffffff80000000  + physical - 2 GiB  the same
 *   devices           0xffffffffc0000000  physical 0 .. 1 GiB the same
 */
#ifndef BOOT_RISCV64_LAYOUT_H
#define BOOT_RISCV64_LAYOUT_H

#define KERNEL_OFFSET 0xffffffff00000000 /* virtual - physical of the image; link.ld agrees */
#define DEVICE_BASE 0xffffffffc0000000
#define DEVICE_LIMIT 0x40000000

#define SATP_SV39 0x8000000000000000
#define SSTATUS_SIE 2
#define PTE_BOOT_LEAF 0xcf /* valid, read, write, execute, accessed, dirty */

#define TRAP_FRAME_SIZE 288
#define TRAP_STACK_ROOM 2032

#endif
