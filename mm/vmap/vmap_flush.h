/* SPDX-License-Identifier: MIT */
/*
 * vmap_flush.h: nothing unmapped is reused before every CPU has forgotten it.
 */
#ifndef QUARRY_MM_VMAP_FLUSH_H
#define QUARRY_MM_VMAP_FLUSH_H

#include "mm/vmap/vmap_area.h"

void vmap_flush_init(void) QUARRY_INT(vmap_flush_init);
/* Memory was added: how much may wait. Context: any. */
void vmap_flush_set_limit(void) QUARRY_INT(vmap_flush_set_limit);

/*
 * The entries of a claimed area are cleared: its addresses and `pages` (emptied; may hold none)
 * wait for the next flush. vmap_purge_if_full() follows, where the caller may wait if it ever may.
 * Context: any but NMI, no lock held.
 */
void vmap_retire(const struct vmap_info *info, struct page_chain *pages) QUARRY_INT(vmap_retire);
/* Purge if more waits than may; who may not wait leaves it to the OS's defer hook or the next call.
 * Context: any but NMI, no lock held. */
void vmap_purge_if_full(void) QUARRY_INT(vmap_purge_if_full);

/*
 * Flush every CPU and free what waited. When it returns, everything that was retired before the
 * call is free and no CPU holds a translation of it, also if another CPU was purging already.
 * Context: may wait, no lock held. Return: was there anything?
 */
bool vmap_purge(void) QUARRY_INT(vmap_purge);
/* A number that grows whenever something retired became free. Context: any. */
unsigned long vmap_purges_done(void) QUARRY_INT(vmap_purges_done);
/* Flush [start, end) from every CPU. Context: may wait, no lock held. */
void vmap_flush_now(uintptr_t start, uintptr_t end) QUARRY_INT(vmap_flush_now);
/* May the caller wait for other CPUs? */
bool vmap_may_wait(void) QUARRY_INT(vmap_may_wait);
/* Purge, and give back page tables that map nothing. Context: as vmap_purge. */
void vmap_purge_tables(void) QUARRY_INT(vmap_purge_tables);

/* Pages that wait for a flush; for reports. */
unsigned long vmap_waiting_pages(void) QUARRY_INT(vmap_waiting_pages);

#endif
