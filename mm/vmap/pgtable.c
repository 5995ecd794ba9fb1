/* SPDX-License-Identifier: MIT */
/*
 * pgtable.c: a radix walk over the page tables of any CPU port.
 *
 * Terms       level   0 is the table whose entries are 4 KiB leaves; the root is level levels - 1
 *             run     neighbouring entries of one table; callers fill or clear a run by
 *                     themselves, so a range costs one walk per 2 MiB, not one per page
 *             pruning taking out tables that map nothing
 *
 * Invariants  P1  root entries of the window are present from pgtable_init on and never change:
 *                 other address spaces may have copied them
 *             P2  a table with a present entry is never pruned
 *             P3  no table of a 2 MiB block that an area uses is pruned (the caller of
 *                 pgtable_prune holds the space lock and names unused blocks)
 *             P4  a table is zeroed before it is linked, and flushed from every CPU between
 *                 unlinking and reuse
 *             P5  no table is linked while one that was unlinked is not flushed yet: a CPU that
 *                 still walks through the old one would not see the new one
 *             P6  a table is linked together with those below it, or the huge leaf, that the
 *                 address needs: an upper table of ours is empty only after a huge leaf was cleared
 *
 *             P7  a leaf above level 0, or of a group, changes, but for being cleared, under
 *                 pt.lock: neighbours in one area may split it at the same time. A split itself
 *                 needs no flush: both forms say the same, and P2 and P5 mean that no CPU walks
 *                 another table there; but it is flushed before a part of it changes, so that no
 *                 CPU has two translations of an address that differ
 *             P8  the entries of a group are the same, but while one hold of the lock changes them
 *
 * Locking     pt.lock (rank 3) is held while a table or a huge leaf is linked or a table unlinked,
 *             while entries change their rights, and for walks of addresses that nobody is known to
 *             map: without the lock an upper table that is empty may vanish. Else entries of a leaf
 *             table, and huge leaves that are there, belong to the owner of the area: no lock.
 * Cost        a walk is one load a level; creating a table is a page and one more walk.
 * Start at    pgtable_create
 */
#include "mm/vmap/pgtable.h"

#include "mm/base/bits.h"
#include "mm/base/cpu.h"
#include "mm/base/fault.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"
#include "mm/boot/memblock.h"

#define PRUNE_STEP 4u /* tables looked at per hold of the locks; each has 512 entries */

static QUARRY_STATE struct {
	struct mm_lock lock;
	quarry_pte_t *root;
	unsigned levels;
	unsigned max_leaf;   /* level: what the CPU can and P1 allows */
	unsigned pruning;    /* prunings between begin and end */
	unsigned long pages; /* tables that we allocated; read by reports without the lock */
} pt;

static void count_tables(long more)
{
	__atomic_store_n(&pt.pages, pt.pages + (unsigned long)more, __ATOMIC_RELAXED);
}

static uintptr_t entry_size(unsigned level)
{
	return (uintptr_t)PAGE_SIZE << 9 * level;
}

/* End of the entry that covers va, not beyond `end` (which also catches the wrap at the top). */
static uintptr_t entry_end(uintptr_t va, unsigned level, uintptr_t end)
{
	uintptr_t next = (va & ~(entry_size(level) - 1)) + entry_size(level);
	return next - 1 < end - 1 ? next : end;
}

/* Bytes that a leaf of `level` maps, together with its group. */
static uintptr_t leaf_size(quarry_pte_t pte, unsigned level)
{
	return arch_pte_is_grouped(pte) ? group_pages() << PAGE_SHIFT : entry_size(level);
}

static quarry_pte_t *table_of(quarry_pte_t pte, unsigned level)
{
	return phys_to_virt(arch_pte_addr(pte, level));
}

static bool table_is_empty(const quarry_pte_t *table)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (arch_pte_present(arch_pte_read(&table[i])))
			return false;
	return true;
}

static struct page *table_new(gfp_t gfp)
{
	struct page *page;

	if (fault_at(FAULT_PAGE_TABLE, gfp, 0))
		return NULL;
	page = alloc_pages(gfp | __GFP_ZERO, 0);
	if (page)
		page_set_kind(page, QUARRY_PAGE_TABLE);
	return page;
}
static void table_free(struct page *page)
{
	page_set_kind(page, QUARRY_PAGE_USED);
	__free_pages(page, 0);
}

/* P4: arch_pte_link orders the zeroing before the link. */
static void table_link(quarry_pte_t *pte, struct page *table)
{
	arch_pte_link(pte, arch_pte_table(page_to_phys(table)));
	count_tables(1);
}

/*
 * Does an entry lead to memory that the map gives to us? At boot nothing of it is in use, so the
 * entry is left from an earlier boot of ours. Only while the boot allocator is open.
 */
static bool entry_is_stale(quarry_pte_t pte, unsigned level)
{
	uint64_t pfn = arch_pte_addr(pte, level) >> PAGE_SHIFT;
	uint64_t cursor = pfn;
	struct mem_span span;

	return memblock_kept_next(&cursor, &span) && span.start_pfn <= pfn && pfn < span.end_pfn;
}

/* A table that the kernel had there before us stays. */
static bool table_is_ours(const quarry_pte_t *table)
{
	return virt_addr_valid(table) && page_kind(virt_to_page(table)) == QUARRY_PAGE_TABLE;
}

/*
 * Clear the stale entries below [start, end), root first, so that no stale table is entered.
 * Return: 0, -EBUSY (a mapping of somebody else's; reported).
 */
static int clear_stale(uintptr_t start, uintptr_t end, bool *cleared)
{
	for (uintptr_t va = start; va != end;) {
		struct pt_run run = {NULL, 0, 0};
		quarry_pte_t *table = pt.root;
		unsigned level = pt.levels - 1;
		quarry_pte_t pte;

		for (;; level--) {
			run.pte = &table[arch_pt_index(va, level)];
			pte = arch_pte_read(run.pte);
			if (level == 0 || !arch_pte_present(pte) || arch_pte_is_leaf(pte, level) ||
			    entry_is_stale(pte, level))
				break;
			table = table_of(pte, level);
		}
		if (arch_pte_present(pte) && arch_pte_is_leaf(pte, level) &&
		    (level == pt.levels - 1 || !entry_is_stale(pte, level))) {
			mm_report(VMAP_TABLE, "quarry_init", (void *)va, pte, level);
			return -QUARRY_EBUSY;
		}
		if (arch_pte_present(pte)) {
			arch_pte_write(run.pte, 0);
			*cleared = true;
		}
		va = entry_end(va, level, end);
	}
	return 0;
}

static int fill_root(uintptr_t start, uintptr_t end)
{
	unsigned top = pt.levels - 1;

	for (uintptr_t va = start; va != end; va = entry_end(va, top, end)) {
		quarry_pte_t *pte = &pt.root[arch_pt_index(va, top)];
		struct page *table;

		if (arch_pte_present(arch_pte_read(pte)))
			continue;
		table = table_new(GFP_KERNEL | __GFP_NOWARN);
		if (!table)
			return -QUARRY_ENOMEM;
		table_link(pte, table);
	}
	return 0;
}

/* Take out what fill_root put in. No CPU used the tables. */
static void empty_root(uintptr_t start, uintptr_t end)
{
	unsigned top = pt.levels - 1;

	for (uintptr_t va = start; va != end; va = entry_end(va, top, end)) {
		quarry_pte_t *pte = &pt.root[arch_pt_index(va, top)];
		quarry_pte_t old = arch_pte_read(pte);

		if (!arch_pte_present(old) || !table_is_ours(table_of(old, top)))
			continue;
		arch_pte_write(pte, 0);
		arch_tlb_flush_range(0, PT_EVERYTHING);
		table_free(virt_to_page(table_of(old, top)));
		count_tables(-1);
	}
}

int pgtable_init(phys_addr_t root, uintptr_t start, uintptr_t end)
{
	bool cleared = false;
	int error;

	pt.lock = (struct mm_lock){0};
	pt.pages = 0;
	pt.pruning = 0;
	pt.levels = arch_pt_levels();
	if (pt.levels < 2 || pt.levels > PT_MAX_LEVELS)
		return -QUARRY_ENOSYS;
	pt.max_leaf = (unsigned)min_u64(arch_pt_max_leaf_level(), pt.levels - 2);
	pt.root = phys_to_virt(root ? root : arch_pt_root());

	error = clear_stale(start, end, &cleared);
	if (cleared)
		arch_tlb_flush_range(0, PT_EVERYTHING);
	if (error)
		return error;
	error = fill_root(start, end);
	if (error)
		empty_root(start, end);
	arch_tlb_map_sync(0, PT_EVERYTHING);
	return error;
}

unsigned pgtable_levels(void)
{
	return pt.levels;
}
unsigned pgtable_leaf_level(uintptr_t va, phys_addr_t phys, unsigned long n)
{
	unsigned level = 0;

	while (level < pt.max_leaf && n >= leaf_pages(level + 1) &&
	       !((va | phys) >> PAGE_SHIFT & (leaf_pages(level + 1) - 1)))
		level++;
	return level;
}
unsigned long pgtable_leaf_pages(phys_addr_t phys, unsigned long n)
{
	unsigned level = pgtable_leaf_level(0, phys, n);
	unsigned long group = group_pages();

	if (level || n < group || phys >> PAGE_SHIFT & (group - 1))
		return leaf_pages(level);
	return group;
}
unsigned long pgtable_pages(void)
{
	return __atomic_load_n(&pt.pages, __ATOMIC_RELAXED);
}

struct pt_run pgtable_find(uintptr_t va, unsigned long pages)
{
	quarry_pte_t *table = pt.root;

	for (unsigned level = pt.levels - 1;; level--) {
		quarry_pte_t *pte = &table[arch_pt_index(va, level)];
		unsigned long room;
		quarry_pte_t value;

		if (level == 0) {
			room = PT_ENTRIES - arch_pt_index(va, 0);
			return (struct pt_run){pte, 0, pages < room ? pages : room};
		}
		value = arch_pte_read(pte);
		if (!arch_pte_present(value) || arch_pte_is_leaf(value, level)) {
			room = (entry_size(level) - (va & (entry_size(level) - 1))) >> PAGE_SHIFT;
			return (struct pt_run){pte, level, pages < room ? pages : room};
		}
		table = table_of(value, level);
	}
}

enum link_result { LINK_FOUND, LINK_LINKED, LINK_MISSING, LINK_PRUNING };

/* What shall be there when a walk to an address ends: a table of `level`, or this leaf in it. */
struct wanted {
	uintptr_t va;
	unsigned long pages; /* of the run */
	unsigned level;
	quarry_pte_t leaf; /* 0: none, only the table */
};

/*
 * Find under the lock; if tables are missing, link them all from `spare`, which must hold as many,
 * and find again (P6); then write the leaf. One at a time would never end where memory is short: to
 * find a page for the lower table the request would prune the upper one, which maps nothing yet.
 */
static enum link_result find_or_link(const struct wanted *want, struct page_chain *spare,
				     struct pt_run *run)
{
	unsigned long irq = mm_lock(&pt.lock);
	enum link_result result = LINK_FOUND;

	*run = pgtable_find(want->va, want->pages);
	if (run->level + (want->leaf != 0) > want->level &&
	    !arch_pte_present(arch_pte_read(run->pte))) {
		result = LINK_MISSING;
		if (spare->count >= run->level - want->level)
			result = pt.pruning ? LINK_PRUNING : LINK_LINKED;
		while (result == LINK_LINKED && run->level > want->level) {
			table_link(run->pte, chain_pop(spare));
			*run = pgtable_find(want->va, want->pages);
		}
		if (result == LINK_LINKED && want->leaf)
			arch_pte_write(run->pte, want->leaf);
	}
	mm_unlock(&pt.lock, irq);
	return result;
}

/* Bring what is wanted there. Return: as find_or_link; LINK_FOUND: somebody else had put the table,
 * or something else, there; LINK_MISSING, LINK_PRUNING: not possible now. */
static enum link_result create(const struct wanted *want, gfp_t gfp, struct pt_run *run)
{
	struct page_chain spare = {0, 0, 0};
	enum link_result result;
	struct page *table;

	while ((result = find_or_link(want, &spare, run)) == LINK_MISSING ||
	       result == LINK_PRUNING) {
		if (result == LINK_MISSING) {
			table = table_new(gfp);
			if (!table)
				break;
			chain_push(&spare, table);
		} else if (gfpflags_allow_blocking(gfp) && cpu_context() == 0) {
			/* The pruner is pinned and only waits for CPUs to flush, so for this one
			 * too. */
			arch_relax();
		} else {
			break;
		}
	}
	while ((table = chain_pop(&spare)))
		table_free(table);
	if (result == LINK_LINKED)
		arch_tlb_map_sync(0, PT_EVERYTHING);
	return result;
}

struct pt_run pgtable_create(uintptr_t va, unsigned long pages, gfp_t gfp)
{
	const struct wanted want = {va, pages, 0, 0};
	struct pt_run run;

	create(&want, gfp, &run);
	/* No memory, or a huge leaf is in the way. P3: the caller's area keeps the table there. */
	if (run.level)
		run.pte = NULL;
	return run;
}

int pgtable_map_huge(uintptr_t va, unsigned level, quarry_pte_t leaf, gfp_t gfp)
{
	const struct wanted want = {va, 1ul << 9 * level, level, leaf};
	struct pt_run run;

	switch (create(&want, gfp, &run)) {
	case LINK_LINKED:
		return 0;
	case LINK_FOUND:
		return -QUARRY_EBUSY;
	default:
		return -QUARRY_ENOMEM;
	}
}

int pgtable_query(uintptr_t va, bool wait, struct pt_leaf *leaf)
{
	unsigned long irq = arch_irq_save();
	int error = -QUARRY_EAGAIN;

	if (wait)
		mm_lock_raw(&pt.lock);
	if (wait || mm_trylock(&pt.lock)) {
		struct pt_run run = pgtable_find(va, 1);
		quarry_pte_t pte = arch_pte_read(run.pte);

		mm_unlock_raw(&pt.lock);
		error = -QUARRY_ENOENT;
		if (arch_pte_is_leaf(pte, run.level)) {
			leaf->phys = arch_pte_addr(pte, run.level) +
				     (va & (leaf_size(pte, run.level) - 1));
			leaf->prot = arch_pte_prot(pte, run.level);
			leaf->level = run.level;
			error = 0;
		}
	}
	arch_irq_restore(irq);
	return error;
}

/* Tables that must be linked to make `va` the first address of its leaf. */
static unsigned splits_needed(uintptr_t va)
{
	struct pt_leaf leaf;
	unsigned needed = 0;

	if (pgtable_query(va, true, &leaf))
		return 0;
	for (unsigned level = 1; level <= leaf.level; level++)
		needed += (va & (entry_size(level) - 1)) != 0;
	return needed;
}

/* Write n neighbouring leaves of `level`, the first as `pte` says but for its place. */
static void fill_from(quarry_pte_t *at, unsigned long n, quarry_pte_t pte, unsigned pte_level,
		      unsigned level)
{
	phys_addr_t phys = arch_pte_addr(pte, pte_level);
	unsigned prot = arch_pte_prot(pte, pte_level);

	for (unsigned long i = 0; i < n; i++, phys += entry_size(level))
		arch_pte_write(&at[i], arch_pte_leaf(phys, prot, level));
}

/* Split what is not yet split at `va`. The tables suffice: leaves of an area only get smaller.
 * Return: the leaves that were split. */
static int split_at(uintptr_t va, struct page_chain *spare)
{
	bool more = true;
	int split;

	for (split = 0; more; split += more) {
		unsigned long irq = mm_lock(&pt.lock);
		struct pt_run run = pgtable_find(va, 1);
		quarry_pte_t pte = arch_pte_read(run.pte);

		more = arch_pte_is_leaf(pte, run.level) && va & (leaf_size(pte, run.level) - 1) &
							       PAGE_MASK;
		if (more && run.level) {
			struct page *table = chain_pop(spare);

			fill_from(page_address(table), PT_ENTRIES, pte, run.level, run.level - 1);
			table_link(run.pte, table);
		} else if (more) {
			unsigned long before = va >> PAGE_SHIFT & (group_pages() - 1);

			fill_from(run.pte - before, group_pages(), pte, 0, 0);
		}
		mm_unlock(&pt.lock, irq);
	}
	return split;
}

int pgtable_split(const uintptr_t *at, unsigned n, gfp_t gfp)
{
	struct page_chain spare = {0, 0, 0};
	struct page *table;
	unsigned needed = 0;
	int error = 0, split = 0;

	for (unsigned i = 0; i < n; i++)
		needed += splits_needed(at[i]);
	while (spare.count < needed && !error) {
		table = table_new(gfp);
		if (table)
			chain_push(&spare, table);
		else
			error = -QUARRY_ENOMEM;
	}
	for (unsigned i = 0; i < n && !error; i++)
		split += split_at(at[i], &spare);
	while ((table = chain_pop(&spare)))
		table_free(table);
	return error ? error : split;
}

/* The same pages, also if that is a group. */
static quarry_pte_t leaf_like(quarry_pte_t pte, unsigned prot, unsigned level)
{
	quarry_pte_t leaf = arch_pte_leaf(arch_pte_addr(pte, level), prot, level);

	return arch_pte_is_grouped(pte) ? arch_pte_grouped(leaf) : leaf;
}

unsigned long pgtable_change(uintptr_t va, unsigned long pages, struct pt_change change)
{
	unsigned long irq = mm_lock(&pt.lock);
	struct pt_run run = pgtable_find(va, pages);
	unsigned long entries = run.level ? 1 : run.pages;

	for (unsigned long i = 0; i < entries; i++) {
		quarry_pte_t pte = arch_pte_read(&run.pte[i]);
		unsigned old, prot;

		if (!arch_pte_is_leaf(pte, run.level))
			continue;
		old = arch_pte_prot(pte, run.level);
		prot = (old & ~change.clear) | change.set;
		if (!(prot & QUARRY_PROT_READ))
			arch_pte_write(&run.pte[i], 0);
		else if (prot != old)
			arch_pte_write(&run.pte[i], leaf_like(pte, prot, run.level));
	}
	mm_unlock(&pt.lock, irq);
	return run.pages;
}

/*
 * Unlink the table of `level` that covers va if it is empty, then each upper table that this
 * empties; the tables below root entries stay (P1).
 */
static void prune_path(uintptr_t va, unsigned level, struct page_chain *chain)
{
	quarry_pte_t *parent
		[PT_MAX_LEVELS]; /* parent[l]: the entry that points to the table of level l */
	quarry_pte_t *table = pt.root;

	for (unsigned l = pt.levels - 1; l > level; l--) {
		parent[l - 1] = &table[arch_pt_index(va, l)];
		table = table_of(arch_pte_read(parent[l - 1]), l);
	}
	for (; level + 2 < pt.levels; level++) {
		table = table_of(arch_pte_read(parent[level]), level + 1);
		if (!table_is_ours(table) || !table_is_empty(table))
			return;
		arch_pte_write(parent[level], 0);
		chain_push(chain, virt_to_page(table));
		count_tables(-1);
	}
}

void pgtable_prune_begin(void)
{
	unsigned long irq = mm_lock(&pt.lock);

	pt.pruning++;
	mm_unlock(&pt.lock, irq);
}
void pgtable_prune_end(void)
{
	unsigned long irq = mm_lock(&pt.lock);

	pt.pruning--;
	mm_unlock(&pt.lock, irq);
}

uintptr_t pgtable_prune(uintptr_t start, uintptr_t end, struct page_chain *chain)
{
	unsigned long irq = mm_lock(&pt.lock);
	uintptr_t va = start;

	for (unsigned i = 0; i < PRUNE_STEP && va != end; i++) {
		struct pt_run run = pgtable_find(va, 1);
		bool absent = run.level && !arch_pte_present(arch_pte_read(run.pte));
		/* A huge leaf may have been the last of its table; the first entry in the range
		 * shows it. */
		bool first = va == start || arch_pt_index(va, run.level) == 0;

		if (!run.level || (absent && first))
			prune_path(va, run.level, chain);
		va = entry_end(va, run.level ? run.level : 1, end);
	}
	mm_unlock(&pt.lock, irq);
	return va;
}

static unsigned long count_run(const struct pt_run *run)
{
	unsigned long mapped = 0;

	if (run->level)
		return arch_pte_present(arch_pte_read(run->pte)) ? run->pages : 0;
	for (unsigned long i = 0; i < run->pages; i++)
		mapped += arch_pte_present(arch_pte_read(&run->pte[i]));
	return mapped;
}

unsigned long pgtable_count(uintptr_t start, uintptr_t end)
{
	unsigned long mapped = 0;

	for (uintptr_t va = start; va != end;) {
		unsigned long irq = mm_lock(&pt.lock);
		struct pt_run run = pgtable_find(va, (end - va) >> PAGE_SHIFT);

		mapped += count_run(&run);
		mm_unlock(&pt.lock, irq);
		va += run.pages << PAGE_SHIFT;
	}
	return mapped;
}
