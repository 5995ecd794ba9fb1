/* SPDX-License-Identifier: MIT */
/*
 * scope.h: the task word, as requests read it.
 *
 *   bits 0-3    open scopes (PF_MEMALLOC*)
 *   bit 4       the task is inside a round of reclaim
 *   bits 8-11   locks held that reclaim with __GFP_FS takes; 12-15: that reclaim with IO takes
 *   bits 16-63  low 48 bits of the address that made the word non-zero, for reports
 */
#ifndef QUARRY_MM_GFP_SCOPE_H
#define QUARRY_MM_GFP_SCOPE_H

#include <quarry/sched/mm.h>

#include "mm/gfp/gfp.h"

#define SCOPE_BITS 0xful
#define SCOPE_IN_RECLAIM 0x10ul
#define SCOPE_FS_SHIFT 8
#define SCOPE_IO_SHIFT 12
#define SCOPE_HELD_MAX 15ul
#define SCOPE_SITE_SHIFT 16

static inline unsigned long scope_word(void)
{
	return *cpu_task_word();
}
static inline unsigned long scope_fs_held(unsigned long word)
{
	return word >> SCOPE_FS_SHIFT & SCOPE_HELD_MAX;
}
static inline unsigned long scope_io_held(unsigned long word)
{
	return word >> SCOPE_IO_SHIFT & SCOPE_HELD_MAX;
}

/* The rights that the scopes of `word` leave of `gfp`. */
static inline gfp_t scope_apply(gfp_t gfp, unsigned long word)
{
	if (likely(!(word & SCOPE_BITS)))
		return gfp;
	if (word & PF_MEMALLOC_NOIO)
		gfp &= ~(__GFP_IO | __GFP_FS);
	if (word & PF_MEMALLOC_NOFS)
		gfp &= ~__GFP_FS;
	if (word & PF_MEMALLOC_PIN)
		gfp &= ~__GFP_MOVABLE;
	return gfp;
}

/* May this task take the last page? Not in an interrupt, where the word is somebody else's. */
static inline bool scope_all_reserves(unsigned long word)
{
	return word & PF_MEMALLOC && !(cpu_context() & QUARRY_CTX_IRQ);
}

/*
 * A round of reclaim begins: no request from inside it may start another, all may use the reserves
 * (G106). Return: what scope_leave_reclaim needs.
 */
unsigned scope_enter_reclaim(void) QUARRY_INT(scope_enter_reclaim);
void scope_leave_reclaim(unsigned saved) QUARRY_INT(scope_leave_reclaim);
static inline bool scope_in_reclaim(void)
{
	return scope_word() & SCOPE_IN_RECLAIM;
}

#endif
