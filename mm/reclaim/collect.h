/* SPDX-License-Identifier: MIT */
/*
 * collect.h: free memory that lies about: in CPUs' stocks, in empty slabs, in areas that wait for a
 * flush. Collecting it costs cross-calls but nobody's data.
 */
#ifndef QUARRY_MM_RECLAIM_COLLECT_H
#define QUARRY_MM_RECLAIM_COLLECT_H

#include "mm/phys/freepage.h"

/*
 * Upper layers that hold such pages register a function that gives them back at once. It may wait;
 * it must not allocate.
 */
struct page_holder {
	void (*give_back)(void);
	struct page_holder *next;
};
void collect_register(struct page_holder *holder) QUARRY_INT(collect_register);

/* Every holder and every CPU's stocks give back what they have. Context: task, irqs on, no lock. */
void collect_all(void) QUARRY_INT(collect_all);
/* The same, and the pageblocks kept for atomic requests of several pages go to this one (G77). */
void collect_for(const struct page_request *request) QUARRY_INT(collect_for);
/* Collections since the start. */
unsigned long collections(void) QUARRY_INT(collections);
void collect_init(void) QUARRY_INT(collect_init);

#endif
