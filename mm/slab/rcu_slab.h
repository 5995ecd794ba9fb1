/* SPDX-License-Identifier: MIT */
/* rcu_slab.h: pages of type-stable caches go back after a grace period. */
#ifndef QUARRY_MM_SLAB_RCU_SLAB_H
#define QUARRY_MM_SLAB_RCU_SLAB_H

#include <quarry/os.h>

#include "mm/base/log.h"

/* Can somebody say when readers are done? */
static inline bool rcu_slab_on(void)
{
	return mm_ops.call_rcu != NULL;
}
/* Give the pages of unlisted slabs (partial_detach) back after a grace period. Context: any but
 * NMI, no lock held. */
void rcu_slab_release(uint32_t chain, bool reclaimable) QUARRY_INT(rcu_slab_release);
/* Pages that wait for that. Context: any but NMI. */
unsigned long rcu_slab_pages(bool reclaimable) QUARRY_INT(rcu_slab_pages);
void rcu_slab_init(void) QUARRY_INT(rcu_slab_init);

#endif
