/* SPDX-License-Identifier: MIT */
/*
 * vmap_room.h: which shared chunk has room for a small area.
 *
 * Invariants, checked by room_check:
 *   R1  a shared chunk is in bin floor(log2(max_run)), or in none if max_run < 2
 *   R2  a shared chunk with no used page is an edge of the window; all others are freed at once
 *
 * All of it with vmap_lock held.
 */
#ifndef QUARRY_MM_VMAP_VMAP_ROOM_H
#define QUARRY_MM_VMAP_VMAP_ROOM_H

#include "mm/vmap/vmap_dir.h"

/* No chunk is shared. */
void room_init(void) QUARRY_INT(room_init);
/* Chunk `index`, a free one, of which pages [first, last) lie in the window, is shared. It takes a
 * page from `supply`, and what dir_set does. */
struct vmap_chunk *room_add(unsigned long index, unsigned first, unsigned last,
			    struct page_chain *supply) QUARRY_INT(room_add);
/* Find a chunk with `total` clear pages in a row, the shortest sufficient runs first; where->align
 * <= CHUNK_PAGES. Without `all` few of those that may be too full are asked. Return: NULL, or
 * the chunk, and the first page in *bit. */
struct vmap_chunk *room_search(unsigned total, const struct vmap_where *where, bool all,
			       unsigned *bit) QUARRY_INT(room_search);
/* Some of a chunk became free. If all of it did it is shared no more, and its page goes to `left`;
 * then it is on no list of its user's either: what is on one uses it. */
void room_settle(struct vmap_chunk *chunk, struct page_chain *left) QUARRY_INT(room_settle);
/* It is shared no more. */
void room_remove(struct vmap_chunk *chunk, struct page_chain *left) QUARRY_INT(room_remove);
/* Return: do R1 and R2 hold for it? */
bool room_check(const struct vmap_chunk *chunk) QUARRY_INT(room_check);

#endif
