/* SPDX-License-Identifier: MIT */
/*
 * collect.c: getting back free memory that lies about.
 *
 * This is what makes "count free pages by allocating until failure" exact: a request that may sleep
 * fails only after everything free was collected.
 *
 * Locking  the chain of holders is complete before the second CPU runs.
 * Start at: collect_all.
 */
#include "mm/reclaim/collect.h"

#include "mm/phys/buddy.h"

static QUARRY_STATE struct {
	struct page_holder *first;
	unsigned long count;
} holders;

void collect_register(struct page_holder *holder)
{
	holder->next = holders.first;
	holders.first = holder;
}

void collect_all(void)
{
	__atomic_fetch_add(&holders.count, 1ul, __ATOMIC_RELAXED);
	for (struct page_holder *holder = holders.first; holder; holder = holder->next)
		holder->give_back();
	pcp_drain_all();
}

void collect_for(const struct page_request *request)
{
	collect_all();
	for_each_zone_of (zone, request) {
		unsigned long irq = zone_lock(zone);
		buddy_release_atomic(zone, request->type);
		zone_unlock(zone, irq);
	}
}

unsigned long collections(void)
{
	return __atomic_load_n(&holders.count, __ATOMIC_RELAXED);
}

void collect_init(void)
{
	__builtin_memset(&holders, 0, sizeof(holders));
}
