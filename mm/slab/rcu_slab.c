/* SPDX-License-Identifier: MIT */
/*
 * rcu_slab.c: pages of type-stable caches go back after a grace period.
 *
 * Readers may look at freed objects of such a cache (SLAB_TYPESAFE_BY_RCU): its empty slabs are
 * unlisted as others are, but the pages keep their contents until all readers are done. One chain
 * flies, waiting for the hook's answer; what comes meanwhile waits for the next.
 *
 * They are slabs' pages until then: slab_pages() counts them.
 *
 * Invariant  busy: call_rcu(&head) was called and not answered; else both chains are empty
 *            pages of a chain == pages of its slabs, those that a shrinker can free apart
 * Locking    a leaf; not held while the hook is called or pages go back.
 * Start at rcu_slab_release.
 */
#include "mm/slab/rcu_slab.h"

#include "mm/base/lock.h"
#include "mm/base/state.h"
#include "mm/phys/pageblock.h"
#include "mm/slab/partial.h"

struct slab_chain {
	uint32_t first; /* frames of slabs' heads, linked by lru.next */
	unsigned long pages[2];
};
static struct {
	struct quarry_rcu_head head;
	struct mm_lock lock;
	bool busy;
	struct slab_chain waiting, flying;
} later QUARRY_STATE;

static bool take_off(void)
{
	later.flying = later.waiting;
	later.waiting = (struct slab_chain){0};
	later.busy = later.flying.first != 0;
	return later.busy;
}

static void grace_over(struct quarry_rcu_head *head)
{
	unsigned long irq = mm_lock(&later.lock);
	uint32_t done = later.flying.first;
	bool more = take_off();

	mm_unlock(&later.lock, irq);
	if (more)
		mm_ops.call_rcu(head);
	partial_release(done);
}

void rcu_slab_release(uint32_t chain, bool reclaimable)
{
	if (!chain)
		return;
	struct page *last = pfn_to_page(chain);
	unsigned long pages = 1ul << page_order(last);

	while (last->lru.next) {
		last = pfn_to_page(last->lru.next);
		pages += 1ul << page_order(last);
	}
	unsigned long irq = mm_lock(&later.lock);
	bool start = !later.busy;

	last->lru.next = later.waiting.first;
	later.waiting.first = chain;
	later.waiting.pages[reclaimable] += pages;
	if (start)
		take_off();
	mm_unlock(&later.lock, irq);
	if (start)
		mm_ops.call_rcu(&later.head);
}

unsigned long rcu_slab_pages(bool reclaimable)
{
	unsigned long irq = mm_lock(&later.lock);
	unsigned long pages = later.waiting.pages[reclaimable] + later.flying.pages[reclaimable];

	mm_unlock(&later.lock, irq);
	return pages;
}

void rcu_slab_init(void)
{
	__builtin_memset(&later, 0, sizeof(later));
	later.head.fn = grace_over;
}
