/* SPDX-License-Identifier: MIT */
/*
 * vmap_park.h: freed areas that stay mapped for the next request of their size.
 *
 * vfree of an area parks it: the area is claimed, its pages stay mapped, and it lies on a list for
 * its node and number of pages, linked by the word that a claimed area keeps. The next vmalloc of
 * that size takes it over. Nothing is unmapped, so no CPU needs to flush. There are lists for 1 to
 * 64 pages; each longer area lies in a slot of its own.
 *
 * Invariants, checked by vmap_park_check
 *   K1  an area on a list or in a slot is claimed, of kind VMAP_ALLOC; home and pages tell its
 *       list, or are the key of its slot
 *   K2  pages = the sum of their pages, for lists and for slots; bit i of filled = list i is not
 *       empty
 *
 * Bound       8 MiB on lists and 32 MiB in slots, each at most 1/64 of memory. Above it areas leave
 *             in turn.
 * Locking     vmap_lock.
 * Cost        parking and taking over: a dozen words under one hold of the lock, above 64 pages as
 *             many again. Memory: 512 bytes a node.
 * Start at    vmap_park_locked, vmap_unpark
 */
#ifndef QUARRY_MM_VMAP_PARK_H
#define QUARRY_MM_VMAP_PARK_H

#include "mm/vmap/vmap_area.h"

#define PARK_PAGES_LISTED 64u /* areas of so many pages have lists, longer ones slots */
#define PARK_SLOTS 16u	      /* 32 MiB in areas of 2 MiB */

/* Nothing is parked; nothing will be if `on` is false. */
void vmap_park_init(bool on) QUARRY_INT(vmap_park_init);
/* Memory was added: how much may be parked. Context: any. */
void vmap_park_set_limit(void) QUARRY_INT(vmap_park_set_limit);

/* Where areas of such a request, for any address, may be parked, as vmap_info has it; 0: nowhere.
 * Context: any. */
unsigned vmap_park_home(unsigned long pages, gfp_t gfp, int node) QUARRY_INT(vmap_park_home);
/* Take over a parked area for `info`: sets start, the area is live. Context: any but NMI. Return:
 * false if none fits. */
bool vmap_unpark(struct vmap_info *info) QUARRY_INT(vmap_unpark);
/* Park a claimed area; in an interrupt only if there is room. PARK_OVER: done, and more is parked
 * than may be: to be followed by vmap_park_leave_locked. */
enum park_result { PARK_NO, PARK_DONE, PARK_OVER };
enum park_result vmap_park_locked(const struct vmap_info *info, bool in_irq)
	QUARRY_INT(vmap_park_locked);
/* Take an area off the lists, to be unmapped, if more than `most` pages are parked; ~0ul: more than
 * may be. Return: false if there is none to take. */
bool vmap_park_leave_locked(unsigned long most, struct vmap_info *info)
	QUARRY_INT(vmap_park_leave_locked);

/* Pages that are parked. Context: any. */
unsigned long vmap_parked_pages(void) QUARRY_INT(vmap_parked_pages);
/* Check K1 and K2 and report. Return: number of broken invariants. Context: any but NMI. */
unsigned long vmap_park_check(void) QUARRY_INT(vmap_park_check);

#endif
