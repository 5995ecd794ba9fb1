/* SPDX-License-Identifier: MIT */
/*
 * vmap_map.c: fill and clear the entries of an area.
 *
 * A block that covers whole 2 MiB (1 GiB) at addresses that are multiples of it gets a huge leaf
 * for each, unless a table of small leaves is there from areas that used these addresses before: to
 * replace a table every CPU would have to flush first. A huge leaf belongs to one area as a whole.
 * Where the CPU has groups of leaves (riscv64: 64 KiB, Svnapot), a part of a block that is a group
 * at its address is written as one.
 *
 * Locking     none: the entries of an area belong to who allocated or claimed it.
 * Cost        per page one entry read and one written, with a huge leaf one for all its pages; per
 *             2 MiB and per block one walk.
 * Start at    vmap_map_block, vmap_unmap_pages
 */
#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/phys/pageblock.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap.h"

gfp_t vmap_own_gfp(gfp_t gfp)
{
	return gfp & (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_MEMALLOC |
		      __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL |
		      __GFP_NOLOCKDEP | __GFP_NOWARN);
}

unsigned long vmap_map_run(const struct pt_run *run, uintptr_t va, struct page *const *pages,
			   unsigned prot)
{
	/* The frame number is one field, so an entry is a multiple of it and something constant. */
	quarry_pte_t none = arch_pte_leaf(0, prot, 0);
	quarry_pte_t frame = arch_pte_leaf(PAGE_SIZE, prot, 0) - none;
	quarry_pte_t *pte = run->pte, *end = pte + run->pages;
	unsigned long mapped;

	for (; pte < end && !arch_pte_present(arch_pte_read(pte)); pte++)
		arch_pte_write(pte, none + page_to_pfn(*pages++) * frame);
	mapped = (unsigned long)(pte - run->pte);
	if (pte < end)
		mm_report(VMAP_TABLE, "vmap", (void *)(va + (mapped << PAGE_SHIFT)),
			  arch_pte_read(pte), 0);
	return mapped;
}

unsigned long vmap_map_pages(uintptr_t va, struct page *const *pages, unsigned long n,
			     unsigned prot, gfp_t gfp)
{
	uintptr_t start = va;
	unsigned long done = 0;

	while (done < n) {
		struct pt_run run = pgtable_create(va, n - done,
						   vmap_own_gfp(gfp) | __GFP_NOWARN);
		unsigned long i;

		if (!run.pte)
			break;
		i = vmap_map_run(&run, va, pages + done, prot);
		done += i;
		va += i << PAGE_SHIFT;
		if (i < run.pages)
			break;
	}
	if (done)
		arch_tlb_map_sync(start, va);
	return done;
}

/* Present is a bit of an entry, or a field that is zero. */
static bool four_absent(const quarry_pte_t *pte)
{
	return !arch_pte_present(arch_pte_read(&pte[0]) | arch_pte_read(&pte[1]) |
				 arch_pte_read(&pte[2]) | arch_pte_read(&pte[3]));
}

/* Write n entries of a leaf table, the first `pte`, each `step` more than the one before. Return:
 * how many; fewer if one is in the way. */
static QUARRY_ALWAYS_INLINE unsigned long write_entries(quarry_pte_t *at, unsigned long n,
							quarry_pte_t pte, quarry_pte_t step)
{
	unsigned long i = 0;

	while (i + 4 <= n && four_absent(&at[i])) {
		for (unsigned k = 0; k < 4; k++, i++, pte += step)
			arch_pte_write(&at[i], pte);
	}
	for (; i < n && !arch_pte_present(arch_pte_read(&at[i])); i++) {
		arch_pte_write(&at[i], pte);
		pte += step;
	}
	return i;
}

/* Write the entries of a run of a leaf table, which begins at va. Return: how many; fewer if one is
 * in the way. */
static unsigned long map_small(const struct pt_run *run, uintptr_t va, phys_addr_t phys,
			       unsigned prot)
{
	/* The frame number is one field, so entries of neighbouring frames differ by a constant. */
	quarry_pte_t pte = arch_pte_leaf(phys, prot, 0);
	quarry_pte_t step = arch_pte_leaf(phys + PAGE_SIZE, prot, 0) - pte;
	unsigned long group = group_pages(), first = va >> PAGE_SHIFT, done = 0, part, wrote;

	if (group == 1 || ((va ^ phys) >> PAGE_SHIFT & (group - 1)))
		return write_entries(run->pte, run->pages, pte, step);
	do {
		part = group - (first + done) % group;
		part = (unsigned long)min_u64(part, run->pages - done);
		wrote = part == group ? write_entries(&run->pte[done], part,
						      arch_pte_grouped(pte), 0)
				      : write_entries(&run->pte[done], part, pte, step);
		done += wrote;
		pte += step * wrote;
	} while (wrote == part && done < run->pages);
	return done;
}

/* Map the first part of a block by one huge leaf, the largest that fits and finds no table in its
 * place. Return: its pages, 0 if none does. */
static unsigned long map_huge(uintptr_t va, phys_addr_t phys, unsigned long n, unsigned prot,
			      gfp_t gfp)
{
	for (unsigned level = pgtable_leaf_level(va, phys, n); level; level--)
		if (!pgtable_map_huge(va, level, arch_pte_leaf(phys, prot, level), gfp))
			return leaf_pages(level);
	return 0;
}

/* Map the part of a block that a leaf table maps. Return: its pages, 0 on failure. */
static unsigned long map_part(uintptr_t va, phys_addr_t phys, unsigned long n, unsigned prot,
			      gfp_t gfp)
{
	struct pt_run run = pgtable_create(va, n, gfp);
	unsigned long mapped = run.pte ? map_small(&run, va, phys, prot) : 0;

	if (run.pte && !mapped)
		mm_report(VMAP_TABLE, "vmap", (void *)va, arch_pte_read(run.pte), 0);
	return mapped;
}

unsigned long vmap_map_block(uintptr_t va, phys_addr_t phys, unsigned long n, unsigned prot,
			     gfp_t gfp)
{
	uintptr_t start = va;
	unsigned long done = 0;

	gfp = vmap_own_gfp(gfp) | __GFP_NOWARN;
	while (done < n) {
		unsigned long mapped = map_huge(va, phys, n - done, prot, gfp);

		if (!mapped)
			mapped = map_part(va, phys, n - done, prot, gfp);
		if (!mapped)
			break;
		done += mapped;
		va += mapped << PAGE_SHIFT;
		phys += mapped << PAGE_SHIFT;
	}
	if (done)
		arch_tlb_map_sync(start, va);
	return done;
}

/* Clear n entries of a run. Return: were all present? */
static bool clear_entries(quarry_pte_t *pte, unsigned long n)
{
	quarry_pte_t all = ~(quarry_pte_t)0;

	for (; n >= 4; n -= 4, pte += 4) {
		all &= arch_pte_read(&pte[0]) & arch_pte_read(&pte[1]) & arch_pte_read(&pte[2]) &
		       arch_pte_read(&pte[3]);
		for (unsigned i = 0; i < 4; i++)
			arch_pte_write(&pte[i], 0);
	}
	for (; n; n--, pte++) {
		all &= arch_pte_read(pte);
		arch_pte_write(pte, 0);
	}
	return arch_pte_present(all);
}

/* Take the block that an entry leads to. Return: its pages; 0 if it is none of ours that begins
 * there, so its head's entry was lost: it may be anywhere. */
static unsigned long collect_block(quarry_pte_t pte, unsigned level, struct page_chain *blocks)
{
	struct page *head = phys_to_page(arch_pte_addr(pte, level));

	if (unlikely(compound_head(head) != head))
		return 0;
	chain_push(blocks, head);
	return 1ul << page_order(head);
}

/* Clear the entries of a run of a leaf table as far as they lead to single pages of ours, which are
 * collected. Return: how many. */
static QUARRY_NOINLINE unsigned long unmap_singles(const struct pt_run *run,
						   struct page_chain *blocks)
{
	const uint32_t single = page_state(QUARRY_PAGE_VMALLOC, 0, 0, 0);
	quarry_pte_t *pte = run->pte, *end = pte + run->pages;
	struct page_chain pages = {0, 0, 0};
	unsigned long ready = 1; /* first frame of a pageblock of which all struct pages count */

	if (arch_pte_is_leaf(arch_pte_read(pte), 0))
		pages.tail = arch_pte_addr(arch_pte_read(pte), 0) >> PAGE_SHIFT;
	for (; pte < end; pte++) {
		quarry_pte_t old = arch_pte_read(pte);

		if (!arch_pte_is_leaf(old, 0))
			break;
		unsigned long pfn = (unsigned long)(arch_pte_addr(old, 0) >> PAGE_SHIFT);
		if (pageblock_start(pfn) != ready) {
			ready = pageblock_start(pfn);
			if (!(pageblock_state(pfn) & BLOCK_READY))
				break;
		}
		struct page *page = pfn_to_page(pfn);
		if ((page_flags(page) & PAGE_TYPE_MASK) != single)
			break;
		page->lru.next = (uint32_t)pages.head;
		pages.head = pfn;
		arch_pte_write(pte, 0);
	}
	pages.count = (unsigned long)(pte - run->pte);
	chain_splice(blocks, &pages);
	return (unsigned long)(pte - run->pte);
}

void vmap_unmap_pages(uintptr_t va, unsigned long n, struct page_chain *blocks)
{
	unsigned long block = 0; /* pages of the current block that are still mapped */

	while (n) {
		struct pt_run run = pgtable_find(va, n);
		bool whole = !run.level || run.pages == leaf_pages(run.level);
		unsigned long i = 0, part;

		if (blocks && !block && !run.level)
			i = unmap_singles(&run, blocks);
		for (; i < run.pages; i += part) {
			quarry_pte_t pte = arch_pte_read(&run.pte[i]);
			bool good = whole && arch_pte_is_leaf(pte, run.level);

			if (good && blocks && !block) {
				block = collect_block(pte, run.level, blocks);
				good = block != 0;
			}
			if (!good)
				mm_report(VMAP_TABLE, "vunmap", (void *)va, pte, run.level);
			part = run.level ? run.pages : min_u64(block ? block : 1, run.pages - i);
			block -= (unsigned long)min_u64(block, part);
			if (run.level && good)
				arch_pte_write(run.pte, 0);
			else if (!run.level && !clear_entries(&run.pte[i], part) && good)
				mm_report(VMAP_TABLE, "vunmap", (void *)va, pte, part);
		}
		va += run.pages << PAGE_SHIFT;
		n -= run.pages;
	}
}

/* By walks that hold the lock: where nothing is mapped, upper tables come and go. */
void vmap_clear_pages(uintptr_t va, unsigned long n)
{
	static const struct pt_change absent = {~0u, 0};

	for (unsigned long done; n; n -= done, va += done << PAGE_SHIFT)
		done = pgtable_change(va, n, absent);
}
