/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h (x86_64): page-table entries of 4- and 5-level paging. See quarry/arch.h for the names.
 *
 *   63  62..52  51........12  11..9  8  7       6  5  4    3    2  1  0
 *   NX  0       frame         0      G  PS/PAT  D  A  PCD  PWT  U  W  P
 *
 * - Accessed and dirty are set in advance: the CPU then never writes to an entry of ours.
 * - Entries are global, so a kernel that switches address spaces keeps them (CR4.PGE permitting).
 * - Caching is an entry of the PAT, numbered by PAT, PCD and PWT. 0 is cached and 3 uncached with
 *   the PAT after reset and with that of every known kernel. A kernel that programs the PAT says
 *   with QUARRY_X86_PAT_WC and QUARRY_X86_PAT_WT which entries combine and write through. After
 *   reset 1 writes through and none combines: 2, uncached unless the MTRRs say write-combining,
 *   stands for it.
 * - No-execute needs EFER.NXE, which every x86_64 kernel sets before it uses this bit. One that
 *   does not defines QUARRY_X86_NO_NX: then all mappings are executable.
 * - Pure arithmetic except for the three functions that ask the CPU. A kernel or a test that must
 *   not ask it defines QUARRY_OS_HAVE_PT and these functions.
 */
#ifndef QUARRY_ARCH_PGTABLE_H
#define QUARRY_ARCH_PGTABLE_H

#include <quarry/arch.h>

QUARRY_BEGIN_DECLS

typedef uint64_t quarry_pte_t;

#define QUARRY_X86_P (1ull << 0)
#define QUARRY_X86_W (1ull << 1)
#define QUARRY_X86_PWT (1ull << 3)
#define QUARRY_X86_PCD (1ull << 4)
#define QUARRY_X86_A (1ull << 5)
#define QUARRY_X86_D (1ull << 6)
#define QUARRY_X86_PS (1ull << 7) /* in levels above 0: a leaf */
#define QUARRY_X86_G (1ull << 8)
#ifdef QUARRY_X86_NO_NX
#define QUARRY_X86_NX 0ull
#else
#define QUARRY_X86_NX (1ull << 63)
#endif
#define QUARRY_X86_FRAME 0x000ffffffffff000ull

#define QUARRY_X86_PAT_UC 3u
#ifndef QUARRY_X86_PAT_WC
#define QUARRY_X86_PAT_WC 2u
#endif
#ifndef QUARRY_X86_PAT_WT
#define QUARRY_X86_PAT_WT 1u
#endif
QUARRY_STATIC_ASSERT(QUARRY_X86_PAT_WC >= 1 && QUARRY_X86_PAT_WC < 8 && QUARRY_X86_PAT_WC != 3 &&
			     QUARRY_X86_PAT_WT >= 1 && QUARRY_X86_PAT_WT < 8 &&
			     QUARRY_X86_PAT_WT != 3 && QUARRY_X86_PAT_WT != QUARRY_X86_PAT_WC,
		     "QUARRY_X86_PAT_WC and QUARRY_X86_PAT_WT are entries of the PAT, not 0 or 3");

#ifndef QUARRY_OS_HAVE_PT
static inline unsigned arch_pt_levels(void)
{
	unsigned long cr4;
	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	return cr4 >> 12 & 1 ? 5 : 4; /* CR4.LA57 */
}
static inline phys_addr_t arch_pt_root(void)
{
	unsigned long cr3;
	__asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
	return cr3 & QUARRY_X86_FRAME;
}
#endif

static inline unsigned arch_pt_index(uintptr_t va, unsigned level)
{
	return (unsigned)(va >> (PAGE_SHIFT + 9 * level) & 511);
}
#ifndef QUARRY_OS_HAVE_PT
/* 2 MiB leaves exist on every CPU; 1 GiB leaves are optional in the family (CPUID 80000001h, EDX
 * bit 26). Slow under a hypervisor: asked once. */
static inline unsigned arch_pt_max_leaf_level(void)
{
	unsigned a = 0x80000001u, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d >> 26 & 1 ? 2 : 1;
}
#endif

/* The PAT bit is bit 7 of a 4 KiB leaf, bit 12 of a huge one. */
static inline quarry_pte_t quarry_x86_pat_bit(unsigned level)
{
	return level ? 1ull << 12 : 1ull << 7;
}
static inline quarry_pte_t quarry_x86_caching(unsigned prot, unsigned level)
{
	unsigned entry = QUARRY_X86_PAT_UC;

	if (prot & QUARRY_PROT_WRITE_COMBINE)
		entry = QUARRY_X86_PAT_WC;
	else if (prot & QUARRY_PROT_WRITE_THROUGH)
		entry = QUARRY_X86_PAT_WT;
	return (entry & 1 ? QUARRY_X86_PWT : 0) | (entry & 2 ? QUARRY_X86_PCD : 0) |
	       (entry & 4 ? quarry_x86_pat_bit(level) : 0);
}

static inline quarry_pte_t arch_pte_leaf(phys_addr_t phys, unsigned prot, unsigned level)
{
	quarry_pte_t pte = phys | QUARRY_X86_P | QUARRY_X86_A | QUARRY_X86_D | QUARRY_X86_G;

	if (level)
		pte |= QUARRY_X86_PS;
	if (prot & QUARRY_PROT_WRITE)
		pte |= QUARRY_X86_W;
	if (!(prot & QUARRY_PROT_EXEC))
		pte |= QUARRY_X86_NX;
	if (prot & QUARRY_PROT_CACHING)
		pte |= quarry_x86_caching(prot, level);
	return pte;
}
/* A table allows everything; the leaf restricts. */
static inline quarry_pte_t arch_pte_table(phys_addr_t phys)
{
	return phys | QUARRY_X86_P | QUARRY_X86_W | QUARRY_X86_A;
}
static inline bool arch_pte_present(quarry_pte_t pte)
{
	return (pte & QUARRY_X86_P) != 0;
}
static inline bool arch_pte_is_leaf(quarry_pte_t pte, unsigned level)
{
	return (pte & QUARRY_X86_P) && (level == 0 || (pte & QUARRY_X86_PS));
}
static inline phys_addr_t arch_pte_addr(quarry_pte_t pte, unsigned level)
{
	phys_addr_t frame = pte & QUARRY_X86_FRAME;

	/* The low frame bits of a huge leaf are attributes. */
	return level && (pte & QUARRY_X86_PS) ? frame & ~((PAGE_SIZE << 9 * level) - 1) : frame;
}
static inline unsigned arch_pte_prot(quarry_pte_t pte, unsigned level)
{
	unsigned entry = (pte & QUARRY_X86_PWT ? 1 : 0) | (pte & QUARRY_X86_PCD ? 2 : 0) |
			 (pte & quarry_x86_pat_bit(level) ? 4 : 0);
	unsigned prot = QUARRY_PROT_READ;

	if (pte & QUARRY_X86_W)
		prot |= QUARRY_PROT_WRITE;
	if (!(pte & QUARRY_X86_NX))
		prot |= QUARRY_PROT_EXEC;
	if (entry == QUARRY_X86_PAT_WC)
		prot |= QUARRY_PROT_WRITE_COMBINE;
	else if (entry == QUARRY_X86_PAT_WT)
		prot |= QUARRY_PROT_WRITE_THROUGH;
	else if (entry == QUARRY_X86_PAT_UC)
		prot |= QUARRY_PROT_UNCACHED;
	return prot;
}

/* No leaf between 4 KiB and 2 MiB. */
static inline unsigned arch_pt_group_order(void)
{
	return 0;
}
static inline quarry_pte_t arch_pte_grouped(quarry_pte_t pte)
{
	return pte;
}
static inline bool arch_pte_is_grouped(quarry_pte_t pte)
{
	(void)pte;
	return false;
}

/* Acquire and release: who finds a table through its entry sees the table zeroed. Free on this
 * CPU. */
static inline quarry_pte_t arch_pte_read(const quarry_pte_t *pte)
{
	return __atomic_load_n(pte, __ATOMIC_ACQUIRE);
}
static inline void arch_pte_write(quarry_pte_t *pte, quarry_pte_t value)
{
	__atomic_store_n(pte, value, __ATOMIC_RELEASE);
}
static inline void arch_pte_link(quarry_pte_t *pte, quarry_pte_t value)
{
	__atomic_store_n(pte, value, __ATOMIC_RELEASE);
}

QUARRY_END_DECLS

#endif
