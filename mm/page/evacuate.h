/* SPDX-License-Identifier: MIT */
/*
 * evacuate.h: moving what is in use out of given frames.
 */
#ifndef QUARRY_MM_PAGE_EVACUATE_H
#define QUARRY_MM_PAGE_EVACUATE_H

#include "mm/phys/zone.h"

/*
 * Move every movable block that touches frames [first, end) away; the new places are asked for with
 * the reclaim bits of `gfp`. The pageblocks are isolated.
 * Context: task, may sleep. Return: 0: nothing is in use there, as far as could be seen; -EAGAIN: a
 * block is pinned, or its owner did not want; -EBUSY: one cannot be moved; -ENOMEM: no room. After
 * both of the former `obstacle` is where the last such block starts.
 */
int evacuate(struct zone *zone, unsigned long first, unsigned long end, gfp_t gfp,
	     unsigned long *obstacle) QUARRY_INT(evacuate);

/* Where the last block in [first, end) starts that can never be moved; `end` if there is none. A
 * look, without a lock, at each block. Context: any. */
unsigned long last_fixed(const struct zone *zone, unsigned long first, unsigned long end)
	QUARRY_INT(last_fixed);
/* The same for a block that cannot be moved just now: fixed, or held by others too. */
unsigned long last_held(const struct zone *zone, unsigned long first, unsigned long end)
	QUARRY_INT(last_held);

#endif
