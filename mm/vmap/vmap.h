/* SPDX-License-Identifier: MIT */
/*
 * vmap.h: mapping and unmapping areas; the layer's face to mm/init.c and to the reports.
 */
#ifndef QUARRY_MM_VMAP_VMAP_H
#define QUARRY_MM_VMAP_VMAP_H

#include <quarry/vmalloc.h>

#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap_flush.h"
#include "mm/vmap/vmap_park.h"

/*
 * Use [start, end) below the table `root` (0: the one in use); start == end: the layer stays off.
 * Not all of a large range is used, see WINDOW_PER_RAM in vmap_start.c. The slab layer works
 * already, and the boot allocator is still open. On failure the layer is off too; everything else
 * works.
 * Context: CPU 0, one thread. Return: 0, -EINVAL (bad range: reported), -EBUSY (reported), -ENOSYS,
 * -ENOMEM (reported).
 */
int vmap_init(uintptr_t start, uintptr_t end, phys_addr_t root) QUARRY_INT(vmap_init);
/* Why there is no window; NULL if there is one. */
const char *vmap_why_off(void) QUARRY_INT(vmap_why_off);
/* The calling CPU takes part in flushes from now on; those that it missed are made up for. */
void vmap_cpu_online(void) QUARRY_INT(vmap_cpu_online);
/* Give back everything that waits: put-off frees, pages, page tables. Context: may wait, no lock
 * held; else nothing. */
void vmap_drain(void) QUARRY_INT(vmap_drain);

/* Memory was added: how much may wait or be parked. Context: any. */
void vmap_set_limits(void) QUARRY_INT(vmap_set_limits);

/* Nothing is put off. */
void vmap_free_init(void) QUARRY_INT(vmap_free_init);

/* Get addresses for `info`; flush and try again if they run out. Context: as gfp allows. Return:
 * 0, -ENOSPC, -ENOMEM. */
int vmap_get_area(struct vmap_info *info, const struct vmap_where *where, gfp_t gfp)
	QUARRY_INT(vmap_get_area);
/* The same for a physical range from `phys` on, so aligned that leaves as large as can be map it if
 * there are such addresses. */
int vmap_get_io_area(struct vmap_info *info, phys_addr_t phys, gfp_t gfp)
	QUARRY_INT(vmap_get_io_area);
/* Map `pages` at va inside an area, creating tables with `gfp`. Return: pages mapped; fewer than
 * n on failure. */
unsigned long vmap_map_pages(uintptr_t va, struct page *const *pages, unsigned long n,
			     unsigned prot, gfp_t gfp) QUARRY_INT(vmap_map_pages);
/* Map pages by the entries of a run of a leaf table, which begins at va and must be absent. Return:
 * how many; fewer (reported) if it is not. The caller ends with arch_tlb_map_sync. */
unsigned long vmap_map_run(const struct pt_run *run, uintptr_t va, struct page *const *pages,
			   unsigned prot) QUARRY_INT(vmap_map_run);
/* As vmap_map_pages for a block of n pages at `phys`. */
unsigned long vmap_map_block(uintptr_t va, phys_addr_t phys, unsigned long n, unsigned prot,
			     gfp_t gfp) QUARRY_INT(vmap_map_block);
/* Clear the entries of pages [va, va + n). With `blocks` the pages are ours: collect the blocks
 * that begin there. */
void vmap_unmap_pages(uintptr_t va, unsigned long n, struct page_chain *blocks)
	QUARRY_INT(vmap_unmap_pages);
/* Clear what is mapped of pages [va, va + n), where some may not be; nothing of it is ours. */
void vmap_clear_pages(uintptr_t va, unsigned long n) QUARRY_INT(vmap_clear_pages);
/* Undo a new area of which the first `mapped` pages are mapped. */
void vmap_abort(struct vmap_info *info, unsigned long mapped) QUARRY_INT(vmap_abort);
/* Free the area of `kind` that starts at `address`, or report for `call` why not. Context: any.
 * Return: was it there? It is nobody's then, even if it is unmapped later. */
bool vmap_free(const void *address, unsigned kind, const char *call, uintptr_t caller)
	QUARRY_INT(vmap_free);
/* Is this an NMI, where nobody may wait for a lock? Then it is reported for `call`. */
bool vmap_refuse_nmi(const char *call, const void *p, uintptr_t caller) QUARRY_INT(vmap_refuse_nmi);
/* May a mapping have this protection? It can be read, and has at most one caching attribute. */
bool vmap_prot_ok(unsigned prot) QUARRY_INT(vmap_prot_ok);
/* A new area of pages of ours as `info` describes it. Context: as gfp allows. Return: its address,
 * or NULL (reported for vmalloc unless __GFP_NOWARN). */
void *vmap_make(struct vmap_info *info, const struct vmap_where *where, gfp_t gfp, int node)
	QUARRY_INT(vmap_make);
/* Record another size of a vmalloc area if its pages suffice. Return: that; the size recorded
 * before in *old, 0: no area of vmalloc starts at p. */
bool vmap_resize(const void *p, size_t size, size_t *old) QUARRY_INT(vmap_resize);
/* The bits of a mask that say how hard to try: what we may ask for our own bookkeeping. */
gfp_t vmap_own_gfp(gfp_t gfp) QUARRY_INT(vmap_own_gfp);

/* The live area that maps `address`. Context: any but NMI. Constant time. */
bool vmap_info_at(const void *address, struct vmap_info *info) QUARRY_INT(vmap_info_at);
/* The first live area at or after *cursor (start with 0); *cursor moves past it. Context: any
 * but NMI. */
bool vmap_info_next(uintptr_t *cursor, struct vmap_info *info) QUARRY_INT(vmap_info_next);
/* Check areas against page tables and pages; report each broken invariant. Return: their number.
 * Context: task; exact if nothing else runs. */
unsigned long vmap_check(void) QUARRY_INT(vmap_check);

#endif
