/* SPDX-License-Identifier: MIT */
/*
 * rcu.h: freeing what readers may still look at: after a grace period (spec H22).
 *
 * The kernel has readers that take no lock (RCU or its like) and offers the `call_rcu` hook; then
 * objects freed here stay as they are until every reader that might have found them is done.
 * Objects are collected by CPU while a grace period runs and wait together for the next, so there
 * is one call of the hook a batch, however many are freed. An object waits for at least one and
 * at most two grace periods.
 *
 * Without the hook nobody can say when readers are done: the object is kept for ever, and reported
 * (NO_GRACE).
 */
#ifndef QUARRY_RCU_H
#define QUARRY_RCU_H

#include <quarry/os.h>

QUARRY_BEGIN_DECLS

/*
 * kfree_rcu(p, field): free p, of kmalloc, a cache, vmalloc or kvmalloc, after a grace period.
 * `field` is a member of *p of at least two pointers (struct quarry_rcu_field, or the kernel's own
 * rcu_head) that is ours from now on. NULL is ignored. The same object once more, while it waits,
 * is reported (OBJECT_TWICE) and ignored.
 * Context: any but NMI.
 */
struct quarry_rcu_field {
	void *word[2];
};
#define kfree_rcu(p, field)                                                                        \
	do {                                                                                       \
		QUARRY_STATIC_ASSERT(sizeof((p)->field) >= sizeof(struct quarry_rcu_field),        \
				     "kfree_rcu needs a member of two pointers");                  \
		__typeof__(p) quarry_p = (p);                                                      \
		if (quarry_p)                                                                      \
			quarry_free_later(quarry_p, &quarry_p->field);                             \
	} while (0)
#define kvfree_rcu(p, field) kfree_rcu(p, field)
void quarry_free_later(const void *p, void *field) QUARRY_API(free_later);

/* The same for an object without such a member. Context: task, may sleep: it takes two words of
 * memory, or without memory waits for a grace period. */
void kfree_rcu_mightsleep(const void *p) QUARRY_API(kfree_rcu_mightsleep);
#define kvfree_rcu_mightsleep(p) kfree_rcu_mightsleep(p)

/* Wait until all that was given to the functions above before is free. Context: task, may wait. */
void kvfree_rcu_barrier(void) QUARRY_API(kvfree_rcu_barrier);

QUARRY_END_DECLS

#endif
