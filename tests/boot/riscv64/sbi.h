/* SPDX-License-Identifier: MIT */
/* sbi.h: the calls of the RISC-V Supervisor Binary Interface that the port makes. */
#ifndef BOOT_RISCV64_SBI_H
#define BOOT_RISCV64_SBI_H

#define SBI_LEGACY_PUTCHAR 1ul
#define SBI_TIME 0x54494d45ul
#define SBI_IPI 0x735049ul
#define SBI_HSM 0x48534dul
#define SBI_SRST 0x53525354ul

struct sbi_result {
	long error;
	long value;
};

static inline struct sbi_result sbi_call(unsigned long extension, unsigned long function,
					 unsigned long arg0, unsigned long arg1, unsigned long arg2)
{
	register unsigned long a0 __asm__("a0") = arg0;
	register unsigned long a1 __asm__("a1") = arg1;
	register unsigned long a2 __asm__("a2") = arg2;
	register unsigned long a6 __asm__("a6") = function;
	register unsigned long a7 __asm__("a7") = extension;
	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct sbi_result){(long)a0, (long)a1};
}

#endif
