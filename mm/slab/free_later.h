/* SPDX-License-Identifier: MIT */
/*
 * free_later.h: objects whose free could not be done where it was asked for.
 *
 * A caller that must not wait (kfree_nolock) frees to its CPU's stock, or to the slab if its node's
 * lock is free. Where neither can be had the object is noted here, and goes home when somebody next
 * comes by a slow path, in any context but NMI.
 *
 * A note is a word of a table, not a link in the object: what was freed is not written, and a
 * second free finds the first. The table is the same for all CPUs and caches: anybody writes a free
 * place by a compare and exchange, anybody empties one by an exchange.
 *
 * Invariant  late_frees.notes == places in use + notes that somebody is carrying home
 */
#ifndef QUARRY_MM_SLAB_FREE_LATER_H
#define QUARRY_MM_SLAB_FREE_LATER_H

#include "mm/base/state.h"
#include "mm/slab/kmem_cache.h"

/* More than one interrupt frees while it holds somebody up. */
#define FREE_LATER_ROOM 512u

struct late_frees {
	uint32_t notes;
	uintptr_t place[FREE_LATER_ROOM]; /* an object, + 1 if it was judged; 0: free */
};
extern struct late_frees late_frees QUARRY_INT(late_frees);

/*
 * Note an object of kmalloc or of a cache. `judged`: it is a taken object of a slab, and all of its
 * free is done but giving it to its cache. Without room it is reported, and stays taken.
 * Context: any.
 */
void free_later_note(void *object, bool judged, uintptr_t caller) QUARRY_INT(free_later_note);
/* Is the object noted? Context: any. */
bool free_later_has(const void *object) QUARRY_INT(free_later_has);
/* Do what is noted. Context: any but NMI. */
void free_later_do(void) QUARRY_INT(free_later_do) QUARRY_COLD;
void free_later_init(void) QUARRY_INT(free_later_init);

static inline bool free_later_any(void)
{
	return unlikely(__atomic_load_n(&late_frees.notes, __ATOMIC_RELAXED));
}
/* The same, on a slow path: usually nothing. */
static inline void free_later_step(void)
{
	if (free_later_any())
		free_later_do();
}
/* The same, and wait for those that others carry home. Context: task. */
void free_later_finish(void) QUARRY_INT(free_later_finish);

#endif
