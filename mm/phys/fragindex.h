/* SPDX-License-Identifier: MIT */
/*
 * fragindex.h: two figures that say how scattered a zone's free memory is, in thousandths.
 *
 *   free      free pages            blocks   free blocks of any order
 *   fitting   free pages in blocks of the order or larger
 *   wanted    pages of a block of the order
 *
 *   unusable index = (free - fitting) / free              1 if nothing is free
 *   extfrag index  = 1 - (1 + free / wanted) / blocks     0 if nothing is free, -1 if fitting > 0
 *
 * The second compares what is free with as many blocks of the size as it could make: little memory
 * in few blocks gives 0 (below 0 counts as 0), much memory in many small blocks nearly 1. Isolated
 * blocks are not free: nothing can be had from them.
 */
#ifndef QUARRY_MM_PHYS_FRAGINDEX_H
#define QUARRY_MM_PHYS_FRAGINDEX_H

#include "mm/phys/zone.h"

#define FRAG_ONE 1000 /* the unit of an index */

struct free_shape {
	unsigned long blocks[NR_PAGE_ORDERS]; /* of each order */
	unsigned long all_blocks, pages;
};

/* Count a zone's free blocks. The zone's lock is taken. */
void free_shape_of(struct zone *zone, struct free_shape *shape) QUARRY_INT(free_shape_of);

int unusable_index(const struct free_shape *shape, unsigned order) QUARRY_INT(unusable_index);
int extfrag_index(const struct free_shape *shape, unsigned order) QUARRY_INT(extfrag_index);

#endif
