/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h (riscv64): page-table entries of Sv39, Sv48 and Sv57. See quarry/arch.h for the names.
 *
 *   63  62..61  60..54  53........10  9..8  7  6  5  4  3  2  1  0
 *   N   PBMT    0       frame         0     D  A  G  U  X  W  R  V
 *
 * - An entry with R, W or X is a leaf, at any level; one with V alone is a table.
 * - Accessed and dirty are set in advance: harts that fault instead of setting them never do.
 * - Caching is a property of the physical address (PMA): the caching bits of a prot are accepted
 *   and not encoded. A kernel whose harts have Svpbmt defines QUARRY_RISCV_SVPBMT, as 1 or as an
 *   expression that it answers at run time (a variable set from the device tree): uncached is then
 *   PBMT 2 (IO), the other two are 1 (NC).
 * - A kernel whose harts have Svnapot defines QUARRY_RISCV_SVNAPOT in the same way: 16 neighbouring
 *   4 KiB leaves that are a naturally aligned 64 KiB have N set and 8 in the low 4 frame bits, all
 *   the same, and take one entry of the TLB.
 * - Pure arithmetic except for the functions that read satp. A kernel or a test that must not read
 *   it defines QUARRY_OS_HAVE_PT, and them and arch_pt_max_leaf_level.
 */
#ifndef QUARRY_ARCH_PGTABLE_H
#define QUARRY_ARCH_PGTABLE_H

#include <quarry/arch.h>

QUARRY_BEGIN_DECLS

typedef uint64_t quarry_pte_t;

#define QUARRY_RISCV_V (1ull << 0)
#define QUARRY_RISCV_R (1ull << 1)
#define QUARRY_RISCV_W (1ull << 2)
#define QUARRY_RISCV_X (1ull << 3)
#define QUARRY_RISCV_G (1ull << 5)
#define QUARRY_RISCV_A (1ull << 6)
#define QUARRY_RISCV_D (1ull << 7)
#define QUARRY_RISCV_FRAME 0x003ffffffffffc00ull
#define QUARRY_RISCV_NC (1ull << 61)
#define QUARRY_RISCV_N (1ull << 63)
#define QUARRY_RISCV_N_SIZE (15ull << 10) /* frame bits that say how many */
#define QUARRY_RISCV_N_64K (8ull << 10)
#define QUARRY_RISCV_IO (2ull << 61)
#ifndef QUARRY_RISCV_SVPBMT
#define QUARRY_RISCV_SVPBMT 0
#endif
#ifndef QUARRY_RISCV_SVNAPOT
#define QUARRY_RISCV_SVNAPOT 0
#endif

#ifndef QUARRY_OS_HAVE_PT
static inline unsigned long quarry_riscv_satp(void)
{
	unsigned long satp;
	__asm__ volatile(QUARRY_ARCH_CSR("csrr %0, satp") : "=r"(satp));
	return satp;
}
/* satp.MODE is 8, 9, 10 for Sv39, Sv48, Sv57; 0 is no translation. */
static inline unsigned arch_pt_levels(void)
{
	unsigned mode = (unsigned)(quarry_riscv_satp() >> 60);
	return mode >= 8 && mode <= 10 ? mode - 5 : 0;
}
static inline phys_addr_t arch_pt_root(void)
{
	return (quarry_riscv_satp() & ((1ull << 44) - 1)) << PAGE_SHIFT;
}
static inline unsigned arch_pt_max_leaf_level(void)
{
	return 2;
}
#endif

static inline unsigned arch_pt_index(uintptr_t va, unsigned level)
{
	return (unsigned)(va >> (PAGE_SHIFT + 9 * level) & 511);
}
static inline quarry_pte_t arch_pte_leaf(phys_addr_t phys, unsigned prot, unsigned level)
{
	/* Write without read is a reserved encoding, so a leaf is always readable. */
	quarry_pte_t pte = phys >> 2 | QUARRY_RISCV_V | QUARRY_RISCV_R | QUARRY_RISCV_A |
			   QUARRY_RISCV_D | QUARRY_RISCV_G;

	(void)level;
	if (prot & QUARRY_PROT_WRITE)
		pte |= QUARRY_RISCV_W;
	if (prot & QUARRY_PROT_EXEC)
		pte |= QUARRY_RISCV_X;
	if (prot & QUARRY_PROT_CACHING && QUARRY_RISCV_SVPBMT)
		pte |= prot & QUARRY_PROT_UNCACHED ? QUARRY_RISCV_IO : QUARRY_RISCV_NC;
	return pte;
}
static inline quarry_pte_t arch_pte_table(phys_addr_t phys)
{
	return phys >> 2 | QUARRY_RISCV_V;
}
static inline bool arch_pte_present(quarry_pte_t pte)
{
	return (pte & QUARRY_RISCV_V) != 0;
}
static inline bool arch_pte_is_leaf(quarry_pte_t pte, unsigned level)
{
	(void)level;
	return (pte & QUARRY_RISCV_V) && (pte & (QUARRY_RISCV_R | QUARRY_RISCV_W | QUARRY_RISCV_X));
}
static inline unsigned arch_pt_group_order(void)
{
	return QUARRY_RISCV_SVNAPOT ? 4 : 0;
}
static inline quarry_pte_t arch_pte_grouped(quarry_pte_t pte)
{
	return pte | QUARRY_RISCV_N | QUARRY_RISCV_N_64K;
}
static inline bool arch_pte_is_grouped(quarry_pte_t pte)
{
	return QUARRY_RISCV_SVNAPOT && (pte & QUARRY_RISCV_N);
}
static inline phys_addr_t arch_pte_addr(quarry_pte_t pte, unsigned level)
{
	(void)level;
	if (arch_pte_is_grouped(pte))
		pte &= ~QUARRY_RISCV_N_SIZE;
	return (pte & QUARRY_RISCV_FRAME) << 2;
}
static inline unsigned arch_pte_prot(quarry_pte_t pte, unsigned level)
{
	unsigned prot = 0;

	(void)level;
	if (pte & QUARRY_RISCV_R)
		prot |= QUARRY_PROT_READ;
	if (pte & QUARRY_RISCV_W)
		prot |= QUARRY_PROT_WRITE;
	if (pte & QUARRY_RISCV_X)
		prot |= QUARRY_PROT_EXEC;
	if (pte & QUARRY_RISCV_IO)
		prot |= QUARRY_PROT_UNCACHED;
	else if (pte & QUARRY_RISCV_NC)
		prot |= QUARRY_PROT_WRITE_COMBINE;
	return prot;
}

/*
 * Who finds a table through its entry sees the table zeroed: it is linked by a release, and the
 * load from it depends on the address that was read, which orders loads on this CPU. A fence for
 * each entry would cost more than the entry. Volatile: gcc makes an atomic exchange of a relaxed
 * store.
 */
static inline quarry_pte_t arch_pte_read(const quarry_pte_t *pte)
{
	return __atomic_load_n(pte, __ATOMIC_RELAXED);
}
static inline void arch_pte_write(quarry_pte_t *pte, quarry_pte_t value)
{
	*(volatile quarry_pte_t *)pte = value;
}
static inline void arch_pte_link(quarry_pte_t *pte, quarry_pte_t value)
{
	__atomic_store_n(pte, value, __ATOMIC_RELEASE);
}

QUARRY_END_DECLS

#endif
