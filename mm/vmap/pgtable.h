/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h: the kernel's page tables below the vmalloc window, as runs of entries.
 */
#ifndef QUARRY_MM_VMAP_PGTABLE_H
#define QUARRY_MM_VMAP_PGTABLE_H

#include <quarry/arch.h>
#include <quarry/arch/pgtable.h>
#include <quarry/gfp.h>

#include "mm/phys/page_chain.h"

#define PT_ENTRIES 512u
#define PT_MAX_LEVELS 5u
/* End of a range that stands for the whole address space: every translation and all tables. */
#define PT_EVERYTHING (~(uintptr_t)0 << PAGE_SHIFT)

/* Neighbouring entries of one table, from the entry of an address on. */
struct pt_run {
	quarry_pte_t *pte; /* NULL: no memory for a table */
	unsigned level;	   /* 0: leaf table; above: one entry, absent or a huge leaf */
	/* Level 0: entries of the run. Above: pages from the address to the entry's end, or fewer
	 * if fewer were asked for. */
	unsigned long pages;
};

/* What the tables say about an address. */
struct pt_leaf {
	phys_addr_t phys; /* of the address itself */
	unsigned prot;
	unsigned level;
};

/*
 * Take the tables of `root` (0: those in use) over for [start, end): give every root entry of the
 * range a table, so that root entries never change again. Tables that the kernel put there in its
 * own memory are used and never freed. Entries that lead to memory which we manage are left from
 * an earlier boot of ours, so they are cleared first.
 * Return: 0, -ENOSYS (no translation in use), -EBUSY (the range holds a mapping of somebody
 * else's; reported), -ENOMEM; then no root entry is ours.
 */
int pgtable_init(phys_addr_t root, uintptr_t start, uintptr_t end) QUARRY_INT(pgtable_init);
unsigned pgtable_levels(void) QUARRY_INT(pgtable_levels);
/* The highest level at which one leaf can map the first of n pages from `phys` at `va`. Root
 * entries never change. */
unsigned pgtable_leaf_level(uintptr_t va, phys_addr_t phys, unsigned long n)
	QUARRY_INT(pgtable_leaf_level);
/* Pages that a leaf of `level` maps. */
static inline unsigned long leaf_pages(unsigned level)
{
	return 1ul << 9 * level;
}
/* Pages of a group: entries of a leaf table that are one leaf (quarry/arch.h). 1: there is none. */
static inline unsigned long group_pages(void)
{
	return 1ul << arch_pt_group_order();
}
/* Pages of the largest leaf or group that can map the first of n pages from `phys`, at addresses
 * that are aligned to it. */
unsigned long pgtable_leaf_pages(phys_addr_t phys, unsigned long n) QUARRY_INT(pgtable_leaf_pages);

/*
 * Find the entries of `va`, at most `pages` of them; pages > 0. No table of the range may be pruned
 * meanwhile: somebody maps an address in its 2 MiB. Context: any.
 */
struct pt_run pgtable_find(uintptr_t va, unsigned long pages) QUARRY_INT(pgtable_find);

/* The same, creating missing tables with `gfp`. Context: as gfp allows. */
struct pt_run pgtable_create(uintptr_t va, unsigned long pages, gfp_t gfp)
	QUARRY_INT(pgtable_create);

/*
 * Write a huge leaf of `level` for va, aligned to what it maps, creating missing tables above it.
 * Context: as gfp allows. Return: 0, -EBUSY (a table or a leaf is there), -ENOMEM.
 */
int pgtable_map_huge(uintptr_t va, unsigned level, quarry_pte_t leaf, gfp_t gfp)
	QUARRY_INT(pgtable_map_huge);

/*
 * Make each of the n addresses, which somebody maps, the first of its leaf: replace the huge leaf
 * that maps it by a table of smaller ones, or the group by single leaves, which map the same. All
 * or none.
 * Context: as gfp allows. Return: how many leaves were split, -ENOMEM.
 */
int pgtable_split(const uintptr_t *at, unsigned n, gfp_t gfp) QUARRY_INT(pgtable_split);

/* Rights and attributes (QUARRY_PROT_*) that leaves lose and get. */
struct pt_change {
	unsigned clear, set;
};
/*
 * Change the leaves of va, at most `pages` of them; a huge leaf or group must lie inside whole.
 * Absent entries stay; a leaf that loses READ becomes absent. Return: the pages looked at.
 * Context: any.
 */
unsigned long pgtable_change(uintptr_t va, unsigned long pages, struct pt_change change)
	QUARRY_INT(pgtable_change);

/* Look up any address. With `wait` false a busy table answers -EAGAIN. Return: 0, -ENOENT,
 * -EAGAIN. Context: any. */
int pgtable_query(uintptr_t va, bool wait, struct pt_leaf *leaf) QUARRY_INT(pgtable_query);

/*
 * Between begin and end: unlink the tables of ours that lie below [start, end), a range of whole 2
 * MiB that nobody maps or may start to map during the call, and upper tables that become empty.
 * They go to `chain`. Before end every CPU must flush everything; afterwards the tables can be
 * freed. A call does a bounded part and returns where it stopped.
 * Context: pinned from begin to end.
 */
void pgtable_prune_begin(void) QUARRY_INT(pgtable_prune_begin);
uintptr_t pgtable_prune(uintptr_t start, uintptr_t end, struct page_chain *chain)
	QUARRY_INT(pgtable_prune);
void pgtable_prune_end(void) QUARRY_INT(pgtable_prune_end);

/* Count the pages mapped in [start, end), 4 KiB units, for the validator. Context: any; slow. */
unsigned long pgtable_count(uintptr_t start, uintptr_t end) QUARRY_INT(pgtable_count);
/* Pages that hold our tables. */
unsigned long pgtable_pages(void) QUARRY_INT(pgtable_pages);

#endif
