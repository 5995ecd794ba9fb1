/* SPDX-License-Identifier: MIT */
/*
 * vmap_flush.c: lazy freeing, with one flush of every CPU for many frees.
 *
 *   vfree -> retire:  waiting  --begin-->  covered  --every CPU flushes-->  free addresses, free
 *                     pages
 *
 * What is unmapped waits, addresses in the chunk bitmaps (dirty), pages in a chain. A purge moves
 * all that waits to "covered", flushes every CPU without holding anything, and frees what is
 * covered.
 *
 * Invariants  F1  an address or page becomes free only after a flush of every CPU that began after
 *                 it was unmapped
 *             F2  only the purge that began last may free: its flush began after everything
 *                 covered was covered (begun == the number it drew). An earlier one leaves the
 *                 rest to it, so purges never wait for each other
 *             F3  unlinked page tables are freed after a flush of everything that began after the
 *                 unlinking
 *             F4  no flush happens with a lock held, interrupts off, or in a context that may not
 *                 wait
 *
 * Bound       A purge starts when more than `limit` pages wait (addresses of vmap areas count
 *             too): 32 MiB, on small machines a sixteenth of memory. From a context that may not
 *             wait the batch grows; the OS's defer hook, or the next call that may wait, purges.
 * Locking     vmap_lock for the fields here.
 * Cost        retire is a few bit operations; a purge is one flush, and per page about a bulk free.
 * Start at    vmap_purge
 */
#include "mm/vmap/vmap_flush.h"

#include "mm/base/bits.h"
#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/vmap/pgtable.h"

#define LIMIT_BYTES (32ul << 20)
#define LIMIT_SHARE 16ul
#define LIMIT_MIN_PAGES 16ul
#define BULK 32u /* pages per bulk free: an array of 256 bytes on the stack */

/* Addresses to flush; nothing if start == end. */
struct flush_range {
	uintptr_t start, end;
};
static const struct flush_range everything = {0, PT_EVERYTHING};

static QUARRY_STATE struct {
	unsigned long limit;	      /* pages */
	unsigned long waiting;	      /* pages of address space not covered by a flush yet */
	struct page_chain pages;      /* waiting */
	struct page_chain covered;    /* pages */
	struct flush_range range;     /* of what waits */
	struct flush_range old_range; /* of what is covered */
	unsigned long begun;	      /* purges; the number of the last one */
	unsigned long flushes;
	unsigned deferred; /* defer was asked; a word, riscv64 has no byte exchange */
} flush;

bool vmap_may_wait(void)
{
	return cpu_context() == 0;
}

static void flush_this_cpu(void *arg)
{
	const struct flush_range *range = arg;
	arch_tlb_flush_range(range->start, range->end);
}

/* Pinned between the local and the remote part: else the task could move and a CPU be missed. */
static void flush_every_cpu(struct flush_range range)
{
	if (!mm_ops.flush_tlb_others) {
		cpu_call_all(flush_this_cpu, &range);
		return;
	}
	cpu_pin();
	flush_this_cpu(&range);
	if (cpu_others_online())
		mm_ops.flush_tlb_others(range.start, range.end);
	cpu_unpin();
}

static void range_add(struct flush_range *range, uintptr_t start, uintptr_t end)
{
	if (range->start == range->end) {
		*range = (struct flush_range){start, end};
		return;
	}
	range->start = (uintptr_t)min_u64(range->start, start);
	range->end = (uintptr_t)max_u64(range->end, end);
}

void vmap_free_pages(struct page_chain *pages)
{
	struct page *bulk[BULK];

	while (pages->head) {
		unsigned n = 0;
		struct page *page;

		while (n < BULK && (page = chain_pop(pages))) {
			page_set_kind(page, QUARRY_PAGE_USED);
			bulk[n++] = page;
		}
		free_pages_bulk(n, bulk);
	}
}

/* Draw a number and cover what waits. Return: false if nothing is unmapped and not free. */
static bool purge_begin(unsigned long *number, struct flush_range *range)
{
	unsigned long irq = mm_lock(&vmap_lock);
	bool any;

	if (flush.range.start != flush.range.end)
		range_add(&flush.old_range, flush.range.start, flush.range.end);
	*range = flush.old_range;
	any = range->start != range->end;
	if (any) {
		vmap_area_flush_begin_locked();
		chain_splice(&flush.covered, &flush.pages);
		flush.range = (struct flush_range){0, 0};
		flush.waiting = 0;
		*number = ++flush.begun;
		flush.flushes++;
	}
	mm_unlock(&vmap_lock, irq);
	return any;
}

/* Free a bounded part of what purge `number` covered (F2). Return: is there more? */
static bool purge_step(unsigned long number)
{
	struct vmap_leftover left = {{0, 0, 0}, NULL};
	struct page_chain pages = {0, 0, 0};
	unsigned long irq = mm_lock(&vmap_lock);
	bool more = false;

	if (number == flush.begun) {
		more = vmap_area_release_locked(&left);
		chain_splice(&pages, &flush.covered);
		if (!more)
			flush.old_range = (struct flush_range){0, 0};
	}
	mm_unlock(&vmap_lock, irq);
	vmap_area_free_leftover(&left);
	vmap_free_pages(&pages);
	return more;
}

bool vmap_purge(void)
{
	unsigned long number = 0;
	struct flush_range range;

	if (!purge_begin(&number, &range))
		return false;
	flush_every_cpu(range);
	while (purge_step(number))
		;
	return true;
}

/* Context: task, through the defer hook. */
static void purge_deferred(void *unused)
{
	(void)unused;
	__atomic_store_n(&flush.deferred, 0u, __ATOMIC_RELAXED);
	vmap_purge();
}

void vmap_retire(const struct vmap_info *info, struct page_chain *pages)
{
	unsigned long irq = mm_lock(&vmap_lock);
	bool full;

	vmap_area_retire_locked(info);
	chain_splice(&flush.pages, pages);
	range_add(&flush.range, info->start, info->start + (info->pages << PAGE_SHIFT));
	flush.waiting += info->pages;
	full = flush.waiting > flush.limit;
	mm_unlock(&vmap_lock, irq);
	if (!full)
		return;
	if (vmap_may_wait())
		vmap_purge();
	else if (mm_ops.defer && !__atomic_exchange_n(&flush.deferred, 1u, __ATOMIC_RELAXED))
		mm_ops.defer(purge_deferred, NULL);
}

void vmap_purge_tables(void)
{
	struct page_chain tables = {0, 0, 0};
	uintptr_t cursor = 0;
	uintptr_t start, end;
	bool more;

	vmap_purge();
	cpu_pin();
	pgtable_prune_begin();
	do {
		/* The space lock keeps the range unused while its tables are taken out. */
		unsigned long irq = mm_lock(&vmap_lock);

		more = vmap_area_next_free_locked(&cursor, &start, &end);
		if (more)
			pgtable_prune(start, end, &tables);
		mm_unlock(&vmap_lock, irq);
	} while (more);
	if (tables.head)
		flush_every_cpu(everything);
	pgtable_prune_end();
	cpu_unpin();
	vmap_free_pages(&tables);
}

unsigned long vmap_waiting_pages(void)
{
	return __atomic_load_n(&flush.pages.count, __ATOMIC_RELAXED);
}
unsigned long vmap_flush_count(void)
{
	return flush.flushes;
}

void vmap_flush_init(void)
{
	unsigned long share = totalram_pages() / LIMIT_SHARE;

	__builtin_memset(&flush, 0, sizeof(flush));
	flush.limit = (unsigned long)min_u64(LIMIT_BYTES >> PAGE_SHIFT, share);
	if (flush.limit < LIMIT_MIN_PAGES)
		flush.limit = LIMIT_MIN_PAGES;
}
