/* SPDX-License-Identifier: MIT */
/*
 * vmap_flush.c: lazy freeing, with one flush of every CPU for many frees.
 *
 *   vfree -> retire:  waiting --begin--> batch --every CPU flushes--> ready --> free addresses,
 *                     free pages
 *
 * What is unmapped waits: addresses in the chunk bitmaps (dirty), pages in a chain. A purge makes
 * all that waits a batch, flushes every CPU without holding a lock, and frees it part by part. Who
 * frees areas does not finish the batch: its addresses become free at once, of its pages only as
 * many as the next areas add to what waits. So each vfree gives back about as many pages as it
 * unmapped, which the next vmalloc finds on this CPU, and none has 32 MiB to give back at once.
 *
 * Invariants  F1  an address or page becomes free only after a flush of every CPU that began after
 *                 it was unmapped
 *             F2  there is one batch at a time: the next begins when all of the last is free. So
 *                 no purge can put off what an earlier one covered
 *             F3  who calls vmap_purge returns when everything that waited before the call is
 *                 free, whoever flushed and freed it: a request that fails afterwards fails for a
 *                 reason
 *             F4  from the beginning of a batch to the end of its flush, and in each part of the
 *                 freeing, the CPU is pinned: who waits for another purge waits for a running CPU.
 *                 Between the parts everybody who waits helps; during one it has the batch's pages
 *             F5  unlinked page tables are freed after a flush of everything that began after the
 *                 unlinking
 *             F6  no flush happens with a lock held, interrupts off, or in a context that may not
 *                 wait
 *
 * Bound       waiting + pages of the batch <= `limit` (addresses of vmap areas count too): 32 MiB,
 *             on small machines a sixteenth of memory. So a batch begins when so much waits. From a
 *             context that may not wait more gathers; the OS's defer hook, or the next call that
 *             may wait, purges.
 * Locking     vmap_lock for the fields here; each hold does a bounded part (STEP constants).
 * Cost        retire is a few bit operations; a purge is one flush, and per block of pages about a
 *             free.
 * Start at    vmap_purge
 */
#include "mm/vmap/vmap_flush.h"

#include <quarry/vmalloc.h>

#include "mm/base/bits.h"
#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/page/page_alloc.h"
#include "mm/vmap/pgtable.h"

#define LIMIT_BYTES (32ul << 20)
#define LIMIT_SHARE 16ul
#define LIMIT_MIN_PAGES 16ul
#define FREE_STEP 64u /* blocks of pages freed at once, with the CPU pinned */

/* Addresses to flush; nothing if start == end. */
struct flush_range {
	uintptr_t start, end;
};
static const struct flush_range everything = {0, PT_EVERYTHING};

enum batch_state { BATCH_NONE, BATCH_FLUSHING, BATCH_READY };

static QUARRY_STATE struct {
	unsigned long limit;	  /* pages */
	unsigned long waiting;	  /* pages of address space that are in no batch yet */
	struct flush_range range; /* of them */
	struct page_chain pages;  /* waiting */
	struct page_chain batch;  /* pages of the batch that are not free yet */
	unsigned long held;	  /* waiting + batch.count, read without the lock */
	enum batch_state state;
	unsigned freeing;    /* parts of the batch that are being freed */
	unsigned long begun; /* batches, and those that are free; at most one apart */
	unsigned long done;
	unsigned long held_pages; /* pages.count + batch.count, for reports */
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

void vmap_flush_now(uintptr_t start, uintptr_t end)
{
	flush_every_cpu((struct flush_range){start, end});
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

/* What waits, or the batch, changed. */
static void set_held(void)
{
	__atomic_store_n(&flush.held, flush.waiting + flush.batch.count, __ATOMIC_RELAXED);
	__atomic_store_n(&flush.held_pages, flush.pages.count + flush.batch.count,
			 __ATOMIC_RELAXED);
}

/*
 * Make what waits a batch and flush it from every CPU. The lock is held on entry, not on return.
 * While the chunks are marked, more may be retired: their addresses may come into this batch, so
 * they belong to its range (F1); their pages wait for the next.
 */
static void batch_flush(unsigned long irq)
{
	struct flush_range range = flush.range;

	flush.state = BATCH_FLUSHING;
	__atomic_store_n(&flush.begun, flush.begun + 1, __ATOMIC_RELAXED);
	flush.range = (struct flush_range){0, 0};
	flush.waiting = 0;
	chain_splice(&flush.batch, &flush.pages);
	set_held();
	vmap_area_flush_begin_locked();
	while (vmap_area_flush_mark_locked()) {
		mm_unlock(&vmap_lock, irq);
		irq = mm_lock(&vmap_lock);
	}
	if (flush.range.start != flush.range.end)
		range_add(&range, flush.range.start, flush.range.end);
	mm_unlock(&vmap_lock, irq);

	flush_every_cpu(range);

	irq = mm_lock(&vmap_lock);
	flush.state = BATCH_READY;
	mm_unlock(&vmap_lock, irq);
}

/*
 * Free a part of the batch: addresses, and blocks until they have `most` pages. The chain of blocks
 * is one CPU's meanwhile: then the others have only addresses to free. The lock is held on entry,
 * not on return. Return: was there anything to do?
 */
static bool batch_free_part(unsigned long most, unsigned long irq)
{
	struct vmap_leftover left = {{0, 0, 0}, NULL};
	struct page_chain pages = flush.batch;
	bool take = pages.head && most;
	bool any = take || vmap_area_releasing_locked();

	if (any) {
		flush.freeing++;
		vmap_area_release_locked(&left);
		if (take)
			flush.batch.head = 0;
		mm_unlock(&vmap_lock, irq);

		vmap_area_free_leftover(&left);
		if (take)
			page_give_chain(&pages, FREE_STEP, most);

		irq = mm_lock(&vmap_lock);
		flush.freeing--;
		if (take) {
			flush.batch = pages;
			set_held();
		}
		if (!flush.freeing && !flush.batch.head && !vmap_area_releasing_locked()) {
			flush.state = BATCH_NONE;
			__atomic_store_n(&flush.done, flush.begun, __ATOMIC_RELAXED);
		}
	}
	mm_unlock(&vmap_lock, irq);
	return any;
}

/* Do what is next on the way to batch `target` being free. Return: is it not yet? */
static bool purge_step(unsigned long target)
{
	bool more, busy = false;

	cpu_pin();
	unsigned long irq = mm_lock(&vmap_lock);
	more = flush.done < target;
	if (more && flush.state == BATCH_NONE) {
		batch_flush(irq);
		busy = true;
	} else if (more && flush.state == BATCH_READY) {
		busy = batch_free_part(~0ul, irq);
	} else {
		mm_unlock(&vmap_lock, irq);
	}
	cpu_unpin();
	if (more && !busy)
		arch_relax();
	return more;
}

bool vmap_purge(void)
{
	unsigned long irq = mm_lock(&vmap_lock);
	unsigned long target = flush.begun + (flush.waiting != 0);
	bool any = flush.done < target;

	mm_unlock(&vmap_lock, irq);
	while (purge_step(target))
		;
	return any;
}

/* Do what is next on the way to holding no more than `limit`. Return: is there more to do? */
static bool trim_step(unsigned long limit)
{
	bool busy = false, more;

	cpu_pin();
	unsigned long irq = mm_lock(&vmap_lock);
	unsigned long held = flush.waiting + flush.batch.count;
	if (flush.state == BATCH_READY) {
		busy = more = batch_free_part(held > limit ? held - limit : 0, irq);
	} else if (flush.state == BATCH_NONE && flush.waiting > limit) {
		batch_flush(irq);
		busy = more = true;
	} else {
		more = flush.waiting > limit; /* another CPU flushes */
		mm_unlock(&vmap_lock, irq);
	}
	cpu_unpin();
	if (more && !busy)
		arch_relax();
	return more;
}

unsigned long vmap_purges_done(void)
{
	return __atomic_load_n(&flush.done, __ATOMIC_RELAXED);
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

	vmap_area_retire_locked(info);
	chain_splice(&flush.pages, pages);
	range_add(&flush.range, info->start, info->start + (info->pages << PAGE_SHIFT));
	flush.waiting += info->pages;
	set_held();
	mm_unlock(&vmap_lock, irq);
}

void vmap_purge_if_full(void)
{
	unsigned long limit = __atomic_load_n(&flush.limit, __ATOMIC_RELAXED);

	if (__atomic_load_n(&flush.held, __ATOMIC_RELAXED) <= limit)
		return;
	if (vmap_may_wait())
		while (trim_step(limit))
			;
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
		if (start != end)
			cursor = pgtable_prune(start, end, &tables);
		mm_unlock(&vmap_lock, irq);
	} while (more || cursor != end);
	if (tables.head)
		flush_every_cpu(everything);
	pgtable_prune_end();
	cpu_unpin();
	while (tables.head)
		page_give_chain(&tables, FREE_STEP, ~0ul);
}

unsigned long vmap_waiting_pages(void)
{
	return __atomic_load_n(&flush.held_pages, __ATOMIC_RELAXED);
}
unsigned long quarry_vmap_flushes(void)
{
	return __atomic_load_n(&flush.begun, __ATOMIC_RELAXED);
}

void vmap_flush_set_limit(void)
{
	unsigned long share = totalram_pages() / LIMIT_SHARE;
	unsigned long limit = (unsigned long)min_u64(LIMIT_BYTES >> PAGE_SHIFT, share);

	__atomic_store_n(&flush.limit, limit > LIMIT_MIN_PAGES ? limit : LIMIT_MIN_PAGES,
			 __ATOMIC_RELAXED);
}

void vmap_flush_init(void)
{
	__builtin_memset(&flush, 0, sizeof(flush));
	vmap_flush_set_limit();
}
