/* SPDX-License-Identifier: MIT */
/*
 * migrate.h: moving one block to another place through its owner.
 */
#ifndef QUARRY_MM_RECLAIM_MIGRATE_H
#define QUARRY_MM_RECLAIM_MIGRATE_H

#include <quarry/migrate.h>

#include "mm/phys/page.h"

/* Where blocks are moved to: embedded in the mover's own state. */
struct migrate_target {
	/* A USED block of `order` with one reference, accessible; NULL: no room. */
	struct page *(*take)(struct migrate_target *target, const struct page *src, unsigned order);
	/* The block was not needed; it has no reference any more. */
	void (*give)(struct migrate_target *target, struct page *dst);
};

enum migrate_result {
	MIGRATE_MOVED,	 /* the block is free */
	MIGRATE_PINNED,	 /* not movable, or somebody else has a reference */
	MIGRATE_REFUSED, /* its owner said no */
	MIGRATE_NO_ROOM, /* there was no block to move it to */
};

/*
 * Move the block at `src`, whatever that is by now, away. Its frames go to the buddy at once, past
 * the stocks.
 * Context: task, no lock held; sleeps if the mode and the owner say so. `src` is a frame whose
 * struct page may be read.
 */
enum migrate_result migrate_block(struct page *src, struct migrate_target *target,
				  enum migrate_mode mode) QUARRY_INT(migrate_block);

/* Could the block with this word of flags and references be moved now? */
static inline bool word_is_movable(uint64_t word)
{
	return flags_kind((uint32_t)word) == QUARRY_PAGE_MOVABLE && word >> 32 == 1;
}

/* Pages moved, and attempts that failed, since boot. */
struct migrate_stat {
	unsigned long success, fail;
};
struct migrate_stat migrate_stat(void) QUARRY_INT(migrate_stat);
void migrate_init(void) QUARRY_INT(migrate_init);

#endif
