/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h (mock): a page-table format unlike any CPU's, so that nothing works by accident.
 *
 *   63       60 59                24 23  22 21    16 15   8 7   4 3   0
 *  +-----------+--------------------+------+--------+------+-----+-----+
 *  | signature |    frame number    |  0   |  prot  |group |level| kind|
 *  +-----------+--------------------+------+--------+------+-----+-----+
 *
 * kind is 0 absent, 5 table, 10 leaf. level is, in a leaf, the level of the table that holds it,
 * plus one: a leaf decoded or stored at another level than it was made for is a test failure.
 * group is 1 in the entries of 8 pages that are one leaf together (mock_config.groups); the low 3
 * bits of their frame number are 6. prot is QUARRY_PROT_* as it is. An absent entry is all zeros.
 * Nine bits of the address index each level.
 */
#ifndef QUARRY_ARCH_PGTABLE_H
#define QUARRY_ARCH_PGTABLE_H

#include <quarry/arch/page.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

typedef uint64_t quarry_pte_t;

#define MOCK_PTE_KIND 0xfull
#define MOCK_PTE_TABLE 0x5ull
#define MOCK_PTE_LEAF 0xaull
#define MOCK_PTE_LEVEL_SHIFT 4
#define MOCK_PTE_GROUP (1ull << 8)
#define MOCK_PTE_GROUP_FRAMES 8ull
#define MOCK_PTE_PROT_SHIFT 16
#define MOCK_PTE_FRAME_SHIFT 24
#define MOCK_PTE_FRAME_MASK ((1ull << 36) - 1)
#define MOCK_PTE_SIGNATURE (0x9ull << 60)

/* Chosen by mock_config.format. */
unsigned mock_pt_levels(void);
unsigned mock_pt_max_leaf_level(void);
unsigned mock_pt_group_order(void);
phys_addr_t mock_pt_root(void);
/* Store an entry with the checks of the software TLB. */
void mock_pte_write(quarry_pte_t *entry, quarry_pte_t value);
/* Misuse of the functions below. */
QUARRY_NORETURN void mock_pt_misuse(const char *what, quarry_pte_t value, unsigned level);

static inline unsigned arch_pt_levels(void)
{
	return mock_pt_levels();
}
static inline unsigned arch_pt_index(uintptr_t va, unsigned level)
{
	return (unsigned)(va >> (PAGE_SHIFT + 9 * level)) & 511u;
}
static inline unsigned arch_pt_max_leaf_level(void)
{
	return mock_pt_max_leaf_level();
}
static inline quarry_pte_t arch_pte_leaf(phys_addr_t phys, unsigned prot, unsigned level)
{
	if (level > mock_pt_max_leaf_level() || phys & ((PAGE_SIZE << 9 * level) - 1) ||
	    phys >> QUARRY_ARCH_PHYS_BITS || !prot || prot > 63)
		mock_pt_misuse("leaf: level, alignment, address or protection", phys, level);
	return MOCK_PTE_SIGNATURE | (phys >> PAGE_SHIFT) << MOCK_PTE_FRAME_SHIFT |
	       (quarry_pte_t)prot << MOCK_PTE_PROT_SHIFT |
	       (quarry_pte_t)(level + 1) << MOCK_PTE_LEVEL_SHIFT | MOCK_PTE_LEAF;
}
static inline quarry_pte_t arch_pte_table(phys_addr_t phys)
{
	if (phys & (PAGE_SIZE - 1) || phys >> QUARRY_ARCH_PHYS_BITS)
		mock_pt_misuse("table: alignment or address", phys, 0);
	return MOCK_PTE_SIGNATURE | (phys >> PAGE_SHIFT) << MOCK_PTE_FRAME_SHIFT | MOCK_PTE_TABLE;
}
static inline bool arch_pte_present(quarry_pte_t value)
{
	return (value & MOCK_PTE_KIND) != 0;
}
static inline unsigned mock_pte_level(quarry_pte_t value)
{
	return (unsigned)(value >> MOCK_PTE_LEVEL_SHIFT & 0xfu) - 1;
}
static inline bool arch_pte_is_leaf(quarry_pte_t value, unsigned level)
{
	if ((value & MOCK_PTE_KIND) != MOCK_PTE_LEAF)
		return false;
	if (mock_pte_level(value) != level)
		mock_pt_misuse("leaf decoded at another level", value, level);
	return true;
}
static inline bool arch_pte_is_grouped(quarry_pte_t value)
{
	return (value & MOCK_PTE_GROUP) != 0;
}
static inline phys_addr_t arch_pte_addr(quarry_pte_t value, unsigned level)
{
	if (!arch_pte_present(value))
		mock_pt_misuse("address of an absent entry", value, level);
	(void)arch_pte_is_leaf(value, level);
	if (arch_pte_is_grouped(value))
		value &= ~((MOCK_PTE_GROUP_FRAMES - 1) << MOCK_PTE_FRAME_SHIFT);
	return (value >> MOCK_PTE_FRAME_SHIFT & MOCK_PTE_FRAME_MASK) << PAGE_SHIFT;
}
static inline unsigned arch_pte_prot(quarry_pte_t value, unsigned level)
{
	if (!arch_pte_is_leaf(value, level))
		mock_pt_misuse("protection of an entry that is not a leaf", value, level);
	return (unsigned)(value >> MOCK_PTE_PROT_SHIFT & 63u);
}
static inline unsigned arch_pt_group_order(void)
{
	return mock_pt_group_order();
}
static inline quarry_pte_t arch_pte_grouped(quarry_pte_t value)
{
	if (!mock_pt_group_order() || !arch_pte_is_leaf(value, 0) ||
	    value >> MOCK_PTE_FRAME_SHIFT & (MOCK_PTE_GROUP_FRAMES - 1))
		mock_pt_misuse("group: not offered, level or alignment", value, 0);
	return value | MOCK_PTE_GROUP | 6ull << MOCK_PTE_FRAME_SHIFT;
}
static inline phys_addr_t arch_pt_root(void)
{
	return mock_pt_root();
}
static inline quarry_pte_t arch_pte_read(const quarry_pte_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}
static inline void arch_pte_write(quarry_pte_t *entry, quarry_pte_t value)
{
	mock_pte_write(entry, value);
}
static inline void arch_pte_link(quarry_pte_t *entry, quarry_pte_t value)
{
	mock_pte_write(entry, value);
}

QUARRY_END_DECLS

#endif
