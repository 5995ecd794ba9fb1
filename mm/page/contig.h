/* SPDX-License-Identifier: MIT */
/*
 * contig.h: taking given frames, whatever zones they are of.
 */
#ifndef QUARRY_MM_PAGE_CONTIG_H
#define QUARRY_MM_PAGE_CONTIG_H

#include "mm/phys/zone.h"

/* The zone whose buddy the frame belongs to, or NULL. Locks inside. */
struct zone *frame_zone(unsigned long pfn) QUARRY_INT(frame_zone);
/* First frame after `pfn`, at most `end`, that may belong to another zone: the rest of a run by
 * pageblocks. */
unsigned long frame_run(const struct zone *zone, unsigned long pfn, unsigned long end)
	QUARRY_INT(frame_run);

/*
 * alloc_contig_range() in the name of `call`. After -EBUSY, `obstacle` is where the last block in
 * the way starts, or 0 if that is not known: no run that reaches over it can be taken just now.
 */
int contig_take(const char *call, unsigned long start, unsigned long end, unsigned migratetype,
		gfp_t gfp, unsigned long *obstacle, uintptr_t caller) QUARRY_INT(contig_take);

/*
 * All frames of [first, end) become USED single pages with one reference; their contents are not
 * accessible yet.
 * Context: task, may wait. Return: 0; -EBUSY, -ENOMEM (movable pages have nowhere to go), -EINVAL
 * (not ours): nothing was taken.
 */
int frames_take(unsigned long first, unsigned long end) QUARRY_INT(frames_take);

#endif
