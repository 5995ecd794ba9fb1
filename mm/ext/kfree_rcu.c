/* SPDX-License-Identifier: MIT */
/*
 * kfree_rcu.c: frees that wait for readers, a batch for each CPU and grace period.
 *
 *   free -> waiting ---------> flying -----------------> kvfree, one by one
 *                   call_rcu           grace period over,
 *                                      what waits flies next
 *
 * Invariants  F1  busy: call_rcu(&head) was called and head was not answered yet
 *             F2  flying is not empty only if busy
 *             F3  waiting is not empty only if busy
 *
 * An entry is the two words that the caller lends, or, for objects without such words, an object of
 * ours (OWN_ENTRY in the object's address). It waits exactly if its second word is the mark of its
 * object: no address, so nothing that a caller left in these words looks like it. So a second call
 * for an object that waits is seen before it cuts the chain.
 *
 * Locking  a lock for each CPU's batch, a leaf; never held while the hook is called or anything is
 *          freed. Batches are by CPU so that CPUs seldom meet; any CPU may answer.
 * Start at quarry_free_later.
 */
#include <quarry/rcu.h>
#include <quarry/slab.h>

#include "mm/base/cpu.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"
#include "mm/ext/kfree_rcu.h"

#define OWN_ENTRY 1ul

struct entry {
	struct entry *next;
	uintptr_t mark; /* mark_of(the object's address and OWN_ENTRY) */
};
QUARRY_STATIC_ASSERT(sizeof(struct entry) <= sizeof(struct quarry_rcu_field),
		     "an entry fits into what the caller lends");

struct batch {
	struct quarry_rcu_head head; /* first: the hook's argument is the batch */
	struct mm_lock lock;
	bool busy;
	struct entry *waiting, *flying;
};
static struct batch batches[QUARRY_MAX_CPUS] QUARRY_STATE;

/* Its own inverse. */
static uintptr_t mark_of(uintptr_t object)
{
	return ~object;
}

static void free_entries(struct entry *entry)
{
	while (entry) {
		/* The entry may lie in the object. */
		struct entry *next = entry->next;
		uintptr_t object = mark_of(entry->mark) & ~OWN_ENTRY;
		bool own = mark_of(entry->mark) & OWN_ENTRY;

		entry->mark = 0;
		kvfree((void *)object);
		if (own)
			kfree(entry);
		entry = next;
	}
}

/* What waits flies; the batch is locked. Return: is there something? Then it is for the caller to
 * call the hook. */
static bool take_off(struct batch *batch)
{
	batch->flying = batch->waiting;
	batch->waiting = NULL;
	batch->busy = batch->flying != NULL;
	return batch->busy;
}

static void grace_over(struct quarry_rcu_head *head)
{
	struct batch *batch = (struct batch *)head;
	unsigned long irq = mm_lock(&batch->lock);
	struct entry *done = batch->flying;
	bool more = take_off(batch);

	mm_unlock(&batch->lock, irq);
	if (more)
		mm_ops.call_rcu(&batch->head);
	free_entries(done);
}

static void enqueue(struct entry *entry, uintptr_t object)
{
	struct batch *batch = &batches[cpu_pin()];
	unsigned long irq = mm_lock(&batch->lock);
	bool start = !batch->busy;

	entry->mark = mark_of(object);
	entry->next = batch->waiting;
	batch->waiting = entry;
	if (start) {
		batch->head.fn = grace_over;
		take_off(batch);
	}
	mm_unlock(&batch->lock, irq);
	cpu_unpin();
	if (start)
		mm_ops.call_rcu(&batch->head);
}

/* Is it something that can wait for readers? */
static bool can_wait(const void *p, const char *call)
{
	if (ZERO_OR_NULL_PTR(p))
		return false;
	if (!mm_ops.call_rcu)
		mm_report(NO_GRACE, call, p, 0, 0);
	else if ((uintptr_t)p & OWN_ENTRY)
		mm_report(OBJECT_INTERIOR, call, p, 0, 0);
	else
		return true;
	return false;
}

void quarry_free_later(const void *p, void *field)
{
	if (!can_wait(p, "kfree_rcu"))
		return;
	if (unlikely(((struct entry *)field)->mark == mark_of((uintptr_t)p))) {
		mm_report(OBJECT_TWICE, "kfree_rcu", p, 0, 0);
		return;
	}
	enqueue(field, (uintptr_t)p);
}

void kfree_rcu_mightsleep(const void *p)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	if (!can_wait(p, "kfree_rcu_mightsleep"))
		return;
	struct entry *entry = kmalloc(sizeof(*entry),
				      mm_ops.synchronize_rcu ? gfp : gfp | __GFP_NOFAIL);

	if (entry) {
		enqueue(entry, (uintptr_t)p | OWN_ENTRY);
	} else if (mm_ops.synchronize_rcu) {
		mm_ops.synchronize_rcu();
		kvfree(p);
	} else {
		mm_report(NO_GRACE, "kfree_rcu_mightsleep", p, 0, 0);
	}
}

static bool any_busy(void)
{
	bool busy = false;

	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
		unsigned long irq = mm_lock(&batches[cpu].lock);

		busy |= batches[cpu].busy;
		mm_unlock(&batches[cpu].lock, irq);
	}
	return busy;
}

void kvfree_rcu_barrier(void)
{
	/* What waits now flies after at most two answers; what others add meanwhile may make it
	 * longer. */
	while (any_busy()) {
		if (mm_ops.synchronize_rcu)
			mm_ops.synchronize_rcu();
		if (any_busy())
			cpu_wait();
	}
}

void kfree_rcu_init(void)
{
	__builtin_memset(batches, 0, sizeof(batches));
}
