/* SPDX-License-Identifier: MIT */
/*
 * set_memory.h: what may be done through addresses of vmalloc and vmap, page by page.
 *
 * Rules common to all functions here:
 *   - `address` is that of a page, and all of the pages lie in one area of vmalloc or vmap.
 *   - Nothing becomes writable and executable at once: set_memory_rw of executable pages and
 *     set_memory_x of writable ones are refused. Take the other right first.
 *   - All or nothing: on failure every page is as it was, and no memory is kept. A huge leaf of
 *     which a part changes is split; the page-table page obeys the task's scopes
 *     (quarry/sched/mm.h).
 *   - When the call returns, no CPU has an older translation.
 *   - The pages of a vmalloc area can also be reached through the direct map. A kernel that gives
 *     quarry_os_ops.protect_direct_map is told of each change but EXEC, first; vfree takes it back.
 *     The pages of vmap are their owner's: only the mapping changes.
 *   - Context: task, irqs on; may sleep and wait for other CPUs.
 *   - Return: 0; -EINVAL (reported); -ENOMEM; -ENOSYS (the CPU port cannot encode the attribute);
 *     what protect_direct_map returned.
 */
#ifndef QUARRY_SET_MEMORY_H
#define QUARRY_SET_MEMORY_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

int set_memory_ro(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_ro);
int set_memory_rw(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_rw);
int set_memory_nx(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_nx);
/* Also makes what was written there before visible to instruction fetches of every CPU. */
int set_memory_x(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_x);
/* Read-only first, then executable. */
int set_memory_rox(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_rox);

/* Caching: uncached, write-combining, write-through, and back to ordinary (write-back). Caches are
 * written back and emptied of these pages. */
int set_memory_uc(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_uc);
int set_memory_wc(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_wc);
int set_memory_wt(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_wt);
int set_memory_wb(unsigned long address, int numpages) QUARRY_API_CHECK(set_memory_wb);

QUARRY_END_DECLS

#endif
