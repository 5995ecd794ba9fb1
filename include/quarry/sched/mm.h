/* SPDX-License-Identifier: MIT */
/*
 * sched/mm.h: allocation scopes of a task, and notes for the context lint (spec 1D, 2.8).
 *
 * A scope takes rights away from every request that the task makes until it ends, however deep in
 * other people's code: so a file system need not pass GFP_NOFS through all its callers.
 *
 *     unsigned scope = memalloc_nofs_save();
 *     ...                              a GFP_KERNEL in here acts as GFP_NOFS
 *     memalloc_nofs_restore(scope);
 *
 * Scopes are kept in the word that the OS's `quarry_os_task_word` returns: they belong to the task.
 * Scopes of different kinds may end in any order. Of two scopes of one kind the one opened first
 * must end last: the inner one's save returns 0 and its restore does nothing. A scope that an
 * interrupt opens must end in the same interrupt.
 *
 * Context of all functions here: any but NMI; they neither sleep, lock nor allocate.
 */
#ifndef QUARRY_SCHED_MM_H
#define QUARRY_SCHED_MM_H

#include <quarry/gfp_types.h>

QUARRY_BEGIN_DECLS

/* The scopes as bits; the names are Linux's task flags. */
#define PF_MEMALLOC 1u      /* noreclaim: all reserves, no reclaim (G53) */
#define PF_MEMALLOC_NOFS 2u /* no file systems (G47) */
#define PF_MEMALLOC_NOIO 4u /* no IO, and so no file systems (G48, G50) */
#define PF_MEMALLOC_PIN 8u  /* what is allocated stays where it is (G43) */

/* Open the scopes in `flags`. Return: those that were not open yet, for the restore. */
unsigned memalloc_flags_save(unsigned flags) QUARRY_API_CHECK(memalloc_flags_save);
/* End the scopes in `flags`. One that is not open is reported. */
void memalloc_flags_restore(unsigned flags) QUARRY_API(memalloc_flags_restore);

/* Requests may not enter file systems: for code that holds locks which reclaim would take. */
unsigned memalloc_nofs_save(void) QUARRY_API_CHECK(memalloc_nofs_save);
static inline void memalloc_nofs_restore(unsigned flags)
{
	memalloc_flags_restore(flags);
}
/* Requests may not start IO: for code that IO waits for. Wins over nofs. */
unsigned memalloc_noio_save(void) QUARRY_API_CHECK(memalloc_noio_save);
static inline void memalloc_noio_restore(unsigned flags)
{
	memalloc_flags_restore(flags);
}
/* Requests do not reclaim and may take the last page: for code that frees more than it takes. */
unsigned memalloc_noreclaim_save(void) QUARRY_API_CHECK(memalloc_noreclaim_save);
static inline void memalloc_noreclaim_restore(unsigned flags)
{
	memalloc_flags_restore(flags);
}
/* Requests get no movable memory: for pages that a device will reach for long. */
unsigned memalloc_pin_save(void) QUARRY_API_CHECK(memalloc_pin_save);
static inline void memalloc_pin_restore(unsigned flags)
{
	memalloc_flags_restore(flags);
}

/* What `gfp` comes to in the calling task's scopes. The page allocator does this by itself. */
gfp_t current_gfp_context(gfp_t gfp) QUARRY_API_CHECK(current_gfp_context);

/*
 * The calling task is about to end. An open scope or an unreleased fs_reclaim_acquire() is reported
 * with the place that opened the first of them, and ended (G54).
 */
void quarry_task_exit(void) QUARRY_API(task_exit);

/* Say that the caller may make a request with this mask from here, on some path: the context lint
 * judges it now, even if no request follows. */
void might_alloc(gfp_t gfp) QUARRY_API(might_alloc);

/*
 * The calling task takes a lock (that it may sleep under) which reclaim takes too: a shrinker of
 * file systems if `gfp` has __GFP_FS, else one that starts IO. Until the release with the same mask
 * a request that could enter such reclaim is reported, even if it needs none (G46): in debug builds
 * every request, else those that this CPU's stock cannot serve. Nests up to 15 deep.
 */
void fs_reclaim_acquire(gfp_t gfp) QUARRY_API(fs_reclaim_acquire);
void fs_reclaim_release(gfp_t gfp) QUARRY_API(fs_reclaim_release);

/* Wait a little before asking again, in a loop of one's own around a request that failed: a loop
 * that says so can be found. Context: task, if the mask may sleep; else it does nothing. */
void memalloc_retry_wait(gfp_t gfp) QUARRY_API(memalloc_retry_wait);

QUARRY_END_DECLS

#endif
